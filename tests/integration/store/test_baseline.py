"""The stored baseline: what goes in comes out, whole or in part, on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import Connection

from syncd.adapters.connect import open_database
from syncd.adapters.sql.arrow import ArrowReader
from syncd.model import Direction, Field, Holds, Kind, LabelType, Mapping
from syncd.model.snapshot import baseline_schema
from syncd.store import baseline
from syncd.store.migrate import migrate
from syncd.store.tables import Tables, tables_for
from worlds import fresh_database

KINDS = {"label": Kind.TEXT, "box": Kind.BOX, "depth": Kind.DECIMAL}
MAPPING = Mapping(
    "b",
    tuple(Field(name, kind, Direction.BOTH, Holds(kind), Holds(kind)) for name, kind in KINDS.items()),
    LabelType.DETECTIONS,
)
NASTY = [
    "\\N", "\\.", "", " ", "NULL", "null", "a,b", 'quo"ted', "it's", "tab\tnew\nline\rreturn", "back\\slash",
    "{}", '","label":"', "100 %s %(x)s", "ünïcödé 🐟", "\u2028", "a" * 5_000, "'; DROP TABLE annotation; --",
]  # fmt: skip


@pytest.fixture(params=["postgresql", "sqlite"], scope="module")
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('baseline') / 'state.db'}"
        else:
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgres_url")))
        connection = stack.enter_context(open_database(url))
        stack.callback(connection.engine.dispose)
        migrate(connection, "syncd")
        yield connection


@pytest.fixture
def connection(opened: Connection) -> Iterator[Connection]:
    yield opened
    opened.rollback()


@pytest.fixture
def tables(connection: Connection) -> Tables:
    return tables_for(connection, "syncd")


def nasty() -> pl.DataFrame:
    rows = [
        {
            "annotation_id": f"id {text}",
            "label_id": f"label {text}",
            "sample_id": f"sample {index // 3}",
            "value.label": text,
            "value.box": [0.1, 1 / 3, 1e-12, float(index)],
            "value.depth": None if index % 2 else "12345678901234567890.5",
            "known.label": True,
            "known.box": True,
            "known.depth": True,
        }
        for index, text in enumerate(NASTY)
    ]
    return pl.DataFrame(rows, schema=baseline_schema(MAPPING), orient="row").sort("annotation_id")


def everything(connection: Connection, tables: Tables) -> pl.DataFrame:
    return baseline.read_all(connection, tables, MAPPING, None).sort("annotation_id")


def test_whatever_text_is_saved_is_read(connection: Connection, tables: Tables) -> None:
    baseline.save(connection, tables, MAPPING, nasty())
    assert_frame_equal(everything(connection, tables), nasty())
    assert baseline.size(connection, tables, "b") == len(NASTY)


def test_both_ways_of_reading_read_the_same(database_url: str) -> None:
    with open_database(database_url) as connection:
        migrate(connection, "syncd")
        tables = tables_for(connection, "syncd")
        baseline.save(connection, tables, MAPPING, nasty())
        connection.commit()
        arrow = ArrowReader(connection.engine.url)
        read = baseline.read_all(connection, tables, MAPPING, arrow)
        arrow.close()
        assert_frame_equal(read.sort("annotation_id"), everything(connection, tables))
    connection.engine.dispose()


def test_saving_again_replaces_and_adds(connection: Connection, tables: Tables) -> None:
    baseline.save(connection, tables, MAPPING, nasty())
    changed = (
        nasty()
        .head(3)
        .with_columns(
            pl.lit("other").alias("label_id"),
            pl.lit("Other").alias("value.label"),
            pl.lit(value=False).alias("known.box"),
        )
    )
    new = changed.head(1).with_columns(pl.lit("new").alias("annotation_id"))
    baseline.save(connection, tables, MAPPING, pl.concat([changed, new]))
    expected = pl.concat([changed, new]).with_columns(pl.lit(None, pl.List(pl.Float64)).alias("value.box"))
    read = everything(connection, tables)
    assert_frame_equal(read.filter(pl.col("label_id") == "other"), expected.sort("annotation_id"))
    assert read.height == len(NASTY) + 1


def test_bindings_do_not_see_each_other(connection: Connection, tables: Tables) -> None:
    other = Mapping("other", MAPPING.fields, MAPPING.label_type)
    baseline.save(connection, tables, MAPPING, nasty())
    baseline.save(connection, tables, other, nasty().head(2))
    baseline.drop(connection, tables, "b", nasty()["annotation_id"].to_list())
    assert baseline.size(connection, tables, "b") == 0
    assert_frame_equal(baseline.read_all(connection, tables, other, None).sort("annotation_id"), nasty().head(2))


@pytest.mark.parametrize("name", ["annotation_id", "sample_id", "label_id"])
def test_a_part_is_read_by_any_of_its_ids(connection: Connection, tables: Tables, name: str) -> None:
    baseline.save(connection, tables, MAPPING, nasty())
    for value in nasty()[name].unique():
        read = baseline.read_some(connection, tables, MAPPING, **{f"{name}s": [value, "nowhere"]})
        assert_frame_equal(read.sort("annotation_id"), nasty().filter(pl.col(name) == value))


def test_what_is_asked_for_twice_is_there_once(connection: Connection, tables: Tables) -> None:
    baseline.save(connection, tables, MAPPING, nasty())
    one = nasty().head(1)
    read = baseline.read_some(
        connection,
        tables,
        MAPPING,
        annotation_ids=nasty()["annotation_id"],
        sample_ids=one["sample_id"],
        label_ids=nasty()["label_id"],
    )
    assert_frame_equal(read.sort("annotation_id"), nasty())


def test_nothing_is_saved_read_and_dropped_without_a_fuss(connection: Connection, tables: Tables) -> None:
    baseline.save(connection, tables, MAPPING, nasty().clear())
    baseline.drop(connection, tables, "b", [])
    assert baseline.read_some(connection, tables, MAPPING).is_empty()
    assert everything(connection, tables).is_empty()


def test_more_than_one_chunk(connection: Connection, tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "CHUNK", 4)
    baseline.save(connection, tables, MAPPING, nasty())
    ids = nasty()["annotation_id"].to_list()
    read = baseline.read_some(connection, tables, MAPPING, annotation_ids=ids)
    assert_frame_equal(read.sort("annotation_id"), nasty())
    baseline.drop(connection, tables, "b", ids)
    assert baseline.size(connection, tables, "b") == 0
