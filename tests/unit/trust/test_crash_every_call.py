"""A story that touches everything, in which syncd's process is killed, or loses a side, at every single I/O call."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from syncd.diff.resolution.answer import Take
from syncd.engine.direct_plan import DirectOptions
from syncd.engine.options import Options
from syncd.engine.resolve import resolve
from syncd.engine.run import reconcile
from syncd.engine.session import Session
from syncd.engine.undo import undo
from syncd.errors import DatabaseUnavailable, FiftyOneUnavailable
from syncd.model import BOX, LABEL
from syncd.model.run import RunMode
from syncd.store import changes, conflicts
from syncd.testing import SERVER, Faults
from trust import many, tried
from trust_model import quiet
from trust_model.cuts import PowerCut
from trust_model.memory import MemorySides, Servers, TransactionalRows
from trust_model.sides import ALIASES, TERMS, Return, Rules

ALIAS = next(iter(ALIASES))
REFUSED = 666.0
POLICY = {"on_fiftyone_delete": "delete", "on_database_delete": "remove", "on_moved": "database"}
RULES = Rules(policy=POLICY, narrow=True, tagged=True)
OLD = [f"b{number}" for number in range(14)]
LATER = [f"c{number}" for number in range(7)]
LEAVING = "m4"
MOST_RUNS = 8
KINDS = ["one_database", "two_databases", "server"]
"""Rows in the database of syncd's own tables, or in another one; and on a server without transactions, in slices."""


class Calls:
    """Counts every call to a side, every change that a side carries out, every statement and every commit.

    Before the ``kill``-th of them the process dies: nothing that it sends afterwards arrives. To die after a call took
    effect is to die before the next one, for nothing lies between two of them.
    """

    def __init__(self, kill: int | None = None) -> None:
        self.kill = kill
        self.made = 0
        self.is_dead = False

    def called(self, *_: Any) -> None:
        """To be told before each."""
        if self.is_dead:
            raise PowerCut
        self.made += 1
        if self.made == self.kill:
            self.is_dead = True
            raise PowerCut


class Lost:
    """Counts the calls to the sides; the ``at``-th never arrives, as when a server is gone for a moment."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.made = 0

    def called(self, *_: Any) -> None:
        """To be told before each."""
        self.made += 1
        if self.made == self.at:
            raise FiftyOneUnavailable("gone") if self.made % 2 else DatabaseUnavailable("gone")


class Story:
    """What people do, and what syncd is told to do about it, in acts of which each may be begun again."""

    def __init__(self, servers: Servers, kind: str) -> None:
        server = replace(SERVER, slice_size=2) if kind == "server" else None
        self.sides = MemorySides(servers, apart=kind == "two_databases", server=server)
        for number, each in enumerate(OLD):
            self.sides.add_row(each, self.sides.samples()[number % 4], _content(100 + number))
        self.leaving = self.sides.dataset.add_sample(LEAVING).sample_id
        for number, each in enumerate(LATER):
            sample = self.leaving if number < 2 else self.sides.samples()[number % 4]
            self.sides.add_row(each, sample, _place(_content(120 + number), number))

    def tell(self, calls: Calls | None = None, lost: Lost | None = None) -> dict[str, Any]:
        """Plays the story, with at most one mishap in it; returns what it came to."""
        self._act(self._run, None, None)
        self._people()
        for act in (self._run, self._resolve, self._undo):
            self._act(act, calls, lost)
        self.sides.come_back(self.leaving, Return.RELABELLED)
        self._act(self._settle, calls, lost)
        return self._outcome()

    def _act(self, act: Callable[[Session], None], calls: Calls | None, lost: Lost | None) -> None:
        """Does it; after a mishap, once more in a new process."""
        with suppress(PowerCut, FiftyOneUnavailable, DatabaseUnavailable), self._session(calls, lost) as session:
            act(session)
            return
        if calls is not None:
            calls.is_dead, calls.kill = False, None
        with self._session(calls, lost) as session:
            act(session)

    @contextmanager
    def _session(self, calls: Calls | None, lost: Lost | None) -> Iterator[Session]:
        faults = Faults()
        faults.refuse("depth", REFUSED)
        if lost is not None:
            faults.before_call = lost.called
        if calls is not None:
            faults.before_call = faults.before_change = calls.called
        with self.sides.session(RULES, faults) as session, _listening(session, calls):
            yield session

    def _run(self, session: Session) -> None:
        reconcile(session, Options())

    def _settle(self, session: Session) -> None:
        for _ in range(MOST_RUNS):
            result = reconcile(session, Options(full=True))
            # A refused value is tried again in every run.
            if not result.settled and all(each.result and each.result.refused for each in result.recorded):
                return
        raise AssertionError(f"never quiet: {result.recorded} {result.settled}")

    def _resolve(self, session: Session) -> None:
        """The disagreement about b6: a person gives a third value, and looks again after a run that died."""
        if self._answered(session):
            return
        reconcile(session, Options())
        assert self._answered(session)

    def _answered(self, session: Session) -> bool:
        asked = [
            each
            for each in conflicts.query(session.state, session.tables, bindings=[session.mapping.binding])
            if each["annotation_id"] == "b6" and each["field"] == "depth"
        ]
        session.rest()
        return not asked or not resolve(session, asked, Take(text="60.5"), vocabulary=session.vocabulary).left

    def _undo(self, session: Session) -> None:
        """The curator's depth of b3 is taken back."""
        log = changes.query(session.state, session.tables, bindings=[session.mapping.binding], status="applied")
        session.rest()
        chosen = [each for each in log if each["annotation_id"] == "b3" and each["new"] == 33.0]
        assert len(chosen) <= 1
        undo(session, chosen, DirectOptions(RunMode.UNDO, braked=False))

    def _people(self) -> None:
        """Edits of every kind on both sides."""
        sides, label = self.sides, {each.annotation_id: each for each in self.sides.labels()}
        sides.edit_label(label["b0"], LABEL, TERMS[201])
        sides.edit_label(label["b0"], "depth", 201.5)
        sides.tag_label(label["b0"], ["reviewed"])
        sides.edit_label(label["b1"], LABEL, TERMS[202])  # waits for its approval
        sides.tag_label(label["b2"], ["bad"])
        for each in ("b3", "b4"):
            sides.edit_row(each, "depth", 33.0)
            sides.edit_row(each, LABEL, TERMS[203])
        sides.edit_row("b4", BOX, [0.5, 0.25, 0.125, 0.125])
        sides.edit_label(label["b5"], "depth", 55.0)  # converged
        sides.tag_label(label["b5"], ["reviewed"])
        sides.edit_row("b5", "depth", 55.0)
        for each, tags in (("b6", ["reviewed"]), ("b7", ["reviewed"])):
            sides.edit_label(label[each], "depth", 60.0)
            sides.tag_label(label[each], tags)
            sides.edit_row(each, "depth", 61.0)
        sides.erase(label["a3"])
        sides.erase(label["b8"])  # syncd has just put it there: a stale window's doing
        sides.remove_row("b9")
        sides.edit_label(label["b10"], LABEL, ALIAS)
        sides.tag_label(label["b10"], ["reviewed"])
        sides.edit_row("b11", "depth", REFUSED)
        sides.edit_label(label["a0"], LABEL, "no such taxon")
        sides.tag_label(label["a0"], ["reviewed"])
        sides.edit_label(label["a1"], "depth", 71.0)  # a field each
        sides.tag_label(label["a1"], ["reviewed"])
        sides.edit_row("a1", LABEL, TERMS[204])
        sides.tag_label(label["a2"], [TERMS[205]])  # waits as well
        sides.tag_label(label["a4"], [TERMS[206], "reviewed"])
        self._return_without("b12", "annotation_id", "depth")
        self._return_without("b13", "count", "depth")
        sides.edit_row("c1", "depth", 67.0)
        sides.leave(self.leaving)
        sides.retie_row("c2", sides.samples()[3])
        sides.hide_row("c3")
        sides.rebuild(label["c4"], keeps_id=True, same_label=False)
        sides.rebuild(label["c5"], keeps_id=False, same_label=True)
        sides.rebuild(label["c6"], keeps_id=False, same_label=False)
        for number, sample in enumerate(sides.samples()[:2]):
            drawn = sides.draw(sample, _content(300 + number))
            sides.tag_label(next(each for each in sides.labels() if each.label_id == drawn), ["reviewed"])
        sides.add_row("added", sides.samples()[2], _content(310))

    def _return_without(self, annotation_id: str, *names: str) -> None:
        """Another tool returns a label without what it does not know."""
        sample, label = next(each for each in self.sides.dataset.labels() if each[1].annotation_id == annotation_id)
        self.sides.touch_sample(sample.sample_id)
        for name in names:
            if name == "annotation_id":
                label.annotation_id = None
            else:
                del label.values[name]

    def _outcome(self) -> dict[str, Any]:
        """Everything that must be the same, whatever happened on the way."""
        samples = {name: number for number, name in enumerate(self.sides.samples())}
        with self._session(None, None) as session:
            read = quiet.books(session, self.sides)
            quiet.check_log(read, session)
        # The ids of what was drawn are given anew where a run died over them; they are told apart by their content.
        drawn = {
            each.annotation_id: f"drawn {each.values['count']}"
            for each in read.labels
            if each.annotation_id and each.annotation_id.startswith("minted")
        }

        def named(annotation_id: Any) -> Any:
            return drawn.get(annotation_id, annotation_id)

        def text(value: Any) -> str:
            return json.dumps(value, sort_keys=True, default=str)

        return {
            "labels": sorted(
                text([named(each.annotation_id), samples[each.sample], each.values, sorted(each.tags)])
                for each in read.labels
            ),
            "rows": {named(key): value for key, value in read.rows.items()},
            "baseline": {named(key): text(value.get("fields", value)) for key, value in _plain(read.baseline).items()},
            "open": sorted(
                text([named(each["annotation_id"]), each["kind"], each["field"], *map(_content_of, _sides(each))])
                for each in read.open
            ),
            "waiting": sorted(
                text([named(each["annotation_id"]), each["kind"], each["field"]]) for each in read.waiting
            ),
            "applied": Counter(
                text([named(each["annotation_id"]), each["direction"], each["action"], each["field"], each["reason"]])
                for each in read.applied
            ),
            "pending": [each["seq"] for each in read.log if each["status"] == "pending"],
        }


def _sides(conflict: dict[str, Any]) -> tuple[Any, Any]:
    return conflict["fiftyone"], conflict["database"]


def _content_of(value: Any) -> Any:
    """Without the ids that each telling of the story gives anew."""
    if isinstance(value, dict):
        return {name: each for name, each in value.items() if name not in ("label_id", "sample_id")}
    return value


def _plain(baseline: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What was agreed on, without when and which label object carries it."""
    own = {"label_id", "sample_id", "agreed_at", "updated_at"}
    return {key: {name: each for name, each in value.items() if name not in own} for key, value in baseline.items()}


def _content(number: int) -> dict[str, Any]:
    return {LABEL: TERMS[number], BOX: [number / 1000, 0.25, 0.125, 0.125], "depth": float(number), "count": number}


def _place(content: dict[str, Any], number: int) -> dict[str, Any]:
    """The content in a place of its own: nobody takes it for another."""
    return content | {BOX: [0.125 * number, 0.75, 0.0625, 0.0625]}


@contextmanager
def _listening(session: Session, calls: Calls | None) -> Iterator[None]:
    """Tells ``calls`` of statements and commits before they are sent."""
    if calls is None:
        yield
        return
    connections = [session.writing] if session.state is session.writing else [session.writing, session.state]
    events = [(each.engine, "before_cursor_execute") for each in connections]
    if not session.one_transaction:
        events.append((session.state.engine, "commit"))
    # SQLAlchemy knows no first among those who listen to a connection's events (it ignores ``insert``): the rows, who
    # listen for longer, would take the commit for done and keep what was never committed.
    table = session.database
    if isinstance(table, TransactionalRows):
        table.before_commit = calls.called
    for engine, name in events:
        sa.event.listen(engine, name, calls.called)
    try:
        yield
    finally:
        if isinstance(table, TransactionalRows):
            table.before_commit = lambda: None
        for engine, name in events:
            sa.event.remove(engine, name, calls.called)
        for each in connections:
            each.rollback()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The databases of all stories."""
    path: Path = tmp_path_factory.mktemp("crash")
    made = Servers(path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def silence() -> None:
    """Thousands of runs log too much."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _tell(servers: Servers, kind: str, *, calls: Calls | None = None, lost: Lost | None = None) -> dict[str, Any]:
    story = Story(servers, kind)
    try:
        return story.tell(calls, lost)
    finally:
        story.sides.close()


def _check(servers: Servers, kind: str, *, mishaps: list[tuple[str, Calls | None, Lost | None]], want: Any) -> None:
    """Every mishap comes to what no mishap comes to."""
    wrong = {}
    for name, calls, lost in mishaps:
        try:
            got = _tell(servers, kind, calls=calls, lost=lost)
        except AssertionError as error:
            wrong[name] = str(error)
            continue
        if got != want:
            wrong[name] = str({key: _apart(got[key], want[key]) for key in want if got[key] != want[key]})
    tried("crashes", len(mishaps))
    tried("lost", len(wrong))
    assert not wrong, f"{len(wrong)} of {len(mishaps)}: {dict(list(wrong.items())[:3])}"


def _apart(got: Any, want: Any) -> tuple[list[Any], list[Any]]:
    """What is there and should not be, and what should be and is not."""
    have, expected = (list(each.items()) if isinstance(each, dict) else each for each in (got, want))
    return [each for each in have if each not in expected], [each for each in expected if each not in have]


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("kind", KINDS)
def test_killed_before_any_call_or_after_it_took_effect_it_ends_the_same(servers: Servers, kind: str) -> None:
    undisturbed = Calls()
    want = _tell(servers, kind, calls=undisturbed)
    assert undisturbed.made > 100, "the story touches everything"
    every = range(1, undisturbed.made + 1, many(121, 1))
    _check(servers, kind, mishaps=[(f"call {k}", Calls(k), None) for k in every], want=want)


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_side_that_is_gone_at_any_call_changes_nothing_about_the_end(servers: Servers, kind: str) -> None:
    undisturbed = Lost()
    want = _tell(servers, kind, lost=undisturbed)
    assert undisturbed.made > 20, "the story calls both sides"
    every = range(1, undisturbed.made + 1, many(37, 1))
    _check(servers, kind, mishaps=[(f"call {k}", None, Lost(k)) for k in every], want=want)
