"""The values that columns take and no others, as a real PostgreSQL has them; and nothing where that is not certain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from syncd.adapters.connect import open_database
from syncd.adapters.sql.accepted_values import values_taken
from syncd.adapters.sql.describe import describe
from syncd.adapters.sql.mapping import Reference, TableMapping

TAXA = {"Copepoda", "it's"}
TABLE = (
    "CREATE TABLE taxon (name text PRIMARY KEY, code int UNIQUE); "
    "INSERT INTO taxon VALUES ('Copepoda', 1), ('it''s', 2)"
)


@pytest.fixture
def database(database_url: str) -> Iterator[Connection]:
    with open_database(database_url) as connection:
        connection.execute(sa.text(TABLE))
        yield connection
        connection.engine.dispose()


def taken(database: Connection, column: str, *statements: str) -> set[str] | None:
    """What is known of the label's column after these statements."""
    for each in (f"CREATE TABLE a (id text PRIMARY KEY, media text, label {column})", *statements):
        database.exec_driver_sql(each)
    info = describe(database, TableMapping("a", "a", "id", "media", {"label": ("label",)}))
    found = values_taken(database, info)
    return set(found["label"][0]) if "label" in found else None


LISTS = "'Copepoda', 'it''s'"
BEFORE = "CREATE TRIGGER t BEFORE INSERT OR UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f()"


def function(body: str) -> str:
    return f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$"


@pytest.mark.parametrize(
    "column",
    [
        f"text CHECK (label IN ({LISTS}))",
        f"varchar(20) CHECK (label IN ({LISTS}))",
        f"text CHECK (label IN ({LISTS}) OR label IS NULL)",
        "text CHECK (label = 'Copepoda' OR label = 'it''s')",
        f"text CHECK (label IN ({LISTS}, 'more')) CHECK (label IN ({LISTS}))",
        "text REFERENCES taxon",
        "text REFERENCES taxon DEFERRABLE INITIALLY DEFERRED",
    ],
)
def test_lists_and_foreign_keys_are_known(database: Connection, column: str) -> None:
    assert taken(database, column) == TAXA


def test_enums_and_domains_are_known(database: Connection) -> None:
    database.exec_driver_sql(f"CREATE TYPE class AS ENUM ({LISTS}); CREATE DOMAIN d AS text CHECK (VALUE IN ({LISTS}))")
    database.exec_driver_sql("CREATE DOMAIN of_class AS class")
    assert taken(database, "class") == TAXA
    for column in ("d", "of_class"):
        database.exec_driver_sql("DROP TABLE a")
        assert taken(database, column) == TAXA


def test_a_column_with_a_percent_sign_and_quotes_in_its_name(database: Connection) -> None:
    database.exec_driver_sql(
        f"""CREATE TABLE a (id text PRIMARY KEY, media text, "la ""b%%:l" text CHECK ("la ""b%%:l" IN ({LISTS})))"""
    )
    name = 'la "b%:l'
    info = describe(database, TableMapping("a", "a", "id", "media", {"label": (name,)}))
    assert set(values_taken(database, info)["label"][0]) == TAXA


@pytest.mark.parametrize(
    "column",
    [
        "text",
        "text CHECK (length(label) < 9)",
        f"text CHECK (lower(label) IN ({LISTS}))",
        f"text CHECK (label NOT IN ({LISTS}))",
        f"text CHECK (label IN ({LISTS}) OR media IS NULL)",
        f"char(9) CHECK (label IN ({LISTS}))",
        "int REFERENCES taxon (code)",
    ],
)
def test_nothing_is_known_of_any_other(database: Connection, column: str) -> None:
    assert taken(database, column) is None


def test_what_a_trigger_may_rewrite_is_not_known_and_what_it_stamps_is(database: Connection) -> None:
    column = f"text CHECK (label IN ({LISTS}))"
    stamp = "ALTER TABLE a ADD at timestamptz"
    assert taken(database, column, stamp, function("NEW.at := now();"), BEFORE) == TAXA
    database.exec_driver_sql("DROP TABLE a; DROP FUNCTION f")
    assert taken(database, column, function("NEW.label := initcap(NEW.label);"), BEFORE) is None


def test_a_collation_in_which_several_texts_are_one_leaves_it_open(database: Connection) -> None:
    loose = "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
    try:
        with database.begin_nested():
            database.exec_driver_sql(loose)
    except DBAPIError as error:
        pytest.skip(f"this PostgreSQL has no such collations: {error.orig}")
    assert taken(database, f"text COLLATE loose CHECK (label IN ({LISTS}))") is None


def test_a_foreign_key_that_is_switched_off_is_none(database: Connection) -> None:
    assert taken(database, "text REFERENCES taxon", "ALTER TABLE a DISABLE TRIGGER ALL") is None


def test_what_a_column_refers_to_is_named(database: Connection) -> None:
    taken(database, "int REFERENCES taxon (code)")
    info = describe(database, TableMapping("a", "a", "id", "media", {"label": ("label",)}))
    assert info.column("label").refers_to == Reference("public.taxon", "code")
    assert str(info.column("label").refers_to) == "public.taxon.code"
