"""FiftyOne's server on a bad day: syncd's own errors, no half snapshot, no password."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pymongo
import pytest
from pymongo.database import Database
from pymongo.errors import AutoReconnect, OperationFailure

from integration.adapters.support import GT, Labels, change, detection, labels_of, open_labels
from syncd import embedded
from syncd.adapters.fiftyone import read
from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.adapters.fiftyone.dataset import describe
from syncd.errors import FiftyOneUnavailable
from syncd.model import Action, Kind

Mongo = Database[dict[str, Any]]


@pytest.fixture
def labels(fiftyone: ModuleType, mongo: Mongo) -> Labels:
    """One sample with one label."""
    found = labels_of(fiftyone, mongo)
    found.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=fiftyone.Detections()))
    found.store("detections", [detection(annotation_id="a")])
    return found


def test_a_server_that_goes_away_is_an_error_of_ours_whatever_is_asked(
    labels: Labels, mongo: Mongo, tmp_path: Path
) -> None:
    with embedded.mongod(tmp_path / "mongo", replica_set=False) as server:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(server.uri, serverSelectionTimeoutMS=200)
        away = client["fiftyone"]
        away["datasets"].insert_many(mongo["datasets"].find({"name": "odd"}))
        away[labels.samples.name].insert_many(labels.samples.find())
        adapter = open_labels(away, "odd", {"label": Kind.TEXT, "box": Kind.BOX}, Kind.TEXT)
        assert adapter.read_all().size == 1
        row = labels.rows()["a"]
    questions: list[Callable[[], object]] = [
        adapter.origin,
        adapter.now,
        adapter.read_all,
        lambda: adapter.read_since(datetime.now(timezone.utc)),
        lambda: adapter.read_ids(["a"]),
        lambda: adapter.read_samples([row["sample_id"]]),
        lambda: adapter.find_samples(["/1.png"]),
        lambda: adapter.write([change(Action.UPDATE, "a", "label", "a", "b", place=row)]),
        lambda: describe(away, "odd", GT),
        lambda: FiftyOneAdapter(away, "odd", adapter.identity, adapter.labels, adapter.mapping).replica_set,
    ]
    for ask in questions:
        with pytest.raises(FiftyOneUnavailable, match=r"(Reading from|Writing to) FiftyOne's MongoDB failed") as caught:
            ask()
        assert "\n" not in caught.value.message
        assert caught.value.remedy
    client.close()


def test_a_read_that_breaks_off_gives_no_snapshot(labels: Labels, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks_off(*_: Any) -> None:
        raise AutoReconnect("connection closed")

    monkeypatch.setattr(read, "_finish", breaks_off)
    for ask in (labels.adapter.read_all, lambda: labels.adapter.read_ids(["a"])):
        with pytest.raises(FiftyOneUnavailable, match="connection closed"):
            ask()


def test_a_moment_that_the_server_no_longer_has_is_read_without_one(
    labels: Labels, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = []
    whole = read._read

    def too_old(*arguments: Any) -> Any:
        sessions.append(arguments[-1])
        if arguments[-1] is not None:
            raise OperationFailure("Read timestamp is older than the oldest available", code=239)
        return whole(*arguments)

    monkeypatch.setattr(read, "_read", too_old)
    assert list(labels.rows()) == ["a"]
    assert [each is None for each in sessions] == [False, True]


def test_any_other_refusal_of_a_read_is_an_error(labels: Labels, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any) -> None:
        raise OperationFailure("not authorized on fiftyone to execute command", code=13)

    monkeypatch.setattr(read, "_read", denied)
    with pytest.raises(FiftyOneUnavailable, match="not authorized"):
        labels.adapter.read_all()


def test_a_sample_met_twice_on_the_way_is_read_once(labels: Labels) -> None:
    """Without a moment of its own, a scan along the stamps meets a sample again that a write moves ahead of it."""
    rows = read._read(labels.samples, labels.adapter.labels, labels.adapter.mapping, {"_id": {"$exists": True}}, None)
    assert rows.height == 1
    import polars as pl

    stamp = pl.Series([datetime(2024, 1, 1), datetime(2024, 1, 2)], dtype=pl.Datetime("ms"))  # noqa: DTZ001
    twice = pl.DataFrame({"sample_id": ["s", "s"], "position": [0, 0], "edited_at": stamp, "label": ["old", "new"]})
    assert read._latest(twice)["label"].to_list() == ["new"]
    assert read._latest(twice.with_columns(edited_at=pl.lit(None, pl.Datetime("ms"))))["label"].to_list() == ["old"]


def test_a_write_that_the_server_cannot_do_is_no_refusal_of_its_values(
    labels: Labels, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymongo.errors import BulkWriteError

    def shutting_down(*_: Any, **__: Any) -> None:
        raise BulkWriteError({"writeErrors": [{"index": 0, "code": 11600, "errmsg": "interrupted at shutdown"}]})

    monkeypatch.setattr(labels.adapter.writer.samples, "bulk_write", shutting_down, raising=False)
    with pytest.raises(FiftyOneUnavailable, match="Writing to"):
        labels.update("a", "label", "a", "b")


def test_people_who_type_while_it_writes_lose_nothing(labels: Labels, fiftyone: ModuleType) -> None:
    """A reviewer's save between the diff and the write: the write misses, and says what is there."""
    row = labels.rows()["a"]
    sample = labels.dataset.first()
    sample[GT].detections[0].label = "typed"
    sample.save()
    [result] = labels.adapter.write([change(Action.UPDATE, "a", "label", "a", "b", place=row)])
    assert (result.present, result.after) == (True, "typed")
    old = {"label": "a", "box": row["box"]}
    [result] = labels.adapter.write([change(Action.DELETE, "a", old=old, place=row)])
    assert result.present
    assert labels.loaded()[0].detections[0].label == "typed"
