"""A database on a bad day: syncd's own errors, no half snapshot, no password."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from integration.adapters.support import Table, change, table_of
from syncd import embedded
from syncd.adapters.connect import open_database
from syncd.adapters.sql.arrow import ArrowReader, dsn
from syncd.adapters.sql.describe import describe
from syncd.adapters.sql.limits import KEEPALIVE
from syncd.errors import DatabaseUnavailable, MappingError, SyncdError
from syncd.model import Action

PLAIN = (
    """CREATE TABLE annotation (id text PRIMARY KEY DEFAULT gen_random_uuid()::text, media text, label text,
       updated_at timestamptz DEFAULT now())""",
    "INSERT INTO annotation VALUES ('a', '/1.png', 'old')",
)
FIELDS = {"label": "label", "updated_at": "updated_at"}
UPDATE = change(Action.UPDATE, "a", "label", "old", "new")


def _questions(table: Table) -> list[Callable[[], object]]:
    adapter = table.adapter
    return [
        adapter.now,
        adapter.origin,
        adapter.read_all,
        lambda: adapter.read_since(datetime.now(timezone.utc)),
        lambda: adapter.read_ids(["a"]),
        lambda: adapter.write([UPDATE]),
        lambda: describe(table.connection, table.info.mapping),
    ]


def _terminate(url: str) -> None:
    """Ends every session of syncd, as an administrator or a restart does."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE 'syncd%%'"
        )


def test_a_server_that_stops_is_an_error_of_ours_whatever_is_asked(tmp_path: Path) -> None:
    with embedded.postgres(tmp_path / "pg") as server:
        opened = table_of(server.url, PLAIN, **FIELDS)
        table = opened.__enter__()
        table.rows()
    for ask in _questions(table):
        with pytest.raises(DatabaseUnavailable, match=r"(Reading from|Writing to) the database failed") as caught:
            ask()
        assert "\n" not in caught.value.message
        assert caught.value.remedy
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        open_database(server.url)
    opened.__exit__(None, None, None)


def test_a_connection_that_is_cut_in_the_middle_of_a_write_is_an_error_and_nothing_is_written(
    database_url: str,
) -> None:
    with table_of(database_url, PLAIN, **FIELDS) as table:
        table.adapter.write([UPDATE])
        _terminate(database_url)
        with pytest.raises(DatabaseUnavailable):
            table.adapter.write([UPDATE])
        assert table.sql("SELECT label FROM annotation") == [("old",)]


def test_reading_goes_on_over_a_new_connection(database_url: str) -> None:
    with table_of(database_url, PLAIN, **FIELDS) as table:
        assert table.adapter.arrow is not None
        assert table.adapter.arrow.frame("SELECT 1 AS one")["one"].to_list() == [1]
        _terminate(database_url)
        assert table.adapter.arrow.frame("SELECT 2 AS two")["two"].to_list() == [2]


def test_a_read_that_is_cut_off_gives_no_rows_and_the_next_one_does(database_url: str) -> None:
    reader = ArrowReader(sa.make_url(database_url))
    with pytest.raises(DatabaseUnavailable, match="terminating connection"):
        reader.frame("SELECT n, pg_terminate_backend(pg_backend_pid()) FROM generate_series(1, 100000) n")
    assert reader.frame("SELECT 1 AS one").height == 1
    reader.close()
    reader.close()


def test_an_error_half_way_through_a_read_gives_no_rows(database_url: str) -> None:
    reader = ArrowReader(sa.make_url(database_url))
    with pytest.raises(DatabaseUnavailable, match="division by zero"):
        reader.frame("SELECT 1 / (900000 - n) FROM generate_series(1, 1000000) n")
    reader.close()


def test_a_column_that_is_dropped_meanwhile_is_a_fault_of_the_mapping(database_url: str) -> None:
    with table_of(database_url, PLAIN, **FIELDS) as table:
        table.sql("ALTER TABLE annotation DROP COLUMN label")
        with pytest.raises(MappingError, match=r"column src\.label does not exist"):
            table.adapter.read_all()
        for ask in (lambda: table.adapter.read_ids(["a"]), lambda: table.adapter.write([UPDATE])):
            with pytest.raises(MappingError, match="does not exist"):
                ask()
            table.connection.rollback()
        table.sql("DROP TABLE annotation")
        with pytest.raises(MappingError, match='relation "annotation" does not exist'):
            table.adapter.origin()
        table.connection.rollback()


def test_a_right_that_is_missing_is_named(database_url: str) -> None:
    url = sa.make_url(database_url)
    role = f"reader_{url.database}"
    with table_of(database_url, [*PLAIN, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'"], **FIELDS) as table:
        table.sql(f"GRANT SELECT ON annotation TO {role}")
        table.connection.exec_driver_sql(f"SET ROLE {role}")
        assert table.adapter.read_ids(["a"]).size == 1
        with pytest.raises(DatabaseUnavailable, match="permission denied for table annotation") as caught:
            table.adapter.write([UPDATE])
        assert "syncd database grants" in str(caught.value.remedy)
        table.connection.rollback()
        table.connection.exec_driver_sql("RESET ROLE")
        table.connection.commit()
        table.sql(f"DROP OWNED BY {role}")
        table.sql(f"DROP ROLE {role}")


def test_a_statement_that_takes_too_long_is_no_refusal(database_url: str) -> None:
    slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(5); RETURN NEW; END $$"
    trigger = "CREATE TRIGGER slow BEFORE UPDATE ON annotation FOR EACH ROW EXECUTE FUNCTION slow()"
    with table_of(database_url, [*PLAIN, slow, trigger], **FIELDS) as table:
        table.connection.exec_driver_sql("SET statement_timeout = 100")
        with pytest.raises(DatabaseUnavailable, match="statement timeout"):
            table.adapter.write([UPDATE])
        table.connection.rollback()


SECRET = "p@ss w/ö:rd"


@pytest.mark.parametrize(
    "url",
    [
        sa.URL.create("postgresql+psycopg2", "syncd", SECRET, "127.0.0.1", 1, "nowhere"),
        sa.URL.create("postgresql+psycopg2", "syncd", SECRET, "nowhere.invalid", None, "nowhere"),
        sa.URL.create("postgresql+psycopg2", "syncd", SECRET, "127.0.0.1", 1, "nowhere", {"sslmode": "nonsense"}),
    ],
)
def test_no_error_shows_the_password(url: sa.URL) -> None:
    text = url.render_as_string(hide_password=False)
    errors: list[SyncdError] = []
    for ask in (lambda: open_database(text), lambda: ArrowReader(url).frame("SELECT 1")):
        with pytest.raises(DatabaseUnavailable) as caught:
            ask()
        errors.append(caught.value)
    for error in errors:
        for part in (SECRET, "p%40ss", "ö:rd"):
            assert part not in str(error)


def test_every_part_of_an_address_reaches_the_reader() -> None:
    url = sa.make_url(
        "postgresql+psycopg2://us%20er:p%40ss%20w%2F%C3%B6@/da%20ta?host=/tmp/a%20b&options=-c%20search_path%3Dlab"
    )
    from psycopg2.extensions import parse_dsn

    given = {name: value for name, value in parse_dsn(dsn(url)).items() if name not in KEEPALIVE}
    assert given == {
        "user": "us er",
        "password": "p@ss w/ö",
        "dbname": "da ta",
        "host": "/tmp/a b",
        "options": "-c search_path=lab",
        "connect_timeout": "5",
        "application_name": "syncd reader",
        "client_encoding": "UTF8",
    }
