"""Reads a manifest, CSV or Parquet, cell by cell as it stands; what the cells mean is decided elsewhere."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from pathlib import Path

import polars as pl

from syncd.ingest.inbox.faults import FAULTS, no_faults, of_the_whole, together
from syncd.model import Kind

SUFFIXES = (".csv", ".parquet")
CELL = "cell."
"""Prefix of a manifest's own columns, which may bear any name."""

DELIMITERS = (",", ";", "\t")
MAGIC = b"PAR1"
"""The first and the last four bytes of a Parquet file (the format's specification)."""

A_TABLE = "a CSV file in UTF-8 with a header, or a Parquet file"


@dataclass(frozen=True)
class Manifest:
    """The rows of a manifest: ``row``, ``line`` (null in Parquet), and the cells, text or null where empty.

    ``kinds`` are the kinds of the columns: all text in CSV. A manifest with faults may lack rows.
    """

    rows: pl.DataFrame
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    faults: pl.DataFrame = field(default_factory=no_faults)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self.kinds)


def read_manifest(path: Path) -> Manifest:
    """Reads the file. What is wrong with it is in ``faults``; ``OSError`` where it cannot be opened."""
    content = path.read_bytes()
    return parse_parquet(content) if path.suffix.lower() == ".parquet" else parse_csv(content)


def parse_csv(content: bytes) -> Manifest:
    """A CSV file: UTF-8, with or without a byte order mark; commas, semicolons or tabs, as the header has them."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _unreadable("the file holds bytes that are not UTF-8", "a text file in UTF-8: save it again so", line)
    if not text.strip():
        return _unreadable("the file is empty", A_TABLE)
    header = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    lines: list[tuple[int, list[str]]] = []
    last = 0
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            line, last = last + 1, reader.line_num
            if any(cell.strip() for cell in cells):
                lines.append((line, [cell.strip() for cell in cells]))
    except csv.Error as error:
        said = f"the text is not CSV ({error})"
        return _unreadable(said, "quotes in pairs around cells that hold quotes, separators or line breaks", last + 1)
    if not lines:
        return _unreadable("the file has only empty cells", A_TABLE)
    return _framed(lines[0][1], lines[1:])


def _framed(header: list[str], lines: Sequence[tuple[int, list[str]]]) -> Manifest:
    wrong = together(_header_faults(header))
    if wrong.height:
        return Manifest(_no_rows(), faults=wrong)
    numbered = [(row, line, cells) for row, (line, cells) in enumerate(lines, start=1)]
    uneven = [
        (row, line, None, None, f"the row has {len(cells)} cells", f"{len(header)}, as many as the header")
        for row, line, cells in numbered
        if len(cells) != len(header)
    ]
    even = [each for each in numbered if len(each[2]) == len(header)]
    rows = pl.DataFrame(
        {"row": [row for row, _, _ in even], "line": [line for _, line, _ in even]}
        | {CELL + name: [cells[at] or None for _, _, cells in even] for at, name in enumerate(header)},
        schema={"row": pl.Int64(), "line": pl.Int64()} | {CELL + name: pl.String() for name in header},
    )
    found = pl.DataFrame(uneven, schema=FAULTS, orient="row")
    if not lines:
        found = of_the_whole("the manifest has no rows", "a row for each annotation")
    return Manifest(rows, dict.fromkeys(header, Kind.TEXT), found)


def _header_faults(header: Sequence[str]) -> Iterator[pl.DataFrame]:
    for name, times in Counter(header).items():
        if not name:
            yield of_the_whole("a column has no name", "a name for each column", line=1)
        elif times > 1:
            yield of_the_whole(f"the column stands there {times} times", "each column once", column=name, line=1)


def parse_parquet(content: bytes) -> Manifest:
    """A Parquet file; text, numbers, truth values, dates and times are read."""
    if len(content) < 3 * len(MAGIC) or content[:4] != MAGIC or content[-4:] != MAGIC:
        return _unreadable("the file is no Parquet file, or not whole", A_TABLE)
    import pyarrow as pa

    try:
        frame = _frame_of_parquet(content)
    except (pa.ArrowException, pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        return _unreadable(f"the Parquet file cannot be read: {said[0][:200]}", A_TABLE)
    kinds = {name: _kind(type_) for name, type_ in frame.schema.items()}
    odd = [
        of_the_whole(f"the column holds {frame.schema[name]}", "text, numbers, dates or times", column=name)
        for name, kind in kinds.items()
        if kind is None
    ]
    odd += _header_faults(list(kinds))
    if not frame.height:
        odd.append(of_the_whole("the manifest has no rows", "a row for each annotation"))
    known = {name: kind for name, kind in kinds.items() if kind is not None}
    rows = frame.select(
        (pl.int_range(pl.len(), dtype=pl.Int64) + 1).alias("row"),
        pl.lit(None, pl.Int64).alias("line"),
        *[_plain(frame.schema[name], pl.col(name)).alias(CELL + name) for name in known],
    )
    return Manifest(rows, known, together(odd))


def _frame_of_parquet(content: bytes) -> pl.DataFrame:
    """By Arrow's reader: that of Polars ends the whole process where a damaged file names an absurd length.

    Every text is looked at, since Polars takes it for valid. What programs have noted beside the columns is left out.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(BytesIO(content))
    table.validate(full=True)
    frame = pl.from_arrow(pa.Table.from_arrays(table.columns, names=table.column_names))
    assert isinstance(frame, pl.DataFrame), "a table becomes a frame"
    return frame


def _kind(type_: pl.DataType) -> Kind | None:
    if type_ == pl.UInt64:
        # May be larger than any integer that a database holds; as digits it can be shown.
        return Kind.DECIMAL
    if type_.is_integer():
        return Kind.INTEGER
    if type_.is_float():
        return Kind.FLOAT
    if type_.is_decimal():
        return Kind.DECIMAL
    kinds: dict[type[pl.DataType], Kind] = {
        pl.String: Kind.TEXT,
        pl.Categorical: Kind.TEXT,
        pl.Enum: Kind.TEXT,
        pl.Boolean: Kind.BOOLEAN,
        pl.Date: Kind.DATE,
        pl.Datetime: Kind.TIMESTAMP,
        pl.Null: Kind.TEXT,
    }
    return kinds.get(type_.base_type())


def _plain(type_: pl.DataType, cell: pl.Expr) -> pl.Expr:
    """A cell in the one type of its kind: trimmed text, wide numbers, times in UTC (those without a zone are)."""
    kind = _kind(type_)
    if kind is Kind.TEXT:
        text = cell.cast(pl.String).str.strip_chars()
        return pl.when(text != "").then(text)
    if kind is Kind.DECIMAL:
        return cell.cast(pl.String)
    if kind is Kind.INTEGER:
        return cell.cast(pl.Int64)
    if kind is Kind.FLOAT:
        return cell.cast(pl.Float64).fill_nan(None)
    if kind is Kind.TIMESTAMP and isinstance(type_, pl.Datetime):
        utc = cell.dt.convert_time_zone("UTC") if type_.time_zone else cell.dt.replace_time_zone("UTC")
        return utc.dt.cast_time_unit("ms")
    return cell


def _unreadable(fault: str, expected: str, line: int | None = None) -> Manifest:
    return Manifest(_no_rows(), faults=of_the_whole(fault, expected, line=line))


def _no_rows() -> pl.DataFrame:
    return pl.DataFrame(schema={"row": pl.Int64(), "line": pl.Int64()})
