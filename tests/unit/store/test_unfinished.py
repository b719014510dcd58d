"""Intents of a failed run are taken up by the next one, and the chain stays what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from syncd.adapters.connect import engine_for
from syncd.model import Action, Change, Direction, Field, Holds, Kind, LabelType, Mapping
from syncd.model.result import Status
from syncd.store import changes
from syncd.store.changes import Intent, Outcome
from syncd.store.tables import Tables, tables_for
from syncd.store.unfinished import arranged, take_up

AT = datetime(2026, 5, 4, tzinfo=timezone.utc)
BINDING = "one"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[tuple[Connection, Tables]]:
    engine = engine_for(f"sqlite:///{tmp_path / 'state.sqlite'}")
    with engine.connect() as connection:
        tables = tables_for(connection, "syncd")
        tables.metadata.create_all(connection)
        yield connection, tables
    engine.dispose()


def edit(name: str, new: str = "krill", **other: Any) -> Change:
    change = Change(
        name, f"l-{name}", f"s-{name}", Direction.TO_DATABASE, Action.UPDATE, "note", "old", new, "reviewed"
    )
    return replace(change, **other)


def drawn(label: str) -> Change:
    return Change(
        None, label, "s", Direction.TO_DATABASE, Action.INSERT, None, None, {"note": "x"}, "drawn_in_fiftyone"
    )


def failed(state: tuple[Connection, Tables], run: str, wanted: list[Change], left: list[Intent]) -> list[Intent]:
    """What a run leaves that intends this and fails."""
    connection, tables = state
    take_up(connection, tables, BINDING, run, wanted, left, AT)
    return changes.pending(connection, tables, mapping())


def mapping() -> Mapping:
    note = Field("note", Kind.TEXT, Direction.TO_DATABASE, Holds(Kind.TEXT), Holds(Kind.TEXT))
    return Mapping(BINDING, (note,), LabelType.DETECTIONS)


def done(state: tuple[Connection, Tables], run: str, wanted: list[Change], left: list[Intent]) -> list[tuple[Any, ...]]:
    """The log after a run that intends this and does it; its chain is sound."""
    connection, tables = state
    taken, seqs = take_up(connection, tables, BINDING, run, wanted, left, AT)
    assert seqs == sorted(seqs) and len(seqs) == len(wanted)
    outcomes = [Outcome(seq, each, Status.APPLIED) for seq, each in zip(seqs, taken, strict=True)]
    named = [each for each in outcomes if each.change.annotation_id is not None]
    for some in (named, [each for each in outcomes if each not in named]):
        changes.finish(connection, tables, BINDING, some, AT, run_id=run)
    found = changes.query(connection, tables)
    assert changes.verify(connection, tables, BINDING).is_sound
    return [(each["annotation_id"] or each["label_id"], each["new"], each["status"], each["run_id"]) for each in found]


def test_the_same_failure_logs_what_waits_once(state: tuple[Connection, Tables]) -> None:
    wanted = [edit("a"), edit("b"), drawn("d")]
    left: list[Intent] = []
    for run in ("r1", "r2", "r3"):
        left = failed(state, run, wanted, left)
        assert [(each.run_id, each.change) for each in left] == [(run, each) for each in wanted]
    assert {(name, status, run) for name, _, status, run in done(state, "r4", wanted, left)} == {
        ("a", "applied", "r4"), ("b", "applied", "r4"), ("d", "applied", "r4"),
    }  # fmt: skip


def test_edits_that_come_in_between_are_added_and_those_that_are_over_abandoned(
    state: tuple[Connection, Tables],
) -> None:
    left = failed(state, "r1", [edit("a"), edit("c"), drawn("d")], [])
    log = done(state, "r2", [edit("b"), edit("c"), edit("e"), drawn("d"), drawn("f")], left)
    assert log == [
        ("a", "krill", "abandoned", "r1"),
        *((name, "krill", "applied", "r2") for name in "bce"),
        *((name, {"note": "x"}, "applied", "r2") for name in "df"),
    ]


def test_what_somebody_touched_is_the_same_intent_and_bears_the_newer_time(state: tuple[Connection, Tables]) -> None:
    left = failed(state, "r1", [edit("a", edited_at=AT)], [])
    now = edit("a", edited_at=AT + timedelta(hours=1), actor="ann")
    assert [each.change.actor for each in failed(state, "r2", [now], left)] == ["ann"]


def test_an_edit_that_was_edited_again_is_another(state: tuple[Connection, Tables]) -> None:
    left = failed(state, "r1", [edit("a")], [])
    log = done(state, "r2", [edit("a", "salp")], left)
    assert log == [("a", "krill", "abandoned", "r1"), ("a", "salp", "applied", "r2")]


def test_a_label_that_was_to_be_inserted_keeps_the_id_that_it_was_to_get(state: tuple[Connection, Tables]) -> None:
    """By that it is told that it is syncd's own, whichever of the two runs has put it there."""
    new = Change("a", "l1", "s", Direction.TO_FIFTYONE, Action.INSERT, None, None, {"note": "x"}, "new_in_database")
    left = failed(state, "r1", [new], [])
    (again,) = failed(state, "r2", [replace(new, label_id="l2")], left)
    assert again.change.label_id == "l1"


def test_what_is_finished_first_gets_the_lower_numbers(state: tuple[Connection, Tables]) -> None:
    connection, tables = state
    one, two, three = failed(state, "r1", [edit("a"), edit("b"), edit("c")], [])
    first, then = arranged(connection, tables, [two, three], [one])
    assert [(each.seq, each.change.annotation_id) for each in (*first, *then)] == [
        (one.seq, "b"), (two.seq, "c"), (three.seq, "a"),
    ]  # fmt: skip
    assert changes.pending(connection, tables, mapping()) == [*first, *then]


def test_what_cannot_be_read_as_what_is_mapped_now_keeps_its_values(state: tuple[Connection, Tables]) -> None:
    connection, tables = state
    of_old = edit("a", field="gone", old=1.5, new={"deep": [1]})
    one, two = failed(state, "r1", [of_old, edit("b")], [])
    arranged(connection, tables, [two], [one])
    found = {each["annotation_id"]: each for each in changes.query(connection, tables)}
    assert (found["a"]["seq"], found["a"]["old"], found["a"]["new"]) == (two.seq, 1.5, {"deep": [1]})
    assert (found["b"]["seq"], found["b"]["old"], found["b"]["new"]) == (one.seq, "old", "krill")
