"""MariaDB besides the contract: its own types, collations, zones and errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from syncd.adapters.connect import engine_for, open_database
from syncd.adapters.sql.adapter import SqlAdapter
from syncd.adapters.sql.clock import clock
from syncd.adapters.sql.describe import describe
from syncd.adapters.sql.mapping import TableMapping
from syncd.adapters.sql.table_identity import is_same_place, place_of
from syncd.errors import ConfigError, MappingError
from syncd.model import Action, Change, Direction, Field, Holds, Kind, LabelType, Mapping
from syncd.model.result import Result
from syncd.model.snapshot import column

TABLE = """
CREATE TABLE annotation (
    id BIGINT AUTO_INCREMENT PRIMARY KEY, media VARCHAR(200) NOT NULL, label VARCHAR(40) NOT NULL,
    quality ENUM ('good', 'bad'), verified BOOLEAN, weight FLOAT, seen TIMESTAMP(6) NULL,
    updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    updated_by VARCHAR(40), CHECK (label <> 'refused'))
"""
KINDS = {
    "label": Kind.TEXT,
    "quality": Kind.TEXT,
    "verified": Kind.BOOLEAN,
    "weight": Kind.FLOAT,
    "seen": Kind.TIMESTAMP,
}
MAPPED = TableMapping(
    table="annotation",
    read="annotation",
    id_column="id",
    media_column="media",
    fields={name: (name,) for name in KINDS},
    updated_at="updated_at",
    updated_by="updated_by",
)


@contextmanager
def opened(url: str) -> Iterator[SqlAdapter]:
    connection = open_database(url)
    info = describe(connection, MAPPED)
    connection.rollback()
    assert {name: info.written[name].kind for name in KINDS} == KINDS
    fields = tuple(Field(name, kind, Direction.BOTH, Holds(kind), Holds(kind)) for name, kind in KINDS.items())
    adapter = SqlAdapter(connection, info, Mapping("lab", fields, LabelType.DETECTIONS))
    try:
        yield adapter
    finally:
        adapter.close()
        connection.close()
        connection.engine.dispose()


@pytest.fixture
def lab(mariadb_url: str) -> str:
    """Two rows: the first of a label with capitals."""
    sql(mariadb_url, TABLE)
    sql(mariadb_url, "INSERT INTO annotation (media, label, verified, weight) VALUES ('/1.png', 'Copepoda', 1, 0.1)")
    sql(mariadb_url, "INSERT INTO annotation (media, label) VALUES ('/2.png', 'Oithona')")
    return mariadb_url


def sql(url: str, statement: str) -> list[Any]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        result = connection.exec_driver_sql(statement)
        return list(result) if result.returns_rows else []


def update(adapter: SqlAdapter, field: str, old: Any, new: Any) -> Result:
    """A change of the first row, as the diff decides it."""
    place = {"annotation_id": "1", "label_id": "a" * 24, "sample_id": "b" * 24, "direction": Direction.TO_DATABASE}
    change = Change(**place, action=Action.UPDATE, field=field, old=old, new=new, reason="reviewed")
    (result,) = adapter.write([change])
    adapter.connection.commit()
    return result


def test_a_label_that_differs_in_capitals_alone_is_another_label(lab: str) -> None:
    with opened(lab) as adapter:
        assert update(adapter, "label", "copepoda", "Ostracoda").matched is False
        assert update(adapter, "label", "Copepoda ", "Ostracoda").matched is False
        assert update(adapter, "label", "Copepoda", "Ostracoda").matched
    assert sql(lab, "SELECT label, updated_by FROM annotation WHERE id = 1") == [("Ostracoda", "syncd")]


def test_a_float_of_four_bytes_is_known_again(lab: str) -> None:
    with opened(lab) as adapter:
        assert adapter.read_all().rows.sort("annotation_id")[column("weight")].to_list() == [0.1, None]
        assert update(adapter, "weight", 0.1, 0.25).matched


def test_what_the_table_refuses_is_told_and_costs_nothing_else(lab: str) -> None:
    with opened(lab) as adapter:
        assert update(adapter, "label", "Copepoda", "refused").refused
        assert update(adapter, "label", "Copepoda", "x" * 50).refused
        assert update(adapter, "quality", None, "neither").refused
        assert update(adapter, "quality", None, "bad").matched


def test_what_a_trigger_signals_is_a_refusal(lab: str) -> None:
    sql(
        lab,
        "CREATE TRIGGER no BEFORE UPDATE ON annotation FOR EACH ROW BEGIN IF NEW.label = 'never' THEN "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'never is no label'; END IF; END",
    )
    with opened(lab) as adapter:
        assert "never is no label" in str(update(adapter, "label", "Copepoda", "never").refused)


def test_times_are_in_utc_whatever_zone_the_server_is_in(lab: str) -> None:
    assert sql(lab, "SELECT @@global.time_zone") == [("+05:00",)]
    moment = datetime(2024, 6, 1, 12, 0, 0, 123000, tzinfo=timezone.utc)
    with opened(lab) as adapter:
        assert update(adapter, "seen", None, moment).matched
        frame = adapter.read_all().rows.sort("annotation_id")
        assert frame[column("seen")].to_list()[0] == moment
        edited = frame["edited_at"].to_list()[0]
        assert abs((edited - datetime.now(timezone.utc)).total_seconds()) < 60
        assert abs((clock(adapter.connection) - datetime.now(timezone.utc)).total_seconds()) < 60


def test_a_new_row_is_known_by_the_number_that_the_table_gave_it(lab: str) -> None:
    with opened(lab) as adapter:
        content = {"label": "Noctiluca", "quality": "good"}
        change = Change(
            annotation_id=None,
            label_id="a" * 24,
            sample_id="b" * 24,
            direction=Direction.TO_DATABASE,
            action=Action.INSERT,
            field=None,
            old=None,
            new=content,
            reason="drawn_in_fiftyone",
            media="/1.png",
        )
        (result,) = adapter.write([change])
        adapter.connection.commit()
        assert result.annotation_id == "3"


def test_a_table_that_is_gone_is_a_fault_of_the_mapping(lab: str) -> None:
    with opened(lab) as adapter:
        sql(lab, "DROP TABLE annotation")
        with pytest.raises(MappingError, match="annotation"):
            adapter.read_all()


def test_its_identity_is_the_table_in_its_database(lab: str) -> None:
    with open_database(lab) as connection:
        here = place_of(connection, "annotation")
    assert is_same_place(here, here)
    assert not is_same_place(here, here.replace("syncd_test", "other"))


def test_an_address_without_a_driver_takes_ours(mariadb_url: str) -> None:
    plain = mariadb_url.replace("mysql+pymysql", "mysql")
    assert engine_for(plain).url.drivername == "mysql+pymysql"


def test_a_missing_driver_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pymysql", None)
    with pytest.raises(ConfigError) as error:
        engine_for("mysql://u@h/d")
    assert ".[mysql]" in str(error.value.remedy)
