"""Names of tables, fields and bindings: which text is one, and how to take one apart."""

from __future__ import annotations

import re
from typing import NamedTuple

_PART = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_TABLE = re.compile(rf"(?:(?P<schema>{_PART})\.)?(?P<name>{_PART})")
_BINDING = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SELECT = re.compile(r"\s*select\b", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")

RESERVED_ATTRIBUTES = frozenset({"label", "box", "bounding_box", "id", "_id", "tags"})
"""Names on a label that have a meaning of their own and cannot be mapped as attributes."""

RESERVED_SAMPLE_FIELDS = frozenset({"id", "_id", "filepath", "tags", "metadata", "created_at", "last_modified_at"})
"""Names of fields that every sample has."""


class TableName(NamedTuple):
    """A table or view, its parts without quotes; `schema` is None where the name has none."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        return ".".join(_write(part) for part in self if part is not None)


def parse_table_name(text: str) -> TableName:
    """Take ``schema.table`` apart; ``"odd name"`` in double quotes. Case is kept. Raises ValueError."""
    match = _TABLE.fullmatch(text)
    if match is None or "\0" in text:
        raise ValueError('write table or schema.table, and an odd name in double quotes: public."my table"')
    return TableName(match["schema"] and _unquote(match["schema"]), _unquote(match["name"]))


def is_select(text: str) -> bool:
    """Whether this is one SELECT statement rather than a name."""
    return _SELECT.match(text) is not None and ";" not in without_quoted(text)


def without_quoted(text: str) -> str:
    """SQL without its texts and names in quotes."""
    return _QUOTED.sub("", text)


def is_binding_name(text: str) -> bool:
    """Letters, digits, ``_``, ``-`` and ``.``; at most 100; no dash or dot in front."""
    return _BINDING.fullmatch(text) is not None and len(text) <= 100


def is_field_name(text: str) -> bool:
    """Whether FiftyOne lets a user have a field of this name."""
    return not text.startswith("_") and not set(text) & set(".$\0") and text.strip() == text != ""


def _unquote(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def _write(part: str) -> str:
    return part if re.fullmatch(r"[^\W\d][\w$]*", part) else '"' + part.replace('"', '""') + '"'
