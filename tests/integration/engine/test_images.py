"""A row and its label are about the same image, or a person is told; on real servers."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from integration.engine.answers import DATABASE, FIFTYONE, answer, ids, quiet
from syncd.adapters.fiftyone import move
from syncd.engine import read
from syncd.engine.session import open_session
from syncd.engine.verify import Verdict, verify
from syncd.model import MEDIA_FIELD, SAMPLE_FIELD
from worlds import BINDING, LIST, NO_BRAKES, World, utc


class KilledError(BaseException):
    """Stands for a process that is gone."""


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What documents hold is kept from one sweep to the next, however few there are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(read, "WORTH_KEEPING", 0)


def image_of(world: World, annotation_id: str) -> tuple[str, str]:
    """(the image on which the label stands, the image that the row names)."""
    sample, _ = world.place(annotation_id)
    [row] = world.sql("SELECT media_uri FROM annotation WHERE annotation_id = :id", id=annotation_id)
    return world.samples.find_one({"_id": sample})["filepath"], row["media_uri"]


def two_images(world: World) -> tuple[str, str]:
    """Annotations on different images."""
    first = ids(world)[0]
    own = image_of(world, first)[1]
    return first, next(each for each in ids(world)[1:] if image_of(world, each)[1] != own)


def retie(world: World, annotation_id: str, image: str) -> None:
    world.correct(annotation_id, media_uri=image)


def checked(world: World) -> Verdict:
    with open_session(world.config(), BINDING) as session:
        return verify(session, lambda _: None)


def label_of(world: World, annotation_id: str) -> dict[str, Any]:
    [found] = [each for each in world.raw_labels() if each.get("annotation_id") == annotation_id]
    return found


def kinds(world: World) -> list[tuple[str, str, str | None]]:
    return [(each["annotation_id"], each["kind"], each["field"]) for each in world.conflicts()]


@pytest.mark.parametrize("full", [True, False])
def test_a_row_that_was_tied_to_another_image_is_named_and_no_proof_of_agreement(world: World, full: bool) -> None:
    world.reconcile(full=True)
    one, two = two_images(world)
    retie(world, one, image_of(world, two)[1])
    world.correct(one, label="Another object")
    found = checked(world)
    assert [(each.kind, each.annotation_id) for each in found.unexplained] == [("moved", one), ("differs", one)]

    result = world.reconcile(full=full)

    assert result.mode == ("full" if full else "incremental")
    assert kinds(world) == [(one, "moved", None)]
    assert result.to_fiftyone == 0
    assert label_of(world, one)["label"] != "Another object"
    assert (checked(world).unexplained, checked(world).exit_code) == ((), 3)

    retie(world, one, image_of(world, one)[0])
    world.reconcile(full=full)
    assert (world.conflicts(), label_of(world, one)["label"]) == ([], "Another object")
    quiet(world)


@pytest.mark.parametrize("stamped", [True, False])
def test_a_sample_whose_path_was_edited_is_found_by_the_poll_or_else_by_the_sweep(world: World, stamped: bool) -> None:
    world.reconcile(full=True)
    world.reconcile(full=True)
    one = ids(world)[0]
    sample, _ = world.place(one)
    on_it = {each for each in ids(world) if world.place(each)[0] == sample}
    sets = {"filepath": "/elsewhere/else.png"} | ({"last_modified_at": utc()} if stamped else {})
    world.samples.update_one({"_id": sample}, {"$set": sets})

    assert world.reconcile(full=not stamped).mode == ("incremental" if stamped else "full")

    assert {(each[0], each[1]) for each in kinds(world)} == {(each, "moved") for each in on_it}


def test_the_label_goes_to_the_rows_image_with_all_that_it_bears(world: World) -> None:
    one, two = two_images(world)
    sample, label = world.place(one)
    element = {"array_filters": [{"it._id": label}]}
    extra = {f"{LIST}.$[it].confidence": 0.25, f"{LIST}.$[it].tags": ["mine"], f"{LIST}.$[it].scan": {"by": ["Ada", 1]}}
    world.samples.update_one({"_id": sample}, {"$set": extra}, **element)
    before = label_of(world, one)
    retie(world, one, image_of(world, two)[1])
    world.correct(one, label="Seen anew")
    world.reconcile()

    done = answer(world, DATABASE, kind="moved")

    assert [each.status for each in done.outcomes] == ["resolved"]
    assert label_of(world, one) == before | {"sample": world.place(two)[0], "tags": before["tags"]}
    assert len(set(image_of(world, one))) == 1
    [entry] = [each for each in world.log("applied") if each["reason"] == "resolved"]
    assert (entry["field"], entry["direction"], entry["old"]) == (SAMPLE_FIELD, "to_fiftyone", str(sample))
    world.until_quiet()
    assert (world.conflicts(), world.disagreements()) == ([], {})
    assert (label_of(world, one)["label"], label_of(world, one)["_id"]) == ("Seen anew", label)
    assert checked(world).exit_code == 0
    quiet(world)


def test_the_row_is_tied_to_the_labels_image(world: World) -> None:
    one, two = two_images(world)
    was = image_of(world, one)[0]
    retie(world, one, image_of(world, two)[1])
    world.reconcile()

    assert [each.status for each in answer(world, FIFTYONE, kind="moved").outcomes] == ["resolved"]

    assert image_of(world, one) == (was, was)
    [entry] = [each for each in world.log("applied") if each["reason"] == "resolved"]
    assert (entry["field"], entry["direction"], entry["new"]) == (MEDIA_FIELD, "to_database", was)
    world.until_quiet()
    assert (world.conflicts(), checked(world).exit_code) == ([], 0)
    quiet(world)


def test_an_answer_takes_no_image_that_nobody_has_seen(world: World) -> None:
    one, two = two_images(world)
    retie(world, one, image_of(world, two)[1])
    world.reconcile()
    world.sql("INSERT INTO media VALUES (DEFAULT, '/third.png', 8, 8)")
    retie(world, one, "/third.png")
    for take in (DATABASE, FIFTYONE):
        [outcome] = answer(world, take, kind="moved").outcomes
        assert outcome.status == "refused"
        assert "/third.png" in str(outcome.why)


@pytest.mark.parametrize("policy", ["database", "fiftyone"])
@pytest.mark.parametrize("full", [True, False])
def test_the_policy_brings_both_to_one_image_and_then_to_one_value(world: World, policy: str, full: bool) -> None:
    config = world.config(policy={"on_moved": policy})
    world.reconcile(full=True, config=config)
    one, two = two_images(world)
    (was, _), (_, image) = image_of(world, one), image_of(world, two)
    retie(world, one, image)
    world.correct(one, label="Seen anew")
    world.review(two, label="Reviewed")

    world.reconcile(full=full, config=config)
    world.until_quiet(config=config)

    assert image_of(world, one) == ((image, image) if policy == "database" else (was, was))
    assert (world.conflicts(), world.disagreements()) == ([], {})
    assert (label_of(world, one)["label"], world.rows()[two]["label"]) == ("Seen anew", "Reviewed")
    [entry] = [each for each in world.log("applied") if each["reason"] == "moved"]
    assert entry["field"] == (SAMPLE_FIELD if policy == "database" else MEDIA_FIELD)
    assert len(world.raw_labels()) == len(world.labels())
    assert checked(world).exit_code == 0


@pytest.mark.parametrize("times", [1, 2, 3])
def test_killed_while_it_moves_a_label_it_ends_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    config = world.config(policy={"on_moved": "database"})
    one, two = two_images(world)
    image = image_of(world, two)[1]
    retie(world, one, image)
    before = label_of(world, one)
    sent = 0
    plain = move.send

    def until_killed(samples: Any, operations: Any) -> dict[int, str]:
        nonlocal sent
        sent += 1
        if sent > times:
            raise KilledError
        return plain(samples, operations)

    monkeypatch.setattr(move, "send", until_killed)
    with pytest.raises(KilledError):
        world.reconcile(config=config)
    monkeypatch.undo()

    world.until_quiet(config=config)

    assert label_of(world, one) == before | {"sample": world.place(two)[0]}
    assert (world.conflicts(), world.disagreements()) == ([], {})
    assert len([each for each in world.log("applied") if each["reason"] == "moved"]) == 1
    quiet(world)


def test_an_edit_made_while_a_label_is_moved_is_not_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    config = world.config(policy={"on_moved": "database"})
    one, two = two_images(world)
    home = world.place(one)[0]
    retie(world, one, image_of(world, two)[1])
    plain, typed = move.send, False

    def with_an_edit(samples: Any, operations: Any) -> dict[int, str]:
        nonlocal typed
        given = list(operations)
        # Between the two steps: the label is at its new sample, and not yet taken from the old one.
        if given and given[0].sample_id == str(home) and not typed:
            typed = True
            edit = {"$set": {f"{LIST}.$.label": "Typed", "last_modified_at": utc()}}
            world.samples.update_one({"_id": home, f"{LIST}.annotation_id": one}, edit)
        return plain(samples, given)

    monkeypatch.setattr(move, "send", with_an_edit)
    result = world.reconcile(config=config)
    monkeypatch.undo()
    assert result.superseded == 1
    assert (label_of(world, one)["label"], world.place(one)[0]) == ("Typed", home)

    world.until_quiet(config=config)
    assert (label_of(world, one)["sample"], world.rows()[one]["label"]) == (world.place(two)[0], "Typed")
    assert (world.conflicts(), world.disagreements()) == ([], {})


def test_images_that_were_imported_anew_with_the_ids_kept_are_followed_unasked(world: World) -> None:
    world.reconcile(full=True)
    anew = [each | {"_id": ObjectId(), "last_modified_at": utc()} for each in world.samples.find()]
    world.samples.delete_many({})
    world.samples.insert_many(anew)
    world.mongo["datasets"].update_one({"name": world.dataset}, {"$set": {"last_deletion_at": utc()}})

    result = world.reconcile()

    assert (result.held, world.conflicts(), result.to_database, result.to_fiftyone) == (None, [], 0, 0)
    assert {each["reason"] for each in world.log("applied")} == {"place_changed"}
    assert len(world.log("applied")) == len(ids(world))
    quiet(world)
    assert checked(world).exit_code == 0


def test_a_path_that_is_another_only_before_normalisation_is_the_same_image(world: World) -> None:
    one = ids(world)[0]
    sample, _ = world.place(one)
    composed = unicodedata.normalize("NFC", "/data/Größe é.png")
    world.samples.update_one(
        {"_id": sample},
        {"$set": {"filepath": unicodedata.normalize("NFD", composed), "last_modified_at": utc()}},
    )
    world.sql("INSERT INTO media VALUES (DEFAULT, :uri, 8, 8)", uri=composed)
    for each in ids(world):
        if world.place(each)[0] == sample:
            retie(world, each, composed)

    world.until_quiet()

    assert (world.conflicts(), checked(world).exit_code) == ([], 0)
    quiet(world)


def test_a_wrong_sample_key_is_one_hold_that_says_so(world: World) -> None:
    world.sql("DELETE FROM syncd.baseline")
    config = world.config(sample_key="id", brakes=NO_BRAKES)
    result = world.reconcile(config=config)
    assert "sample_key" in str(result.held)
    assert (world.conflicts(), world.log()) == ([], [])
    assert world.reconcile().held is None, "mended, it goes on"
    assert world.conflicts() == []


def test_a_first_meeting_takes_no_id_on_the_wrong_image_for_agreement(world: World) -> None:
    world.sql("DELETE FROM syncd.baseline")
    one, two = two_images(world)
    retie(world, one, image_of(world, two)[1])
    result = world.reconcile(full=True)
    assert kinds(world) == [(one, "moved", None)]
    assert result.plan is not None
    assert (result.plan.counts.first_met, one in world.baseline()) == (len(ids(world)) - 1, False)
