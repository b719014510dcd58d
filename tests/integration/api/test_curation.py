"""What reviewers and curators do by the API: approve, flag, send back, propose; each in the log under their name."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from integration.engine.answers import both, ids, quiet
from integration.engine.test_resolve import disagree
from integration.engine.test_review_tags import TAGGED, VOCABULARY, tags
from syncd import Binding, ConfigError, open_binding
from syncd.engine.session import open_session
from syncd.store.lock import one_run
from worlds import BINDING, World

UNVERIFIED = {"attributes": {"depth": {"column": "depth_m"}}}


@pytest.fixture
def b(world: World) -> Iterator[Binding]:
    with open_binding(BINDING, world.config()) as binding, binding.actor("bob"):
        yield binding


def logged(world: World, annotation_id: str) -> set[tuple[str, str | None, str]]:
    found = [each for each in world.log("applied") if each["annotation_id"] == annotation_id]
    return {(each["field"], each["direction"], each["actor"]) for each in found}


@pytest.mark.parametrize("world", [TAGGED], indirect=True)
def test_an_approval_lets_the_edit_through_under_its_authors_name_and_takes_nobody_elses_along(
    world: World, b: Binding, fiftyone: ModuleType
) -> None:
    one, other = ids(world)[:2]
    for each in (one, other):
        world.review(each, label="Typed", tags=["by:ada"])
    b.reconcile()
    done = b.approve(view=fiftyone.load_dataset(world.dataset).select_labels(ids=[str(world.place(one)[1])]))
    assert done.as_json()["tag"] == "reviewed"
    assert done.exit_code == 0
    assert [both(world, each)[1]["label"] == "Typed" for each in (one, other)] == [True, False]
    assert {("review.approve", None, "bob"), ("label", "to_database", "ada")} <= logged(world, one)
    assert [each.annotation_id for each in b.waiting()] == [other]
    assert tags(world, one) == []
    assert [each.why for each in b.undo(change=b.history(one)[0].seq, dry_run=True).left] == [
        "a tag said it: take the tag off, or undo what went through by it"
    ]
    quiet(world)


@pytest.mark.parametrize("world", [UNVERIFIED], indirect=True)
def test_where_nothing_is_mapped_to_say_so_the_log_says_who_approved(world: World, b: Binding) -> None:
    one = ids(world)[0]
    b.approve(annotation_ids=[one], note="clear")
    assert logged(world, one) == {("review.approve", None, "bob")}
    assert b.log().notes == {b.log()[-1].run_id: "clear"}
    quiet(world)


@pytest.mark.parametrize("world", [TAGGED], indirect=True)
def test_an_edit_that_is_flagged_or_sent_back_beside_others_is_not_approved_by_that(world: World, b: Binding) -> None:
    one, two = ids(world)[:2]
    old = {each: both(world, each)[1]["label"] for each in (one, two)}
    for each in (one, two):
        world.review(each, label="Typed")
    b.flag(annotation_ids=[one])
    assert {(each.kind, each.annotation_id) for each in b.waiting()} == {
        ("awaiting_review", one),
        ("awaiting_review", two),
        ("error", one),
    }
    b.send_back(annotation_ids=[two])
    assert {each.annotation_id for each in b.waiting()} == {one}
    assert {each: both(world, each)[1]["label"] for each in (one, two)} == old


def test_a_flag_is_heard_once_and_taken_off_again(world: World, b: Binding) -> None:
    one = ids(world)[0]
    assert b.flag(annotation_ids=[one]).labels == 1
    assert [each.why for each in b.flag(annotation_ids=[one]).left] == ["it bears the tag 'bad' already"]
    b.reconcile(full=True)
    assert [each.reason for each in b.history(one)] == ["flagged"]
    assert [each.annotation_id for each in b.waiting()] == [one]
    assert b.send_back(annotation_ids=[one]).labels == 1
    assert tags(world, one) == []
    b.reconcile()
    assert len(b.waiting()) == 0
    assert [each.why for each in b.send_back(annotation_ids=[one]).left] == [
        "it holds what was agreed, and bears no tag"
    ]


@pytest.mark.parametrize("world", [TAGGED], indirect=True)
def test_what_is_sent_back_is_what_was_agreed_and_can_itself_be_taken_back(world: World, b: Binding) -> None:
    one, disputed = ids(world)[:2]
    old = both(world, one)[1]["label"]
    world.review(one, label="Typed", tags=["by:ada"])
    disagree(world, disputed)
    done = b.send_back(annotation_ids=[one, disputed], note="look again")
    assert both(world, one)[0]["label"] == both(world, one)[1]["label"] == old
    assert both(world, disputed)[0]["label"] == "One", "the database holds another value by now"
    assert [each.annotation_id for each in done.left] == [disputed]
    assert done.result is not None
    b.undo(run=str(done.result.run_id))
    assert both(world, one)[0]["label"] == "Typed"


def test_where_another_run_is_at_the_binding_the_tag_waits_for_the_next(world: World, b: Binding) -> None:
    from syncd.api import curation

    one = ids(world)[0]
    carried = curation.Curation._carried

    def busy(self: Binding, *given: object) -> object:
        with open_session(world.config(), BINDING) as session, one_run(session.state, session.schema, BINDING):
            return carried(self, *given)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curation.Curation, "_carried", busy)
        done = b.flag(annotation_ids=[one])
    assert done.carried is None
    assert "bad" in tags(world, one)
    assert len(b.waiting()) == 0
    b.reconcile()
    assert len(b.waiting()) == 1


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_a_proposed_term_is_answered_once(world: World, b: Binding) -> None:
    parent = world.sql("SELECT name FROM taxon ORDER BY name LIMIT 1")[0]["name"]
    made = b.propose("Novum novum", note="seen twice")
    assert b.propose("Novum novum").id == made.id
    assert [each.term for each in b.proposals()] == ["Novum novum"]
    with b.actor("curator"):
        done = b.accept_proposal(made.id, parent=parent, note="yes")
    assert (done.status, done.decided_by, done.answer) == ("accepted", "curator", "yes")
    assert world.sql("SELECT * FROM taxon WHERE name = 'Novum novum'") == [
        {"name": "Novum novum", "parent_name": parent}
    ]
    with pytest.raises(ConfigError, match="not open any more"):
        b.reject_proposal(made.id)
    assert b.reject_proposal(b.propose("Other novum").id, note="no").answer == "no"
    assert len(b.proposals()) == 0
    assert [each.status for each in b.proposals(answered=True)] == ["accepted", "rejected"]
    with pytest.raises(ConfigError, match="no proposal 4711"):
        b.accept_proposal(4711)


@pytest.mark.parametrize("world", [{"vocabulary": {"classes": ["One", "Other"]}}], indirect=True)
def test_a_vocabulary_that_is_no_table_is_a_persons_to_change(world: World, b: Binding) -> None:
    made = b.propose("Third")
    with pytest.raises(ConfigError, match="in the configuration, which syncd does not write"):
        b.accept_proposal(made.id)
    assert [each.term for each in b.proposals()] == ["Third"]
    with open_binding(BINDING, world.config(vocabulary={"classes": ["One", "Other", "Third"]})) as changed:
        assert changed.accept_proposal(made.id).status == "accepted", "it was added by hand"


def test_pictures_show_labels_as_they_are_and_what_has_none_has_none(world: World, b: Binding) -> None:
    sample, label = map(str, world.place(ids(world)[0]))
    found = b.pictures([(sample, label, None), (sample, None, [0.1, 0.1, 0.2, 0.2]), ("0" * 24, label, None)])
    assert [each is not None for each in found] == [True, True, False]
    assert str(found[0]).startswith("data:image/webp;base64,")
    assert found[0] != found[1]
