"""A tag that was answered has no effect again, whatever happens to its label meanwhile; what is said anew has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from syncd.diff.resolution.answer import Take
from syncd.engine.direct_plan import DirectOptions
from syncd.engine.options import Options
from syncd.engine.resolve import resolve
from syncd.engine.run import reconcile
from syncd.engine.session import Session
from syncd.engine.steps import Step, observed
from syncd.engine.undo import undo
from syncd.model import BOX, LABEL, Plan, Side, Vocabulary
from syncd.model.run import RunMode
from syncd.model.vocabulary import Term
from syncd.store import changes, conflicts
from syncd.testing import Faults, Label
from trust_model.memory import MemorySides, Servers
from trust_model.sides import TERMS, Rules
from worlds import at_step

OLD, TAGGED, HOME = TERMS[0], TERMS[50], TERMS[51]
"""What the label of ``a0`` was, what it is tagged with, and what the database says later."""


class Died(BaseException):
    """The process ends here."""


@dataclass
class Lab:
    """Two sides in memory; ``full``: every run reads everything. ``review`` and ``policy`` as configured."""

    sides: MemorySides
    full: bool
    review: dict[str, Any] = field(default_factory=lambda: {"after": "keep"})
    policy: dict[str, str] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None

    def do(self, act: Callable[[Session], Any], faults: Faults | None = None) -> Any:
        with self.sides.session(Rules(policy=self.policy), faults or Faults()) as given:
            policy = replace(given.policy, review=replace(given.policy.review, **self.review))
            return act(replace(given, policy=policy, vocabulary=self.vocabulary or given.vocabulary))

    def run(self, *, faults: Faults | None = None, **options: Any) -> Plan:
        chosen = Options(full=self.full, **options)
        plan = self.do(lambda session: reconcile(session, chosen).plan, faults)
        assert isinstance(plan, Plan)
        return plan

    def label(self, name: str = "a0") -> Label:
        return next(each for _, each in self.sides.dataset.labels() if each.annotation_id == name)

    def tag(self, *tags: str, on: str = "a0") -> None:
        self.edit(lambda label: setattr(label, "tags", list(tags)), on)

    def edit(self, act: Callable[[Label], Any], on: str = "a0") -> None:
        sample, label = next(each for each in self.sides.dataset.labels() if each[1].annotation_id == on)
        self.sides.touch_sample(sample.sample_id)
        act(label)

    def both(self, name: str = "a0", what: str = LABEL) -> tuple[Any, Any]:
        row = self.sides.table.values(name)
        assert row is not None
        return self.sides.dataset.values(self.label(name)).get(what), row.get(what)

    def answered(self) -> None:
        """``a0`` is tagged, relabelled for it, and keeps the tag."""
        self.run()
        self.tag(TAGGED)
        self.run()
        assert (self.both(), self.label().tags) == ((TAGGED, TAGGED), [TAGGED])

    def corrected(self) -> None:
        """The database says something else since: the tag must not take that back."""
        self.sides.edit_row("a0", LABEL, HOME)

    def resolve(self, take: Take) -> list[str]:
        def act(session: Session) -> Any:
            asked = conflicts.query(session.state, session.tables, bindings=[session.mapping.binding])
            return [each.status for each in resolve(session, asked, take, vocabulary=session.vocabulary).outcomes]

        found = self.do(act)
        assert isinstance(found, list)
        return found

    def undo(self, reason: str) -> Any:
        def act(session: Session) -> Any:
            log = changes.query(session.state, session.tables, bindings=[session.mapping.binding], status="applied")
            session.rest()
            chosen = sorted((each for each in log if each["reason"] == reason), key=lambda each: each["seq"])
            return undo(session, chosen, DirectOptions(RunMode.UNDO, braked=False))

        return self.do(act)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("answered"))
    yield made
    made.close()


@pytest.fixture(params=[False, True], ids=["polls", "sweeps"])
def lab(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Lab]:
    sides = MemorySides(servers, apart=False)
    yield Lab(sides, request.param)
    sides.close()


def stays(lab: Lab, value: str = HOME) -> None:
    """Nothing comes of the tag, in this run and the next ones."""
    for _ in range(3):
        lab.run()
        assert lab.both() == (value, value)
    lab.do(lambda session: reconcile(session, Options(full=True)))
    assert lab.both() == (value, value)


# What may happen to an answered tag


def test_the_database_corrects_the_label_later(lab: Lab) -> None:
    lab.answered()
    lab.corrected()
    stays(lab)


def test_the_label_loses_its_id_and_gets_it_back(lab: Lab) -> None:
    lab.answered()
    lab.corrected()
    lab.edit(lambda label: setattr(label, "annotation_id", None))
    stays(lab)


def test_the_label_is_deleted_and_put_back_as_it_was(lab: Lab) -> None:
    lab.answered()
    lab.corrected()
    lab.run()
    sample, label = next(each for each in lab.sides.dataset.labels() if each[1].annotation_id == "a0")
    lab.sides.touch_sample(sample.sample_id)
    sample.labels.remove(label)
    lab.run()
    lab.do(lambda session: reconcile(session, Options(full=True)))
    lab.sides.touch_sample(sample.sample_id)
    sample.labels.append(label)
    stays(lab)


def test_the_label_moves_to_another_sample_and_back(lab: Lab) -> None:
    lab.answered()
    lab.corrected()
    lab.run()
    home, label = next(each for each in lab.sides.dataset.labels() if each[1].annotation_id == "a0")
    away = next(each for each in lab.sides.dataset.samples.values() if each is not home)
    for here, there in ((home, away), (away, home)):
        here.labels.remove(label)
        there.labels.append(label)
        for each in (here, there):
            lab.sides.touch_sample(each.sample_id)
        lab.do(lambda session: reconcile(session, Options(full=True)))
    stays(lab)


def test_one_run_hears_another_tag_only(lab: Lab) -> None:
    lab.run()
    lab.tag("reviewed")
    lab.run()
    lab.sides.edit_row("a0", "verified", False)
    lab.do(lambda session: reconcile(session, Options(full=True, tag="urgent")))
    for _ in range(3):
        lab.run()
        assert lab.both(what="verified") == (False, False)


def test_the_vocabulary_lacks_the_term_for_a_while_or_calls_it_otherwise(lab: Lab) -> None:
    lab.answered()
    lab.corrected()
    for vocabulary in (
        Vocabulary(tuple(Term(each) for each in TERMS if each != TAGGED)),
        Vocabulary(tuple(Term(each) for each in TERMS if each != TAGGED), aliases={TAGGED: TERMS[60]}),
        None,
    ):
        lab.vocabulary = vocabulary
        lab.sides.touch_sample(next(iter(lab.sides.samples())))
        lab.run()
        lab.do(lambda session: reconcile(session, Options(full=True)))
        assert lab.both() == (HOME, HOME)
    stays(lab)


def test_class_tags_are_switched_off_for_a_while(lab: Lab) -> None:
    lab.answered()
    lab.corrected()
    lab.review |= {"class_tags": False}
    lab.do(lambda session: reconcile(session, Options(full=True)))
    lab.review |= {"class_tags": True}
    stays(lab)


def test_another_change_of_its_label_is_overtaken(lab: Lab) -> None:
    lab.answered()
    lab.corrected()
    lab.edit(lambda label: label.values.update(depth=5.0))
    with observed(at_step(Step.INTENTS_COMMITTED, lambda: lab.sides.edit_row("a0", "depth", 9.0))):
        lab.run()
    stays(lab)


def test_the_relabel_is_undone(lab: Lab) -> None:
    lab.answered()
    lab.undo("class_tag")
    assert lab.both() == (OLD, OLD)
    stays(lab, OLD)


@pytest.mark.parametrize("after", ["remove", "keep"])
def test_the_relabel_is_undone_after_a_run_that_died_before_it_took_the_tag_off(lab: Lab, after: str) -> None:
    lab.review |= {"after": after}
    lab.run()
    lab.tag(TAGGED)

    def die() -> None:
        raise Died

    with pytest.raises(Died), observed(at_step(Step.COMMITTED, die)):
        lab.run()
    assert (lab.both(), lab.label().tags) == ((TAGGED, TAGGED), [TAGGED])
    lab.undo("class_tag")
    assert lab.both() == (OLD, OLD)
    stays(lab, OLD)


def test_an_approval_is_undone_after_a_run_that_died_before_it_took_the_tag_off(lab: Lab) -> None:
    lab.review |= {"after": "remove"}
    lab.run()
    lab.tag("reviewed")

    def die() -> None:
        raise Died

    with pytest.raises(Died), observed(at_step(Step.COMMITTED, die)):
        lab.run()
    lab.undo("approved")
    for _ in range(3):
        lab.run()
        assert lab.both(what="verified") == (None, None)


@pytest.mark.parametrize("after", ["remove", "keep"])
def test_a_policy_decides_against_the_tag(lab: Lab, after: str) -> None:
    lab.review |= {"after": after}
    lab.policy |= {"on_conflict": "database"}
    lab.run()
    lab.tag(TAGGED)
    lab.corrected()
    stays(lab)
    assert lab.label().tags == ([TAGGED] if after == "keep" else [])


@pytest.mark.parametrize("after", ["remove", "keep"])
@pytest.mark.parametrize("side", list(Side))
def test_a_person_resolves_the_conflict_that_the_tag_made(lab: Lab, side: Side, after: str) -> None:
    lab.review |= {"after": after}
    lab.run()
    lab.tag(TAGGED)
    lab.corrected()
    (conflict,) = lab.run().conflicts
    assert (conflict.kind, conflict.fiftyone, conflict.database) == ("edit_edit", TAGGED, HOME)
    assert lab.resolve(Take(side)) == ["resolved"]
    stays(lab, HOME if side is Side.DATABASE else TAGGED)


@pytest.mark.parametrize("side", list(Side))
def test_a_person_resolves_the_conflict_that_an_approval_made(lab: Lab, side: Side) -> None:
    lab.run()
    lab.tag("reviewed")
    lab.sides.edit_row("a0", "verified", False)
    assert [each.field for each in lab.run().conflicts] == ["verified"]
    assert lab.resolve(Take(side)) == ["resolved"]
    wanted = side is Side.FIFTYONE
    for _ in range(3):
        lab.run()
        assert lab.both(what="verified") == (wanted, wanted)


def test_a_kept_tag_of_a_sample_says_nothing_of_a_label_that_comes_later(lab: Lab) -> None:
    lab.run()
    sample = lab.sides.dataset.samples[lab.sides.samples()[1]]
    sample.tags = ["reviewed"]
    lab.sides.touch_sample(sample.sample_id)
    lab.run()
    assert lab.both("a1", "verified") == (True, True)
    lab.sides.add_row("new", sample.sample_id, {LABEL: OLD, BOX: [0.6, 0.6, 0.2, 0.2], "verified": None})
    for _ in range(3):
        lab.run()
    lab.do(lambda session: reconcile(session, Options(full=True)))
    assert lab.both("new", "verified") == (None, None)


# What is said anew is heard


def test_a_tag_that_was_taken_off_and_put_on_again_is_heard_again(lab: Lab) -> None:
    lab.answered()
    lab.corrected()
    lab.run()
    lab.tag()
    lab.run()
    lab.tag(TAGGED)
    lab.run()
    assert lab.both() == (TAGGED, TAGGED)


def test_another_tag_beside_one_that_was_answered_is_heard(lab: Lab) -> None:
    lab.answered()
    lab.tag(TAGGED, HOME)
    lab.run()
    assert lab.both() == (HOME, HOME)


# A tag and the deletion of its row


@pytest.mark.parametrize("tag", [TAGGED, "bad", "reviewed"])
@pytest.mark.parametrize("mode", ["immediate", "tagged"])
def test_a_label_of_which_a_tag_says_something_does_not_go_with_its_row(lab: Lab, tag: str, mode: str) -> None:
    lab.review |= {"mode": mode, "actor_prefix": "by:"}
    lab.run()
    lab.tag(tag, "by:ada")
    lab.sides.remove_row("a0")
    lab.run()
    (conflict,) = lab.do(lambda session: reconcile(session, Options(full=True)).plan.conflicts)
    assert (conflict.kind, conflict.annotation_id, conflict.in_fiftyone.by) == ("deleted_in_database", "a0", "ada")
    assert isinstance(conflict.fiftyone, dict) and conflict.fiftyone["review.tags"] == [tag]
    assert lab.label().tags == [tag, "by:ada"]


@pytest.mark.parametrize("tag", [TAGGED, "bad", "reviewed"])
def test_a_label_whose_tag_was_answered_goes_with_its_row(lab: Lab, tag: str) -> None:
    lab.run()
    lab.tag(tag)
    lab.run()
    lab.sides.remove_row("a0")
    lab.do(lambda session: reconcile(session, Options(full=True)))
    assert [each.annotation_id for _, each in lab.sides.dataset.labels() if each.annotation_id == "a0"] == []


@pytest.mark.parametrize("where", ["label", "sample"])
def test_a_tag_put_on_between_reading_and_removal_keeps_the_label(lab: Lab, where: str) -> None:
    lab.run()
    lab.sides.remove_row("a0")

    def tag() -> None:
        if where == "label":
            lab.tag("bad")
        else:
            sample = next(each for each, label in lab.sides.dataset.labels() if label.annotation_id == "a0")
            sample.tags = ["bad"]
            lab.sides.touch_sample(sample.sample_id)

    with observed(at_step(Step.INTENTS_COMMITTED, tag)):
        lab.do(lambda session: reconcile(session, Options(full=True)))
    assert lab.label().annotation_id == "a0"
    found = lab.do(lambda session: reconcile(session, Options(full=True)).plan)
    assert [each.kind for each in found.conflicts] == ["deleted_in_database"]


def test_an_answer_does_not_remove_a_label_that_was_tagged_since_the_conflict_was_seen(lab: Lab) -> None:
    lab.policy |= {"on_database_delete": "quarantine"}
    lab.run()
    lab.sides.remove_row("a0")
    lab.do(lambda session: reconcile(session, Options(full=True)))
    lab.tag(TAGGED)
    assert lab.resolve(Take(Side.DATABASE)) == ["refused"]
    lab.do(lambda session: reconcile(session, Options(full=True)))
    assert lab.resolve(Take(Side.DATABASE)) == ["resolved"]
    assert "a0" not in [each.annotation_id for _, each in lab.sides.dataset.labels()]


def test_a_row_that_is_put_back_for_a_tagged_label_is_relabelled_by_its_tag(lab: Lab) -> None:
    lab.run()
    lab.tag(TAGGED)
    lab.sides.remove_row("a0")
    lab.do(lambda session: reconcile(session, Options(full=True)))
    assert lab.resolve(Take(Side.FIFTYONE)) == ["resolved"]
    lab.run()
    lab.run()
    assert lab.both() == (TAGGED, TAGGED)


def test_an_undo_does_not_remove_a_label_that_was_tagged_since(lab: Lab) -> None:
    lab.run()
    sample = lab.sides.samples()[2]
    lab.sides.add_row("new", sample, {LABEL: OLD, BOX: [0.6, 0.6, 0.2, 0.2]})
    lab.run()
    lab.tag("bad", on="new")
    undone = lab.undo("new_in_database")
    assert [each.annotation_id for each in undone.left] == ["new"]
    assert lab.both("new") == (OLD, OLD)
