"""The bare reads: what the servers can deliver, with nothing done to it; and the bare writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from adbc_driver_postgresql import dbapi
from pymongo.collection import Collection
from pymongoarrow.api import Schema, aggregate_arrow_all, find_arrow_all
from sqlalchemy import make_url

from benchmarks.edit import Edit, back, editor
from benchmarks.errors import BenchmarkError
from benchmarks.place import BINDING, LABEL_FIELD, SCHEMA, Place
from benchmarks.works.work import Trial, Work
from syncd.adapters.fiftyone import fast_decode, pipeline
from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.adapters.fiftyone.mapping import LabelMapping
from syncd.adapters.sql.adapter import SqlAdapter
from syncd.adapters.sql.expressions import source
from syncd.adapters.sql.read import select_list
from syncd.engine.session import open_session
from syncd.model import Side


@dataclass
class Bare:
    """Reads that do nothing with what they read; each returns its number of rows."""

    samples: Collection[dict[str, Any]]
    labels: LabelMapping
    postgres: dbapi.Connection
    rows: str

    def checked(self) -> int:
        """The labels as the adapter reads them: with the checks for odd types, which the server makes."""
        return self._find(fast_decode.projection(self.labels), fast_decode.columns(self.labels))

    def plain(self) -> int:
        """The same columns without the checks."""
        unchecked, types = fast_decode.projection(self.labels), fast_decode.columns(self.labels)
        del unchecked[fast_decode.STRANGE], types[fast_decode.STRANGE]
        return self._find(unchecked, types)

    def flat(self) -> int:
        """The same labels, flattened by the server."""
        stages, types = pipeline.labels(self.labels, {}), Schema(pipeline.columns(self.labels))
        table: pa.Table = aggregate_arrow_all(self.samples, stages, schema=types, allow_invalid=True)
        return int(table.num_rows)

    def _find(self, projection: dict[str, Any], types: dict[str, Any]) -> int:
        table: pa.Table = find_arrow_all(
            self.samples, {}, schema=Schema(types), projection=projection, allow_invalid=True
        )
        root, *rest = self.labels.path.split(".")
        held = table.column(root)
        for part in rest:
            held = pc.struct_field(held, part)
        return int(pc.sum(pc.list_value_length(held)).as_py()) if self.labels.is_list else int(table.num_rows)

    def bson(self) -> int:
        """The documents as the server sends them, not decoded; returns bytes and not rows."""
        wanted = {LABEL_FIELD: 1, self.labels.media_path: 1, "last_modified_at": 1}
        return sum(len(batch) for batch in self.samples.find_raw_batches({}, wanted))

    def database(self) -> int:
        """The rows of the table, as the adapter reads them."""
        return self._rows(self.rows)

    def baseline(self) -> int:
        """The rows of the baseline."""
        columns = "annotation_id, label_id, sample_id, fields::text"
        return self._rows(f"SELECT {columns} FROM {SCHEMA}.baseline WHERE binding = '{BINDING}'")

    def _rows(self, statement: str) -> int:
        with self.postgres.cursor() as cursor:
            cursor.execute(statement)
            return int(cursor.fetch_arrow_table().num_rows)

    def in_turn(self) -> int:
        """All that a full reconcile needs, one after another."""
        self.database()
        self.baseline()
        return self.checked()

    def together(self) -> int:
        """All that a full reconcile needs, the two servers at the same time."""
        with ThreadPoolExecutor(max_workers=1) as reader:
            found = reader.submit(self.checked)
            self.database()
            self.baseline()
            return found.result()


@contextmanager
def bare(place: Place) -> Iterator[Bare]:
    """Both servers, opened for bare reads."""
    url = make_url(place.postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with open_session(place.config(), BINDING) as session, dbapi.connect(url, autocommit=True) as postgres:
        fiftyone, database = session.fiftyone, session.database
        assert isinstance(fiftyone, FiftyOneAdapter) and isinstance(database, SqlAdapter), "both are what they are"
        dialect = database.connection.dialect
        columns = select_list(dialect, database.info, database.mapping)
        rows = f"SELECT {columns} FROM {source(dialect, database.info.mapping)} AS src"
        yield Bare(fiftyone.samples, fiftyone.labels, postgres, rows)


def _read(name: str, title: str, read: Callable[[Bare], int], *, in_bytes: bool = False) -> Work:
    @contextmanager
    def opened(place: Place) -> Iterator[Trial]:
        with bare(place) as servers:

            def run() -> int:
                found = read(servers)
                if not in_bytes and found != place.labels:
                    raise BenchmarkError(f"{name} read {found:,} of {place.labels:,} rows")
                return place.labels

            yield Trial(run)

    return Work(name, title, opened)


def edits_of(labels: int) -> int:
    """Edits made by one person in bulk: 10 000, or a tenth of the labels."""
    return min(10_000, labels // 10)


def _write(name: str, title: str, side: Side) -> Work:
    """The same labels that syncd will be given; written, and written back outside the clock."""

    @contextmanager
    def opened(place: Place) -> Iterator[Trial]:
        with editor(place) as people:
            edits: list[Edit] = []
            write = people.in_fiftyone if side is Side.FIFTYONE else people.in_database

            def prepare() -> None:
                edits[:] = people.choose(side, edits_of(place.labels))

            def run() -> int:
                write(edits)
                return len(edits)

            def settle() -> None:
                write(back(edits))
                people.age()

            yield Trial(run, prepare, settle)

    return Work(name, title, opened, unit="changes")


READS = (
    _read("bare-fiftyone", "bare read: FiftyOne's labels, as the adapter reads them", Bare.checked),
    _read("bare-fiftyone-plain", "bare read: FiftyOne's labels, without its type checks", Bare.plain),
    _read("bare-fiftyone-flat", "bare read: FiftyOne's labels, flattened by the server", Bare.flat),
    _read("bare-bson", "bare read: FiftyOne's documents, not decoded", Bare.bson, in_bytes=True),
    _read("bare-database", "bare read: the table's rows", Bare.database),
    _read("bare-baseline", "bare read: the baseline's rows", Bare.baseline),
    _read("bare-in-turn", "bare reads, all three in turn", Bare.in_turn),
    _read("bare-together", "bare reads, all three at the same time", Bare.together),
)
WRITES = (
    _write("bare-write-fiftyone", "bare write: compare-and-set in FiftyOne", Side.FIFTYONE),
    _write("bare-write-database", "bare write: compare-and-set in the database", Side.DATABASE),
)
