"""One value, several spellings: what reads as the value the diff saw must also be found by the write."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from types import ModuleType
from typing import Any

import pytest
from bson import Int64, ObjectId
from pymongo.database import Database

from integration.adapters.support import Labels, change, detection, labels_of
from syncd.model import Action, Kind

Mongo = Database[dict[str, Any]]
UTC = timezone.utc
UUID = "123e4567-e89b-12d3-a456-426614174000"

SPELT: list[tuple[Kind, Any, list[Any], Any]] = [
    (Kind.UUID, UUID, [UUID, UUID.upper(), UUID.replace("-", ""), "{" + UUID + "}", UUID.title()], UUID[:-1] + "1"),
    (Kind.INTEGER, 7, ["7"], 8),
    (Kind.INTEGER, 0, ["0", "-0"], 8),
    (Kind.INTEGER, -(2**63), [str(-(2**63))], 8),
    (Kind.DECIMAL, "1.5", ["1.5", "1.50", "+1.5", "1.5000", "01.5"], "1.25"),
    (Kind.DECIMAL, "15", ["15", "15.0", "+15", "15.00"], "150"),
    (Kind.DECIMAL, "-0.25", ["-0.25", "-0.250", "-00.25"], "0.25"),
    (Kind.DECIMAL, "0", ["0", "-0", "0.00", "+0"], "10"),
    (
        Kind.DECIMAL,
        "12345678901234567890.123456789",
        ["12345678901234567890.123456789", "12345678901234567890.1234567890"],
        "12345678901234567890.123456788",
    ),
    (Kind.DATE, date(2024, 1, 5), ["2024-01-05"], date(2024, 1, 6)),
    (
        Kind.TIMESTAMP,
        datetime(2024, 1, 5, 9, 30, 15, tzinfo=UTC),
        ["2024-01-05T09:30:15Z", "2024-01-05T09:30:15.0Z", "2024-01-05T09:30:15.000Z", "2024-01-05T09:30:15.000999Z"],
        datetime(2024, 1, 5, 9, 30, 16, tzinfo=UTC),
    ),
    (
        Kind.TIMESTAMP,
        datetime(2024, 1, 5, 9, 30, 15, 120000, UTC),
        ["2024-01-05T09:30:15.12Z", "2024-01-05T09:30:15.120Z", "2024-01-05T09:30:15.1204567Z"],
        datetime(2024, 1, 5, 9, 30, 15, 121000, UTC),
    ),
]


OTHER_TEXT: list[tuple[Kind, list[str]]] = [
    (Kind.UUID, ["no uuid", UUID + "0", UUID[:-1]]),
    (Kind.INTEGER, ["1.0", "05", " 5", "5 ", "1e3", "five", str(2**63)]),
    (Kind.DECIMAL, ["1,5", "1e3", ".5", "5.", "NaN", "Infinity", "1.5\n", "٣"]),
    (Kind.DATE, ["05.01.2024", "2024-01-05 ", " 2024-1-05", "2024-1-5", "2024-13-01", "2024-02-30", "20240105"]),
    (Kind.TIMESTAMP, ["2024-01-05", "2024-01-05T09:30Z", "2024-01-05 09:30:15", "2024-01-05T09:30:15+01:00"]),
]


def _in_text(fiftyone: ModuleType, mongo: Mongo, texts: list[tuple[Kind, str]]) -> Labels:
    """Labels 0, 1, 2 …, each with one text in the attribute that is named after its kind."""
    kinds = {kind.value: kind for kind, _ in texts}
    labels = labels_of(fiftyone, mongo, declared=dict.fromkeys(kinds, fiftyone.StringField), kinds=kinds)
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=fiftyone.Detections()))
    labels.store(
        "detections",
        [detection(annotation_id=str(index), **{kind.value: text}) for index, (kind, text) in enumerate(texts)],
    )
    return labels


def _stored(labels: Labels) -> dict[str, dict[str, Any]]:
    return {each["annotation_id"]: each for each in labels.raw()[0]["detections"]}


def test_every_spelling_of_a_value_in_text_is_read_and_found(fiftyone: ModuleType, mongo: Mongo) -> None:
    cases = [(kind, text, value, other) for kind, value, texts, other in SPELT for text in texts]
    labels = _in_text(fiftyone, mongo, [case[:2] for case in cases])
    rows = labels.rows()
    stale, right = [], []
    for index, (kind, text, value, other) in enumerate(cases):
        row = rows[str(index)]
        assert (row[kind.value], row["problems"]) == (value, None), text
        stale.append(change(Action.UPDATE, str(index), kind.value, other, value, place=row))
        right.append(change(Action.UPDATE, str(index), kind.value, value, other, place=row))
    labels.adapter.write(stale)
    assert {id_: each[cases[int(id_)][0].value] for id_, each in _stored(labels).items()} == {
        str(index): text for index, (_, text, _, _) in enumerate(cases)
    }
    results = labels.adapter.write(right)
    assert [(text, each.after) for (_, text, _, _), each in zip(cases, results, strict=True)] == [
        (text, other) for _, text, _, other in cases
    ]


def test_every_spelling_of_a_value_in_text_can_be_deleted(fiftyone: ModuleType, mongo: Mongo) -> None:
    labels = _in_text(fiftyone, mongo, [(kind, text) for kind, _, texts, _ in SPELT for text in texts])
    names = labels.adapter.mapping.names
    deletes = [
        change(Action.DELETE, id_, old={name: row[name] for name in names}, place=row)
        for id_, row in labels.rows().items()
    ]
    assert not any(each.present for each in labels.adapter.write(deletes))
    assert labels.raw()[0]["detections"] == []


def test_other_text_is_named_as_it_stands(fiftyone: ModuleType, mongo: Mongo) -> None:
    cases = [(kind, text) for kind, texts in OTHER_TEXT for text in texts]
    labels = _in_text(fiftyone, mongo, cases)
    rows = labels.rows()
    found = [(rows[str(i)][kind.value], rows[str(i)]["problems"]) for i, (kind, _) in enumerate(cases)]
    expected = [(None, json.dumps({kind.value: text}, ensure_ascii=False)) for kind, text in cases]
    assert [(value, json.loads(problem or "{}")) for value, problem in found] == [
        (value, json.loads(problem)) for value, problem in expected
    ]


def test_a_declared_attribute_is_written_in_its_own_type(fiftyone: ModuleType, mongo: Mongo) -> None:
    declared = {
        "count": fiftyone.StringField,
        "ratio": fiftyone.IntField,
        "price": fiftyone.FloatField,
        "whole": fiftyone.FloatField,
        "exact": fiftyone.StringField,
        "day": fiftyone.DateTimeField,
        "other_day": fiftyone.DateField,
        "seen": fiftyone.StringField,
        "ref": fiftyone.StringField,
    }
    kinds = {
        "count": Kind.INTEGER,
        "ratio": Kind.FLOAT,
        "price": Kind.DECIMAL,
        "whole": Kind.INTEGER,
        "exact": Kind.DECIMAL,
        "day": Kind.DATE,
        "other_day": Kind.DATE,
        "seen": Kind.TIMESTAMP,
        "ref": Kind.UUID,
    }
    values = {
        "count": 7,
        "ratio": 3.0,
        "price": "12.25",
        "whole": 2**53,
        "exact": "0.1234567890123456789",
        "day": date(2024, 1, 5),
        "other_day": date(2024, 1, 5),
        "seen": datetime(2024, 1, 5, 9, 30, 15, 120000, UTC),
        "ref": UUID,
    }
    labels = labels_of(fiftyone, mongo, declared=declared, kinds=kinds)
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png"))
    inserted = labels.insert("a", label="x", box=[0.0, 0.0, 1.0, 1.0], **values)
    assert isinstance(inserted.after, dict)
    assert {name: inserted.after[name] for name in values} == values
    stored = labels.raw()[0]["detections"][0]
    assert {name: stored[name] for name in values} == {
        "count": "7",
        "ratio": 3,
        "price": 12.25,
        "whole": float(2**53),
        "exact": "0.1234567890123456789",
        "day": datetime(2024, 1, 5),  # noqa: DTZ001 - as pymongo gives it
        "other_day": datetime(2024, 1, 5),  # noqa: DTZ001
        "seen": "2024-01-05T09:30:15.120Z",
        "ref": UUID,
    }
    assert type(stored["ratio"]) is int
    assert type(stored["whole"]) is float
    [held] = labels.loaded()
    assert held.detections[0].seen == "2024-01-05T09:30:15.120Z"
    for name, value in values.items():
        assert labels.update("a", name, value, None).after is None, name
        assert name not in labels.raw()[0]["detections"][0], "what is missing stays missing"
        assert labels.update("a", name, None, value).after == value, name


IDS: list[tuple[Kind, Any, str]] = [
    (Kind.TEXT, 5, "5"),
    (Kind.TEXT, Int64(2**63 - 1), str(2**63 - 1)),
    (Kind.TEXT, -7, "-7"),
    (Kind.TEXT, ObjectId("6b03dd1e0436f6f28de0993b"), "6b03dd1e0436f6f28de0993b"),
    (Kind.TEXT, UUID.upper(), UUID.upper()),
    (Kind.UUID, UUID.upper(), UUID),
    (Kind.UUID, UUID.replace("-", ""), UUID),
    (Kind.UUID, "{" + UUID.upper() + "}", UUID),
    (Kind.UUID, "no uuid", "no uuid"),
    (Kind.INTEGER, 5, "5"),
    (Kind.INTEGER, "5", "5"),
]


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.UUID, Kind.INTEGER])
def test_an_id_is_found_however_it_is_stored(fiftyone: ModuleType, mongo: Mongo, kind: Kind) -> None:
    labels = labels_of(fiftyone, mongo, id_kind=kind)
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=fiftyone.Detections()))
    for stored, text in [each[1:] for each in IDS if each[0] is kind]:
        labels.store("detections", [detection(annotation_id=stored), detection(annotation_id="other")])
        assert list(labels.rows()) == [text, "other"]
        assert labels.adapter.read_ids([text]).rows["annotation_id"].to_list() == [text, "other"]
        assert labels.update(text, "label", "a", "b").after == "b"
        assert labels.raw()[0]["detections"][0]["annotation_id"] == stored, "its spelling is left as it is"
        labels.insert(text, label="c", box=[0.0, 0.0, 1.0, 1.0])
        assert len(labels.raw()[0]["detections"]) == 2, "the id was there already"
        assert not labels.delete(text).present
        assert list(labels.rows()) == ["other"]


def test_an_id_that_is_declared_as_a_number_is_written_as_one(fiftyone: ModuleType, mongo: Mongo) -> None:
    labels = labels_of(fiftyone, mongo, declared={"annotation_id": fiftyone.IntField}, id_kind=Kind.INTEGER)
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png"))
    assert labels.insert("7", label="a", box=[0.0, 0.0, 1.0, 1.0]).present
    assert labels.raw()[0]["detections"][0]["annotation_id"] == 7
    refused = labels.insert("seven", label="a", box=[0.0, 0.0, 1.0, 1.0])
    assert refused.refused
    assert not refused.present
    assert labels.update("7", "annotation_id", "7", "8").after == "8"
    assert labels.loaded()[0].detections[0].annotation_id == 8


def test_an_id_that_changed_meanwhile_is_not_overwritten(fiftyone: ModuleType, mongo: Mongo) -> None:
    labels = labels_of(fiftyone, mongo)
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=fiftyone.Detections()))
    labels.store("detections", [detection(annotation_id="a")])
    assert labels.update("a", "annotation_id", None, "b").after == "a"
    assert labels.update("a", "annotation_id", "c", "b").after == "a"
    assert labels.update("a", "annotation_id", "a", "b").after == "b"
