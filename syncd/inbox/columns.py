"""Which columns a manifest of a binding may have, and what each of them is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from syncd.adapters.sql.mapping import ColumnInfo, TableInfo
from syncd.config import BindingConfig
from syncd.config.nearest import did_you_mean
from syncd.inbox.faults import of_the_whole
from syncd.model import BOX, LABEL, Direction, Field, Holds, Kind
from syncd.model import Mapping as Fields

IMAGE, ID = "image", "id"
BOX_COLUMNS = ("x", "y", "w", "h")


def box_part(index: int) -> str:
    """The part of a row that is one number of its box."""
    return f"{BOX}.{index}"


@dataclass(frozen=True)
class Expected:
    """What a manifest of a binding may hold.

    ``names`` says which part each column is: ``image``, ``id``, ``box.0`` to ``box.3``, or a field of ``fields``.
    ``single``: an image holds one label.
    """

    fields: Fields
    names: Mapping[str, str]
    id_column: ColumnInfo
    unwritable: frozenset[str]
    single: bool

    @property
    def boxed(self) -> bool:
        """Whether the binding maps a box."""
        return BOX in self.fields.names


def expected_of(binding: BindingConfig, table: TableInfo, mapping: Fields, *, single: bool, crops: bool) -> Expected:
    """What the manifests of a binding may hold; ``mapping`` lacks the box where samples are ``crops``."""
    fields = mapping
    if crops and binding.columns.box is not None:
        box = Field(BOX, Kind.BOX, Direction.TO_FIFTYONE, Holds(Kind.BOX), Holds(Kind.BOX))
        fields = replace(mapping, fields=(*mapping.fields, box))
    columns = binding.columns
    names = {IMAGE: IMAGE, LABEL: LABEL, ID: ID}
    if BOX in fields.names:
        assert columns.box is not None, "a box that is a field is mapped"
        names |= {name: box_part(at) for at, name in enumerate(BOX_COLUMNS)}
        names |= {name: box_part(at) for at, name in enumerate(columns.box)}
    names |= {name: name for name in binding.attributes if name not in names}
    known = {columns.media: IMAGE, columns.label: LABEL, columns.id: ID, binding.annotation_id: ID}
    known |= {each.column: name for name, each in binding.attributes.items()}
    names |= {column: part for column, part in known.items() if column not in names}
    unwritable = {name for name in fields.names if not all(map(table.writable, table.mapping.fields[name]))}
    return Expected(fields, names, table.id, frozenset(unwritable), single and not crops)


def parts_of(expected: Expected, columns: Sequence[str]) -> dict[str, str]:
    """{part: column} of a manifest's columns; of two columns for one part the first."""
    found: dict[str, str] = {}
    for name in columns:
        part = expected.names.get(name)
        if part is not None:
            found.setdefault(part, name)
    return found


def column_faults(expected: Expected, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """What is wrong with the columns, whatever the rows hold; of a file that has none, nothing more is said."""
    if not columns:
        return
    parts = parts_of(expected, columns)
    for name in columns:
        part = expected.names.get(name)
        if part is None:
            hint = did_you_mean(name, expected.names)
            known = ", ".join(expected.names)
            yield of_the_whole(
                "the binding knows no such column" + (f" ({hint})" if hint else ""), f"one of {known}", column=name
            )
        elif parts[part] != name:
            yield of_the_whole(f"the column is the same as {parts[part]!r}", "one of the two", column=name)
        elif part.partition(".")[0] in expected.unwritable or part in expected.unwritable:
            yield of_the_whole("the table has no such column that can be written", "no such column", column=name)
    for part in (IMAGE, LABEL):
        if part not in parts:
            yield of_the_whole("the manifest has no such column", f"a column {part!r}", column=part)
    boxes = [box_part(at) for at in range(4)]
    given = [part in parts for part in boxes]
    if any(given) and not all(given):
        lacking = [BOX_COLUMNS[at] for at in range(4) if not given[at]]
        yield of_the_whole(f"the box lacks {', '.join(lacking)}", "x, y, w and h, or none of them", column=lacking[0])
