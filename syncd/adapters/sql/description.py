"""What a table says of itself, in the words of every store: the SQL half of a mapping and of its faults."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from syncd.adapters.sql.ids import nobody
from syncd.adapters.sql.mapping import Reference, TableInfo
from syncd.config import BindingConfig
from syncd.config.binding import VocabularyTable
from syncd.model import BOX, FLAG, LABEL, Holds, Kind
from syncd.model.store import EXACT_DOUBLE, EXACT_SINGLE, Fault, FieldFacts, StoreDescription


def description(binding: BindingConfig, table: TableInfo) -> StoreDescription:
    """The description of a binding's table."""
    facts = {name: _facts(table, name) for name in table.mapping.fields}
    flag = facts.pop(FLAG, None)
    column = table.id
    return StoreDescription(
        id=FieldFacts(
            kind=column.kind or Kind.TEXT,
            holds=column.holds or Holds(Kind.TEXT),
            place=f"column {column.name!r} of {table.mapping.table}",
            type_name=column.type_name,
        ),
        fields=facts,
        media_key=table.mapping.image_column,
        source=hashlib.blake2b(repr(table.mapping).encode(), digest_size=8).hexdigest(),
        flag=flag,
        can_insert=table.writable(table.mapping.media_column),
        can_write_media=table.writable(table.mapping.image_column),
        no_new_ids=nobody(table.mapping, table.id) if table.owner is None else None,
        faults=(*_flag_faults(table), *_label_faults(binding, table), *_box_faults(table)),
    )


def _facts(table: TableInfo, name: str) -> FieldFacts:
    columns = [table.column(each) for each in table.mapping.fields[name]]
    kind = Kind.BOX if name == BOX else columns[0].kind
    assert kind is not None, "describe() refuses columns of an unknown type"
    holds = columns[0].holds or Holds(kind)
    if name == BOX:
        holds = Holds(kind, nullable=all(each.nullable for each in columns))
    fixed = [each.name for each in columns if not table.writable(each.name)]
    why = f"cannot be written: {table.mapping.table} has no such column, or generates it"
    return FieldFacts(
        kind=kind,
        holds=holds,
        place=f"column {columns[0].name!r} of {table.mapping.table}",
        type_name=columns[0].type_name,
        fixed=f"{', '.join(map(repr, fixed))} {why}" if fixed else None,
        tolerance=EXACT_SINGLE if any(each.single_precision for each in columns) else EXACT_DOUBLE,
    )


_FLOATS = "Map four columns of floats or decimals: x, y, width and height, relative to the image."


def _box_faults(table: TableInfo) -> Iterator[Fault]:
    columns = table.mapping.fields.get(BOX, ())
    wrong = [each for each in columns if table.column(each).kind not in (Kind.FLOAT, Kind.DECIMAL)]
    if wrong:
        types = ", ".join(f"{each!r} ({table.column(each).type_name})" for each in wrong)
        yield (
            f"columns.box: {types} of {table.mapping.table} cannot hold the fractions that a box is made of.",
            f"{_FLOATS} Of pixels: `columns.box: {{columns: [{', '.join(columns)}], unit: pixels, size: [W, H]}}`.",
        )


def _label_faults(binding: BindingConfig, table: TableInfo) -> Iterator[Fault]:
    """A label column that holds keys or numbers, where labels are to be names."""
    if LABEL not in table.mapping.fields:
        return
    column = table.column(binding.columns.label.name)
    keys = column.refers_to
    if column.kind in (None, Kind.TEXT) or (keys is None and binding.vocabulary is None):
        return
    what = f"columns.label: {column.name!r} of {table.mapping.table} is {column.type_name}"
    why = f"the keys of {keys}" if keys is not None else "no text, which the terms of the vocabulary are"
    yield f"{what} and holds {why}: a label is the name itself.", name_beside_key(binding, keys, column.name)


def name_beside_key(binding: BindingConfig, keys: Reference | None, column: str) -> str:
    """What to write where a column of the table holds keys instead of the names of classes."""
    if keys is None:
        return "Map a column that holds the name of the class in `columns.label`."
    terms = binding.vocabulary
    name = terms.column if isinstance(terms, VocabularyTable) else "NAME"
    lookup = f"{{table: {keys.table}, key: {keys.column}, value: {name}}}"
    return (
        f"Have the name looked up: `columns.label: {{column: {column}, lookup: {lookup}}}`. Or map a column that holds "
        "the name."
    )


def _flag_faults(table: TableInfo) -> Iterator[Fault]:
    """Why the column that error tags set cannot hold that."""
    for name in table.mapping.fields.get(FLAG, ()):
        column = table.column(name)
        what = f"review.error_column: {name!r} of {table.mapping.table}"
        if column.kind not in (Kind.BOOLEAN, Kind.TEXT, Kind.INTEGER):
            yield f"{what} is {column.type_name}, expected a boolean, text or an integer.", "Map another column."
        elif not table.writable(name):
            yield f"{what} cannot be written.", "Map a column of the table that is written."
