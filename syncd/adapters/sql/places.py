"""How one field is written: what is given to a statement for its values, and what of it goes into which columns.

Both ways of writing share it. A statement calls the values that it is given by names of its own (``v.n0``, ``:n0``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping as Values
from collections.abc import Sequence

from syncd.adapters.sql.expressions import Shown
from syncd.adapters.sql.keys import Keys
from syncd.adapters.sql.mapping import BOX_NAMES, ColumnInfo, TableInfo
from syncd.adapters.sql.stored import Box, Stored
from syncd.adapters.sql.values import to_driver
from syncd.model import BOX, Content, Kind, Value

Assigned = dict[str, str]
"""Columns of the table, each with the expression that it is set to."""


class Place:
    """One field of a table. ``names`` are its shown columns, of each of which one value is given."""

    def __init__(self, shown: Shown, info: TableInfo, field: str, kind: Kind, keys: Keys) -> None:
        self.shown = shown
        self.info = info
        self.field = field
        self.kind = kind
        self.keys = keys
        self.names = info.mapping.fields[field]
        self.box: Box | None = info.mapping.box if self.names == BOX_NAMES else None
        self.stored: Stored | None = info.mapping.stored.get(self.names[0])
        if self.stored is not None and self.stored.plain:
            self.stored = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that are written."""
        if self.box is not None:
            return self.box.columns
        return (self.stored.column,) if self.stored is not None else self.names

    @property
    def is_value(self) -> bool:
        """Whether the columns are set to what is given for the values, as it is."""
        if self.box is not None:
            return False
        stored = self.stored
        return stored is None or (stored.path is None and not stored.array and not stored.percent)

    def type(self, index: int) -> str:
        """The type of PostgreSQL in which a value is given."""
        if self.box is not None:
            return "float8"
        stored = self.stored
        if stored is None:
            return self.info.written[self.names[index]].given_as
        if stored.path is not None or stored.array:
            return "text"
        return "float8" if stored.percent else self._own(stored).given_as

    def given(self, value: Content, index: int, *, naive: bool | None = None) -> object:
        """What a statement is given for a value of the field; ``naive``: its times have no zone."""
        if value is None or isinstance(value, dict):
            return None
        if isinstance(value, list):
            return value[index] if self.field == BOX else None
        stored = self.stored
        if stored is None:
            zoned = self.info.written[self.names[index]].zoned
            return to_driver(self.kind, value, naive=not zoned if naive is None else naive)
        if stored.lookup is not None:
            return self.keys.key(stored.lookup, value)
        if stored.values:
            text = stored.given(value)
            return text if stored.path is None or text is None else _json_of_text(text)
        if stored.path:
            return json.dumps(value, ensure_ascii=False)
        return value

    def why_not(self, value: Value) -> str | None:
        """Why a value cannot be written at all; ``None`` where only the database can say."""
        stored = self.stored
        if stored is None or value is None:
            return None
        if stored.lookup is not None:
            return self.keys.why_not(stored.lookup, value)
        if stored.values and stored.given(value) is None:
            return f"nothing stands for {value!r} among the `values` of {stored.column!r}"
        if stored.array and not _is_list(value):
            return f"{value!r} is no list, which the array {stored.column!r} holds"
        return None

    def assigned(self, new: Sequence[str], of: str | None, before: Values[str, str]) -> Assigned:
        """What the columns are set to, given values by these names.

        ``of`` is the row that is changed, by its alias; of a new row there is none. ``before`` is what other fields
        have set columns to: two may lie in one document.
        """
        if self.box is not None:
            return self._box(self.box, new, of, before)
        stored = self.stored
        if stored is None:
            return dict(zip(self.names, new, strict=True))
        own = self._own(stored)
        if stored.path is not None:
            base = before.get(own.name) or (f"{of}.{self.shown.quote(own.name)}" if of else "NULL")
            return {own.name: self._into_json(stored.path, base, new[0], own)}
        if stored.array:
            elements = f"ARRAY(SELECT jsonb_array_elements_text(CAST({new[0]} AS jsonb)))"
            return {own.name: f"CASE WHEN {new[0]} IS NOT NULL THEN CAST({elements} AS {own.type_name}) END"}
        if stored.percent:
            return {own.name: self._whole(f"{new[0]} * 100", own)}
        return {own.name: new[0]}

    def _own(self, stored: Stored) -> ColumnInfo:
        return self.info.in_table(stored.column)

    def _into_json(self, path: tuple[str | int, ...], base: str, new: str, own: ColumnInfo) -> str:
        """A document in which a value is put, with whatever leads to its place."""
        if not self.shown.is_postgres:
            if not path:
                return new
            document = f"coalesce({base}, '{{}}')"
            for end in range(1, len(path)):
                there, empty = self.shown.path(path[:end]), "[]" if isinstance(path[end], int) else "{}"
                kept = f"coalesce(json_extract({document}, {there}), '{empty}')"
                document = f"json_set({document}, {there}, json({kept}))"
            return f"json_set({document}, {self.shown.path(path)}, json(coalesce({new}, 'null')))"
        if not path:
            return f"CAST({new} AS {own.type_name})"
        document = f"coalesce(NULLIF(CAST({base} AS jsonb), 'null'), '{{}}')"
        for end in range(1, len(path)):
            there, empty = self.shown.path(path[:end]), "[]" if isinstance(path[end], int) else "{}"
            kept = f"coalesce(NULLIF({document} #> {there}, 'null'), '{empty}')"
            document = f"jsonb_set({document}, {there}, {kept})"
        put = f"jsonb_set({document}, {self.shown.path(path)}, coalesce(CAST({new} AS jsonb), 'null'))"
        return put if own.type_name == "jsonb" else f"CAST({put} AS {own.type_name})"

    def _box(self, box: Box, new: Sequence[str], of: str | None, before: Values[str, str]) -> Assigned:
        x, y, width, height = new
        if box.format == "xyxy":
            parts = [x, y, f"({x} + {width})", f"({y} + {height})"]
        elif box.format == "cxcywh":
            parts = [f"({x} + {width} / 2)", f"({y} + {height} / 2)", width, height]
        else:
            parts = [x, y, width, height]
        sizes: Assigned = {}
        if box.unit != "pixels" or of is not None:
            scale = self.shown.scale(box, str(of))
        else:
            across, down = self._sizes_of_new(box, before)
            scale = (f"NULLIF({self.shown.number(across)}, 0)", f"NULLIF({self.shown.number(down)}, 0)")
            sizes = {} if box.of_media else dict(zip(box.size, (across, down), strict=True))
        found: Assigned = {}
        for at, (name, part) in enumerate(zip(box.columns, parts, strict=True)):
            by = scale[at % 2]
            found[name] = self._whole(part if by is None else f"{part} * {by}", self.info.in_table(name))
        return found | {name: each for name, each in sizes.items() if name in self.info.physical}

    def _sizes_of_new(self, box: Box, before: Values[str, str]) -> tuple[str, str]:
        """The size of a new row's image: of the media's own row, else of another row of the same image."""
        mapping, quote = self.info.mapping, self.shown.quote
        (column,) = mapping.behind(mapping.image_column)
        media = before.get(column, "NULL")
        if box.of_media:
            return self.shown.size_of_media(media)
        table = self.shown.relation_written()
        found = [
            f"(SELECT max(other.{quote(each)}) FROM {table} AS other WHERE other.{quote(column)} = {media})"
            for each in box.size
        ]
        return found[0], found[1]

    def _whole(self, expression: str, own: ColumnInfo) -> str:
        return f"round({expression})" if own.kind is Kind.INTEGER else expression


def _json_of_text(text: str) -> str:
    """The JSON that a text of `values` stands for: a number, true and false are themselves, all else is text."""
    try:
        value = json.loads(text)
    except ValueError:
        return json.dumps(text, ensure_ascii=False)
    return text if isinstance(value, (int, float, bool)) else json.dumps(text, ensure_ascii=False)


def _is_list(value: Value) -> bool:
    try:
        return isinstance(json.loads(str(value)), list)
    except ValueError:
        return False
