"""What the server makes of attribute values, and which it refuses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tator_double.errors import Refused

Types = list[dict[str, Any]]


def checked(types: Types, attributes: dict[str, Any], type_name: str) -> dict[str, Any]:
    """Values as they are stored; 400 names what is wrong."""
    known = {each["name"]: each for each in types}
    made: dict[str, Any] = {}
    for name, value in attributes.items():
        if value is None:
            # The schema knows no null inside of attributes.
            raise Refused("Request body validation error", details=f"None for not nullable: {name}")
        if name not in known:
            raise Refused(f"Invalid attribute {name} for entity type {type_name}")
        made[name] = _converted(known[name], value)
    return made


def patched(types: Types, body: dict[str, Any], type_name: str) -> dict[str, Any]:
    """The values that a PATCH sets: those given, those nulled, and those that go back to their default."""
    made = checked(types, body.get("attributes") or {}, type_name)
    known = {each["name"]: each for each in types}
    for name in [*(body.get("null_attributes") or []), *(body.get("reset_attributes") or [])]:
        if name not in known:
            raise Refused(f"Invalid attribute {name} for entity type {type_name}")
    made |= {name: known[name].get("default") for name in body.get("reset_attributes") or []}
    return made | dict.fromkeys(body.get("null_attributes") or [])


def created(types: Types, attributes: dict[str, Any], type_name: str) -> dict[str, Any]:
    """The values of a new object: with defaults, and none of the required ones missing."""
    made = checked(types, attributes, type_name)
    for each in types:
        if each["name"] in made:
            continue
        if "default" in each:
            made[each["name"]] = each["default"]
        elif each.get("required"):
            raise Refused(f"Missing required attribute value {each['name']}")
    return made


def _converted(kind: dict[str, Any], value: Any) -> Any:
    dtype, name = kind["dtype"], kind["name"]
    if value in kind.get("refused", ()):
        raise Refused(f"Invalid attribute value {value} for {dtype} attribute {name}")
    if dtype == "bool":
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        raise Refused(f"Invalid attribute value {value} for boolean attribute {name}")
    if dtype in ("int", "float"):
        try:
            number = int(value) if dtype == "int" else float(value)
        except (TypeError, ValueError):
            word = "integer" if dtype == "int" else "float"
            raise Refused(f"Invalid attribute value {value} for {word} attribute {name}") from None
        if "minimum" in kind and number < kind["minimum"]:
            raise Refused(f"{value} is below minimum {kind['minimum']} for {dtype} attribute {name}!")
        if "maximum" in kind and number > kind["maximum"]:
            raise Refused(f"{value} is above maximum {kind['maximum']} for {dtype} attribute {name}!")
        return number
    if dtype == "enum" and value not in kind["choices"]:
        choices = kind["choices"]
        raise Refused(f"Invalid attribute value {value} for enum attribute {name}. Valid choices are: {choices}.")
    if dtype == "datetime":
        try:
            return datetime.fromisoformat(str(value).replace("Z", "+00:00")).isoformat()
        except ValueError:
            raise Refused(f"Invalid attribute value {value} for datetime attribute {name}") from None
    return value
