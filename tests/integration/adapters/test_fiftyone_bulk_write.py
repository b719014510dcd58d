from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection

import servers
from syncd.adapters.fiftyone import bulk_write as module
from syncd.adapters.fiftyone.bulk_write import Operation, send

Samples = Collection[dict[str, Any]]
MANY = 3 * module.LANES * module.WORTH_A_LANE


@pytest.fixture
def samples(mongo_database: tuple[str, str]) -> Iterator[Samples]:
    uri, name = mongo_database
    with servers.mongo_client(uri) as client:
        collection: Samples = client[name]["samples"]
        collection.insert_many([{"step": 0, "text": "a"} for _ in range(MANY)])
        yield collection


def operation(sample: ObjectId, seen: dict[str, Any], update: dict[str, Any], position: int | None = None) -> Operation:
    return Operation(str(sample), UpdateOne({"_id": sample} | seen, update), position)


def step(sample: ObjectId, number: int) -> Operation:
    return operation(sample, {"step": number}, {"$set": {"step": number + 1}})


def ids(samples: Samples) -> list[ObjectId]:
    return [each["_id"] for each in samples.find({}, {"_id": 1})]


def test_operations_on_one_sample_are_carried_out_in_their_order(samples: Samples) -> None:
    given = [step(each, number) for number in range(3) for each in ids(samples)]
    assert len(list(module._lanes(given))) == module.LANES
    assert send(samples, given) == {}
    assert samples.count_documents({"step": 3}) == MANY


def test_a_sample_stands_in_one_lane_only(samples: Samples) -> None:
    lanes = list(module._lanes([step(each, number) for number in range(2) for each in ids(samples)]))
    met = [{each.sample_id for each in lane} for lane in lanes]
    assert sum(map(len, lanes)) == 2 * MANY
    assert sum(map(len, met)) == len(set[str]().union(*met)) == MANY


def test_few_operations_need_no_second_connection(samples: Samples) -> None:
    assert len(list(module._lanes([step(each, 0) for each in ids(samples)[:10]]))) == 1


def test_a_refusal_is_told_by_its_position_and_ends_no_other(samples: Samples) -> None:
    every = ids(samples)
    refused = {1, MANY // 2, MANY - 1}
    given = [
        operation(each, {}, {"$push": {"text": "b"}} if position in refused else {"$set": {"step": 1}}, position)
        for position, each in enumerate(every)
    ]
    found = send(samples, given)
    assert set(found) == refused
    assert all("array" in why for why in found.values())
    assert samples.count_documents({"step": 1}) == MANY - len(refused)


def test_what_is_nobodys_fault_comes_out_of_either_lane(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    last = str(ids(samples)[-1])
    sent = module._send

    def failing(samples: Samples, batch: list[Operation]) -> dict[int, str]:
        if any(each.sample_id == last for each in batch):
            raise ConnectionError("the server is gone")
        return sent(samples, batch)

    monkeypatch.setattr(module, "_send", failing)
    with pytest.raises(ConnectionError, match="the server is gone"):
        send(samples, [step(each, 0) for each in ids(samples)])
