"""The SQL of shown columns: what stands behind FROM, and what a row of the table shows of one field.

Both ways of writing, and every database, share it: a shown column is read with its tables joined once for all rows, and
compared in a write as an expression of the row alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.engine import Dialect

from syncd.adapters.sql.arrays import array_literal
from syncd.adapters.sql.mapping import BOX_NAMES, TableMapping
from syncd.adapters.sql.quote import query, quote, relation
from syncd.adapters.sql.stored import HELD, PART, Box, CompositeId, Level, Lookup, Scalar, Stored
from syncd.model import Kind


def source(dialect: Dialect, mapping: TableMapping) -> str:
    """What stands behind FROM when annotations are read."""
    return Shown(dialect, mapping).source()


def id_in_sql(dialect: Dialect, composite: CompositeId, before: str) -> str:
    """A composite id as text; ``before`` stands before each of its columns. Null where one of them is."""
    parts = []
    for each in composite.columns:
        part = _text(dialect, f"{before}{quote(dialect, each)}")
        for special in ("\\", composite.separator):
            part = f"replace({part}, {_literal(dialect, special)}, {_literal(dialect, chr(92) + special)})"
        parts.append(part)
    between = _literal(dialect, composite.separator)
    if dialect.name in ("mysql", "mariadb"):
        return f"concat({f', {between}, '.join(parts)})"
    return "(" + f" || {between} || ".join(parts) + ")"


def _text(dialect: Dialect, expression: str) -> str:
    type_ = "char" if dialect.name in ("mysql", "mariadb") else "text"
    return f"CAST({expression} AS {type_})"


def _literal(dialect: Dialect, value: Scalar) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return ("true" if value else "false") if dialect.name != "sqlite" else str(int(value))
    if isinstance(value, str):
        escaped = value.replace("'", "''")
        if dialect.name in ("mysql", "mariadb"):
            escaped = escaped.replace("\\", "\\\\")
        return f"'{escaped}'"
    return repr(value)


ROW = "t"
"""Alias of the table's row, where its columns are shown."""


class Shown:
    """Expressions for the shown columns of one mapping."""

    def __init__(self, dialect: Dialect, mapping: TableMapping) -> None:
        self.dialect = dialect
        self.mapping = mapping
        self.is_postgres = dialect.name == "postgresql"

    def source(self) -> str:
        """What stands behind FROM when annotations are read."""
        mapping = self.mapping
        if mapping.is_plain:
            return query(mapping.read) if mapping.read_is_query else relation(self.dialect, mapping.read)
        columns = ", ".join(f"{expression} AS {self.quote(name)}" for name, expression in self._columns())
        conditions = " AND ".join(self.conditions(ROW, mapping.read))
        chosen = f" WHERE {conditions}" if conditions else ""
        return f"(SELECT {columns} FROM {self._rows()}{''.join(self._joins())}{chosen})"

    def conditions(self, of: str, table: str) -> Iterator[str]:
        """That a row of the table is an annotation: the newest of its id, and not deleted."""
        rows = self.mapping.rows
        if rows.append is not None:
            key, newest = self.quote(rows.append.key), self.quote(rows.append.newest)
            same = " AND ".join(
                f"newer.{self.quote(each)} = {of}.{self.quote(each)}" for each in self.mapping.id_columns
            )
            later = f"newer.{newest} > {of}.{newest} OR newer.{newest} = {of}.{newest} AND newer.{key} > {of}.{key}"
            yield f"NOT EXISTS (SELECT 1 FROM {self._relation(table)} AS newer WHERE {same} AND ({later}))"
        if rows.deleted is not None:
            yield self.live(of)

    def live(self, of: str) -> str:
        """That a row is not deleted."""
        deleted = self.mapping.rows.deleted
        assert deleted is not None, "asked of a table with soft deletion"
        column = f"{of}.{self.quote(deleted.column)}"
        return f"{column} IS NULL" if deleted.clear is None else f"{column} = {self.literal(deleted.clear)}"

    def seen(self, name: str, of: str) -> str:
        """What a row shows in this column, as an expression of the row ``of`` (an alias, or the table's own name)."""
        return self._expression(name, of, joined=False)

    def sizes(self, box: Box, of: str) -> tuple[str, str]:
        """The width and height of the row's image, as expressions of the row; of no use where boxes need none."""
        return self._sizes(box, of, joined=False)

    def id_of(self, of: str) -> str:
        """The annotation id of a row, as text."""
        composite = self.mapping.composite_id
        if composite is None:
            return self.text(f"{of}.{self.quote(self.mapping.id_column)}")
        return id_in_sql(self.dialect, composite, f"{of}.")

    def _columns(self) -> Iterator[tuple[str, str]]:
        """(name, expression) of everything that is read of a row."""
        mapping = self.mapping
        for name in mapping.read_columns:
            yield name, self._expression(name, ROW, joined=True)
            held = self._held(name, ROW)
            if held is not None:
                yield HELD + name, held
        if mapping.composite_id is not None:
            for each in mapping.composite_id.columns:
                yield PART + each, f"{ROW}.{self.quote(each)}"

    def _held(self, name: str, of: str) -> str | None:
        """What the table holds of a shown column, as text; ``None`` where that always has a value of the field."""
        if self.mapping.box is not None and name in BOX_NAMES:
            return self.text(f"{of}.{self.quote(self.mapping.box.columns[BOX_NAMES.index(name)])}")
        if not self.mapping.holds_more(name):
            return None
        stored = self.mapping.stored[name]
        if stored.path is not None:
            return self._json_text(stored, of)
        return self.text(f"{of}.{self.quote(stored.column)}")

    def _expression(self, name: str, of: str, *, joined: bool) -> str:
        mapping = self.mapping
        if mapping.composite_id is not None and name == mapping.id_column:
            return self.id_of(of)
        if mapping.box is not None and name in BOX_NAMES:
            return self._box(mapping.box, BOX_NAMES.index(name), of, joined=joined)
        stored = mapping.stored.get(name)
        column = f"{of}.{self.quote(stored.column if stored else name)}"
        if stored is None or stored.plain:
            return column
        if stored.lookup is not None:
            if joined:
                return f"{self._alias(name, len(stored.lookup.levels) - 1)}.{self.quote(stored.lookup.shown.value)}"
            return self._looked_up(stored.lookup, column, stored.lookup.shown.value)
        if stored.path is not None:
            return self._mapped(stored, self._json_text(stored, of)) if stored.values else self._json(stored, of)
        if stored.values:
            return self._mapped(stored, self.text(column))
        if stored.array:
            return f"CAST(array_to_json({column}) AS text)"
        return f"{self.number(column)} / 100"

    def _mapped(self, stored: Stored, text: str) -> str:
        """The value that stands for what the database holds."""
        cases = " ".join(
            f"WHEN {self.literal(each)} THEN {self.typed(value, stored.kind)}" for each, value in stored.values
        )
        return f"CASE {text} {cases} END"

    def _json_text(self, stored: Stored, of: str) -> str:
        column = f"{of}.{self.quote(stored.column)}"
        path = stored.path or ()
        if self.is_postgres:
            document = f"CAST({column} AS jsonb)"
            return f"({document} #>> {self.path(path)})" if path else f"CAST({document} AS text)"
        return self.text(f"json_extract({column}, {self.path(path)})") if path else f"json({column})"

    def _json(self, stored: Stored, of: str) -> str:
        """What a path leads to, in the kind that it has; nothing where it has another."""
        text, column, path = self._json_text(stored, of), f"{of}.{self.quote(stored.column)}", stored.path or ()
        if stored.kind in (None, Kind.TEXT):
            return text
        if not self.is_postgres:
            extracted, is_a = f"json_extract({column}, {self.path(path)})", f"json_type({column}, {self.path(path)})"
            kinds = {Kind.BOOLEAN: "'true', 'false'", Kind.INTEGER: "'integer'", Kind.FLOAT: "'integer', 'real'"}
            return f"CASE WHEN {is_a} IN ({kinds[stored.kind or Kind.TEXT]}) THEN {extracted} END"
        is_a = f"jsonb_typeof(CAST({column} AS jsonb) #> {self.path(path)})"
        if stored.kind is Kind.BOOLEAN:
            return f"CASE WHEN {is_a} = 'boolean' THEN CAST({text} AS boolean) END"
        if stored.kind is Kind.INTEGER:
            return f"CASE WHEN {is_a} = 'number' AND {text} ~ '^-?[0-9]{{1,18}}$' THEN CAST({text} AS bigint) END"
        return f"CASE WHEN {is_a} = 'number' THEN CAST({text} AS double precision) END"

    def path(self, steps: tuple[str | int, ...]) -> str:
        """A path into JSON as a literal."""
        if self.is_postgres:
            return array_literal(str(each) for each in steps)
        spelt = [f"[{each}]" if isinstance(each, int) else '."{}"'.format(each.replace('"', '\\"')) for each in steps]
        return self.literal("$" + "".join(spelt))

    # Lookups

    def _looked_up(self, lookup: Lookup, key: str, value: str) -> str:
        """A value of the row that a key refers to, as an expression of the key."""
        first, second = lookup.first, lookup.levels[1] if len(lookup.levels) > 1 else None
        tables = f"{relation(self.dialect, first.table)} AS l0"
        shown = f"l0.{self.quote(value)}"
        if second is not None and value == second.value:
            tables += f" JOIN {relation(self.dialect, second.table)} AS l1"
            tables += f" ON l1.{self.quote(second.key)} = l0.{self.quote(first.value)}"
            shown = f"l1.{self.quote(second.value)}"
        found = f"FROM {tables} WHERE l0.{self.quote(first.key)} = {key}"
        if all(each.unique for each in lookup.levels):
            return f"(SELECT {shown} {found})"
        return f"(SELECT min({shown}) {found} HAVING count(DISTINCT {shown}) = 1)"

    def _joins(self) -> Iterator[str]:
        """The tables that keys refer to, each joined once for every column that shows something of it."""
        for name in self.mapping.read_columns:
            stored = self.mapping.stored.get(name)
            if stored is None or stored.lookup is None:
                continue
            key = f"{ROW}.{self.quote(stored.column)}"
            for number, level in enumerate(stored.lookup.levels):
                alias = self._alias(name, number)
                wanted = [level.value, *(self._sizes_of(name) if number == 0 else ())]
                yield f" LEFT JOIN {self._level(level, wanted)} AS {alias} ON {alias}.{self.quote(level.key)} = {key}"
                key = f"{alias}.{self.quote(level.value)}"

    def _sizes_of(self, name: str) -> tuple[str, ...]:
        """The columns of the image's size that are read from the media's row."""
        box = self.mapping.box
        return box.size if box is not None and box.of_media and name == self.mapping.image_column else ()

    def _level(self, level: Level, wanted: list[str]) -> str:
        table, key = relation(self.dialect, level.table), self.quote(level.key)
        if level.unique:
            return table
        # Of rows with one key that say different things, nobody knows which is meant.
        values = [self.quote(each) for each in dict.fromkeys(wanted)]
        shown = ", ".join(f"min({each}) AS {each}" for each in values)
        alike = " AND ".join(f"count(DISTINCT {each}) <= 1" for each in values)
        return f"(SELECT {key}, {shown} FROM {table} GROUP BY {key} HAVING {alike})"

    def _alias(self, name: str, level: int) -> str:
        return f"j{self.mapping.read_columns.index(name)}_{level}"

    # Boxes

    def _box(self, box: Box, index: int, of: str, *, joined: bool) -> str:
        """One of x, y, width and height, relative to the image."""
        parts = [self.number(f"{of}.{self.quote(each)}") for each in box.columns]
        own, other = parts[index % 2], parts[index % 2 + 2]
        if box.format == "xyxy":
            value = own if index < 2 else f"({other} - {own})"
        elif box.format == "cxcywh":
            value = f"({own} - {other} / 2)" if index < 2 else other
        else:
            value = parts[index]
        scale = self._scale(box, of, joined=joined)[index % 2]
        return value if scale is None else f"{value} / {scale}"

    def scale(self, box: Box, of: str) -> tuple[str | None, str | None]:
        """By what the relative numbers of a box are multiplied, across and down; an expression of the row."""
        return self._scale(box, of, joined=False)

    def _scale(self, box: Box, of: str, *, joined: bool) -> tuple[str | None, str | None]:
        if box.unit == "relative":
            return None, None
        if box.unit == "percent":
            return "100", "100"
        width, height = self._sizes(box, of, joined=joined)
        return f"NULLIF({self.number(width)}, 0)", f"NULLIF({self.number(height)}, 0)"

    def _sizes(self, box: Box, of: str, *, joined: bool) -> tuple[str, str]:
        if not box.of_media:
            width, height = (f"{of}.{self.quote(each)}" for each in box.size)
            return width, height
        name = self.mapping.image_column
        if joined:
            width, height = (f"{self._alias(name, 0)}.{self.quote(each)}" for each in box.size)
            return width, height
        stored = self.mapping.stored[name]
        assert stored.lookup is not None, "a size of the media's row is found by its lookup"
        width, height = self.size_of_media(f"{of}.{self.quote(stored.column)}")
        return width, height

    def size_of_media(self, key: str) -> tuple[str, str]:
        """The size of the image of a key, in the media's own row."""
        lookup, box = self.mapping.media_lookup, self.mapping.box
        assert lookup is not None and box is not None, "asked where the media's row has the size"
        width, height = (self._looked_up(lookup, key, each) for each in box.size)
        return width, height

    # Spelling

    def _rows(self) -> str:
        table = self._relation(self.mapping.read)
        if self.mapping.rows.where is None:
            return f"{table} AS {ROW}"
        return f"(SELECT * FROM {table} AS own WHERE (\n{self.mapping.rows.where}\n)) AS {ROW}"

    def relation_written(self) -> str:
        """The table that is written."""
        return relation(self.dialect, self.mapping.table)

    def relation_read(self) -> str:
        """The relation that is read, as it stands behind FROM."""
        return self._relation(self.mapping.read)

    def _relation(self, name: str) -> str:
        is_query = name == self.mapping.read and self.mapping.read_is_query
        return query(name) if is_query else relation(self.dialect, name)

    def quote(self, name: str) -> str:
        """A name as SQL."""
        return quote(self.dialect, name)

    def text(self, expression: str) -> str:
        """As text."""
        return _text(self.dialect, expression)

    def number(self, expression: str) -> str:
        """As a floating-point number."""
        types = {"postgresql": "double precision", "sqlite": "REAL"}
        return f"CAST({expression} AS {types.get(self.dialect.name, 'double')})"

    def literal(self, value: Scalar) -> str:
        """A value of the configuration."""
        return _literal(self.dialect, value)

    def typed(self, value: Scalar, kind: Kind | None) -> str:
        """The same in the type that a column of this kind is read in."""
        types = {Kind.BOOLEAN: "boolean", Kind.INTEGER: "bigint", Kind.FLOAT: "double precision"}
        if not self.is_postgres:
            return self.literal(value)
        return f"CAST({self.literal(value)} AS {types.get(kind or Kind.TEXT, 'text')})"
