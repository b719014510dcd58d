"""What a write to FiftyOne leaves behind: what it wrote, where FiftyOne itself would have it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import ModuleType
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from integration.adapters.support import GT, Labels, change, detection, labels_of
from syncd.adapters.fiftyone import crowded_samples
from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.model import BOX, Action, Kind
from syncd.testing.contract.bench import applied

Mongo = Database[dict[str, Any]]
PLACE = [0.1, 0.2, 0.3, 0.4]
KINDS = {"note": Kind.TEXT, "depth": Kind.FLOAT}


@pytest.fixture
def labels(fiftyone: ModuleType, mongo: Mongo) -> Labels:
    """A dataset of detections with two declared attributes."""
    declared = {"annotation_id": fiftyone.StringField, "note": fiftyone.StringField, "depth": fiftyone.FloatField}
    return labels_of(fiftyone, mongo, declared=declared, kinds=KINDS)


def _rich(fiftyone: ModuleType, id_: str) -> Any:
    """A label with everything that FiftyOne and its users put on one."""
    return fiftyone.Detection(
        label="a",
        bounding_box=PLACE,
        annotation_id=id_,
        confidence=0.75,
        index=3,
        tags=["seen", "odd"],
        note="old",
        unmapped={"deep": [1, 2]},
    )


def test_an_update_changes_one_key_and_the_stamp(labels: Labels, fiftyone: ModuleType) -> None:
    field = fiftyone.Detections(detections=[_rich(fiftyone, each) for each in "abc"])
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", tags=["mine"], ground_truth=field))
    before = labels.samples.find_one()
    labels.update("b", "label", "a", "changed")
    after = labels.samples.find_one()
    assert after["last_modified_at"] > before["last_modified_at"]
    before[GT]["detections"][1]["label"] = "changed"
    assert after | {"last_modified_at": None} == before | {"last_modified_at": None}


def test_an_update_that_clears_a_value_removes_its_key(labels: Labels, fiftyone: ModuleType) -> None:
    field = fiftyone.Detections(detections=[_rich(fiftyone, "a")])
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=field))
    [stored] = labels.raw()[0]["detections"]
    labels.update("a", "note", "old", None)
    [after] = labels.raw()[0]["detections"]
    del stored["note"]
    assert after == stored


def test_an_inserted_label_is_what_fiftyone_would_have_made_and_no_more(labels: Labels, fiftyone: ModuleType) -> None:
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=fiftyone.Detections()))
    labels.insert("a", label="x", box=PLACE, note=None)
    [stored] = labels.raw()[0]["detections"]
    label_id = stored.pop("_id")
    assert isinstance(label_id, ObjectId)
    assert stored == {
        "_cls": "Detection",
        "tags": [],
        "attributes": {},
        "annotation_id": "a",
        "label": "x",
        "bounding_box": PLACE,
    }
    [held] = labels.loaded()
    loaded = held.detections[0]
    assert (loaded.id, loaded.label, loaded.bounding_box, loaded.confidence) == (str(label_id), "x", PLACE, None)


def test_an_inserted_classification_is_what_fiftyone_would_have_made(fiftyone: ModuleType, mongo: Mongo) -> None:
    for label_type in ("Classification", "Classifications"):
        labels = labels_of(fiftyone, mongo, label_type=label_type)
        labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png"))
        labels.insert("a", label="x")
        [field] = labels.raw()
        stored = field if label_type == "Classification" else field["classifications"][0]
        assert set(stored) == {"_id", "_cls", "tags", "annotation_id", "label"}
        assert stored["_cls"] == "Classification"
        [held] = labels.loaded()
        assert (held if label_type == "Classification" else held.classifications[0]).label == "x"


@pytest.mark.parametrize("field", [None, "absent", {"_cls": "Detections"}, {"_cls": "Detections", "detections": None}])
def test_a_label_can_be_inserted_where_there_is_no_list_yet(labels: Labels, fiftyone: ModuleType, field: Any) -> None:
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png"))
    change_ = {"$unset": {GT: ""}} if field == "absent" else {"$set": {GT: field}}
    labels.samples.update_one({}, change_)
    assert labels.insert("a", label="x", box=PLACE).present
    assert labels.insert("b", label="y", box=PLACE).present
    assert [each.label for each in labels.loaded()[0].detections] == ["x", "y"]
    assert labels.raw()[0]["_cls"] == "Detections"


def test_what_else_a_field_holds_stays_when_it_gets_its_list(labels: Labels, fiftyone: ModuleType) -> None:
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=fiftyone.Detections()))
    labels.samples.update_one({}, {"$set": {GT: {"_cls": "Detections", "detections": None, "source": "survey 7"}}})
    labels.insert("a", label="x", box=PLACE)
    assert labels.raw()[0]["source"] == "survey 7"


def test_a_write_for_a_label_follows_it_through_the_list(labels: Labels, fiftyone: ModuleType) -> None:
    field = fiftyone.Detections(detections=[_rich(fiftyone, each) for each in "abc"])
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=field))
    rows = labels.rows()
    changes = [change(Action.UPDATE, each, "label", "a", each.upper(), place=rows[each]) for each in "abc"]
    a, b, c = labels.raw()[0]["detections"]
    labels.store("detections", [c, detection(annotation_id="new", label="a"), a])
    results = labels.adapter.write(changes)
    assert [(each.present, each.after) for each in results] == [(True, "A"), (False, None), (True, "C")]
    assert [each["label"] for each in labels.raw()[0]["detections"]] == ["C", "a", "A"]
    assert b["label"] == "a"


def test_a_label_that_moved_to_another_sample_is_not_written_there(labels: Labels, fiftyone: ModuleType) -> None:
    field = fiftyone.Detections(detections=[_rich(fiftyone, "a")])
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=field))
    labels.dataset.add_sample(fiftyone.Sample(filepath="/2.png", ground_truth=fiftyone.Detections()))
    row = labels.rows()["a"]
    label = labels.raw()[0]["detections"]
    labels.store("detections", [], "/1.png")
    labels.store("detections", label, "/2.png")
    [result] = labels.adapter.write([change(Action.UPDATE, "a", "label", "a", "b", place=row)])
    assert not result.present
    assert labels.rows()["a"]["label"] == "a"


def test_the_stamp_is_the_servers_even_where_a_notebooks_clock_runs_ahead(labels: Labels, fiftyone: ModuleType) -> None:
    field = fiftyone.Detections(detections=[_rich(fiftyone, "a")])
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=field))
    ahead = datetime.now(timezone.utc) + timedelta(days=1)
    labels.samples.update_one({}, {"$set": {"last_modified_at": ahead}})
    labels.update("a", "label", "a", "b")
    assert labels.rows()["a"]["edited_at"] < ahead - timedelta(hours=23)


def test_what_the_sdk_saves_beside_a_write_and_what_was_written_both_stay(labels: Labels, fiftyone: ModuleType) -> None:
    field = fiftyone.Detections(detections=[_rich(fiftyone, each) for each in "ab"])
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=field))
    loaded = labels.dataset.first()
    labels.update("a", "label", "a", "from the database")
    loaded[GT].detections[1].label = "from a notebook"
    loaded.save()
    assert [each["label"] for each in labels.raw()[0]["detections"]] == ["from the database", "from a notebook"]
    assert [each.label for each in labels.loaded()[0].detections] == ["from the database", "from a notebook"]


def test_a_box_is_compared_as_a_whole_and_written_as_a_whole(labels: Labels, fiftyone: ModuleType) -> None:
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=fiftyone.Detections()))
    labels.store("detections", [detection(annotation_id="a", bounding_box=[0, 0, 1, 1])])
    assert labels.update("a", BOX, [0.0, 0.0, 1.0, 0.5], PLACE).after == [0.0, 0.0, 1.0, 1.0]
    assert labels.update("a", BOX, [0.0, 0.0, 1.0], PLACE).after == [0.0, 0.0, 1.0, 1.0]
    assert labels.update("a", BOX, [0.0, 0.0, 1.0, 1.0], PLACE).after == PLACE
    assert labels.loaded()[0].detections[0].bounding_box == PLACE


def test_a_value_that_the_server_refuses_for_its_own_reasons_is_a_refusal(labels: Labels, fiftyone: ModuleType) -> None:
    for name in ("/1.png", "/2.png"):
        labels.dataset.add_sample(fiftyone.Sample(filepath=name, ground_truth=fiftyone.Detections()))
        labels.store("detections", [detection(annotation_id=name)], name)
    labels.dataset.create_index(f"{GT}.detections.annotation_id", unique=True)
    rows = labels.rows()
    changes = [
        change(Action.UPDATE, "/1.png", "annotation_id", "/1.png", "/2.png", place=rows["/1.png"]),
        change(Action.UPDATE, "/2.png", "label", "a", "b", place=rows["/2.png"]),
    ]
    one, two = labels.adapter.write(changes)
    assert one.refused is not None
    assert "duplicate key" in one.refused
    assert one.after == "/1.png"
    assert (two.refused, two.after) == (None, "b")


def test_a_number_that_the_declared_type_would_cut_is_refused(fiftyone: ModuleType, mongo: Mongo) -> None:
    labels = labels_of(fiftyone, mongo, declared={"depth": fiftyone.IntField}, kinds={"depth": Kind.FLOAT})
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=fiftyone.Detections()))
    labels.store("detections", [detection(annotation_id="a", depth=3)])
    result = labels.update("a", "depth", 3.0, 3.5)
    assert (bool(result.refused), result.after) == (True, 3.0)
    assert labels.update("a", "depth", 3.0, 4.0).after == 4.0


def test_text_without_an_encoding_is_refused(labels: Labels, fiftyone: ModuleType) -> None:
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=fiftyone.Detections()))
    labels.store("detections", [detection(annotation_id="a")])
    assert labels.update("a", "note", None, "half \ud800").refused
    assert labels.update("a", "note", None, "nul \x00").after == "nul \x00", "FiftyOne has no quarrel with it"


# Many labels on one sample


MANY = 3 * crowded_samples.TOGETHER


def _crowd(labels: Labels, fiftyone: ModuleType, count: int = MANY) -> None:
    found = [_rich(fiftyone, str(each)) for each in range(count)]
    field = fiftyone.Detections(detections=found)
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", tags=["mine"], ground_truth=field))


class _Sent(CommandListener):
    """Counts the updates that are sent, and does something before the first one is."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.updates = 0
        self._before = before

    def started(self, event: CommandStartedEvent) -> None:
        """Looks at a command."""
        if event.command_name == "update":
            if not self.updates:
                self._before()
            self.updates += len(event.command.get("updates", [None]))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing is done about it."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing is done about it."""


@contextmanager
def _watched(labels: Labels, uri: str, sent: _Sent) -> Iterator[FiftyOneAdapter]:
    """The same adapter over a connection that is listened to."""
    own = labels.adapter
    with MongoClient[dict[str, Any]](uri, event_listeners=[sent]) as client:
        database = client[labels.database.name]
        yield FiftyOneAdapter(database, own.dataset, own.identity, own.labels, own.mapping)


def test_thousands_of_changes_to_one_sample_are_a_few_operations(
    labels: Labels, fiftyone: ModuleType, mongo_uri: str
) -> None:
    _crowd(labels, fiftyone)
    before, rows, sent = labels.samples.find_one(), labels.rows(), _Sent()
    changes = [change(Action.UPDATE, id_, "depth", None, float(id_), place=rows[id_]) for id_ in rows]
    changes += [change(Action.UPDATE, id_, "note", "old", None, place=rows[id_]) for id_ in rows]
    with _watched(labels, mongo_uri, sent) as adapter:
        results = adapter.write(changes)
    assert all(applied(labels.adapter.mapping, each) for each in results)
    assert sent.updates == len(changes) // crowded_samples.TOGETHER
    after = labels.samples.find_one()
    for each in before[GT]["detections"]:
        each["depth"] = float(each["annotation_id"])
        del each["note"]
    assert after | {"last_modified_at": None} == before | {"last_modified_at": None}
    assert after["last_modified_at"] > before["last_modified_at"]


def test_so_are_thousands_of_removals_and_insertions(labels: Labels, fiftyone: ModuleType, mongo_uri: str) -> None:
    _crowd(labels, fiftyone)
    rows, sent = labels.rows(), _Sent()
    names = labels.adapter.mapping.names
    gone = [change(Action.DELETE, id_, old={name: rows[id_][name] for name in names}, place=rows[id_]) for id_ in rows]
    new = {"label": "new", "box": PLACE}
    put = [change(Action.INSERT, f"n{id_}", new=new, place=rows[id_] | {"label_id": str(ObjectId())}) for id_ in rows]
    with _watched(labels, mongo_uri, sent) as adapter:
        results = adapter.write([*gone, *put])
    assert all(applied(labels.adapter.mapping, each) for each in results)
    # Two are sent to the sample, whatever comes, so that it has a list.
    assert sent.updates == 2 + 2 * MANY // crowded_samples.TOGETHER
    assert list(labels.rows()) == [each.annotation_id for each in put]


def test_what_was_edited_meanwhile_stays_and_keeps_nothing_else_waiting(
    labels: Labels, fiftyone: ModuleType, mongo_uri: str
) -> None:
    _crowd(labels, fiftyone)
    rows = labels.rows()

    def edit() -> None:
        # The list is another by then: one label is edited, one is gone, and all after it have moved up.
        labels.store("detections.7.label", "edited")
        pull = {"$pull": {f"{GT}.detections": {"annotation_id": "3"}}}
        labels.samples.update_one({"filepath": "/1.png"}, pull)

    changes = [change(Action.UPDATE, id_, "label", "a", "b", place=rows[id_]) for id_ in rows]
    sent = _Sent(edit)
    with _watched(labels, mongo_uri, sent) as adapter:
        results = adapter.write(changes)
    done_ = {each.change.annotation_id for each in results if applied(labels.adapter.mapping, each)}
    assert set(rows) - done_ == {"3", "7"}
    assert sent.updates < MANY / 4
    assert labels.rows()["7"]["label"] == "edited"


def test_a_label_that_was_tagged_since_is_not_removed_with_the_others(labels: Labels, fiftyone: ModuleType) -> None:
    _crowd(labels, fiftyone, 40)
    rows = labels.rows()
    labels.store("detections.5.tags", ["seen", "odd", "keep"])
    names = labels.adapter.mapping.names
    changes = [
        replace(
            change(Action.DELETE, id_, old={name: rows[id_][name] for name in names}, place=rows[id_]),
            seen_tags=("seen", "odd", "mine"),
        )
        for id_ in rows
    ]
    labels.adapter.write(changes)
    assert list(labels.rows()) == ["5"]


def test_what_mongodb_refuses_of_many_is_named_and_stops_nothing(labels: Labels, fiftyone: ModuleType) -> None:
    _crowd(labels, fiftyone, 40)
    rows = labels.rows()
    huge = "x" * 17_000_000
    changes = [change(Action.UPDATE, id_, "note", "old", huge if id_ == "9" else "b", place=rows[id_]) for id_ in rows]
    results = labels.adapter.write(changes)
    assert [each.change.annotation_id for each in results if each.refused] == ["9"]
    assert sum(each["note"] == "b" for each in labels.rows().values()) == 39
