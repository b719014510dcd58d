"""Rows of Tator as the frame of a snapshot."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from syncd.adapters.tator.media import Media
from syncd.adapters.tator.values import GEOMETRY, column_of, raw_of
from syncd.errors import DatabaseUnavailable
from syncd.model import BOX, Field, Kind, Side
from syncd.model import Mapping as Fields
from syncd.model.snapshot import TIMESTAMP_DTYPE, column, empty, schema

Raw = dict[str, Any]

MADE_OF = (
    "id",
    "elemental_id",
    "mark",
    "version",
    "media",
    "frame",
    "modified_by",
    "modified_datetime",
    "variant_deleted",
)
"""What every read asks for besides the mapped attributes."""


@dataclass(frozen=True)
class Names:
    """How a binding's fields are called in Tator.

    ``attributes`` are the attributes by field; the box is the row's own. ``person`` is the attribute that takes the
    name of who made a change. ``crops``: samples are tied to their boxes by the id, and the medium is the crop's frame.
    """

    attributes: Mapping[str, str]
    person: str | None = None
    crops: bool = False

    def of(self, field: Field) -> str:
        """The attribute of a field."""
        return BOX if field.kind is Kind.BOX else self.attributes[field.name]


class Framer:
    """Makes frames of rows; ``actor`` names the account of an id."""

    def __init__(self, fields: Fields, names: Names, media: Media, me: int, actor: Callable[[int], str]) -> None:
        self.fields, self.names = fields, names
        self._media, self._me, self._actor = media, me, actor

    @property
    def slim(self) -> str:
        """The ``fields`` that a read asks for: less than half of what whole rows take."""
        wanted = [self.names.of(each) for each in self.fields.fields if each.kind is not Kind.BOX]
        wanted += [self.names.person] if self.names.person else []
        boxes = GEOMETRY if any(each.kind is Kind.BOX for each in self.fields.fields) else ()
        # What a list with commas cannot name is had with all attributes together.
        if not wanted or any("," in each or "." in each for each in wanted):
            return ",".join((*MADE_OF, *boxes, "attributes"))
        return ",".join((*MADE_OF, *boxes, *(f"attributes.{each}" for each in dict.fromkeys(wanted))))

    def frame(self, rows: Sequence[Raw]) -> pl.DataFrame:
        """The annotations of these rows, in their order."""
        if not rows:
            return empty(Side.DATABASE, self.fields)
        rows = [with_attributes(each) for each in rows]
        self._media.learn(each["media"] for each in rows)
        shown = [self._media.shown(each["media"], each.get("frame") or 0) for each in rows]
        ids = [each["elemental_id"] for each in rows]
        columns: dict[str, pl.Series] = {
            "annotation_id": pl.Series(ids, dtype=pl.String),
            "media": pl.Series(ids if self.names.crops else shown, dtype=pl.String),
            "frame": pl.Series(shown if self.names.crops else [None] * len(rows), dtype=pl.String),
            "edited_at": stamps([each["modified_datetime"] for each in rows]),
            "actor": pl.Series([self.editor(each) for each in rows], dtype=pl.String),
        }
        problems: dict[int, dict[str, str]] = {}
        for each in self.fields.fields:
            name = self.names.of(each)
            values, broken = column_of(each.kind, [raw_of(each, row, name) for row in rows])
            columns[column(each.name)] = values
            for position, text in broken.items():
                problems.setdefault(position, {})[each.name] = text
        texts = [None] * len(rows) if not problems else [_problems(problems.get(at)) for at in range(len(rows))]
        columns["problems"] = pl.Series(texts, dtype=pl.String)
        return pl.DataFrame(columns).select(list(schema(Side.DATABASE, self.fields)))

    def editor(self, row: Raw) -> str | None:
        """Who edited it last; of what syncd wrote itself the person for whom, where an attribute says so."""
        by = row.get("modified_by")
        if by is None:
            return None
        person = row["attributes"].get(self.names.person) if self.names.person and by == self._me else None
        return str(person) if person else self._actor(int(by))


def stamps(texts: Sequence[str]) -> pl.Series:
    """Times as lists have them, to the millisecond."""
    parsed = pl.Series(texts, dtype=pl.String).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms", strict=False)
    found: pl.Series = parsed.dt.replace_time_zone("UTC").cast(TIMESTAMP_DTYPE)
    return found


def with_attributes(row: Raw) -> Raw:
    """The row with its attributes as one object, whichever way the server lays them out where only some are asked for.

    An answer without any would look as if every value had been cleared: it is refused.
    """
    if isinstance(row.get("attributes"), dict):
        return row
    flat = {name.removeprefix("attributes."): value for name, value in row.items() if name.startswith("attributes.")}
    if not flat:
        raise DatabaseUnavailable(
            "Tator answered without the attributes that were asked for: nothing can be compared.",
            remedy="Report the server's version with this message; nothing was changed.",
        )
    return {**row, "attributes": flat}


def _problems(found: dict[str, str] | None) -> str | None:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")) if found else None
