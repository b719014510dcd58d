"""How fields lie in a laboratory's columns: read, compared and written the same way in PostgreSQL and in SQLite."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from integration.adapters.support import Table, change
from syncd.adapters.connect import open_database
from syncd.adapters.sql.adapter import SqlAdapter
from syncd.adapters.sql.describe import describe
from syncd.adapters.sql.mapping import table_mapping
from syncd.config import parse_config
from syncd.errors import MappingError
from syncd.model import BOX, Action, Kind
from syncd.testing.contract.bench import mapping_of

COLUMNS = {"id": "id", "label": "label", "media": "media"}
TABLE = "CREATE TABLE annotation (id text PRIMARY KEY, label text, media text"


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'lab.db'}"
    found: str = request.getfixturevalue("database_url")
    return found


@contextmanager
def opened(url: str, *statements: str, **binding: Any) -> Iterator[Table]:
    """An adapter on a table after these statements, by a binding of the configuration."""
    others = sa.create_engine(url, poolclass=sa.NullPool)
    with others.begin() as connection:
        for each in statements:
            connection.execution_options(no_parameters=True).exec_driver_sql(each)
    whole = {"name": "b", "dataset": "d", "label_field": "f", "table": "annotation"} | binding
    whole["columns"] = COLUMNS | binding.get("columns", {})
    config = parse_config({"database": {"url": url}, "bindings": [whole]}).bindings[0]
    with open_database(url) as connection:
        info = describe(connection, table_mapping(config))
        connection.rollback()
        fields = info.mapping.fields
        kinds = {name: Kind.BOX if name == BOX else info.column(names[0]).kind for name, names in fields.items()}
        mapping = mapping_of({name: each or Kind.TEXT for name, each in kinds.items()})
        table = Table(connection, others, info, SqlAdapter(connection, info, mapping))
        yield table
        table.adapter.close()
    connection.engine.dispose()
    others.dispose()


def lookup(table: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"table": table, "key": "id", "value": value} | more


TAXA = "CREATE TABLE taxa (id integer PRIMARY KEY, name text, family integer)"
NAMES = (
    "INSERT INTO taxa VALUES (1, 'Copepoda', 10), (2, 'Diatom', 20), (3, 'Twin', 20), (4, 'Twin', 10), (5, NULL, 10)"
)
FAMILIES = "CREATE TABLE families (id integer PRIMARY KEY, name text)"
KEYED = "CREATE TABLE annotation (id text PRIMARY KEY, taxon integer, media text)"
ROWS = "INSERT INTO annotation VALUES ('a', 1, 'm'), ('b', 3, 'm'), ('c', 99, 'm'), ('d', NULL, 'm'), ('e', 5, 'm')"
LABEL = {"label": {"column": "taxon", "lookup": lookup("taxa", "name")}}


def test_a_key_is_read_as_the_value_and_written_as_the_key(url: str) -> None:
    with opened(url, TAXA, NAMES, KEYED, ROWS, columns=LABEL) as table:
        rows = table.rows()
        assert {name: row["label"] for name, row in rows.items()} == {
            "a": "Copepoda", "b": "Twin", "c": None, "d": None, "e": None,
        }  # fmt: skip
        assert {name: row["problems"] for name, row in rows.items() if row["problems"]} == {
            "c": '{"label":"99"}', "e": '{"label":"5"}',
        }, "a key without a row, or whose row has no name, is no missing label"  # fmt: skip
        assert table.update("a", "label", "Copepoda", "Diatom").matched
        assert not table.update("a", "label", "Copepoda", "Diatom").matched, "it holds something else by now"
        assert table.sql("SELECT taxon FROM annotation WHERE id = 'a'") == [(2,)]
        assert table.update("d", "label", None, "Diatom").matched
        assert table.insert("new", label="Copepoda").present
        assert table.sql("SELECT taxon FROM annotation WHERE id = 'new'") == [(1,)]
        assert table.delete("a").matched


def test_values_without_a_single_key_are_refused_by_name(url: str) -> None:
    with opened(url, TAXA, NAMES, KEYED, ROWS, columns=LABEL) as table:
        missing = table.update("a", "label", "Copepoda", "Medusa")
        assert missing.refused == "label: 'Medusa' is in no row of taxa.name, and so has no key there"
        twins = table.update("a", "label", "Copepoda", "Twin")
        assert twins.refused is not None
        assert "'Twin' stands for 2 rows of taxa.name (id 3, 4): nobody knows which" in twins.refused
        assert table.rows()["a"]["label"] == "Copepoda"
        assert table.update("b", "label", "Twin", "Copepoda").matched, "away from it there is a way"


def test_a_missing_value_may_become_a_row(url: str) -> None:
    columns = {"label": {"column": "taxon", "lookup": lookup("taxa", "name", create=True)}}
    numbered = TAXA.replace("integer PRIMARY KEY", "int GENERATED BY DEFAULT AS IDENTITY (START 100) PRIMARY KEY")
    taxa = numbered if url.startswith("postgresql") else TAXA
    with opened(url, taxa, NAMES, KEYED, ROWS, columns=columns) as table:
        assert table.update("a", "label", "Copepoda", "Medusa").matched
        [(made,)] = table.sql("SELECT id FROM taxa WHERE name = 'Medusa'")
        assert table.sql("SELECT taxon FROM annotation WHERE id = 'a'") == [(made,)]


def test_a_lookup_goes_two_levels_deep(url: str) -> None:
    deep = {"column": "taxon", "lookup": lookup("taxa", {"column": "family", "lookup": lookup("families", "name")})}
    names = "INSERT INTO families VALUES (10, 'Calanidae'), (20, 'Naviculaceae')"
    rows = ROWS.replace("('b', 3,", "('b', 2,")
    with opened(
        url,
        FAMILIES,
        names,
        TAXA,
        NAMES,
        KEYED,
        rows,
        columns=LABEL,
        attributes={"family": deep | {"direction": "to_fiftyone"}},
    ) as table:
        read = {name: (row["label"], row["family"]) for name, row in table.rows().items()}
        assert read["a"] == ("Copepoda", "Calanidae")
        assert read["b"] == ("Diatom", "Naviculaceae")
        assert table.update("a", "label", "Copepoda", "Diatom").matched
        assert table.rows()["a"]["family"] == "Naviculaceae"


def test_a_key_that_is_not_unique_multiplies_no_rows(url: str) -> None:
    taxa = "CREATE TABLE taxa (id integer, name text)"
    names = "INSERT INTO taxa VALUES (1, 'Copepoda'), (1, 'Copepoda'), (3, 'One'), (3, 'Other'), (2, 'Diatom')"
    with opened(url, taxa, names, KEYED, ROWS, columns=LABEL) as table:
        rows = table.rows()
        assert len(rows) == 5
        assert rows["a"]["label"] == "Copepoda"
        assert rows["b"]["problems"] == '{"label":"3"}'
        assert table.update("a", "label", "Copepoda", "Diatom").matched


def test_a_table_that_refers_to_itself_goes_no_deeper(url: str) -> None:
    taxa = "CREATE TABLE taxa (id integer PRIMARY KEY, name text, parent integer REFERENCES taxa)"
    names = "INSERT INTO taxa VALUES (1, 'Copepoda', NULL), (2, 'Diatom', NULL)"
    circle = "UPDATE taxa SET parent = 3 - id"
    parent = {"column": "taxon", "direction": "to_fiftyone"}
    parent |= {"lookup": lookup("taxa", {"column": "parent", "lookup": lookup("taxa", "name")})}
    with opened(url, taxa, names, circle, KEYED, ROWS, columns=LABEL, attributes={"parent": parent}) as table:
        assert table.rows()["a"]["parent"] == "Diatom"


def test_a_lookup_that_is_not_there_is_named(url: str) -> None:
    wrong = {"label": {"column": "taxon", "lookup": lookup("taxa", "nam")}}
    with (
        pytest.raises(MappingError, match=r"taxa has no column 'nam' .did you mean name"),
        opened(url, TAXA, KEYED, columns=wrong),
    ):
        pass
    gone = {"label": {"column": "taxon", "lookup": lookup("taxon", "name")}}
    with pytest.raises(MappingError, match="no table or view 'taxon' for the lookup"), opened(url, columns=gone):
        pass


def test_a_name_that_nobody_has_is_written_as_the_default(url: str, caplog: pytest.LogCaptureFixture) -> None:
    people = "CREATE TABLE people (id integer PRIMARY KEY, login text)"
    logins = "INSERT INTO people VALUES (1, 'syncd'), (2, 'ada')"
    rows = f"{TABLE}, person integer)"
    columns = {"updated_by": {"column": "person", "lookup": lookup("people", "login"), "default": "syncd"}}
    with opened(
        url, people, logins, rows, "INSERT INTO annotation VALUES ('a', 'x', 'm', 2)", columns=columns
    ) as table:
        assert table.rows()["a"]["actor"] == "ada"
        one, two = (change(Action.UPDATE, "a", "label", *values) for values in (("x", "y"), ("y", "z")))
        from dataclasses import replace

        assert table.write(replace(one, actor="ada"))[0].matched
        assert table.sql("SELECT person FROM annotation") == [(2,)]
        assert table.write(replace(two, actor="nobody"))[0].matched
        assert table.sql("SELECT person FROM annotation") == [(1,)]
        assert (table.adapter.signature("ada"), table.adapter.signature("nobody")) == ("ada", "syncd")
    assert "'nobody' is in no row of people.login" in caplog.text


def test_values_stand_for_others_and_any_else_is_a_problem(url: str) -> None:
    rows = f"{TABLE}, checked text, rank integer)"
    attributes = {
        "checked": {"values": {"Y": True, "N": False}, "direction": "both"},
        "rank": {"values": {0: "low", 1: "high", 2: "high"}, "direction": "both", "default": "low"},
    }
    given = (
        "INSERT INTO annotation VALUES ('a', 'x', 'm', 'Y', 2), ('b', 'x', 'm', '?', 7), ('c', 'x', 'm', NULL, NULL)"
    )
    with opened(url, rows, given, attributes=attributes) as table:
        read = table.rows()
        assert [(read[each]["checked"], read[each]["rank"]) for each in "abc"] == [
            (True, "high"), (None, None), (None, None),
        ]  # fmt: skip
        assert json.loads(read["b"]["problems"]) == {"checked": "?", "rank": "7"}
        assert read["c"]["problems"] is None
        assert table.update("a", "checked", True, False).matched
        assert table.update("a", "rank", "high", "low").matched
        assert table.sql("SELECT checked, rank FROM annotation WHERE id = 'a'") == [("N", 0)]
        assert table.update("a", "rank", "low", "middle").refused is not None
        assert table.update("a", "rank", "low", "high").matched
        assert table.sql("SELECT rank FROM annotation WHERE id = 'a'") == [(1,)]
        table.insert("d", label="x", checked=True)
        assert table.sql("SELECT checked, rank FROM annotation WHERE id = 'd'") == [("Y", 0)]


def test_a_path_reaches_into_json(url: str) -> None:
    type_ = "jsonb" if url.startswith("postgresql") else "text"
    attributes = {
        "depth": {"column": "meta", "path": "env.depth", "direction": "both"},
        "gear": {"column": "meta", "path": "gear.0.name", "direction": "both"},
        "sure": {"column": "meta", "path": "sure", "direction": "both"},
        "count": {"column": "meta", "path": "n", "direction": "both"},
    }
    full = '{"env": {"depth": 12.5}, "gear": [{"name": "net"}], "sure": true, "n": 3, "other": 1}'
    given = f"INSERT INTO annotation VALUES ('a', 'x', 'm', '{full}'), ('b', 'x', 'm', NULL)"
    odd = """INSERT INTO annotation VALUES ('c', 'x', 'm', '{"env": {"depth": "deep"}, "n": 4}')"""
    with opened(url, f"{TABLE}, meta {type_})", given, attributes=attributes) as table:
        kinds = {name: table.mapping.field(name).kind for name in attributes}
        assert kinds == {"depth": Kind.FLOAT, "gear": Kind.TEXT, "sure": Kind.BOOLEAN, "count": Kind.INTEGER}
        row = table.rows()["a"]
        assert (row["depth"], row["gear"], row["sure"], row["count"]) == (12.5, "net", True, 3)
        for name, old, new in [
            ("depth", 12.5, 7.25),
            ("gear", "net", 'a "pump"'),
            ("sure", True, False),
            ("count", 3, 4),
        ]:
            assert table.update("a", name, old, new).matched, name
            assert not table.update("a", name, old, new).matched, name
        assert json.loads(_json(table, "a")) == {
            "env": {"depth": 7.25}, "gear": [{"name": 'a "pump"'}], "sure": False, "n": 4, "other": 1,
        }  # fmt: skip
        assert table.update("b", "depth", None, 1.5).matched, "what leads to it is made"
        assert json.loads(_json(table, "b")) == {"env": {"depth": 1.5}}
        assert table.update("b", "depth", 1.5, None).matched
        assert table.rows()["b"]["depth"] is None
        table.insert("d", label="x", depth=2.5, sure=True)
        assert json.loads(_json(table, "d")) == {"env": {"depth": 2.5}, "sure": True}
        table.sql(odd)
        assert table.rows()["c"]["problems"] == '{"depth":"deep"}'


def _json(table: Table, identifier: str) -> str:
    [(text,)] = table.sql(f"SELECT CAST(meta AS text) FROM annotation WHERE id = '{identifier}'")
    return str(text)


@pytest.mark.parametrize(
    ("unit", "format_", "numbers"),
    [
        ("pixels", "xywh", (20, 10, 50, 30)),
        ("pixels", "xyxy", (20, 10, 70, 40)),
        ("pixels", "cxcywh", (45, 25, 50, 30)),
        ("percent", "xywh", (10, 10, 25, 30)),
        ("relative", "xyxy", (0.1, 0.1, 0.35, 0.4)),
    ],
)
@pytest.mark.parametrize("of_media", [False, True])
def test_boxes_are_relative_whatever_their_columns_hold(
    url: str, unit: str, format_: str, numbers: tuple[float, ...], *, of_media: bool
) -> None:
    box: dict[str, Any] = {"columns": ["p", "q", "r", "s"], "unit": unit, "format": format_}
    columns: dict[str, Any] = {"box": box}
    statements = [f"{TABLE}, p float, q float, r float, s float, width integer, height integer)"]
    if unit == "pixels":
        box["size"] = ["wide", "high"] if of_media else ["width", "height"]
    media = "'m'"
    if of_media:
        statements = [
            "CREATE TABLE images (id integer PRIMARY KEY, path text, wide integer, high integer)",
            "INSERT INTO images VALUES (1, 'm', 200, 100)",
            statements[0].replace("media text", "media integer"),
        ]
        columns["media"] = {"column": "media", "lookup": lookup("images", "path")}
        media = "1"
    given = f"INSERT INTO annotation VALUES ('a', 'x', {media}, {', '.join(map(str, numbers))}, 200, 100)"
    unknown = f"INSERT INTO annotation VALUES ('b', 'x', {media}, 1, 2, NULL, 4, 200, 100)"
    with opened(url, *statements, given, unknown, columns=columns) as table:
        assert table.rows()["a"][BOX] == pytest.approx([0.1, 0.1, 0.25, 0.3])
        assert table.rows()["b"][BOX] is None
        assert BOX in json.loads(table.rows()["b"]["problems"])
        old = table.rows()["a"][BOX]
        assert table.update("a", BOX, old, [0.2, 0.3, 0.25, 0.3]).matched
        assert not table.update("a", BOX, old, [0.2, 0.3, 0.25, 0.3]).matched
        assert table.rows()["a"][BOX] == pytest.approx([0.2, 0.3, 0.25, 0.3])
        result = table.insert("n", media="m", label="x", box=[0.1, 0.1, 0.25, 0.3])
        assert result.present, result.refused
        assert table.rows()["n"][BOX] == pytest.approx([0.1, 0.1, 0.25, 0.3])
        row = table.sql("SELECT p, q, r, s FROM annotation WHERE id = 'n'")[0]
        assert row == pytest.approx(numbers)


def test_pixels_in_whole_numbers_are_rounded(url: str) -> None:
    box = {"columns": ["p", "q", "r", "s"], "unit": "pixels", "size": ["width", "height"]}
    rows = f"{TABLE}, p integer, q integer, r integer, s integer, width integer, height integer)"
    given = "INSERT INTO annotation VALUES ('a', 'x', 'm', 1, 2, 3, 4, 640, 480)"
    with opened(url, rows, given, columns={"box": box}) as table:
        assert table.update("a", BOX, table.rows()["a"][BOX], [0.1234, 0.4321, 0.5, 0.25]).matched
        assert table.sql("SELECT p, q, r, s FROM annotation") == [(79, 207, 320, 120)]


def test_percent_is_a_hundredth(url: str) -> None:
    attributes = {"score": {"column": "pct", "unit": "percent", "direction": "both"}}
    with opened(
        url, f"{TABLE}, pct float)", "INSERT INTO annotation VALUES ('a', 'x', 'm', 95)", attributes=attributes
    ) as table:
        assert table.rows()["a"]["score"] == pytest.approx(0.95)
        assert table.update("a", "score", table.rows()["a"]["score"], 0.5).matched
        assert table.sql("SELECT pct FROM annotation") == [(50,)]


def test_an_id_of_several_columns_is_joined_and_split(url: str) -> None:
    rows = "CREATE TABLE annotation (img text, no integer, label text, media text, PRIMARY KEY (img, no))"
    given = """INSERT INTO annotation VALUES ('a|b', 1, 'x', 'm'), ('a\\', 2, 'y', 'm'), ('c', 3, 'z', 'm')"""
    with opened(url, rows, given, columns={"id": {"columns": ["img", "no"]}}) as table:
        assert set(table.rows()) == {"a\\|b|1", "a\\\\|2", "c|3"}
        for name, label in (("a\\|b|1", "x"), ("a\\\\|2", "y"), ("c|3", "z")):
            assert table.adapter.read_ids([name]).rows["annotation_id"].to_list() == [name]
            assert table.update(name, "label", label, label + "!").matched, name
        assert table.adapter.read_ids(["c", "c|x", "c|3|4", "a|b|1"]).rows.height == 0
        assert table.insert("d|4", label="new").present
        assert table.sql("SELECT img, no, label FROM annotation WHERE no = 4") == [("d", 4, "new")]
        assert table.insert("d|4", label="again").refused is not None or table.rows()["d|4"]["label"] == "new"
        assert table.delete("c|3").matched
        assert len(table.rows()) == 3


def test_a_deleted_row_is_marked_and_brought_back(url: str) -> None:
    rows = f"{TABLE}, deleted integer NOT NULL DEFAULT 0, version integer DEFAULT 1)"
    given = "INSERT INTO annotation (id, label, media) VALUES ('a', 'x', 'm'), ('b', 'x', 'm')"
    columns = {"deleted": {"column": "deleted", "set": 1, "clear": 0}, "version": "version"}
    with opened(url, rows, given, "UPDATE annotation SET deleted = 2 WHERE id = 'b'", columns=columns) as table:
        assert set(table.rows()) == {"a"}
        assert table.adapter.origin().rows == 1
        assert not table.update("b", "label", "x", "y").matched, "what is deleted is not changed"
        assert table.delete("a").matched
        assert table.sql("SELECT deleted, version FROM annotation WHERE id = 'a'") == [(1, 2)]
        assert table.rows() == {}
        assert table.insert("a", label="back").present
        assert table.sql("SELECT label, deleted, version FROM annotation WHERE id = 'a'") == [("back", 0, 3)]
        again = table.insert("a", label="other")
        assert table.rows()["a"]["label"] == "back", again
        assert len(table.sql("SELECT * FROM annotation")) == 2


def test_only_some_rows_are_meant_and_new_ones_are_among_them(url: str) -> None:
    rows = f"{TABLE}, project integer)"
    given = "INSERT INTO annotation VALUES ('a', 'x', 'm', 7), ('b', 'x', 'm', 8)"
    with opened(url, rows, given, where="project = 7 OR label = 'all: % of it'", insert={"project": 7}) as table:
        assert set(table.rows()) == {"a"}
        assert table.adapter.origin().rows == 1
        assert table.insert("c", label="y").present
        assert set(table.rows()) == {"a", "c"}
        assert table.adapter.written_ids(["b", "z"]).ids == {"b"}, "it is there, and not shown"


def test_each_change_of_an_append_only_table_is_a_new_row(url: str) -> None:
    key = "integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY" if url.startswith("postgresql") else "INTEGER PRIMARY KEY"
    rows = f"CREATE TABLE annotation (row_id {key}, id text, label text, media text, note text, at timestamp, gone int)"
    given = """INSERT INTO annotation (id, label, media, note, at) VALUES ('a', 'old', 'm', 'n', '2020-01-01'),
               ('a', 'x', 'm', 'n', '2021-01-01'), ('b', 'y', 'm', 'n', '2020-01-01')"""
    columns = {"deleted": {"column": "gone", "set": 1, "clear": None}, "updated_at": "at"}
    with opened(url, rows, given, columns=columns, write={"append": {"key": "row_id", "newest": "at"}}) as table:
        assert {name: row["label"] for name, row in table.rows().items()} == {"a": "x", "b": "y"}
        assert not table.update("a", "label", "old", "z").matched, "the newest row counts"
        assert table.update("a", "label", "x", "z").matched
        assert table.sql("SELECT label, note FROM annotation WHERE id = 'a' ORDER BY row_id") == [
            ("old", "n"), ("x", "n"), ("z", "n"),
        ]  # fmt: skip
        assert table.rows()["a"]["label"] == "z"
        assert table.delete("a").matched
        assert set(table.rows()) == {"b"}
        assert table.sql("SELECT gone FROM annotation WHERE id = 'a' ORDER BY row_id")[-1] == (1,)
        assert table.insert("c", label="new").present
        assert table.insert("a", label="back").present
        assert table.rows()["a"]["label"] == "back"
        assert len(table.sql("SELECT * FROM annotation")) == 7


def test_rows_that_are_only_added_cannot_be_deleted(url: str) -> None:
    key = "integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY" if url.startswith("postgresql") else "INTEGER PRIMARY KEY"
    rows = f"CREATE TABLE annotation (row_id {key}, id text, label text, media text, at integer)"
    with opened(
        url, rows, "INSERT INTO annotation (id, label, media, at) VALUES ('a', 'x', 'm', 1)",
        write={"append": {"key": "row_id", "newest": "at"}},
    ) as table:  # fmt: skip
        result = table.delete("a")
        assert result.refused is not None
        assert "columns.deleted" in result.refused
        assert table.update("a", "label", "x", "y").matched
        assert table.sql("SELECT at FROM annotation ORDER BY row_id") == [(1,), (2,)]


def test_ids_follow_the_largest_where_the_configuration_says_so(url: str) -> None:
    rows = "CREATE TABLE annotation (id bigint NOT NULL, label text, media text)"
    given = "INSERT INTO annotation VALUES (7, 'x', 'm')"
    columns = {"id": {"column": "id", "mint": "max"}}
    with opened(url, rows, given, columns=columns) as table:
        drawn = [change(Action.INSERT, None, new={"label": each}, media="m") for each in ("p", "q")]
        assert [each.annotation_id for each in table.write(*drawn)] == ["8", "9"]
    with opened(url) as table:
        assert table.info.owner is None


def test_an_array_is_a_list(database_url: str) -> None:
    attributes = {"habitats": {"array": True, "direction": "both"}}
    given = """INSERT INTO annotation VALUES ('a', 'x', 'm', '{"reef, deep",sand}'), ('b', 'x', 'm', NULL)"""
    with opened(database_url, f"{TABLE}, habitats text[])", given, attributes=attributes) as table:
        assert json.loads(table.rows()["a"]["habitats"]) == ["reef, deep", "sand"]
        assert table.rows()["b"]["habitats"] is None
        assert table.update("a", "habitats", '["reef, deep","sand"]', '["ice"]').matched
        assert table.update("b", "habitats", None, "[]").matched
        assert table.sql("SELECT habitats FROM annotation ORDER BY id") == [(["ice"],), ([],)]
        assert table.update("a", "habitats", '["ice"]', "ice").refused is not None
