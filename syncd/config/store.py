"""``bindings[].store``: a store that is not the table in ``database.url``, and the adapters that know such stores.

Adapters are found by the entry points of installed packages. One is loaded only when a configuration names its kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationInfo

from syncd.config.kinds import Section, Unfit, plain_text, unfit
from syncd.config.nearest import did_you_mean

GROUP = "syncd.adapters"
"""The group of entry points by which adapters are found: the name is the kind of store."""

SQL = "sql"
"""The kind of a binding without ``store``."""


def find_adapter(kind: str) -> Any | None:
    """The factory of this kind of store (:class:`syncd.adapters.base.StoreFactory`); ``None`` where there is none."""
    try:
        own = [each for each in distribution("syncd").entry_points if each.group == GROUP]
    except PackageNotFoundError:
        own = []
    # Our own come first: to look through every installed package takes long.
    found = _named(own, kind) or _named(entry_points(group=GROUP), kind)
    return None if found is None else found.load()


def adapter_kinds() -> list[str]:
    """Every kind of store that ``store.kind`` may name."""
    return sorted({each.name for each in entry_points(group=GROUP)} - {SQL})


OF_THE_STORE = "of_the_store"
"""Stands in the keys that name a table and its columns, where the annotations are in a store: nobody reads it there."""


def without_table(binding: object) -> object:
    """A binding with a store, completed by the keys that only a table needs."""
    if not isinstance(binding, Mapping) or binding.get("store") is None:
        return binding
    columns = binding.get("columns")
    if isinstance(columns, Mapping):
        columns = {"id": OF_THE_STORE, "media": OF_THE_STORE, **columns}
    return {"table": OF_THE_STORE, **binding, "columns": columns}


def _named(points: Any, kind: str) -> EntryPoint | None:
    return next((each for each in points if each.name == kind), None)


class StoreConfig(Section):
    """What every kind of store has; an adapter's own section adds its keys."""

    kind: str


_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{8,}")


def token_of(whose: str) -> Callable[[object], SecretStr]:
    """Reads the token of an annotation server's account; ``whose`` says where it is found, to who gave another."""

    def read(value: object) -> SecretStr:
        text = value.get_secret_value() if isinstance(value, SecretStr) else plain_text(value).strip()
        if not _TOKEN.fullmatch(text):
            raise Unfit(whose)
        return SecretStr(text)

    return read


def checked_section(value: object, info: ValidationInfo) -> StoreConfig | None:
    """The section as the adapter of its kind reads it; its faults are those of the keys under ``store``."""
    if value is None or isinstance(value, StoreConfig):
        return value
    if not isinstance(value, Mapping):
        raise unfit("a mapping with kind")
    model = section_model(value)
    if model is None:
        kind, kinds = value.get("kind"), adapter_kinds()
        hint = did_you_mean(kind, kinds) if isinstance(kind, str) else None
        if kind == SQL:
            hint = "leave `store` out, and name the `table`"
        installed = f"; installed: {', '.join(kinds)}" if kinds else "; none is installed besides SQL"
        raise unfit(f"a mapping whose kind names an adapter{installed}", hint)
    section = model.model_validate(dict(value), context=info.context)
    assert isinstance(section, StoreConfig), f"the section of {value['kind']!r} is a StoreConfig"
    return section


def section_model(value: object) -> type[BaseModel] | None:
    """The model of a section that stands in the file; ``None`` where no adapter knows its kind."""
    kind = value.get("kind") if isinstance(value, Mapping) else None
    factory = find_adapter(kind) if isinstance(kind, str) else None
    model: type[BaseModel] | None = None if factory is None else factory.section
    return model
