"""What an edit by hand changed, and which of it a window sent of its own accord."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from syncd.app.edits import Exchange, Labels, Leaf, asked_for, leaves, meant, of_one_label

LABELS = Labels("truth", "annotation_id", {"label": "label", "bounding_box": "box", "depth": "depth"})
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def label(own: str, name: str, **more: Any) -> dict[str, Any]:
    return {"_id": own, "annotation_id": f"id-{own}", "label": name, "bounding_box": [0.1, 0.2, 0.3, 0.4], **more}


def sample(*labels: dict[str, Any]) -> dict[str, Any]:
    return {"_id": "s", "truth": {"_cls": "Detections", "detections": list(labels)}}


def path(index: object, *rest: object) -> str:
    return "/".join(["/truth/detections", str(index), *map(str, rest)])


def op(kind: str, where: str, value: Any = None) -> dict[str, Any]:
    return {"op": kind, "path": where, "value": value}


BEFORE = sample(label("a", "cat"), label("b", "dog"), label("c", "cow"))


@pytest.mark.parametrize(
    ("operations", "found"),
    [
        ([op("replace", path(1, "label"), "fox")], [("b", "label", '"fox"')]),
        (
            [op("replace", path(0, "bounding_box", 1), 0.5), op("replace", path(0, "bounding_box", 0), 0.6)],
            [("a", "box", "[0.6, 0.5, 0.3, 0.4]")],
        ),
        ([op("add", path(2, "depth"), 7.5)], [("c", "depth", "7.5")]),
        ([op("remove", path(2, "label"))], [("c", "label", "null")]),
        ([op("add", path("-"), {"_id": "d", "label": "elk"})], [("d", None, '"added"')]),
        (
            [op("remove", path(0)), op("replace", path(0, "label"), "fox")],
            [("a", None, '"removed"'), ("b", "label", '"fox"')],
        ),
        ([op("replace", path(1, "tags"), ["x"])], []),
        ([op("test", path(1, "label"), "dog"), op("replace", path(1, "label"), "dog")], []),
        ({"truth": {"detections": []}}, [("a", None, '"removed"'), ("b", None, '"removed"'), ("c", None, '"removed"')]),
        ([op("replace", path(9, "label"), "fox")], []),
        ([op("move", path(0, "label"), "fox")], []),
        ("nonsense", []),
    ],
)  # fmt: skip
def test_what_operations_mean_to_change(operations: Any, found: list[tuple[str, str | None, str]]) -> None:
    asked = asked_for(LABELS, BEFORE, operations)
    assert [(each.label_id, each.field, each.value) for each in asked] == found
    assert sample(label("a", "cat"), label("b", "dog"), label("c", "cow")) == BEFORE
    if asked and found[0][0] != "d":
        assert asked[0].annotation_id == f"id-{asked[0].label_id}"


def test_a_single_label_and_one_by_its_id_are_told_alike() -> None:
    one = {"_id": "k", "_cls": "Classification", "label": "cat", "annotation_id": "id-k"}
    assert leaves(LABELS, one, one | {"label": "dog"}) == (Leaf("k", "id-k", "label", '"dog"'),)
    changed = [op("replace", "/label", "fox")]
    assert of_one_label(LABELS, label("b", "dog"), changed) == (Leaf("b", "id-b", "label", '"fox"'),)
    assert of_one_label(LABELS, label("b", "dog"), [op("remove", "/")]) == (Leaf("b", "id-b", None, '"removed"'),)


MINE = Leaf("a", "id-a", "label", '"fox"')
THEIRS = Leaf("b", "id-b", "label", '"dog"')
SAME_ELSEWHERE = Leaf("c", "id-c", "label", '"fox"')
GONE = Leaf("d", None, None, '"removed"')


def refused(*own: Leaf, at: datetime = NOON, etag: str = '"E1"', by_412: bool = True) -> Exchange:
    return Exchange(etag, at, by_412, frozenset(own))


@pytest.mark.parametrize(
    ("last", "if_match", "after_s", "told"),
    [
        (None, '"E1"', 0.1, [False, False, False, False]),
        (refused(MINE), '"E1"', 0.1, [False, True, None, True]),
        (refused(MINE), 'W/"E1"', 0.1, [False, True, None, True]),
        (refused(MINE), '"2026-01-01T12:00:00"', 0.1, [False, False, False, False]),
        (refused(MINE), '"E1"', 60, [False, False, False, False]),
        (refused(MINE, by_412=False), '"E1"', 0.1, [False, None, None, None]),
        (refused(MINE, by_412=False), '"E1"', 4, [False, False, False, False]),
    ],
)
def test_what_follows_a_refusal_was_not_meant_but_for_what_was_refused(
    last: Exchange | None, if_match: str, after_s: float, told: list[bool | None]
) -> None:
    found = meant(last, if_match, NOON + timedelta(seconds=after_s), [MINE, THEIRS, SAME_ELSEWHERE, GONE])
    assert list(found.values()) == told
