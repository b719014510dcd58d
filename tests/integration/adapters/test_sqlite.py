"""The portable path on SQLite, whose columns hold anything, whatever their type."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from integration.adapters.support import change, table_of
from syncd.errors import DatabaseUnavailable, MappingError
from syncd.model import BOX, Action
from syncd.model.result import Written

UTC = timezone.utc
TABLE = """
CREATE TABLE annotation (
    id INTEGER PRIMARY KEY, media TEXT, label VARCHAR(20), count INTEGER, depth REAL, price NUMERIC(8, 2),
    verified BOOLEAN, day DATE, seen TIMESTAMP, x REAL, y REAL, w REAL, h REAL, updated_at TIMESTAMP)
"""
FIELDS: dict[str, Any] = {name: name for name in ("label", "count", "depth", "price", "verified", "day", "seen")}


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of a database that is not there yet."""
    return f"sqlite:///{tmp_path / 'lab.sqlite'}"


def test_values_of_another_type_than_their_column_are_named(url: str) -> None:
    odd: list[tuple[str, Any]] = [
        ("label", b"\x00\xff"),
        ("count", "many"),
        ("count", 1.5),
        ("depth", "deep"),
        ("price", "cheap"),
        ("verified", "perhaps"),
        ("verified", 7),
        ("day", "yesterday"),
        ("day", 20240105),
        ("seen", "05.01.2024"),
        ("seen", 1704445815),
        ("x", "left"),
    ]
    with table_of(url, [TABLE], box=("x", "y", "w", "h"), **FIELDS) as table:
        for number, (name, value) in enumerate(odd):
            table.sql(f"INSERT INTO annotation (id, {name}) VALUES (?, ?)", number, value)
        rows = table.rows()
        for number, (name, value) in enumerate(odd):
            field = BOX if name == "x" else name
            row = rows[str(number)]
            assert row[field] is None, value
            assert list(json.loads(row["problems"] or "{}")) == [field], value
            assert not table.update(str(number), field, None, None).matched or name == "x"


def test_every_spelling_of_a_time_is_read(url: str) -> None:
    spellings = {
        "2024-01-05 09:30:15": datetime(2024, 1, 5, 9, 30, 15, tzinfo=UTC),
        "2024-01-05T09:30:15.1": datetime(2024, 1, 5, 9, 30, 15, 100000, UTC),
        "2024-01-05 09:30:15.123456": datetime(2024, 1, 5, 9, 30, 15, 123000, UTC),
        "2024-01-05T09:30:15Z": datetime(2024, 1, 5, 9, 30, 15, tzinfo=UTC),
        "2024-01-05T09:30:15.5+02:00": datetime(2024, 1, 5, 7, 30, 15, 500000, UTC),
        "2024-01-05": datetime(2024, 1, 5, tzinfo=UTC),
    }
    with table_of(url, [TABLE], updated_at="updated_at", **FIELDS) as table:
        for number, text in enumerate(spellings):
            table.sql("INSERT INTO annotation (id, seen, updated_at) VALUES (?, ?, ?)", number, text, text)
        rows = table.rows()
        assert [rows[str(number)]["seen"] for number in range(len(spellings))] == list(spellings.values())
        assert [rows[str(number)]["edited_at"] for number in range(len(spellings))] == list(spellings.values())


def test_times_are_compared_to_the_millisecond(url: str) -> None:
    moment, later = datetime(2024, 1, 5, 9, 30, 15, 123000, UTC), datetime(2024, 1, 5, 9, 30, 15, 124000, UTC)
    with table_of(url, [TABLE], **FIELDS) as table:
        table.sql("INSERT INTO annotation (id, seen) VALUES (1, '2024-01-05 09:30:15.123999')")
        assert not table.update("1", "seen", later, moment).matched
        assert table.update("1", "seen", moment, later).after == later


def test_the_database_gives_a_row_its_number(url: str) -> None:
    with table_of(url, [TABLE], **FIELDS) as table:
        nameless = [change(Action.INSERT, None, new={"label": each}, media="/1.png") for each in "ab"]
        assert [each.annotation_id for each in table.write(*nameless)] == ["1", "2"]
        assert table.insert("7", label="a", day=date(2024, 1, 5)).matched
        assert [each.annotation_id for each in table.write(*nameless)] == ["8", "9"]
        assert table.adapter.read_ids(["7", "seven", "07", str(2**70)]).size == 1


def test_a_key_that_is_not_numbered_gets_no_numbers(url: str) -> None:
    with table_of(url, [TABLE.replace("id INTEGER PRIMARY KEY", "id INT PRIMARY KEY")], **FIELDS) as table:
        [result] = table.write(change(Action.INSERT, None, new={"label": "a"}, media="/1.png"))
        assert "nobody gives new rows" in str(result.refused)
        assert table.rows() == {}


def test_a_view_that_does_not_tell_an_id_gets_a_row_only_under_a_uuid(url: str) -> None:
    statements = [
        "CREATE TABLE base (id TEXT PRIMARY KEY, media TEXT, label TEXT)",
        "CREATE VIEW annotation AS SELECT id, media, label FROM base",
        """CREATE TRIGGER t INSTEAD OF INSERT ON annotation BEGIN INSERT INTO base
           VALUES (CASE new.label WHEN 'b' THEN 'other' ELSE new.id END, new.media, new.label); END""",
    ]
    with table_of(url, statements, label="label") as table:
        one, two = table.write(*(change(Action.INSERT, None, new={"label": each}, media="/1.png") for each in "ab"))
        assert list(table.rows()) == [one.annotation_id]
        assert "would not show the new row" in str(two.refused)


def test_a_view_and_a_select_are_read(url: str) -> None:
    view = "CREATE VIEW shown AS SELECT *, '/' || media || ':x%' AS place FROM annotation WHERE label <> 'hidden'"
    with table_of(url, [TABLE, view], read="shown", media="place", label="label") as table:
        table.sql("INSERT INTO annotation (id, media, label) VALUES (1, 'a', 'x'), (2, 'b', 'hidden')")
        assert {id_: row["media"] for id_, row in table.rows().items()} == {"1": "/a:x%"}
        assert table.update("1", "label", "x", "y").after == "y"
        hidden = table.insert("3", label="hidden")
        assert hidden.refused is not None
        assert table.insert("4", label="seen").present
    query = "SELECT id, media || ' :x %' AS media, label FROM annotation WHERE label <> ';' -- the end"
    with table_of(url, (), read=query, label="label") as table:
        assert table.rows()["1"]["media"] == "a :x %"
        assert table.adapter.read_ids(["1"]).rows["media"].to_list() == ["a :x %"]


def test_what_is_missing_is_named(url: str) -> None:
    with pytest.raises(MappingError, match="no table or view 'nowhere'"), table_of(url, [TABLE], table="nowhere"):
        pass
    with (
        pytest.raises(MappingError, match=r"no column 'lable' .*did you mean label"),
        table_of(url, (), label="lable"),
    ):
        pass
    with table_of(url, (), label="label") as table:
        table.sql("ALTER TABLE annotation RENAME TO elsewhere")
        with pytest.raises(MappingError, match="no such table"):
            table.adapter.read_all()


def test_a_database_that_somebody_else_is_writing_is_an_error_and_no_refusal(url: str) -> None:
    with table_of(url + "?timeout=0.1", [TABLE], **FIELDS) as table:
        table.insert("1", label="old")
        with table.others.connect() as other:
            other.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseUnavailable, match="locked"):
                table.adapter.write([change(Action.UPDATE, "1", "label", "old", "new")])
            table.connection.rollback()
        assert table.rows()["1"]["label"] == "old"


def test_a_refusal_leaves_what_was_written_before_it_in_the_transaction(url: str) -> None:
    strict = TABLE.replace("label VARCHAR(20)", "label VARCHAR(20) CHECK (label <> 'bad')")
    with table_of(url, [strict], **FIELDS) as table:
        table.insert("1", label="old")
        table.insert("2", label="old")
        results = table.adapter.write(
            [change(Action.UPDATE, "1", "label", "old", "new"), change(Action.UPDATE, "2", "label", "old", "bad")]
        )
        assert [(each.matched, bool(each.refused)) for each in results] == [(True, False), (False, True)]
        table.connection.rollback()
        assert {row["label"] for row in table.rows().values()} == {"old"}, "nothing of it was committed"


def test_the_table_says_which_rows_a_view_hides(url: str) -> None:
    view = "CREATE VIEW in_use AS SELECT * FROM annotation WHERE verified IS NOT 0"
    rows = "INSERT INTO annotation (id, label, verified) VALUES (1, 'a', 0), (2, 'b', 1)"
    with table_of(url, [TABLE, view, rows], read="in_use", **FIELDS) as table:
        assert list(table.rows()) == ["2"]
        assert table.adapter.written_ids(["1", "3"]) == Written(frozenset(["1"]), certain=True)


def test_what_the_database_makes_of_a_value_is_its_answer_if_it_stays(url: str) -> None:
    rule = (
        "CREATE TRIGGER lab_rule AFTER UPDATE OF label ON annotation BEGIN UPDATE annotation SET label = "
        "CASE WHEN new.label LIKE 'grow%' THEN new.label || '!' ELSE upper(new.label) END WHERE id = new.id; END"
    )
    with table_of(url, [TABLE, rule], **FIELDS) as table:
        table.sql("INSERT INTO annotation (id, label) VALUES (1, 'old'), (2, 'old')")
        changes = [change(Action.UPDATE, id_, "label", "old", new) for id_, new in (("1", "new"), ("2", "grow"))]
        results = table.adapter.write(changes, lambda found: None if found.steady else "no answer")
        table.connection.commit()
        assert [(each.after, each.refused) for each in results] == [("NEW", None), ("old", "no answer")]
        assert [each.answered for each in results] == [frozenset(["label"]), frozenset()]
        assert {each: row["label"] for each, row in table.rows().items()} == {"1": "NEW", "2": "old"}


PLAIN = (
    "CREATE TABLE annotation (id TEXT PRIMARY KEY, media TEXT, label TEXT, note TEXT)",
    *(f"INSERT INTO annotation VALUES ('{number}', '/{number}.png', 'old', '{{}}')" for number in range(5)),
)


def test_a_text_that_is_none_costs_its_own_row_and_no_other(url: str) -> None:
    with table_of(url, PLAIN, label="label", note="note") as table:
        table.sql("UPDATE annotation SET label = CAST(x'41ff' AS TEXT) WHERE id = '1'")
        table.sql("UPDATE annotation SET media = CAST(x'41ff' AS TEXT), label = 'new' WHERE id = '2'")
        rows = table.rows()
        assert list(json.loads(rows["1"]["problems"] or "{}")) == ["label"]
        assert (rows["2"]["media"], rows["2"]["label"], rows["3"]["label"]) == (None, "new", "old")
        assert table.update("3", "label", "old", "new").matched


def test_a_trigger_that_fails_at_one_value_refuses_it(url: str) -> None:
    broken = "CREATE TRIGGER t AFTER UPDATE ON annotation BEGIN SELECT json_extract(NEW.note, '$.a'); END"
    with table_of(url, [*PLAIN, broken], label="label", note="note") as table:
        results = table.write(
            *(change(Action.UPDATE, each, "note", "{}", "[]" if each != "2" else "no JSON") for each in "123")
        )
        assert [each.refused is None for each in results] == [True, False, True]
        assert "malformed JSON" in str(results[1].refused)
        table.sql("DROP TRIGGER t")
        table.sql("CREATE TRIGGER t AFTER UPDATE ON annotation BEGIN DELETE FROM nowhere; END")
        with pytest.raises((MappingError, DatabaseUnavailable), match="nowhere"):
            table.adapter.write([change(Action.UPDATE, "1", "label", "old", "new")])


def test_rows_behind_a_view_with_triggers_are_told_from_those_that_were_changed_since(url: str) -> None:
    view = (
        *(each.replace("annotation", "base") for each in PLAIN),
        "CREATE VIEW annotation AS SELECT * FROM base",
        """CREATE TRIGGER u INSTEAD OF UPDATE ON annotation
           BEGIN UPDATE base SET label = NEW.label WHERE id = OLD.id; END""",
        "CREATE TRIGGER d INSTEAD OF DELETE ON annotation BEGIN DELETE FROM base WHERE id = OLD.id; END",
    )
    with table_of(url, view, label="label", note="note") as table:
        gone = [
            change(Action.DELETE, each, old={"label": "old", "note": note}) for each, note in (("3", "{}"), ("4", ""))
        ]
        edits = [change(Action.UPDATE, each, "label", old, "new") for each, old in (("1", "old"), ("2", "older"))]
        assert [each.matched for each in table.write(*edits, *gone)] == [True, False, True, False]
        assert dict(table.sql("SELECT id, label FROM base")) == {"0": "old", "1": "new", "2": "old", "4": "old"}
