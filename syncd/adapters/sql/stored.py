"""How a field lies in a laboratory's table, where its column does not simply hold what FiftyOne holds. Types alone.

A *shown* column is one that syncd reads by a name of its own: the name that stands behind a key, a place within JSON,
one of a box's four numbers. Everything but this package's SQL sees shown columns as if they were the table's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from syncd.model import Kind

Scalar: TypeAlias = "str | int | float | bool | None"

HELD = "held:"
"""Prefix of a further shown column: the text of what the table holds, where that may have no value of the field."""

PART = "id:"
"""Prefix of the columns that make up a composite id, as they are read beside it."""


@dataclass(frozen=True)
class Level:
    """One table that a key refers to. ``unique``: no two of its rows have one key."""

    table: str
    key: str
    value: str
    unique: bool = True


@dataclass(frozen=True)
class Lookup:
    """A key read as a value of the row that it refers to, over one or two ``levels``.

    ``create``: a value that is not there becomes a row. ``default`` is the key for a value that is not there.
    """

    levels: tuple[Level, ...]
    create: bool = False
    default: Scalar = None

    @property
    def first(self) -> Level:
        """The table that the column's own keys refer to."""
        return self.levels[0]

    @property
    def shown(self) -> Level:
        """The table whose values are shown."""
        return self.levels[-1]

    def __str__(self) -> str:
        return f"{self.shown.table}.{self.shown.value}"


@dataclass(frozen=True)
class Stored:
    """How one shown column lies in ``column``; ``kind`` is that of what a ``path`` leads to, once it is known.

    ``values`` are (the database's text, FiftyOne's value). ``path`` is empty for a whole document. ``default`` is given
    to a new row without a value.
    """

    column: str
    lookup: Lookup | None = None
    values: tuple[tuple[str, Scalar], ...] = ()
    path: tuple[str | int, ...] | None = None
    array: bool = False
    percent: bool = False
    default: Scalar = None
    kind: Kind | None = None

    @property
    def plain(self) -> bool:
        """Whether the column holds what FiftyOne holds."""
        return not (self.lookup or self.values or self.array or self.percent) and self.path is None

    def given(self, value: object) -> str | None:
        """The database's text for a value of FiftyOne; ``None`` where none stands for it."""
        return next((text for text, each in self.values if each == value), None)


def kind_of(values: Iterable[Scalar]) -> Kind:
    """The kind that all of these values of the configuration have; mixed ones are texts."""
    types = {type(each) for each in values} - {type(None)}
    if types == {bool}:
        return Kind.BOOLEAN
    if types == {int}:
        return Kind.INTEGER
    return Kind.FLOAT if types and types <= {int, float} else Kind.TEXT


def in_kind(value: Scalar, kind: Kind | None) -> Scalar:
    """A value of the configuration as one of this kind."""
    if value is None or kind in (None, Kind.BOOLEAN, Kind.INTEGER):
        return value
    if kind is Kind.FLOAT:
        return float(value)
    return (
        value if isinstance(value, str) else ("true" if value else "false") if isinstance(value, bool) else str(value)
    )


@dataclass(frozen=True)
class Box:
    """Four columns as a box, in a ``unit`` and ``format`` of the configuration.

    ``size`` are the columns of the image's width and height: of the media's own row (``of_media``), or of the table.
    """

    columns: tuple[str, ...]
    unit: str
    format: str
    size: tuple[str, ...] = ()
    of_media: bool = False


@dataclass(frozen=True)
class Deleted:
    """Soft deletion: the row is deleted where ``column`` holds anything but ``clear``; ``set`` deletes it.

    ``known``: both follow from the configuration, and not from the column's type.
    """

    column: str
    set: Scalar = None
    clear: Scalar = None
    known: bool = False


@dataclass(frozen=True)
class Append:
    """Rows are only added: of an id the row with the largest ``newest`` (then ``key``) is the annotation."""

    key: str
    newest: str


@dataclass(frozen=True)
class Rows:
    """Which rows of the table are annotations, and what is written to them besides the fields.

    ``where`` is SQL. ``insert`` are constants of new rows. ``version`` is a column and the number that is added to it.
    """

    deleted: Deleted | None = None
    append: Append | None = None
    where: str | None = None
    insert: tuple[tuple[str, Scalar], ...] = ()
    version: tuple[str, int] | None = None

    @property
    def narrow(self) -> bool:
        """Whether some rows of the table are no annotations."""
        return (self.deleted, self.append, self.where) != (None, None, None)


ALL_ROWS = Rows()


@dataclass(frozen=True)
class CompositeId:
    """An id of several columns, joined with ``separator``, which a backslash escapes."""

    columns: tuple[str, ...]
    separator: str

    def split(self, text: str) -> tuple[str, ...] | None:
        """The parts of an id; ``None`` for text that is none."""
        parts, part, escaped = [], "", False
        for each in text:
            if escaped:
                part, escaped = part + each, False
            elif each == "\\":
                escaped = True
            elif each == self.separator:
                parts.append(part)
                part = ""
            else:
                part += each
        parts.append(part)
        return tuple(parts) if len(parts) == len(self.columns) and not escaped and self.join(parts) == text else None

    def join(self, parts: tuple[str, ...] | list[str]) -> str:
        """The id of these parts."""
        return self.separator.join(re.sub(rf"([\\{re.escape(self.separator)}])", r"\\\1", each) for each in parts)
