"""The rules: what people, clocks and servers do to a binding while syncd runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from syncd.diff.resolution.answer import Take
from syncd.engine.direct_plan import DirectOptions
from syncd.engine.options import Options
from syncd.engine.recover import recover
from syncd.engine.resolve import resolve
from syncd.engine.result import RunResult
from syncd.engine.run import reconcile
from syncd.engine.steps import Step
from syncd.engine.undo import undo
from syncd.errors import DatabaseUnavailable, FiftyOneUnavailable
from syncd.model import BOX, LABEL, Action, Change, Direction, Side
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.result import Status
from syncd.model.run import RunMode
from syncd.store import changes, conflicts
from syncd.testing import Faults
from trust_model import quiet
from trust_model.cuts import Cut, PowerCut, power_cut
from trust_model.history import History
from trust_model.quiet import Books
from trust_model.sides import Return, Rules, SeenLabel, SeenRow, Sides, same

PICK = st.integers(0, 9_999)
ATTRIBUTES = ("depth", "count", "verified")
BOTH_WAYS = st.sampled_from([LABEL, LABEL, "depth"])
ANY_FIELD = st.sampled_from([LABEL, LABEL, "depth", BOX])
MOST_RUNS = 8
"""Full runs after which nothing may be left to do."""
HELD = ("came back empty", "the images of")
"""Why a binding is held that no rule of the model has to do with."""
WENT_BACK = {Side.FIFTYONE: "FiftyOne went back in time", Side.DATABASE: "the database went back in time"}
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
        self.left: dict[str, list[SeenLabel]] = {}
        self.windows: dict[str, Any] = {}
        self.notebook: list[SeenLabel] = []
        self.minutes = dict.fromkeys(Side, 0)
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
        sample = self._sample(pick)
        made = self.sides.draw(sample, values)
        drawn = SeenLabel(sample, made, None, values, ())
        self.history.touched(drawn)
        self.history.drew(drawn)

    @rule(pick=PICK)
    def erase(self, pick: int) -> None:
        label = self._label(pick)
        if label and len(self.sides.labels()) > FEWEST:
            self.sides.erase(label)
            self.history.touched(label)
            self.history.deleted(label)
            self.history.went(label, {each.label_id for each in self.sides.labels()})

    @rule(pick=PICK, where=PICK)
    def duplicate_id(self, pick: int, where: int) -> None:
        label = self._label(pick)
        if label and label.annotation_id:
            sample = self._sample(where)
            made = self.sides.copy(label, sample)
            self.history.touched(replace(label, sample=sample, label_id=made))
            self.history.strangers.add(made)

    @rule(pick=PICK, where=PICK)
    def move(self, pick: int, where: int) -> None:
        if label := self._label(pick):
            self._disturbed(label.annotation_id, label.label_id)
            sample = self._sample(where)
            self.sides.move(label, sample)
            self.history.moved(label.label_id, label.sample, sample)
            self.history.strangers.add(label.label_id)
            for each in (label.sample, sample):
                self.history.touched(replace(label, sample=each))

    @rule(pick=PICK)
    def sample_leaves(self, pick: int) -> None:
        sample = self._sample(pick)
        labels = [each for each in self.sides.labels() if each.sample == sample]
        if len(self.sides.samples()) > FEWEST and len(self.sides.labels()) - len(labels) >= FEWEST:
            self.left[sample] = [each for each in labels if self._is_an_object(each)]
            asked = self._moved()
            self.sides.leave(sample)
            self.history.tried["left"] += 1
            there = {each.label_id for each in self.sides.labels()}
            for each in labels:
                if each.label_id in self.history.strangers and (each.annotation_id, sample) not in asked:
                    self._left_its_home(each)
                self.history.went(each, there)

    @rule(pick=PICK, how=st.sampled_from(list(Return)))
    def sample_comes_back(self, pick: int, how: Return) -> None:
        away = self.sides.away()
        if not away:
            return
        sample = away[pick % len(away)]
        self.history.tried[f"back {how.value}"] += 1
        objects = {tuple(each.values[BOX]): each.annotation_id for each in self.left.pop(sample)}
        for label in self.sides.come_back(sample, how):
            if how is Return.WHOLE:
                self.history.came_back(label, sample)
            elif how is Return.NAMELESS:
                self._lost_its_ids(label, objects.get(tuple(label.values[BOX])))

    @rule(pick=PICK, keeps_id=st.booleans(), same_label=st.booleans())
    def rebuild(self, pick: int, keeps_id: bool, same_label: bool) -> None:
        """Another tool returns a label without what it does not know: its attributes, and perhaps its ids."""
        label = self._label(pick)
        if label is None:
            return
        had = [name for name in ATTRIBUTES if label.values.get(name) is not None]
        if keeps_id and same_label and len(had) == 1:
            return  # as when a person clears the one attribute
        owner = label.annotation_id if self._is_an_object(label) else None
        self.history.tried["rebuilt"] += 1
        self.history.touched(label)
        made = self.sides.rebuild(label, keeps_id=keeps_id, same_label=same_label)
        if same_label and keeps_id:
            self.history.lost.add(label.label_id)
        if same_label and not keeps_id and owner is None:
            self.history.let_go(label)
        if same_label or (keeps_id and label.annotation_id):
            for name in had:
                self.history.forget(Side.FIFTYONE, label.label_id, name)
            self.history.relabelled(label.label_id, made)
            return
        values = {name: label.values[name] for name in (LABEL, BOX)}
        if owner is None:
            self.history.deleted(label)
        self.history.removed(Side.FIFTYONE, label.label_id)
        self.history.drew(replace(label, label_id=made, values=values))
        self._lost_its_ids(replace(label, label_id=made), owner)

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
            self._disturbed(row.annotation_id)
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
            hidden = shown[pick % len(shown)].annotation_id
            self._disturbed(hidden)
            self.sides.hide_row(hidden)

    @rule(pick=PICK)
    def show_row(self, pick: int) -> None:
        if hidden := sorted(self.sides.hidden()):
            self.sides.show_row(hidden[pick % len(hidden)])

    @rule(pick=PICK, where=PICK)
    def retie_row(self, pick: int, where: int) -> None:
        if row := self._row(pick):
            self._disturbed(row.annotation_id)
            self.history.strangers.add(row.annotation_id)
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

    @rule(pick=PICK)
    def open_a_window(self, pick: int) -> None:
        sample = self._sample(pick)
        self.windows[sample] = self.sides.open_list(sample)

    @rule(pick=PICK, which=PICK, name=ANY_FIELD)
    def save_in_a_window(self, pick: int, which: int, name: str) -> None:
        """A window that was open before saves a sample's whole list, with its user's edit of one label."""
        found = sorted(self.windows.keys() & set(self.sides.samples()))
        if not found:
            return
        sample = found[pick % len(found)]
        rest = [each for each in self.sides.labels() if each.sample != sample]
        held = self.windows.pop(sample)
        if len(rest) + len(held) < FEWEST:
            return
        self.history.tried["windows"] += 1
        before = self.sides.labels()
        self.sides.save_list(sample, held)
        self._note_changes(before)
        if labels := [each for each in self.sides.labels() if each.sample == sample]:
            self._edit_label(labels[which % len(labels)], name, self.history.fresh(name))

    @rule()
    def load_a_notebook(self) -> None:
        self.notebook = self.sides.labels()

    @rule(name=BOTH_WAYS)
    def set_values_from_a_notebook(self, name: str) -> None:
        """A notebook writes back the values that it loaded, all in one call."""
        before = self.sides.labels()
        places = Counter((each.sample, each.label_id) for each in before)
        known = [each for each in self.notebook if places[each.sample, each.label_id] == 1]
        self.sides.set_values(name, [(each, each.values[name]) for each in known if each.values[name] is not None])
        self.history.tried["notebooks"] += bool(known)
        self._note_changes(before)

    @rule(pick=PICK, rows=st.booleans())
    def bump_times(self, pick: int, rows: bool) -> None:
        row = self._row(pick)
        if rows and row:
            self.sides.touch_row(row.annotation_id)
        else:
            self.sides.touch_sample(self._sample(pick))

    @rule(side=st.sampled_from(list(Side)), minutes=st.integers(-8, 8))
    def move_a_clock(self, side: Side, minutes: int) -> None:
        if minutes < self.minutes[side]:
            self.history.set_back.add(side)
        self.minutes[side] = minutes
        self.sides.skew(side, minutes)

    # Whoever configures

    @rule()
    def change_vocabulary(self) -> None:
        self.chosen = replace(self.chosen, narrow=not self.chosen.narrow)

    @rule(chosen=st.sampled_from([(name, choice) for name, choices in sorted(POLICIES.items()) for choice in choices]))
    def change_policy(self, chosen: tuple[str, str]) -> None:
        self.chosen = replace(self.chosen, policy=self.chosen.policy | dict([chosen]))
        if chosen == ("on_new", "ignore"):
            self._forget_objects()

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
            log = changes.query(
                session.state, session.tables, bindings=[session.mapping.binding], status=Status.APPLIED
            )
            session.rest()
            if not log:
                return
            chosen = log[pick % len(log)]
            entries = [each for each in log if each["run_id"] == chosen["run_id"]] if whole_run else [chosen]
            self._forget_objects()
            undo(session, entries, DirectOptions(RunMode.UNDO, braked=False))

    @rule()
    def come_to_rest(self) -> None:
        self._to_quiet()

    # How

    def _to_quiet(self) -> Books | None:
        """What stands once syncd has nothing more to do; ``None`` where it waits for a person."""
        for _ in range(MOST_RUNS):
            stands = self._stands()
            result = self._run(Options(full=True))
            if result.held is not None:
                assert self._stands() == stands, f"held ({result.held}), and written all the same"
                if any(each in result.held for each in HELD):
                    return None
                back = [side for side, said in WENT_BACK.items() if said in result.held]
                assert back, result.held
                for side in back:
                    with self._session() as session:
                        recover(session, side, Options(), accept=True)
                continue
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
                quiet.check_objects(read, self.history)
                quiet.check_attributes(read, self.history)
                quiet.check_reverts(read, self.history)
                quiet.check_replay(read, self.first)
                quiet.check_log(read, session)
            except AssertionError:
                self.history.tried["lost"] += 1
                raise
        return read

    def _stands(self) -> tuple[list[SeenLabel], list[SeenRow]]:
        """Both sides, without the tags by which syncd marks what it holds."""
        labels = self.sides.labels()
        plain = [tuple(tag for tag in each.tags if not tag.startswith("syncd:")) for each in labels]
        return [replace(each, tags=tags) for each, tags in zip(labels, plain, strict=True)], self.sides.rows()

    def _note_changes(self, before: list[SeenLabel]) -> None:
        """What somebody saved is what that person set, whether or not they meant it."""
        was, now = ({(each.sample, each.label_id): each for each in labels} for labels in (before, self.sides.labels()))
        there = {label_id for _, label_id in now}
        for place, label in was.items():
            if place not in now:
                self.history.touched(label)
                self.history.deleted(label)
                self._disturbed(label.annotation_id, label.label_id)
                self.history.went(label, there)
        for place, label in now.items():
            if place not in was:
                self.history.touched(label)
                self.history.made[Side.FIFTYONE, label.label_id] = self.history.next()
                self._disturbed(label.annotation_id, label.label_id)
                continue
            for name, value in label.values.items():
                if not same(value, was[place].values.get(name)):
                    self._note_value(label, name, value)

    def _note_value(self, label: SeenLabel, name: str, value: Any) -> None:
        self.history.touched(label)
        if name == BOX:
            self._disturbed(label.annotation_id, label.label_id)
        if value is None:
            self.history.forget(Side.FIFTYONE, label.label_id, name)
            self.history.cleared.add((label.annotation_id, name))
        else:
            self._gave_back(label, name)
            self.history.edited_label(label, name, value)

    def _gave_back(self, label: SeenLabel, name: str) -> None:
        """A label that had lost its attributes got one of them back: it does not lack all of them any more."""
        if name in ATTRIBUTES and label.label_id in self.history.lost:
            lacks = [each for each in ATTRIBUTES if each != name and label.values.get(each) is None]
            self.history.cleared |= {(label.annotation_id, each) for each in lacks}

    def _run(
        self,
        options: Options,
        *,
        at: Step | None = None,
        trouble: Callable[[Faults, Cut], None] = lambda *_: None,
    ) -> RunResult:
        faults, began = Faults(), self.history.next()
        with self._session(faults) as session, power_cut(session, at) as cut:
            self.history.runs[str(began)] = began
            trouble(faults, cut)
            self.history.seen(self.sides.labels())
            result = reconcile(session, options)
            if result.held is None:
                self.history.lost.clear()
            self.history.runs[str(result.run_id)] = began
            self.history.seen(self.sides.labels())
            return result

    def _session(self, faults: Faults | None = None) -> Any:
        return self.sides.session(self.chosen, faults or Faults())

    def _edit_label(self, label: SeenLabel, name: str, value: Any) -> None:
        if name == BOX:
            self._disturbed(label.annotation_id, label.label_id)
        self.history.touched(label)
        self._gave_back(label, name)
        self.sides.edit_label(label, name, value)
        self.history.edited_label(label, name, value)

    def _edit_row(self, row: SeenRow, name: str, value: Any, *, late: bool = False) -> None:
        if name == BOX:
            self._disturbed(row.annotation_id)
        if late:
            self.history.late.add(row.annotation_id)
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

    def _is_an_object(self, label: SeenLabel) -> bool:
        """Whether the label, and no other, is where its row says: it is known without its ids."""
        row = next((each for each in self.sides.rows() if each.annotation_id == label.annotation_id), None)
        others = [each for each in self.sides.labels() if each.label_id != label.label_id]
        alike = [each for each in others if each.annotation_id == label.annotation_id or self._is_at(each, label)]
        return (
            row is not None
            and not {label.label_id, label.annotation_id} & self.history.strangers
            and row.sample == label.sample
            and same(row.values[BOX], label.values[BOX])
            and label.annotation_id not in self.sides.hidden()
            and self.chosen.policy.get("on_new") != "ignore"
            and not alike
        )

    @staticmethod
    def _is_at(one: SeenLabel, two: SeenLabel) -> bool:
        return one.sample == two.sample and same(one.values[BOX], two.values[BOX])

    def _disturbed(self, annotation_id: str | None, label_id: str | None = None) -> None:
        """From now on a label may stand elsewhere than its annotation, also where its sample is away."""
        self.history.disturbed(annotation_id, label_id)
        for sample, labels in self.left.items():
            self.left[sample] = [each for each in labels if each.annotation_id != annotation_id]

    def _forget_objects(self) -> None:
        """From now on nobody can tell whose a label is that has lost its ids."""
        self.history.objects, self.left = {}, {sample: [] for sample in self.left}

    def _moved(self) -> set[tuple[str | None, str | None]]:
        """The annotations that stand on another sample than their rows say, as people know by now, and where."""
        with self._session() as session:
            found = conflicts.query(session.state, session.tables, bindings=[session.mapping.binding])
            session.rest()
        return {(each["annotation_id"], each["sample_id"]) for each in found if each["kind"] == ConflictKind.MOVED}

    def _left_its_home(self, label: SeenLabel) -> None:
        """A label that somebody had moved is gone from where it was known, as if it had been deleted there."""
        self.history.erased.add(label.annotation_id)
        for sample in self.sides.samples():
            self.history.touched(replace(label, sample=sample))

    def _lost_its_ids(self, label: SeenLabel, owner: str | None) -> None:
        if owner is not None:
            self.history.objects[label.label_id] = owner

    def _new_id(self) -> str:
        return f"new-{self.history.next()}"

    def _label(self, pick: int) -> SeenLabel | None:
        found = self.sides.labels()
        self.history.seen(found)
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
