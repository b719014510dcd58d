"""What a database says of a table and of those around it, as plain values: all that a proposal is made from."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import Any

from syncd.config import parse_table_name
from syncd.model import Kind, LabelType


@dataclass(frozen=True)
class Column:
    """A column. ``kind`` is ``None`` for what syncd has no kind for; ``values`` are those that an enum or CHECK lists.

    ``default`` is the expression of its default, ``identity`` where the database numbers it.
    """

    name: str
    type_name: str
    kind: Kind | None
    nullable: bool = True
    default: str | None = None
    generated: bool = False
    values: tuple[str, ...] = ()
    comment: str | None = None


@dataclass(frozen=True)
class ForeignKey:
    """``columns`` hold a key of ``table``, whose ``referred`` columns these are."""

    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]


@dataclass(frozen=True)
class Trigger:
    """A trigger on rows. ``sets`` are the columns that it gives values; ``refuses``: it lets no event through."""

    name: str
    events: tuple[str, ...]
    sets: tuple[str, ...] = ()
    refuses: bool = False
    instead: bool = False


@dataclass(frozen=True)
class Match:
    """Of the ``of`` different texts seen in ``column``, ``found`` stand in ``referred`` of ``table`` as well."""

    column: str
    table: str
    referred: str
    found: int
    of: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table or view, under the name that a configuration has for it.

    ``unique`` are its unique keys besides ``key``, each whole. ``repeated`` are text columns in which some value stands
    in several rows. ``sample`` holds some rows, each value as text, in the order of ``columns``; it is empty where this
    user may not read them (not ``readable``).
    """

    name: str
    kind: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    triggers: tuple[Trigger, ...] = ()
    partitioned_by: str | None = None
    comment: str | None = None
    repeated: tuple[str, ...] = ()
    sample: tuple[tuple[str | None, ...], ...] = ()
    readable: bool = True

    @property
    def plain_name(self) -> str:
        """The name without its schema."""
        return parse_table_name(self.name).name

    def column(self, name: str) -> Column:
        """The column of this name."""
        return next(each for each in self.columns if each.name == name)

    def has(self, name: str) -> bool:
        """Whether there is a column of this name."""
        return any(each.name == name for each in self.columns)

    def seen(self, name: str) -> list[str]:
        """The values of a column in the sample, without nulls."""
        at = [each.name for each in self.columns].index(name)
        return [value for row in self.sample if (value := row[at]) is not None]

    def seen_together(self, names: tuple[str, ...]) -> list[tuple[str | None, ...]]:
        """The values of several columns in the sample, by row."""
        places = [[each.name for each in self.columns].index(name) for name in names]
        return [tuple(row[at] for at in places) for row in self.sample]

    def refers(self, column: str) -> ForeignKey | None:
        """The foreign key of this column alone."""
        return next((each for each in self.foreign_keys if each.columns == (column,)), None)

    def is_unique(self, column: str) -> bool:
        """Whether a key makes sure that each value stands there once."""
        return (column,) in (self.key, *self.unique)


@dataclass(frozen=True)
class LabelField:
    """A label field of a dataset, with the attributes that are declared of its labels."""

    name: str
    type: LabelType
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SampleMatch:
    """Some values of a column of a table stand in this field of samples."""

    field: str
    table: str
    column: str


@dataclass(frozen=True)
class Dataset:
    """A FiftyOne dataset that is there already."""

    name: str
    label_fields: tuple[LabelField, ...] = ()
    matches: tuple[SampleMatch, ...] = ()


@dataclass(frozen=True)
class Facts:
    """The table, the tables around it (that it refers to, that refer to it, that could be its vocabulary), and matches.

    ``dialect`` is SQLAlchemy's name for the database's kind. ``dataset`` is ``None`` where there is none as yet.
    """

    dialect: str
    table: Table
    others: tuple[Table, ...] = ()
    matches: tuple[Match, ...] = ()
    dataset: Dataset | None = None

    def other(self, name: str) -> Table | None:
        """The table of this name, where it was looked at."""
        return next((each for each in (self.table, *self.others) if each.name == name), None)

    def as_json(self) -> str:
        """What the database tells as a JSON document, without what is as usual."""
        return json.dumps(_sparse(replace(self, dataset=None)), indent=1, ensure_ascii=False, default=str)

    @staticmethod
    def from_json(document: str) -> Facts:
        """The facts that :meth:`as_json` wrote."""
        held = json.loads(document)
        return Facts(
            dialect=held["dialect"],
            table=_table(held["table"]),
            others=tuple(map(_table, held.get("others", ()))),
            matches=tuple(Match(**_tuples(each)) for each in held.get("matches", ())),
        )


def _sparse(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_sparse(each) for each in value]
    if not hasattr(value, "__dataclass_fields__"):
        return value
    held = {each.name: (getattr(value, each.name), each.default) for each in fields(value)}
    return {name: _sparse(found) for name, (found, usual) in held.items() if found != usual}


def _table(held: dict[str, Any]) -> Table:
    columns = tuple(
        Column(**{**_tuples(each), "kind": None if each.get("kind") is None else Kind(each["kind"])})
        for each in held["columns"]
    )
    rest = {name: value for name, value in held.items() if name not in ("columns", "foreign_keys", "triggers")}
    return Table(
        **_tuples(rest),
        columns=columns,
        foreign_keys=tuple(ForeignKey(**_tuples(each)) for each in held.get("foreign_keys", ())),
        triggers=tuple(Trigger(**_tuples(each)) for each in held.get("triggers", ())),
    )


def _tuples(held: dict[str, Any]) -> dict[str, Any]:
    return {name: _as_tuple(value) for name, value in held.items()}


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
