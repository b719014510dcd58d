"""The rules: what people, clocks and servers do to a binding while syncd runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from syncd.adapters.memory import Faults
from syncd.apply.steps import Step
from syncd.errors import DatabaseUnavailable, FiftyOneUnavailable
from syncd.model import BOX, LABEL, Action, Change, Direction, Side
from syncd.reconcile.made import UNDO, MadeOptions
from syncd.reconcile.options import Options
from syncd.reconcile.result import RunResult
from syncd.reconcile.run import reconcile
from syncd.resolve.answer import Take
from syncd.resolve.run import resolve
from syncd.store import changes, conflicts
from syncd.store.changes import APPLIED
from syncd.undo.run import undo
from trust_model import quiet
from trust_model.cuts import Cut, PowerCut, power_cut
from trust_model.history import History
from trust_model.sides import Rules, SeenLabel, SeenRow, Sides

PICK = st.integers(0, 9_999)
BOTH_WAYS = st.sampled_from([LABEL, LABEL, "depth"])
ANY_FIELD = st.sampled_from([LABEL, LABEL, "depth", BOX])
MOST_RUNS = 8
"""Full runs after which nothing may be left to do."""
FEWEST = 2
"""Annotations that people leave on a side: an empty one holds the binding, and a story has nothing more to tell."""

POLICIES = {
    "on_conflict": ["quarantine", "database", "fiftyone", "latest"],
    "first_sync": ["quarantine", "database", "fiftyone"],
    "on_new": ["create", "quarantine", "ignore"],
    "on_fiftyone_delete": ["quarantine", "restore", "delete"],
    "on_database_delete": ["remove", "quarantine"],
    "on_hidden": ["quarantine", "remove"],
    "on_moved": ["quarantine", "database", "fiftyone"],
    "on_stale_revert": ["reapply", "quarantine"],
}
TROUBLE = ["read", "write", "call", "cut_call", "cut_change"]
"""Where a side fails: midway through a read or a write, at a call, or with the process at a call or between writes."""


class TrustMachine(RuleBasedStateMachine):
    """Rules for one binding. A subclass says on which sides."""

    totals: ClassVar[Counter[str]] = Counter()

    def make_sides(self) -> Sides:
        """New sides in agreement that syncd has never seen."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.sides = self.make_sides()
        self.chosen = Rules()
        self.history = History()
        self._run(Options(full=True))
        with self._session() as session:
            self.first = quiet.books(session, self.sides).baseline
        assert self.first, "the first meeting is the first baseline"

    def teardown(self) -> None:
        """The last quiet point."""
        try:
            self._to_quiet()
        finally:
            self.sides.close()
            type(self).totals["cases"] += 1
            type(self).totals.update(self.history.tried)

    # Reviewers

    @rule(pick=PICK, name=ANY_FIELD)
    def edit_label(self, pick: int, name: str) -> None:
        if label := self._label(pick):
            self._edit_label(label, name, self.history.fresh(name))

    @rule(pick=PICK, tags=st.lists(st.sampled_from(["reviewed", "bad", "look", "class"]), max_size=2, unique=True))
    def retag(self, pick: int, tags: list[str]) -> None:
        if label := self._label(pick):
            self.sides.tag_label(label, [self.history.fresh(LABEL) if each == "class" else each for each in tags])

    @rule(pick=PICK)
    def draw(self, pick: int) -> None:
        values = self.history.content()
        self.history.added(Side.FIFTYONE, self.sides.draw(self._sample(pick), values), None, values)

    @rule(pick=PICK)
    def erase(self, pick: int) -> None:
        label = self._label(pick)
        if label and len(self.sides.labels()) > FEWEST:
            self.sides.erase(label)
            if not any(each.label_id == label.label_id for each in self.sides.labels()):
                self.history.removed(Side.FIFTYONE, label.label_id)

    @rule(pick=PICK, where=PICK)
    def duplicate_id(self, pick: int, where: int) -> None:
        label = self._label(pick)
        if label and label.annotation_id:
            self.sides.copy(label, self._sample(where))

    @rule(pick=PICK, where=PICK)
    def move(self, pick: int, where: int) -> None:
        if label := self._label(pick):
            self.sides.move(label, self._sample(where))

    # The curator

    @rule(pick=PICK, name=ANY_FIELD)
    def edit_row(self, pick: int, name: str) -> None:
        if row := self._row(pick):
            self._edit_row(row, name, self.history.fresh(name))

    @rule(pick=PICK, name=BOTH_WAYS)
    def commit_late(self, pick: int, name: str) -> None:
        if row := self._row(pick):
            self._edit_row(row, name, self.history.fresh(name), late=True)

    @rule(pick=PICK)
    def add_row(self, pick: int) -> None:
        values = self.history.content()
        self._add_row(self._new_id(), self._sample(pick), values)

    @rule(pick=PICK)
    def remove_row(self, pick: int) -> None:
        row = self._row(pick)
        if row and len(self.sides.rows()) > FEWEST:
            self.sides.remove_row(row.annotation_id)
            self.history.removed(Side.DATABASE, row.annotation_id)

    @rule(pick=PICK, where=PICK)
    def restore_row(self, pick: int, where: int) -> None:
        there = {each.annotation_id for each in self.sides.rows()}
        gone = sorted({name for side, name in self.history.gone if side is Side.DATABASE} - there)
        if gone:
            self._add_row(gone[pick % len(gone)], self._sample(where), self.history.content())

    @rule(pick=PICK)
    def hide_row(self, pick: int) -> None:
        shown = [each for each in self.sides.rows() if each.annotation_id not in self.sides.hidden()]
        if len(shown) > FEWEST:
            self.sides.hide_row(shown[pick % len(shown)].annotation_id)

    @rule(pick=PICK)
    def show_row(self, pick: int) -> None:
        if hidden := sorted(self.sides.hidden()):
            self.sides.show_row(hidden[pick % len(hidden)])

    @rule(pick=PICK, where=PICK)
    def retie_row(self, pick: int, where: int) -> None:
        if row := self._row(pick):
            self.sides.retie_row(row.annotation_id, self._sample(where))

    # Both

    @rule(pick=PICK, name=BOTH_WAYS)
    def edit_both_alike(self, pick: int, name: str) -> None:
        if pair := self._pair(pick):
            value = self.history.fresh(name)
            self._edit_label(pair[0], name, value)
            self._edit_row(pair[1], name, value)

    @rule(pick=PICK, name=BOTH_WAYS)
    def disagree(self, pick: int, name: str) -> None:
        if pair := self._pair(pick):
            self._edit_row(pair[1], name, self.history.fresh(name))
            self._edit_label(pair[0], name, self.history.fresh(name))

    @rule(pick=PICK, which=PICK, name=BOTH_WAYS)
    def put_an_old_value_back(self, pick: int, which: int, name: str) -> None:
        label = self._label(pick)
        if not label:
            return
        known = (label.label_id, label.annotation_id)
        old = [each.value for each in self.history.edits if each.field == name and each.subject in known]
        if old:
            self._edit_label(label, name, old[which % len(old)])

    @rule(pick=PICK, rows=st.booleans())
    def bump_times(self, pick: int, rows: bool) -> None:
        row = self._row(pick)
        if rows and row:
            self.sides.touch_row(row.annotation_id)
        else:
            self.sides.touch_sample(self._sample(pick))

    @rule(side=st.sampled_from(list(Side)), minutes=st.integers(-8, 8))
    def move_a_clock(self, side: Side, minutes: int) -> None:
        self.sides.skew(side, minutes)

    # Whoever configures

    @rule()
    def change_vocabulary(self) -> None:
        self.chosen = replace(self.chosen, narrow=not self.chosen.narrow)

    @rule(chosen=st.sampled_from([(name, choice) for name, choices in sorted(POLICIES.items()) for choice in choices]))
    def change_policy(self, chosen: tuple[str, str]) -> None:
        self.chosen = replace(self.chosen, policy=self.chosen.policy | dict([chosen]))

    @rule()
    def change_review(self) -> None:
        self.chosen = replace(self.chosen, tagged=not self.chosen.tagged)

    # syncd

    @rule()
    def run_incrementally(self) -> None:
        self._run(Options())

    @rule()
    def run_fully(self) -> None:
        self._run(Options(full=True))

    @rule(full=st.booleans(), step=st.sampled_from(list(Step)))
    def crash(self, full: bool, step: Step) -> None:
        self.history.tried["crashes"] += 1
        with suppress(PowerCut):
            self._run(Options(full=full), at=step)

    @rule(full=st.booleans(), kind=st.sampled_from(TROUBLE), nth=st.integers(0, 12))
    def run_in_trouble(self, full: bool, kind: str, nth: int) -> None:
        """Reads half a snapshot, fails a write, loses a server or the process at any call."""
        self.history.tried["crashes"] += 1
        with suppress(PowerCut, FiftyOneUnavailable, DatabaseUnavailable):
            self._run(Options(full=full), trouble=lambda faults, cut: _trouble(faults, cut, kind, nth))

    @rule(full=st.booleans(), nth=st.integers(1, 14), pick=PICK, name=BOTH_WAYS, rows=st.booleans())
    def edit_during_a_run(self, full: bool, nth: int, pick: int, name: str, rows: bool) -> None:
        def edit() -> None:
            row, label = self._row(pick), self._label(pick)
            if rows and row:
                self._edit_row(row, name, self.history.fresh(name))
            elif not rows and label:
                self._edit_label(label, name, self.history.fresh(name))

        self._run(Options(full=full), trouble=lambda faults, _: _meanwhile(faults, nth, edit, rows=rows))

    @rule(full=st.booleans(), pick=PICK, name=BOTH_WAYS, rows=st.booleans())
    def edit_what_is_being_written(self, full: bool, pick: int, name: str, rows: bool) -> None:
        """Somebody types into the very field that syncd is about to write."""

        def edit(change: Change) -> None:
            if change.action is Action.UPDATE and change.field == name:
                self._edit_target(change, name)

        if pair := self._pair(pick):
            if rows:
                self._edit_label(pair[0], name, self.history.fresh(name))
            else:
                self._edit_row(pair[1], name, self.history.fresh(name))
            self._run(Options(full=full), trouble=lambda faults, _: setattr(faults, "before_change", edit))

    @rule(pick=PICK, take=st.sampled_from(["fiftyone", "database", "value"]))
    def resolve_conflict(self, pick: int, take: str) -> None:
        with self._session() as session:
            binding = session.mapping.binding
            asked = conflicts.query(session.state, session.tables, bindings=[binding])
            session.rest()
            if not asked:
                return
            answer = Take(text=self.history.fresh(LABEL)) if take == "value" else Take(Side(take))
            resolve(session, [asked[pick % len(asked)]], answer, vocabulary=session.vocabulary)

    @rule(pick=PICK, whole_run=st.booleans())
    def undo(self, pick: int, whole_run: bool) -> None:
        with self._session() as session:
            log = changes.query(session.state, session.tables, bindings=[session.mapping.binding], status=APPLIED)
            session.rest()
            if not log:
                return
            chosen = log[pick % len(log)]
            entries = [each for each in log if each["run_id"] == chosen["run_id"]] if whole_run else [chosen]
            undo(session, entries, MadeOptions(UNDO, braked=False))

    @rule()
    def come_to_rest(self) -> None:
        self._to_quiet()

    # How

    def _to_quiet(self) -> None:
        for _ in range(MOST_RUNS):
            result = self._run(Options(full=True))
            if result.held is not None:
                # A side that came back empty is a person's business, and nothing of it was written.
                assert "empty" in result.held, result.held
                return
            if not result.recorded and not result.settled:
                break
        else:
            raise AssertionError(f"never quiet: {result.recorded}")
        with self._session() as session:
            read = quiet.books(session, self.sides)
            try:
                quiet.check_agreement(read, self.chosen)
                quiet.check_edits(read, self.history, self.first)
                quiet.check_existence(read, self.history)
                quiet.check_replay(read, self.first)
                quiet.check_log(read, session)
            except AssertionError:
                self.history.tried["lost"] += 1
                raise

    def _run(
        self,
        options: Options,
        *,
        at: Step | None = None,
        trouble: Callable[[Faults, Cut], None] = lambda *_: None,
    ) -> RunResult:
        faults = Faults()
        with self._session(faults) as session, power_cut(session, at) as cut:
            trouble(faults, cut)
            return reconcile(session, options)

    def _session(self, faults: Faults | None = None) -> Any:
        return self.sides.session(self.chosen, faults or Faults())

    def _edit_label(self, label: SeenLabel, name: str, value: Any) -> None:
        self.sides.edit_label(label, name, value)
        self.history.edited_label(label, name, value)

    def _edit_row(self, row: SeenRow, name: str, value: Any, *, late: bool = False) -> None:
        self.sides.edit_row(row.annotation_id, name, value, late=late)
        self.history.edited_row(row.annotation_id, name, value)

    def _edit_target(self, change: Change, name: str) -> None:
        for row in self.sides.rows() if change.direction is Direction.TO_DATABASE else ():
            if row.annotation_id == change.annotation_id:
                self._edit_row(row, name, self.history.fresh(name))
        for label in self.sides.labels() if change.direction is Direction.TO_FIFTYONE else ():
            if (label.sample, label.label_id) == (change.sample_id, change.label_id):
                self._edit_label(label, name, self.history.fresh(name))

    def _add_row(self, annotation_id: str, sample: str, values: dict[str, Any]) -> None:
        self.sides.add_row(annotation_id, sample, values)
        self.history.added(Side.DATABASE, annotation_id, annotation_id, values)

    def _new_id(self) -> str:
        return f"new-{self.history.next()}"

    def _label(self, pick: int) -> SeenLabel | None:
        found = self.sides.labels()
        return found[pick % len(found)] if found else None

    def _row(self, pick: int) -> SeenRow | None:
        found = self.sides.rows()
        return found[pick % len(found)] if found else None

    def _pair(self, pick: int) -> tuple[SeenLabel, SeenRow] | None:
        rows = {each.annotation_id: each for each in self.sides.rows()}
        pairs = [(each, rows[each.annotation_id]) for each in self.sides.labels() if each.annotation_id in rows]
        return pairs[pick % len(pairs)] if pairs else None

    def _sample(self, pick: int) -> str:
        found = self.sides.samples()
        return found[pick % len(found)]


def _trouble(faults: Faults, cut: Cut, kind: str, nth: int) -> None:
    """Has one thing go wrong."""
    gone = FiftyOneUnavailable("gone") if nth % 2 else DatabaseUnavailable("gone")
    if kind == "read":
        faults.fail_reading(gone, after_rows=nth % 4)
    elif kind == "write":
        faults.fail_writing(gone, after_changes=nth % 3)
    elif kind == "call":
        faults.fail(gone, at=nth + 1)
    elif kind == "cut_call":
        faults.before_call = _counting(nth, cut.strike)
    else:
        faults.before_change = _counting(nth % 4, cut.strike)


def _meanwhile(faults: Faults, nth: int, edit: Callable[[], None], *, rows: bool) -> None:
    """Has somebody edit just before a call. What edits rows must not wait for syncd's own open transaction."""

    def called(method: str) -> None:
        if not rows or method.startswith(("read", "origin", "find")):
            count(method)

    count = _counting(nth, edit)
    faults.before_call = called


def _counting(nth: int, act: Callable[[], None]) -> Callable[[object], None]:
    left = [nth]

    def called(_: object) -> None:
        left[0] -= 1
        if left[0] == -1:
            act()

    return called
