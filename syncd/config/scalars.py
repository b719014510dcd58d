"""Which plain YAML words are numbers, truth values or nothing: the core schema of YAML 1.2.

PyYAML follows YAML 1.1, in which ``no`` is false, ``1:30`` is ninety and ``2024-01-01`` is a date. A vocabulary
may well hold a class `no`; here it stays what was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import yaml

_PREFIX = "tag:yaml.org,2002:"
STR = _PREFIX + "str"
MAP = _PREFIX + "map"
SEQ = _PREFIX + "seq"
MERGE = _PREFIX + "merge"

_RULES: tuple[tuple[str, str, str], ...] = (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("merge", r"<<", "<"),
)


class Loader(yaml.SafeLoader):
    """Reads YAML into nodes; resolves plain words by the rules above. Constructs no objects."""


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """The rules by the first character of the word, as PyYAML wants them."""
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, pattern, first in _RULES:
        for character in ("", *first) if name == "null" else first:
            rule = (_PREFIX + name, re.compile(rf"(?:{pattern})\Z"))
            resolvers.setdefault(character, []).append(rule)
    return resolvers


Loader.yaml_implicit_resolvers = _resolvers()


def _integer(text: str) -> object:
    if len(text) > 40:
        raise ValueError("a number of more than 40 digits")
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


def _float(text: str) -> object:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_CONVERT: dict[str, Callable[[str], object]] = {
    STR: str,
    MERGE: str,
    _PREFIX + "null": lambda _text: None,
    _PREFIX + "bool": lambda text: {"true": True, "false": False}[text.lower()],
    _PREFIX + "int": _integer,
    _PREFIX + "float": _float,
}


def scalar_value(tag: str, text: str) -> object:
    """The value of a scalar with this (resolved) tag. Raises ValueError where the two do not fit."""
    try:
        return _CONVERT[tag](text)
    except KeyError:
        raise ValueError(f"the YAML tag {tag.replace(_PREFIX, '!!')}") from None
