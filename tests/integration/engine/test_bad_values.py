"""Labels and rows that are not as they should be: each is named, and everything else goes on."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import bson
import pytest
from bson import CodecOptions, ObjectId
from bson.raw_bson import RawBSONDocument

from syncd.demo.lab import LABEL_FIELD
from worlds import LIST, NO_BRAKES, World, utc


def ids(world: World) -> list[str]:
    return [row.annotation_id for row in world.data.rows]


def kinds(world: World) -> list[tuple[str, str | None]]:
    return sorted((each["kind"], each["field"]) for each in world.conflicts())


def set_raw(world: World, annotation_id: str, /, **values: Any) -> None:
    """What a script may write past FiftyOne's checks."""
    sample, label = world.place(annotation_id)
    world.samples.update_one(
        {"_id": sample},
        {"$set": {f"{LIST}.$[it].{name}": value for name, value in values.items()} | {"last_modified_at": utc()}},
        array_filters=[{"it._id": label}],
    )


def check_the_rest_goes_on(world: World, *aside: str) -> None:
    """An edit elsewhere is carried over in the same run, and a sweep finds nothing that should not be there."""
    one, other = ids(world)[60], ids(world)[61]
    world.review(one, label="Elsewhere")
    world.correct(other, label="Elsewhere")
    result = world.reconcile()
    assert (world.rows()[one]["label"], world.labels()[other]["label"]) == ("Elsewhere", "Elsewhere")
    assert result.held is None
    log = world.log()
    assert world.reconcile(full=True).recorded == ()
    assert world.log() == log
    assert set(world.disagreements()) <= set(aside)


ODD = [utc(), 5, ["a"], {"a": 1}, True, 1.5, ObjectId("a" * 24)]


def test_labels_that_fiftyone_itself_cannot_load_are_named(world: World) -> None:
    poisoned = ids(world)[: len(ODD)]
    for each, poison in zip(poisoned, ODD, strict=True):
        set_raw(world, each, label=poison)
    check_the_rest_goes_on(world, *poisoned)
    named = {(each["annotation_id"], each["kind"], each["field"]) for each in world.conflicts()}
    assert named == {(each, "unsafe_value", "label") for each in poisoned}
    for each, row in zip(poisoned, world.data.rows, strict=False):
        assert world.rows()[each]["label"] == row.label
        # Only a raw write mends it ("Values that break a dataset" in docs/fiftyone-facts.md).
        set_raw(world, each, label=row.label)
    world.reconcile()
    assert (world.conflicts(), world.disagreements()) == ([], {})


def test_other_values_of_odd_types_are_named(world: World) -> None:
    one, two, three, four = ids(world)[:4]
    set_raw(world, one, bounding_box="everywhere")
    set_raw(world, two, bounding_box=[0.1, 0.2])
    set_raw(world, three, verified="yes")
    set_raw(world, four, depth="deep")
    before = world.rows()
    world.reconcile()
    assert kinds(world) == [("unsafe_value", "box")] * 2 + [("unsafe_value", "depth"), ("unsafe_value", "verified")]
    assert world.rows() == before


def test_a_label_that_fiftyone_would_take_for_a_date_is_never_written_there(world: World) -> None:
    before = world.labels()
    dated = dict(zip(ids(world), ["20240101", "2024-01-01", "2024-W01"], strict=False))
    for one, date in dated.items():
        world.correct(one, label=date)
    new = world.add_row(world.data.rows[1].image, "20240101")
    check_the_rest_goes_on(world, *dated, new)
    assert kinds(world) == [("unsafe_value", "label")] * 4
    assert {each: world.labels()[each] for each in dated} == {each: before[each] for each in dated}
    assert new not in world.labels()
    for one in (*dated, new):
        world.correct(one, label="Taxon 20240101")
    world.reconcile()
    assert (world.conflicts(), world.disagreements()) == ([], {})


def test_a_label_without_text_is_not_written_to_a_column_that_needs_some(world: World) -> None:
    one = ids(world)[0]
    world.review(one, label=None)
    check_the_rest_goes_on(world, one)
    assert kinds(world) == [("unsafe_value", "label")]


def test_a_label_that_is_cleared_and_a_field_that_is_null_are_deletions_for_a_person(world: World) -> None:
    images = [row.image for row in world.data.rows]
    alone = [row for row in world.data.rows[:40] if images.count(row.image) == 1][:2]
    for row, value in zip(alone, (None, {"_cls": "Detections", "detections": None}), strict=True):
        world.samples.update_one(
            {"filepath": str(row.image)}, {"$set": {LABEL_FIELD: value, "last_modified_at": utc()}}
        )
    assert world.reconcile().held is None, "2 of 73 are more than 2 %, and too few for a brake"
    assert [each["kind"] for each in world.conflicts()] == ["deleted_in_fiftyone"] * 2
    assert {each["annotation_id"] for each in world.conflicts()} == {row.annotation_id for row in alone}
    added = world.add_row(alone[0].image, "Added")
    world.reconcile()
    assert world.labels()[added]["label"] == "Added"


def test_samples_without_the_field_are_no_trouble(world: World) -> None:
    world.samples.insert_one({"_id": ObjectId(), "filepath": "/bare.png", "last_modified_at": utc()})
    added = world.add_row("/bare.png", "Added")
    assert world.reconcile().to_fiftyone == 1
    assert world.labels()[added]["label"] == "Added"
    assert world.disagreements() == {}


def test_a_copied_label_is_a_conflict_and_the_original_goes_on(world: World, fiftyone: ModuleType) -> None:
    one = ids(world)[0]
    sample_id, label_id = world.place(one)
    dataset = fiftyone.load_dataset(world.dataset)
    sample = dataset[str(sample_id)]
    original = next(each for each in sample.ground_truth.detections if each.id == str(label_id))
    sample.ground_truth.detections.append(original.copy())
    original.label = "Reviewed"
    sample.save()
    world.reconcile()
    assert world.rows()[one]["label"] == "Reviewed"
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["annotation_id"]) == ("duplicate_id", one)
    assert conflict["label_id"] != str(label_id)
    opened = conflict["id"]
    world.reconcile(full=True)
    assert [each["id"] for each in world.conflicts()] == [opened]
    world.samples.update_many({}, {"$pull": {LIST: {"_id": ObjectId(conflict["label_id"])}}})
    world.reconcile(full=True)
    assert world.conflicts() == []


def test_ids_of_another_type_are_conflicts_and_no_edits(world: World) -> None:
    wrong = [7, 7.5, "8", "no uuid at all", utc(), True, {"a": 1}, ObjectId("b" * 24)]
    rows = world.rows()
    touched = ids(world)[: len(wrong)]
    places = {each: world.place(each) for each in touched}
    drawn = []
    for each, value in zip(touched, wrong, strict=True):
        drawn.append(world.draw(world.data.rows[20].image, "Odd", annotation_id=value))
        set_raw(world, each, annotation_id=value)
    world.reconcile(config=world.config(brakes=NO_BRAKES))
    assert world.rows() == rows
    assert {each["annotation_id"] for each in world.conflicts()} >= set(touched)
    assert {each["kind"] for each in world.conflicts()} <= {"unknown_id", "moved", "duplicate_id"}
    log = world.log()
    world.reconcile(full=True)
    assert world.log() == log
    for each, (sample, label) in places.items():
        world.samples.update_one(
            {"_id": sample}, {"$set": {f"{LIST}.$[it].annotation_id": each}}, array_filters=[{"it._id": label}]
        )
    world.samples.update_many({}, {"$pull": {LIST: {"_id": {"$in": drawn}}}})
    world.reconcile(full=True)
    assert (world.conflicts(), world.disagreements()) == ([], {})


def test_ids_that_no_database_can_hold_are_named_and_stop_nothing(world: World) -> None:
    long = "".join(f"{number:x}" for number in range(2_000))
    drawn = [
        world.draw(world.data.rows[20].image, "Odd", annotation_id=each)
        for each in ("with\x00nul", long, long + "!", {"nested": [long]}, "ü" * 3_000)
    ]
    check_the_rest_goes_on(world, *(str(each.get("annotation_id")) for each in world.raw_labels()))
    found = world.conflicts()
    assert [each["kind"] for each in found] == ["unknown_id"] * len(drawn)
    assert {each["label_id"] for each in found} == set(map(str, drawn))
    assert all(len(each["annotation_id"]) <= 500 for each in found)
    world.samples.update_many({}, {"$pull": {LIST: {"_id": {"$in": drawn}}}})
    world.reconcile(full=True)
    assert world.conflicts() == []


def test_text_that_no_database_can_hold_is_named(world: World) -> None:
    one = ids(world)[0]
    world.review(one, label="nul\x00")
    world.draw(world.data.rows[5].image, "nul\x00")
    check_the_rest_goes_on(world, one, *(each for each in world.labels() if each.startswith("label:")))
    assert [each["kind"] for each in world.conflicts()] == ["unsafe_value"] * 2


NOT_UTF8 = {"bytes": b"A\xff\xfeB", "half a surrogate pair": b"A\xed\xa0\x80", "cut off": b"AAA\xc3"}
"""Of four bytes each, as which :func:`write_bytes` has MongoDB hold them."""


def write_bytes(world: World, annotation_id: str, held: bytes, /, **values: Any) -> None:
    """Has a label's sample hold bytes that are no text where ``values`` say XXXX, as drivers of other languages do."""
    sample, label = world.place(annotation_id)
    document = world.samples.find_one({"_id": sample})
    document |= values.pop("sample", {}) | {"last_modified_at": utc()}
    next(each for each in document[LABEL_FIELD]["detections"] if each["_id"] == label).update(values)
    raw = bson.encode(document).replace(b"XXXX", held.ljust(4)[:4])
    options: Any = CodecOptions(document_class=RawBSONDocument, unicode_decode_error_handler="backslashreplace")
    world.samples.with_options(options).replace_one({"_id": sample}, RawBSONDocument(raw, options))


def text_again(world: World, annotation_id: str, text: str, *paths: str) -> None:
    """Mends it by a raw write."""
    sample, label = world.place(annotation_id)
    sets: dict[str, Any] = dict.fromkeys(paths, text) | {"last_modified_at": utc()}
    filters = [{"it._id": label}] if any("[it]" in each for each in paths) else None
    world.samples.update_one({"_id": sample}, {"$set": sets}, array_filters=filters)


def tolerant(world: World) -> World:
    """The same, of which people may look at every document."""
    options = world.mongo.codec_options.with_options(unicode_decode_error_handler="backslashreplace")
    return replace(world, mongo=world.mongo.with_options(codec_options=options))


@pytest.mark.parametrize("held", NOT_UTF8.values(), ids=list(NOT_UTF8))
def test_a_label_that_is_not_utf_8_is_named_and_stops_nothing(world: World, held: bytes) -> None:
    world = tolerant(world)
    one = ids(world)[0]
    write_bytes(world, one, held, label="XXXX")
    check_the_rest_goes_on(world, one)
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["annotation_id"], conflict["field"]) == ("unsafe_value", one, "label")
    assert conflict["fiftyone"] == held.ljust(4)[:4].decode("utf-8", "backslashreplace")
    assert world.rows()[one]["label"] == world.data.rows[0].label
    text_again(world, one, "Copepod", f"{LIST}.$[it].label")
    world.reconcile()
    assert (world.conflicts(), world.disagreements()) == ([], {})
    assert world.rows()[one]["label"] == "Copepod"


def test_an_id_that_is_not_utf_8_is_none_that_the_database_has(world: World) -> None:
    world = tolerant(world)
    one = ids(world)[0]
    sample, label = world.place(one)
    write_bytes(world, one, b"\xff\xfe", annotation_id="XXXX")
    rows = world.rows()
    check_the_rest_goes_on(world, one, "\\xff\\xfe  ")
    assert {each["kind"] for each in world.conflicts()} <= {"unknown_id", "moved"}
    assert one in world.rows() and rows.keys() == world.rows().keys()
    mended = {"$set": {f"{LIST}.$[it].annotation_id": one, "last_modified_at": utc()}}
    world.samples.update_one({"_id": sample}, mended, array_filters=[{"it._id": label}])
    world.reconcile(full=True)
    assert (world.conflicts(), world.disagreements()) == ([], {})


def test_tags_and_names_that_are_not_utf_8_keep_no_edit_from_arriving(world: World) -> None:
    world = tolerant(world)
    one, two, three, four = ids(world)[:4]
    write_bytes(world, one, b"\xff\xfe", label="Reviewed", tags=["XXXX", "checked"])
    write_bytes(world, two, b"\xff\xfe", label="Reviewed", sample={"tags": ["XXXX"], "last_modified_by": "XXXX"})
    write_bytes(world, three, b"\xff\xfe", label="Reviewed", sample={"filepath": "XXXX"})
    write_bytes(world, four, b"\xff\xfe", label="Reviewed", unmapped="XXXX")
    world.draw(world.data.rows[10].image, "Drawn")
    check_the_rest_goes_on(world)
    assert world.conflicts() == []
    assert [world.rows()[each]["label"] for each in (one, two, three, four)] == ["Reviewed"] * 4
    # A label that is drawn on a sample without a readable name has no image to be tied to.
    sample, _ = world.place(three)
    new = {"_id": ObjectId(), "_cls": "Detection", "label": "Drawn", "bounding_box": [0.5, 0.5, 0.2, 0.2]}
    world.samples.update_one({"_id": sample}, {"$push": {LIST: new}, "$set": {"last_modified_at": utc()}})
    before = world.rows().keys()
    world.reconcile()
    assert kinds(world) == [("unsafe_value", None)]
    assert world.rows().keys() == before


def test_a_name_with_a_nul_is_logged_without_it(world: World) -> None:
    one = ids(world)[0]
    world.review(one, label="Reviewed", tags=["by:an\x00na"])
    world.reconcile()
    (entry,) = world.log()
    assert (entry["status"], entry["actor"]) == ("applied", "an\u2400na")


def test_an_id_that_was_lost_is_put_back(world: World) -> None:
    one = ids(world)[0]
    sample, label = world.place(one)
    world.samples.update_one(
        {"_id": sample},
        {"$unset": {f"{LIST}.$[it].annotation_id": ""}, "$set": {"last_modified_at": utc()}},
        array_filters=[{"it._id": label}],
    )
    world.reconcile()
    assert world.place(one) == (sample, label)
    (entry,) = world.log()
    assert (entry["reason"], entry["field"], entry["new"]) == ("id_restored", "annotation_id", one)


def test_a_row_whose_media_has_no_sample_is_counted_and_waits(world: World) -> None:
    new = world.add_row("/later.png", "Later")
    result = world.reconcile()
    assert result.as_json()["not_ingested"] == 1
    assert world.conflicts() == []
    world.samples.insert_one({"_id": ObjectId(), "filepath": "/later.png", "last_modified_at": utc()})
    assert world.reconcile(full=True).to_fiftyone == 1
    assert world.labels()[new]["label"] == "Later"


@pytest.mark.parametrize("world", [{"policy": {"on_new": "quarantine"}}], indirect=True)
def test_drawn_labels_may_wait_for_a_person(world: World) -> None:
    drawn = world.draw(world.data.rows[0].image, "Drawn")
    before = world.rows()
    for full in (False, True, False):
        world.reconcile(full=full)
        (conflict,) = world.conflicts()
        assert (conflict["kind"], conflict["label_id"]) == ("new_label", str(drawn))
    assert world.rows() == before
