"""Turns the cells of a manifest into canonical values, and names those that cannot become one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import polars as pl

from syncd.adapters.sql.mapping import ColumnInfo, TableInfo
from syncd.config import BindingConfig
from syncd.config.nearest import did_you_mean
from syncd.ingest.inbox.faults import faults, of_the_whole, together
from syncd.ingest.inbox.manifest import CELL, Manifest
from syncd.model import BOX, LABEL, Direction, Field, Holds, Kind, dtype
from syncd.model import Mapping as Fields
from syncd.model.canonical import canonical, canonical_id
from syncd.model.snapshot import TIMESTAMP_DTYPE, column

WORDS = {
    Kind.TEXT: "text",
    Kind.INTEGER: "a whole number",
    Kind.FLOAT: "a number such as 0.5 (with a point)",
    Kind.DECIMAL: "a number such as 0.5 (with a point)",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "a date such as 2026-11-23",
    Kind.TIMESTAMP: "a time such as 2026-11-23T09:30:00Z",
    Kind.UUID: "a UUID",
    Kind.BOX: "four numbers from 0 to 1",
}
"""What a cell of each kind must hold."""

TRUTHS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}

WHOLE_IMAGE = [0.0, 0.0, 1.0, 1.0]
"""The box of every row of a manifest without boxes: the image is the box."""


@dataclass(frozen=True)
class Values:
    """The rows as values: ``row``, ``line``, ``image``, ``annotation_id`` and a column per given field.

    ``given`` are the fields that the manifest has columns for (with the box of the whole image, where it has none).
    ``names`` are its columns by part.
    """

    rows: pl.DataFrame
    given: tuple[str, ...]
    names: dict[str, str]
    faults: pl.DataFrame


def values_of(expected: Expected, manifest: Manifest) -> Values:
    """Brings every cell to the kind of its column; a cell that has no form of that kind is a fault."""
    names = parts_of(expected, manifest.columns)
    boxes = [box_part(at) for at in range(4)]
    if not all(part in names for part in boxes):
        names = {part: name for part, name in names.items() if part not in boxes}
    given = [each for each in expected.fields.names if each in names]
    if expected.boxed:
        given.append(BOX)
    columns: list[pl.Expr] = [pl.col("row"), pl.col("line")]
    columns.append(_cell(manifest, names.get(IMAGE), Kind.TEXT).alias(IMAGE))
    id_kind = expected.id_column.kind or Kind.TEXT
    ids = _cell(manifest, names.get(ID), id_kind)
    columns.append(canonical_id(id_kind, ids).alias("annotation_id"))
    for name in given:
        kind = expected.fields.field(name).kind
        value = _box(manifest, names) if name == BOX else _cell(manifest, names[name], kind)
        columns.append(value.cast(dtype(kind)).alias(column(name)))
    rows = manifest.rows.select(columns)
    return Values(rows, tuple(given), names, together(_faults(expected, manifest, names)))


def _box(manifest: Manifest, names: dict[str, str]) -> pl.Expr:
    if box_part(0) not in names:
        return pl.lit(WHOLE_IMAGE, pl.List(pl.Float64))
    # -0.0 is 0.0: an id is made of it.
    parts = [_cell(manifest, names[box_part(at)], Kind.FLOAT) + 0.0 for at in range(4)]
    return pl.when(pl.all_horizontal([each.is_not_null() for each in parts])).then(pl.concat_list(parts))


def _cell(manifest: Manifest, name: str | None, kind: Kind) -> pl.Expr:
    """The column as values of this kind; null where a cell is empty or has no such form."""
    if name is None:
        return pl.lit(None, dtype(kind))
    cell, raw = pl.col(CELL + name), manifest.kinds[name]
    if kind is Kind.TEXT and raw not in (Kind.TEXT, Kind.INTEGER, Kind.UUID):
        return pl.lit(None, pl.String)
    if raw is Kind.TEXT and kind is Kind.BOOLEAN:
        return cell.str.to_lowercase().replace_strict(TRUTHS, default=None, return_dtype=pl.Boolean)
    if raw is Kind.TEXT and kind is Kind.TIMESTAMP:
        return cell.map_batches(_times, return_dtype=TIMESTAMP_DTYPE)
    return canonical(raw, kind, cell)


def _times(texts: pl.Series) -> pl.Series:
    return pl.Series([_time(each) for each in texts], dtype=TIMESTAMP_DTYPE)


def _time(text: str | None) -> datetime | None:
    """A time in ISO 8601, to the millisecond; one without a zone is UTC."""
    if text is None:
        return None
    # Python 3.10 knows no "Z", and fractions of three or six digits only.
    whole, point, rest = text.replace("Z", "+00:00").partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    try:
        found = datetime.fromisoformat(f"{whole}.{digits[:6]:0<6}{rest[len(digits) :]}" if point else whole)
    except ValueError:
        return None
    try:
        utc = (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except OverflowError:
        # In UTC it is before the year 1 or after 9999.
        return None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _faults(expected: Expected, manifest: Manifest, names: dict[str, str]) -> Iterator[pl.DataFrame]:
    cells = manifest.rows
    for part, name in names.items():
        cell = pl.col(CELL + name)
        if part in (IMAGE, LABEL):
            empty = cells.filter(cell.is_null())
            yield faults(empty, name, None, "the cell is empty", "the path of an image" if part == IMAGE else "a label")
        if part.startswith(BOX + "."):
            yield faults(cells.filter(cell.is_null()), name, None, "the cell is empty", "a number from 0 to 1")
        kind = Kind.FLOAT if part.startswith(BOX + ".") else Kind.TEXT
        if part == ID:
            kind = expected.id_column.kind or Kind.TEXT
        elif part in expected.fields.names:
            kind = expected.fields.field(part).kind
        value = cells.select(_cell(manifest, name, kind).alias("value"))["value"]
        lost = cells.filter(cell.is_not_null() & value.is_null())
        yield faults(lost, name, _shown(manifest, name), "the cell holds something else", WORDS[kind])


def _shown(manifest: Manifest, name: str) -> pl.Expr:
    """A cell as it is shown: a day that no calendar has, of which Polars can make no text, by its number."""
    cell, kind = pl.col(CELL + name), manifest.kinds[name]
    if kind not in (Kind.DATE, Kind.TIMESTAMP):
        return cell
    return pl.coalesce(canonical(kind, kind, cell).cast(pl.String), cell.to_physical().cast(pl.String))


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
        names |= {name: box_part(at) for at, name in enumerate(columns.box.names)}
    names |= {name: name for name in binding.attributes if name not in names}
    known = {columns.media.name: IMAGE, columns.label.name: LABEL, columns.id.name: ID, binding.annotation_id: ID}
    known |= {each.name: name for name, each in binding.attributes.items()}
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
