"""The baseline: per annotation, the last state on which both sides agreed.

``fields`` is a JSON object of the agreed values; a field that was never agreed is not in it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from syncd.adapters.sql.arrays import any_of, array_literal
from syncd.errors import DatabaseUnavailable
from syncd.model import Mapping
from syncd.model.kinds import dtype, from_wire, to_wire, wire_dtype
from syncd.model.snapshot import baseline_schema, column, distinct, known_column
from syncd.pipelining import batches
from syncd.store.tables import Tables

if TYPE_CHECKING:
    from syncd.adapters.base import Sink
    from syncd.adapters.sql.arrow import ArrowReader

RAW = dict.fromkeys(("annotation_id", "label_id", "sample_id", "image", "fields"), pl.String())
CHUNK = 10_000


def read_all(connection: Connection, tables: Tables, mapping: Mapping, arrow: ArrowReader | None) -> pl.DataFrame:
    """The whole baseline of a binding."""
    if arrow is not None:
        return decode(arrow.frame(_statement(connection, tables, mapping.binding)), mapping)
    return decode(_rows(connection, _select(tables, mapping.binding)), mapping)


def read_all_to(
    sink: Sink, connection: Connection, tables: Tables, mapping: Mapping, arrow: ArrowReader | None
) -> None:
    """The same, some rows at a time; one statement."""
    if arrow is None:
        sink.add(read_all(connection, tables, mapping, arrow))
        return
    for raw in arrow.frames(_statement(connection, tables, mapping.binding)):
        sink.add(decode(raw, mapping))


def read_some(
    connection: Connection,
    tables: Tables,
    mapping: Mapping,
    *,
    annotation_ids: Collection[str] = (),
    sample_ids: Collection[str] = (),
    label_ids: Collection[str] = (),
    arrow: ArrowReader | None = None,
) -> pl.DataFrame:
    """The baseline of these annotations, of all that stand on these samples, and of these labels.

    Over ``arrow``, where it is given, what the connection has not committed is not seen.
    """
    # Samples first: what stands on them is most of what is asked for by the other two.
    wanted = {"sample_id": sample_ids, "annotation_id": annotation_ids, "label_id": label_ids}
    found = pl.DataFrame(schema=RAW)
    for name, values in wanted.items():
        # An id with a NUL character (a script's) is in no database, and cannot be asked for.
        asked = sorted(each for each in set(values) - distinct(name, found) if "\x00" not in each)
        if arrow is not None and asked:
            statement = (
                f"{_statement(connection, tables, mapping.binding)} AND {name} = ANY({array_literal(asked)}::text[])"
            )
            more = arrow.frame(statement)
            found = pl.concat([found, more.join(found, on="annotation_id", how="anti")])
            continue
        for chunk in _chunks(asked):
            matches: sa.ColumnElement[bool] = tables.baseline.c[name].in_(chunk)
            if connection.dialect.name == "postgresql":
                matches = tables.baseline.c[name] == any_of(chunk)
            more = _rows(connection, _select(tables, mapping.binding).where(matches))
            found = pl.concat([found, more.join(found, on="annotation_id", how="anti")])
    return decode(found, mapping)


def ids(connection: Connection, tables: Tables, binding: str, arrow: ArrowReader | None) -> pl.DataFrame:
    """The annotation ids of a binding's baseline that stand on a sample, and nothing else."""
    table = tables.baseline
    chosen = sa.select(table.c.annotation_id).where(table.c.binding == binding, table.c.sample_id.is_not(None))
    if arrow is not None:
        compiled = chosen.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        return arrow.frame(str(compiled).replace("%%", "%")).select(pl.col("annotation_id").cast(pl.String))
    return pl.DataFrame({"annotation_id": connection.execute(chosen).scalars().all()}, {"annotation_id": pl.String})


def places(connection: Connection, tables: Tables, binding: str, arrow: ArrowReader | None) -> pl.DataFrame:
    """``annotation_id`` and ``sample_id`` of what stands on a sample in a binding's baseline."""
    table = tables.baseline
    chosen = sa.select(table.c.annotation_id, table.c.sample_id).where(
        table.c.binding == binding, table.c.sample_id.is_not(None)
    )
    schema = {"annotation_id": pl.String(), "sample_id": pl.String()}
    if arrow is not None:
        compiled = chosen.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        return arrow.frame(str(compiled).replace("%%", "%")).select(pl.col(*schema).cast(pl.String))
    rows = [tuple(row) for row in connection.execute(chosen)]
    return pl.DataFrame(rows, schema=schema, orient="row")


def size(connection: Connection, tables: Tables, binding: str, at_most: int | None = None) -> int:
    """The number of annotations in the baseline; where it suffices to know that there are so many, no more is counted.

    Counting takes longer the more there are. The order makes it a walk along the key, which ends there.
    """
    table = tables.baseline
    rows = sa.select(table.c.annotation_id).where(table.c.binding == binding)
    if at_most is not None:
        rows = rows.order_by(table.c.annotation_id).limit(at_most)
    return int(connection.execute(sa.select(sa.func.count()).select_from(rows.subquery())).scalar_one())


def any_away(connection: Connection, tables: Tables, binding: str) -> bool:
    """Whether there is an annotation of which no sample is in the dataset any more."""
    table = tables.baseline
    away = sa.select(sa.literal(1)).where(table.c.binding == binding, table.c.sample_id.is_(None)).limit(1)
    return connection.execute(away).first() is not None


def decode(raw: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Stored rows as a baseline frame."""
    wire = pl.Struct({each.name: wire_dtype(each.kind) for each in mapping.fields})
    parsed = raw.with_columns(pl.col("fields").str.json_decode(wire).alias("parsed"))
    values, known = [], []
    for each in mapping.fields:
        value = from_wire(each.kind, pl.col("parsed").struct.field(each.name))
        values.append(value.cast(dtype(each.kind)).alias(column(each.name)))
        # Within a string of the text a quote is always escaped, so that only a key can match.
        known.append(pl.col("fields").str.contains(f'"{each.name}":', literal=True).alias(known_column(each.name)))
    return parsed.select("annotation_id", "label_id", "sample_id", "image", *values, *known)


def encode(frame: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """A baseline frame as rows to store."""
    parts = []
    for each in mapping.fields:
        value = pl.struct(to_wire(each.kind, pl.col(column(each.name))).alias(each.name)).struct.json_encode()
        body = value.str.strip_prefix("{").str.strip_suffix("}")
        parts.append(pl.when(pl.col(known_column(each.name))).then(body))
    joined = pl.concat_str([pl.lit("{"), pl.concat_str(parts, separator=",", ignore_nulls=True), pl.lit("}")])
    return frame.select("annotation_id", "label_id", "sample_id", "image", joined.alias("fields"))


def save(connection: Connection, tables: Tables, mapping: Mapping, frame: pl.DataFrame) -> None:
    """Inserts or replaces these annotations' baseline, inside the caller's transaction."""
    if frame.is_empty():
        return
    frame = frame.select(list(baseline_schema(mapping)))
    rows = encode(frame, mapping)
    if connection.dialect.name == "postgresql":
        _copy(connection, tables, mapping.binding, rows)
        return
    insert = sqlite.insert(tables.baseline)
    # The text is JSON already: the column's own serializer would quote it once more.
    insert = insert.values(
        binding=mapping.binding,
        annotation_id=sa.bindparam("annotation_id"),
        label_id=sa.bindparam("label_id"),
        sample_id=sa.bindparam("sample_id"),
        image=sa.bindparam("image"),
        fields=sa.bindparam("fields", type_=sa.Text()),
    )
    upsert = insert.on_conflict_do_update(
        index_elements=["binding", "annotation_id"],
        set_={name: insert.excluded[name] for name in ("label_id", "sample_id", "image", "fields")},
    )
    connection.execute(upsert, rows.to_dicts())


def drop(connection: Connection, tables: Tables, binding: str, annotation_ids: Iterable[str]) -> None:
    """Forgets these annotations, inside the caller's transaction."""
    for chunk in _chunks(list(annotation_ids)):
        connection.execute(
            sa.delete(tables.baseline).where(
                tables.baseline.c.binding == binding, tables.baseline.c.annotation_id.in_(chunk)
            )
        )


def forget(connection: Connection, tables: Tables, binding: str) -> None:
    """Forgets a binding's whole baseline, inside the caller's transaction."""
    connection.execute(sa.delete(tables.baseline).where(tables.baseline.c.binding == binding))


def _select(tables: Tables, binding: str) -> sa.Select[Any]:
    table = tables.baseline
    plain = [table.c[name] for name in RAW if name != "fields"]
    return sa.select(*plain, sa.cast(table.c.fields, sa.Text).label("fields")).where(table.c.binding == binding)


def _statement(connection: Connection, tables: Tables, binding: str) -> str:
    """The SELECT of a binding's baseline as text, for Arrow's driver, which takes no parameters."""
    compiled = _select(tables, binding).compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    # psycopg2's parameter style doubles percent signs, which Arrow's driver takes literally.
    return str(compiled).replace("%%", "%")


def _rows(connection: Connection, chosen: sa.Select[Any]) -> pl.DataFrame:
    rows = connection.execute(chosen).all()
    return pl.DataFrame([tuple(row) for row in rows], schema=RAW, orient="row")


def _copy(connection: Connection, tables: Tables, binding: str, rows: pl.DataFrame) -> None:
    """COPY into a temporary table, then one upsert: the same for ten rows and a million."""
    target = f'"{tables.schema}"."{tables.baseline.name}"'
    connection.exec_driver_sql(
        "CREATE TEMPORARY TABLE IF NOT EXISTS syncd_baseline_in "
        "(annotation_id text, label_id text, sample_id text, image text, fields json) ON COMMIT DELETE ROWS"
    )
    connection.exec_driver_sql("TRUNCATE syncd_baseline_in")
    buffer = io.BytesIO()
    rows.write_csv(buffer, include_header=False, null_value="\\N", quote_style="necessary")
    buffer.seek(0)
    copy_in(connection, "COPY syncd_baseline_in FROM STDIN (FORMAT csv, NULL '\\N')", buffer)
    connection.exec_driver_sql(
        f"INSERT INTO {target} AS b (binding, annotation_id, label_id, sample_id, image, fields) "
        "SELECT %s, annotation_id, label_id, sample_id, image, fields FROM syncd_baseline_in "
        "ON CONFLICT (binding, annotation_id) DO UPDATE SET label_id = excluded.label_id, "
        "sample_id = excluded.sample_id, image = excluded.image, fields = excluded.fields",
        (binding,),
    )


def _chunks(values: list[str]) -> Iterable[list[str]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


TOGETHER = 200
"""Rows that are made before the server is given them."""

READ_SIZE = 1 << 16


class TextRows:
    """Rows in COPY's text format, made as they are read: the server works on some while the next are made.

    ``failed`` is what was raised in making them.
    """

    def __init__(self, rows: Iterable[Sequence[str | int | datetime | None]]) -> None:
        self.failed: BaseException | None = None
        self._pieces = _pieces(rows)
        self._ready = b""

    def read(self, size: int) -> bytes:
        """The next bytes, ``size`` of them or fewer; none at the end."""
        try:
            while len(self._ready) < size and (piece := next(self._pieces, b"")):
                self._ready += piece
        except BaseException as error:
            self.failed = error
            raise
        given, self._ready = self._ready[:size], self._ready[size:]
        return given


def copy_in(connection: Connection, statement: str, data: BinaryIO | TextRows) -> None:
    """Runs one ``COPY … FROM STDIN`` inside the connection's transaction. What making the rows raises comes out."""
    if not connection.in_transaction():
        # SQLAlchemy sees nothing of what follows, and would take back nothing.
        connection.begin()
    driver = connection.connection.driver_connection
    assert driver is not None, "a live connection has its driver's"
    try:
        with driver.cursor() as cursor:
            cursor.copy_expert(statement, data, READ_SIZE)
    except connection.dialect.loaded_dbapi.Error as error:
        if isinstance(data, TextRows) and data.failed is not None:
            # The driver tells the server, and then of a query that was cancelled.
            raise data.failed from None
        # SQLAlchemy knows nothing of this statement, and would go on using a connection that is gone.
        if driver.closed:
            connection.invalidate(error)
        said = str(error).strip().splitlines()[0]
        raise DatabaseUnavailable(f"Writing syncd's own tables failed: {said}", remedy="Run `syncd doctor`.") from error


def _pieces(rows: Iterable[Sequence[str | int | datetime | None]]) -> Iterator[bytes]:
    for some in batches(rows, TOGETHER):
        yield "".join("\t".join(map(_text, row)) + "\n" for row in some).encode("utf-8")


def _text(value: str | int | datetime | None) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES) if _SPECIAL.search(value) else value
    return value.isoformat() if isinstance(value, datetime) else str(value)
