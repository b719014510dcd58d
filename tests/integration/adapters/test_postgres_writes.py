"""What a lab's table does to what is written to it: defaults, generated columns, triggers, constraints."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from integration.adapters.support import change, table_of
from syncd.model import Action
from syncd.model.result import Readback

PLAIN = "CREATE TABLE annotation (id text PRIMARY KEY, media text, label text, note text)"
FIELDS = {"label": "label", "note": "note"}


def _trigger(body: str, when: str = "BEFORE UPDATE") -> tuple[str, str]:
    return (
        f"CREATE FUNCTION lab_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        f"CREATE TRIGGER lab_trigger {when} ON annotation FOR EACH ROW EXECUTE FUNCTION lab_trigger()",
    )


def test_what_a_trigger_makes_of_a_value_is_what_is_reported(database_url: str) -> None:
    statements = [PLAIN, *_trigger("NEW.label := initcap(NEW.label); RETURN NEW;", "BEFORE INSERT OR UPDATE")]
    with table_of(database_url, statements, **FIELDS) as table:
        inserted = table.insert("a", label="copepoda")
        assert (inserted.matched, inserted.after) == (True, {"label": "Copepoda", "note": None})
        updated = table.update("a", "label", "Copepoda", "ostracoda")
        assert (updated.matched, updated.after) == (True, "Ostracoda")


def test_what_a_trigger_does_afterwards_is_reported_too(database_url: str) -> None:
    body = "UPDATE annotation SET label = upper(label) WHERE id = NEW.id AND label <> upper(label); RETURN NULL;"
    with table_of(database_url, [PLAIN, *_trigger(body, "AFTER UPDATE")], **FIELDS) as table:
        table.insert("a", label="one")
        assert table.update("a", "label", "one", "two").after == "TWO"


@pytest.mark.parametrize(
    "body",
    [
        "IF NEW.label = 'bad' THEN RAISE EXCEPTION 'the lab says: no %', NEW.label; END IF; RETURN NEW;",
        "IF NEW.label = 'bad' THEN RAISE EXCEPTION 'the lab says: no' USING ERRCODE = '45000'; END IF; RETURN NEW;",
        "IF NEW.label = 'bad' THEN RAISE check_violation USING MESSAGE = 'the lab says: no'; END IF; RETURN NEW;",
    ],
)
def test_a_trigger_that_objects_costs_its_own_change_only(database_url: str, body: str) -> None:
    with table_of(database_url, [PLAIN, *_trigger(body, "BEFORE INSERT OR UPDATE")], **FIELDS) as table:
        for each in "abc":
            table.insert(each, label="old")
        labels = {"a": "new", "b": "bad", "c": "new"}
        results = table.write(*(change(Action.UPDATE, id_, "label", "old", new) for id_, new in labels.items()))
        assert [(each.matched, each.after) for each in results] == [(True, "new"), (False, "old"), (True, "new")]
        assert results[1].refused is not None
        assert results[1].refused.startswith("the lab says: no")
        assert table.insert("d", label="bad").refused


def test_a_trigger_that_swallows_an_update_makes_it_a_miss(database_url: str) -> None:
    with table_of(database_url, [PLAIN, *_trigger("RETURN NULL;")], **FIELDS) as table:
        table.insert("a", label="old")
        result = table.update("a", "label", "old", "new")
        assert (result.matched, result.refused, result.after) == (False, None, "old")


CONSTRAINTS = (
    "CREATE TABLE taxon (name text PRIMARY KEY)",
    "INSERT INTO taxon VALUES ('a'), ('b')",
    """CREATE TABLE annotation (
       id text PRIMARY KEY, media text, label text NOT NULL REFERENCES taxon DEFERRABLE INITIALLY DEFERRED,
       note text UNIQUE CHECK (note <> 'bad'))""",
    "CREATE TABLE remark (annotation text REFERENCES annotation)",
)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("label", "no taxon", "violates foreign key constraint"),
        ("label", None, "violates not-null constraint"),
        ("note", "bad", "violates check constraint"),
        ("note", "taken", "violates unique constraint"),
    ],
)
def test_a_constraint_costs_its_own_change_only(database_url: str, name: str, value: Any, why: str) -> None:
    with table_of(database_url, CONSTRAINTS, **FIELDS) as table:
        for each in ("first", "second", "third"):
            table.insert(each, label="a", note=each)
        table.insert("other", label="a", note="taken")
        old = {"label": "a", "note": "second"}
        results = table.write(
            change(Action.UPDATE, "first", "label", "a", "b"),
            change(Action.UPDATE, "second", name, old[name], value),
            change(Action.UPDATE, "third", "label", "a", "b"),
        )
        assert [each.matched for each in results] == [True, False, True]
        assert results[1].refused is not None
        assert why in results[1].refused
        assert {id_: row["label"] for id_, row in table.rows().items()} == {
            "first": "b",
            "second": "a",
            "third": "b",
            "other": "a",
        }


def test_a_row_that_others_refer_to_is_not_deleted(database_url: str) -> None:
    with table_of(database_url, CONSTRAINTS, **FIELDS) as table:
        table.insert("a", label="a")
        table.insert("b", label="a")
        table.sql("INSERT INTO remark VALUES ('a')")
        deletes = [change(Action.DELETE, each, old={"label": "a", "note": None}) for each in "ab"]
        kept, gone = table.write(*deletes)
        assert (kept.present, gone.present) == (True, False)
        assert kept.refused is not None
        assert "violates foreign key constraint" in kept.refused


def test_defaults_and_generated_columns_are_the_tables_own(database_url: str) -> None:
    statement = """CREATE TABLE annotation (id text PRIMARY KEY, media text, label text DEFAULT 'unknown', depth float8,
                   deep boolean GENERATED ALWAYS AS (depth > 200) STORED)"""
    with table_of(database_url, [statement], label="label", depth="depth", deep="deep") as table:
        assert not table.info.writable("deep")
        result = table.insert("a", depth=500.0, deep=False)
        assert result.after == {"label": "unknown", "depth": 500.0, "deep": True}
        assert table.delete("a").matched


def test_a_row_is_stamped_and_signed_even_where_the_lab_has_a_trigger(database_url: str) -> None:
    statements = [
        """CREATE TABLE annotation (id text PRIMARY KEY, media text, label text,
           updated_at timestamptz DEFAULT '2020-01-01', updated_by text DEFAULT 'import')""",
        "INSERT INTO annotation (id, label) VALUES ('a', 'old'), ('b', 'old')",
    ]
    with table_of(database_url, statements, label="label", updated_at="updated_at", updated_by="updated_by") as table:
        before = table.adapter.now()
        table.update("a", "label", "old", "new")
        table.insert("c", label="new")
        rows = table.rows()
        assert {id_: row["actor"] for id_, row in rows.items()} == {"a": "syncd", "b": "import", "c": "syncd"}
        assert all(rows[each]["edited_at"] >= before - timedelta(milliseconds=1) for each in "ac")
        assert rows["b"]["edited_at"] == datetime(2020, 1, 1, tzinfo=timezone.utc)


def test_a_media_that_the_column_refuses_is_a_refusal(database_url: str) -> None:
    statement = "CREATE TABLE annotation (id text PRIMARY KEY, media integer NOT NULL, label text)"
    with table_of(database_url, [statement], label="label") as table:
        assert "invalid input syntax" in str(table.insert("a", media="/1.png", label="x").refused)
        assert "not-null" in str(table.insert("a", media=None, label="x").refused)
        assert table.insert("a", media="7", label="x").present


def test_a_row_that_somebody_holds_is_waited_for_and_then_seen_as_it_is(database_url: str) -> None:
    with table_of(database_url, [PLAIN], **FIELDS) as table:
        table.insert("a", label="old")
        with table.others.connect() as other:
            other.exec_driver_sql("UPDATE annotation SET label = 'typed' WHERE id = 'a'")
            committer = threading.Thread(target=lambda: (time.sleep(0.3), other.commit()))
            committer.start()
            result = table.update("a", "label", "old", "new")
            committer.join()
        assert (result.matched, result.after) == (False, "typed")
        assert table.rows()["a"]["label"] == "typed"


def test_an_id_that_somebody_inserts_at_the_same_time_is_not_made_twice(database_url: str) -> None:
    with table_of(database_url, [PLAIN], **FIELDS) as table:
        with table.others.connect() as other:
            other.exec_driver_sql("INSERT INTO annotation VALUES ('a', '/1.png', 'theirs')")
            committer = threading.Thread(target=lambda: (time.sleep(0.3), other.commit()))
            committer.start()
            result = table.insert("a", label="ours")
            committer.join()
        assert not result.matched
        assert result.after == {"label": "theirs", "note": None}


def test_many_refusals_among_many_changes(database_url: str) -> None:
    with table_of(database_url, CONSTRAINTS, **FIELDS) as table:
        ids = [f"{number:04d}" for number in range(2_000)]
        with table.others.begin() as connection:
            connection.execute(
                sa.text("INSERT INTO annotation (id, label) VALUES (:id, 'a')"), [{"id": each} for each in ids]
            )
        bad = set(ids[::400])
        results = table.write(
            *(change(Action.UPDATE, each, "label", "a", "no taxon" if each in bad else "b") for each in ids)
        )
        assert {each.change.annotation_id for each in results if each.refused} == bad
        assert {each.change.annotation_id for each in results if each.matched} == set(ids) - bad


def test_what_was_refused_leaves_the_transaction_usable(database_url: str) -> None:
    with table_of(database_url, CONSTRAINTS, **FIELDS) as table:
        table.insert("a", label="a")
        table.adapter.write([change(Action.UPDATE, "a", "label", "a", "no taxon")])
        table.adapter.write([change(Action.UPDATE, "a", "label", "a", "b")])
        assert table.adapter.read_ids(["a"]).rows["value.label"].to_list() == ["b"]
        assert table.sql("SELECT label FROM annotation") == [("a",)], "nobody else sees it before the commit"
        table.connection.rollback()
        assert table.rows()["a"]["label"] == "a"


RULES = """
IF NEW.label LIKE 'keep%' THEN NEW.label := OLD.label; END IF;
IF NEW.label LIKE 'grow%' THEN NEW.label := NEW.label || '!'; END IF;
IF NEW.label LIKE 'bad%' THEN RAISE EXCEPTION 'no'; END IF;
IF NEW.label LIKE 'norm%' THEN NEW.label := upper(NEW.label); END IF;
RETURN NEW;
"""


def _judge(found: Readback) -> str | None:
    return None if found.steady and found.after != found.change.old else "no answer"


def test_of_many_changes_each_is_judged_by_what_came_of_it(database_url: str) -> None:
    """Two statements' worth of them: what is answered or as it was meant stays, and what is neither is undone."""
    kinds = ("plain", "norm", "keep", "grow", "bad")
    ids = [f"{kind}-{number}" for number in range(700) for kind in kinds]
    rows = "INSERT INTO annotation (id, label) SELECT id, 'old' FROM unnest(string_to_array(%s, ' ')) AS id"
    with table_of(database_url, [PLAIN, *_trigger(RULES)], **FIELDS) as table:
        table.sql(rows, " ".join(ids))
        changes = [change(Action.UPDATE, each, "label", "old", each) for each in ids]
        results = table.adapter.write(changes, _judge)
        table.connection.commit()
        after = dict.fromkeys(kinds, "old")
        for each, result in zip(ids, results, strict=True):
            kind = each.partition("-")[0]
            meant = {"plain": each, "norm": each.upper()}.get(kind, after[kind])
            assert (result.after, result.matched) == (meant, kind in ("plain", "norm")), each
            assert (result.refused is not None) is (kind in ("keep", "grow", "bad"))
            assert result.answered == (frozenset(["label"]) if kind == "norm" else frozenset())
        assert {each: row["label"] for each, row in table.rows().items()} == {
            each: result.after for each, result in zip(ids, results, strict=True)
        }


def test_what_only_the_relation_that_is_read_shows_otherwise_is_told_apart(database_url: str) -> None:
    view = "CREATE VIEW shown AS SELECT id, media, label || '?' AS label, note FROM annotation"
    found: list[Readback] = []

    def judge(each: Readback) -> str | None:
        found.append(each)
        return "no answer"

    with table_of(database_url, [PLAIN, view], read="shown", **FIELDS) as table:
        table.sql("INSERT INTO annotation VALUES ('a', '/1.png', 'old', 'old')")
        [result] = table.adapter.write([change(Action.INSERT, "b", new={"label": "x", "note": "y"})], judge)
        assert (result.present, result.refused) == (False, "no answer")
        [result] = table.adapter.write([change(Action.UPDATE, "a", "note", "old", "new")], judge)
        assert (result.after, result.refused) == ("new", None)
        table.connection.commit()
        assert [(each.field, each.after, each.stored, each.steady) for each in found] == [("label", "x?", True, False)]
        assert table.sql("SELECT id, label, note FROM annotation") == [("a", "old", "new")]


def test_a_value_that_a_later_change_of_the_row_altered_is_read_last(database_url: str) -> None:
    body = "IF NEW.note IS NOT NULL THEN NEW.label := upper(NEW.label); END IF; RETURN NEW;"
    with table_of(database_url, [PLAIN, *_trigger(body)], **FIELDS) as table:
        table.insert("a", label="old")
        changes = [change(Action.UPDATE, "a", "label", "old", "new"), change(Action.UPDATE, "a", "note", None, "x")]
        results = table.adapter.write(changes, _judge)
        assert [each.after for each in results] == ["NEW", "x"]
