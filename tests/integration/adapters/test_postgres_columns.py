"""Columns of every type and name that a lab's table may have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from integration.adapters.support import Table, table_of
from syncd.errors import MappingError
from syncd.model import BOX, Holds, Kind

UTC = timezone.utc

# What the extension of this name makes, which not every server has: text that is compared without regard to case.
CITEXT = (
    "CREATE TYPE citext",
    "CREATE FUNCTION citextin(cstring) RETURNS citext LANGUAGE internal IMMUTABLE STRICT AS 'textin'",
    "CREATE FUNCTION citextout(citext) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout'",
    "CREATE TYPE citext (INPUT = citextin, OUTPUT = citextout, LIKE = text, CATEGORY = 'S', COLLATABLE = true)",
    "CREATE CAST (citext AS text) WITHOUT FUNCTION AS IMPLICIT",
    "CREATE CAST (text AS citext) WITHOUT FUNCTION AS ASSIGNMENT",
    """CREATE FUNCTION citext_eq(citext, citext) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT
       AS 'SELECT lower($1::text) = lower($2::text)'""",
    "CREATE OPERATOR = (LEFTARG = citext, RIGHTARG = citext, PROCEDURE = citext_eq)",
)
TYPES = """
CREATE TABLE annotation (
    id text PRIMARY KEY, media text,
    t_text text, t_varchar varchar(8), t_char char(4), t_citext citext, t_name name, t_enum stage,
    t_domain shortname, t_deep deepname, t_time time, t_int2 smallint, t_int4 integer, t_int8 bigint, t_real real,
    t_double double precision, t_numeric numeric, t_money numeric(8, 2), t_bool boolean, t_date date,
    t_zoned timestamptz, t_naive timestamp, t_uuid uuid)
"""
MAKERS = (
    *CITEXT,
    "CREATE TYPE stage AS ENUM ('egg', 'nauplius', 'Adult stage')",
    "CREATE DOMAIN shortname AS varchar(6) CHECK (VALUE <> 'bad')",
    "CREATE DOMAIN deepname AS shortname NOT NULL DEFAULT 'x'",
    TYPES,
)
MOMENT = datetime(2024, 7, 5, 9, 30, 15, 120000, UTC)
CASES: dict[str, tuple[Kind, Any, Any]] = {
    "t_text": (Kind.TEXT, "one", "two"),
    "t_varchar": (Kind.TEXT, "one", "12345678"),
    "t_char": (Kind.TEXT, "one", "four"),
    "t_citext": (Kind.TEXT, "One", "one"),
    "t_name": (Kind.TEXT, "one", "two"),
    "t_enum": (Kind.TEXT, "egg", "Adult stage"),
    "t_domain": (Kind.TEXT, "one", "sixsix"),
    "t_deep": (Kind.TEXT, "one", "sixsix"),
    "t_time": (Kind.TEXT, "09:30:00", "23:59:59.5"),
    "t_int2": (Kind.INTEGER, -(2**15), 2**15 - 1),
    "t_int4": (Kind.INTEGER, -(2**31), 2**31 - 1),
    "t_int8": (Kind.INTEGER, -(2**63), 2**63 - 1),
    "t_real": (Kind.FLOAT, 0.5, 0.25),
    "t_double": (Kind.FLOAT, 0.1, 1 / 3),
    "t_numeric": (Kind.DECIMAL, "12345678901234567890.123456789", "-0.5"),
    "t_money": (Kind.DECIMAL, "12.25", "999999.99"),
    "t_bool": (Kind.BOOLEAN, True, False),
    "t_date": (Kind.DATE, date(2024, 2, 29), date(1, 1, 1)),
    "t_zoned": (Kind.TIMESTAMP, MOMENT, datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)),
    "t_naive": (Kind.TIMESTAMP, MOMENT, datetime(1, 1, 1, tzinfo=UTC)),
    "t_uuid": (Kind.UUID, "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174001"),
}


@contextmanager
def _typed(url: str) -> Iterator[Table]:
    with ExitStack() as stack:
        table = stack.enter_context(table_of(url, MAKERS, **{name: name for name in CASES}))
        table.insert("a", **{name: one for name, (_, one, _) in CASES.items()})
        yield table


def _in_a_zone_of_its_own(url: str) -> str:
    """Servers stand in Berlin or Monterey, and tell the time there."""
    name = sa.make_url(url).database
    with sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE \"{name}\" SET timezone TO 'America/Los_Angeles'")
    return url


@pytest.mark.parametrize("elsewhere", [False, True])
def test_every_type_is_read_compared_and_written(database_url: str, elsewhere: bool) -> None:
    with _typed(_in_a_zone_of_its_own(database_url) if elsewhere else database_url) as table:
        assert {name: table.mapping.field(name).kind for name in CASES} == {
            name: k for name, (k, _, _) in CASES.items()
        }
        row = table.rows()["a"]
        assert {name: row[name] for name in CASES} == {name: one for name, (_, one, _) in CASES.items()}
        for name, (_, one, two) in CASES.items():
            missed = table.update("a", name, two, one)
            assert (missed.matched, missed.refused, missed.after) == (False, None, one), name
            hit = table.update("a", name, one, two)
            assert (hit.matched, hit.refused, hit.after) == (True, None, two), name
        row = table.rows()["a"]
        assert {name: row[name] for name in CASES} == {name: two for name, (_, _, two) in CASES.items()}
        naive = table.sql("SELECT t_naive::text FROM annotation")[0][0]
        assert naive == "0001-01-01 00:00:00", "without a zone it is UTC, whatever the server's"
        assert table.delete("a").matched


def test_absent_values_of_every_type(database_url: str) -> None:
    with _typed(database_url) as table:
        nullable = [name for name in CASES if name != "t_deep"]
        for name in nullable:
            assert table.update("a", name, CASES[name][1], None).after is None, name
            assert table.update("a", name, CASES[name][1], CASES[name][2]).matched is False, name
        assert table.sql("SELECT count(*) FROM annotation WHERE t_char IS NULL AND t_enum IS NULL") == [(1,)]
        assert table.delete("a").matched


TOO_MUCH: list[tuple[str, Any, str]] = [
    ("t_varchar", "123456789", "too long"),
    ("t_char", "fives", "too long"),
    ("t_enum", "larva", "invalid input value for enum"),
    ("t_domain", "sevenchr", "too long"),
    ("t_domain", "bad", "violates check constraint"),
    ("t_deep", "bad", "violates check constraint"),
    ("t_deep", None, "does not allow null"),
    ("t_time", "25:00", "out of range"),
    ("t_time", "x", "invalid input syntax"),
    ("t_int2", 2**15, "out of range"),
    ("t_int4", 2**31, "out of range"),
    ("t_real", 1e300, "out of range"),
    ("t_money", "1000000", "numeric field overflow"),
    ("t_uuid", "no uuid", "invalid input syntax"),
    ("t_text", "nul \x00", "NUL"),
    ("t_text", "half \ud800", "surrogate"),
]


def test_a_value_that_a_type_does_not_take_is_refused_and_nothing_is_cut_short(database_url: str) -> None:
    with _typed(database_url) as table:
        for name, value, why in TOO_MUCH:
            result = table.update("a", name, CASES[name][1], value)
            assert result.refused is not None, name
            assert why in result.refused
            assert result.after == CASES[name][1]
            if value is None:
                continue  # on insert, the column's default
            inserted = table.insert("b", **{each: one for each, (_, one, _) in CASES.items()} | {name: value})
            assert inserted.refused is not None, name
            assert why in inserted.refused
            assert not inserted.present
        row = table.rows()["a"]
        assert {name: row[name] for name in CASES} == {name: one for name, (_, one, _) in CASES.items()}


def test_what_a_column_holds_is_known_beforehand(database_url: str) -> None:
    with _typed(database_url) as table:
        holds = {name: table.info.written[name].holds for name in CASES}
    assert holds["t_varchar"] == Holds(Kind.TEXT, max_length=8)
    assert holds["t_char"] == Holds(Kind.TEXT, max_length=4)
    assert holds["t_domain"] == Holds(Kind.TEXT, max_length=6)
    assert holds["t_deep"] == Holds(Kind.TEXT, nullable=False, max_length=6)
    assert holds["t_int2"] == Holds(Kind.INTEGER, minimum=-(2**15), maximum=2**15 - 1)
    assert holds["t_money"] == Holds(Kind.DECIMAL, precision=8, scale=2)
    assert holds["t_numeric"] == Holds(Kind.DECIMAL)


def test_a_decimal_that_is_rounded_is_read_back_as_it_is_stored(database_url: str) -> None:
    with _typed(database_url) as table:
        assert table.update("a", "t_money", "12.25", "0.125").after == "0.13"
        assert table.update("a", "t_real", 0.5, 0.1).after == pytest.approx(0.1, rel=1e-6)
        assert table.update("a", "t_real", table.rows()["a"]["t_real"], 0.25).matched


NO_VALUE = """
INSERT INTO annotation (id, t_zoned, t_naive, t_date, t_double, t_numeric)
VALUES ('infinite', 'infinity', '-infinity', 'infinity', 'Infinity', 'Infinity'),
       ('ancient', '0044-03-15 BC', '0044-03-15 BC', '0044-03-15 BC', 'NaN', 'NaN'),
       ('remote', '20000-01-01', '20000-01-01', '20000-01-01', '-Infinity', '-Infinity')
"""


def test_what_python_has_no_value_for_is_a_problem_and_breaks_nothing(database_url: str) -> None:
    names = ("t_zoned", "t_naive", "t_date", "t_double", "t_numeric")
    with _typed(database_url) as table:
        table.sql(NO_VALUE)
        for rows in (table.rows(), _by_ids(table)):
            problems = {id_: json.loads(row["problems"] or "{}") for id_, row in rows.items()}
            assert set(problems["infinite"]) == set(names) == set(problems["remote"])
            assert set(problems["ancient"]) == {"t_zoned", "t_naive", "t_date"}, "NaN is missing"
            assert "BC" in problems["ancient"]["t_date"]
            assert problems["infinite"]["t_zoned"] == "infinity"
            assert problems["a"] == {}
            assert all(rows["infinite"][name] is None for name in names)
        for name in names[:3]:
            assert not table.update("infinite", name, None, CASES[name][1]).matched, "it is not missing"
        assert table.update("ancient", "t_double", None, 0.5).after == 0.5
        assert table.update("ancient", "t_numeric", None, "0.5").after == "0.5"


def _by_ids(table: Table) -> dict[str | None, dict[str, Any]]:
    from integration.adapters.support import rows_of

    return rows_of(table.adapter.read_ids(["a", "infinite", "ancient", "remote"]))


def test_times_finer_than_a_millisecond_are_read_and_found_by_the_millisecond(database_url: str) -> None:
    statement = "CREATE TABLE annotation (id text, media text, seen timestamptz, naive timestamp)"
    with table_of(database_url, [statement], seen="seen", naive="naive") as table:
        for id_, text in (("a", "2024-07-05 09:30:15.123999"), ("b", "1969-12-31 23:59:59.999501")):
            table.sql(f"INSERT INTO annotation VALUES ('{id_}', '/1.png', '{text}+00', '{text}')")
        moments = {
            "a": datetime(2024, 7, 5, 9, 30, 15, 123000, UTC),
            "b": datetime(1969, 12, 31, 23, 59, 59, 999000, UTC),
        }
        for id_, moment in moments.items():
            row = table.rows()[id_]
            assert (row["seen"], row["naive"]) == (moment, moment)
            assert table.update(id_, "seen", moment, MOMENT).matched
            assert table.update(id_, "naive", moment, MOMENT).matched


def test_names_are_what_the_configuration_says(database_url: str) -> None:
    awkward = ["select", "Mixed Case", 'with "quotes"', "100%", "a:b", "ünï", "x" * 63, "semi;colon", "%(name)s", "{}"]
    quoted = [each.replace('"', '""') for each in awkward]
    columns = ", ".join(f'"{each}" text' for each in quoted)
    statements = [
        'CREATE SCHEMA "My Schema"',
        f'CREATE TABLE "My Schema"."Order" ("Id" text PRIMARY KEY, "Media % URI" text, {columns}, "At" timestamptz)',
    ]
    fields = {f"field_{index}" + "y" * 60: name for index, name in enumerate(awkward)}
    with table_of(
        database_url, statements, table='"My Schema"."Order"', key="Id", media="Media % URI", updated_at="At", **fields
    ) as table:
        inserted = table.insert("a", **dict.fromkeys(fields, "one"))
        assert inserted.after == dict.fromkeys(fields, "one")
        for name in fields:
            assert table.update("a", name, "one", "two").after == "two"
        row = table.rows()["a"]
        assert {name: row[name] for name in fields} == dict.fromkeys(fields, "two")
        assert row["media"] == "/1.png"
        assert table.adapter.read_since(MOMENT).size == 1
        assert table.adapter.origin().rows == 1
        assert table.delete("a").matched


def test_a_box_of_decimals_is_a_box(database_url: str) -> None:
    statement = "CREATE TABLE annotation (id text, media text, x numeric, y numeric(6, 4), w real, h double precision)"
    with table_of(database_url, [statement], box=("x", "y", "w", "h")) as table:
        table.sql("INSERT INTO annotation VALUES ('a', '/1.png', 0.12345678901234567890, 0.25, 0.5, 0.1)")
        box = table.rows()["a"][BOX]
        assert box == [0.12345678901234568, 0.25, 0.5, 0.1]
        assert table.update("a", BOX, box, [0.0, 0.5, 0.25, 0.2]).after == [0.0, 0.5, 0.25, 0.2]
        assert not table.update("a", BOX, box, [0.0, 0.0, 1.0, 1.0]).matched
        table.sql("INSERT INTO annotation VALUES ('part', '/1.png', 0.5, NULL, 0.5, 'NaN')")
        table.sql("INSERT INTO annotation VALUES ('none', '/1.png')")
        part, none = table.rows()["part"], table.rows()["none"]
        assert (part[BOX], json.loads(part["problems"])) == (None, {"box": "0.5, null, 0.5, null"})
        assert (none[BOX], none["problems"]) == (None, None)


def test_everything_that_is_wrong_with_a_mapping_is_said_at_once(database_url: str) -> None:
    statement = (
        "CREATE TABLE annotation (id float8, media text, label text, place point, many text[], stamp date, who int)"
    )
    with (
        pytest.raises(MappingError) as caught,
        table_of(
            database_url,
            [statement],
            updated_at="stamp",
            updated_by="who",
            label="lable",
            depth="depth",
            place="place",
            many="many",
        ),
    ):
        pass
    message = caught.value.message
    for part in (
        "annotation has no column 'lable' (did you mean label?)",
        "annotation has no column 'depth'",
        "'place' has the type point",
        "'many' has the type text[]",
        "'stamp' (updated_at) has the type date",
        "'who' (updated_by) has the type integer",
        "'id' has the type double precision, expected text, integer or UUID",
    ):
        assert part in message
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["nowhere", "public.nowhere", "nowhere.annotation", "annotation_seq"])
def test_a_table_that_is_not_there_is_named(database_url: str, name: str) -> None:
    statements = ["CREATE TABLE annotation (id text, media text)", "CREATE SEQUENCE annotation_seq"]
    with (
        pytest.raises(MappingError, match=f"no table or view '{name}'"),
        table_of(database_url, statements, table=name),
    ):
        pass


def test_an_actor_column_that_is_too_short_is_said_beforehand(database_url: str) -> None:
    statement = "CREATE TABLE annotation (id text, media text, who varchar(4))"
    with pytest.raises(MappingError, match="to hold 'syncd'"), table_of(database_url, [statement], updated_by="who"):
        pass
