"""Hidden rows where nothing is judged: settling, and reading what is looked up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.engine.crash_recovery import settle
from syncd.engine.current import look
from syncd.engine.options import Options
from syncd.engine.run import reconcile
from syncd.engine.session import Session
from syncd.model import Action, Change, Direction
from syncd.model.result import Status
from syncd.store import baseline, changes, runs
from syncd.testing import Faults
from trust_model.memory import MemorySides, Servers
from trust_model.sides import Rules


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[MemorySides]:
    servers = Servers(tmp_path)
    made = MemorySides(servers, apart=True)
    with made.session(Rules(), Faults()) as session:
        reconcile(session, Options(full=True))
    yield made
    made.close()
    servers.close()


def leave(session: Session, *changes_left: Change) -> None:
    """What a run that died leaves behind."""
    run_id = runs.new_id(session.database.now() + timedelta(seconds=1))
    runs.start(session.state, session.tables, session.mapping.binding, run_id, "full", session.database.now())
    changes.record_intents(session.state, session.tables, session.mapping.binding, run_id, changes_left)
    session.state.commit()


def deletion(session: Session, annotation_id: str) -> Change:
    present = look(session, [annotation_id], [])
    home = present.home(annotation_id)
    assert home is not None
    old = {name: home[f"value.{name}"] for name in session.mapping.names}
    place = (annotation_id, home["label_id"], home["sample_id"])
    return Change(*place, Direction.TO_DATABASE, Action.DELETE, None, old, None, "deleted_in_fiftyone")


def test_a_row_that_is_hidden_since_a_run_died_is_not_taken_for_one_that_the_run_deleted(sides: MemorySides) -> None:
    with sides.session(Rules(), Faults()) as session:
        leave(session, deletion(session, "a0"), deletion(session, "a1"))
        sides.hide_row("a0")
        sides.remove_row("a1")
        settled = {str(each.change.annotation_id): each.status for each in settle(session).recorded}
        assert settled == {"a0": Status.ABANDONED, "a1": Status.APPLIED}
        known = baseline.read_some(session.state, session.tables, session.mapping, annotation_ids={"a0", "a1"})
        assert known["annotation_id"].to_list() == ["a0"]


def test_what_is_looked_up_says_who_is_hidden(sides: MemorySides) -> None:
    sides.hide_row("a0")
    with sides.session(Rules(), Faults()) as session:
        present = look(session, ["a0", "a1", "nobody"], [])
    assert present.hidden == {"a0"}
    assert present.row("a0") is None
    assert present.row("a1") is not None
