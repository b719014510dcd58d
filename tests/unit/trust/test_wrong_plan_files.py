"""A plan file that somebody altered, cut off or made up is that plan, or refused in a sentence; it is never another."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncd.engine import plan_file
from syncd.engine.direct_plan import direct_plan
from syncd.errors import ConfigError
from syncd.model import BOX, LABEL, Action, Change, Direction
from syncd.model.run import RunMode
from trust import many, tried
from unit.inbox.binding import expected

MAPPING = expected().fields
CHANGES = (
    Change("a", "l1", "s1", Direction.TO_DATABASE, Action.UPDATE, LABEL, "Copepoda", "Diatom", "resolved", "ann"),
    Change("b", "l2", "s1", Direction.TO_FIFTYONE, Action.UPDATE, BOX, [0.0, 0.0, 0.5, 0.5], [0.1, 0.0, 0.5, 0.5], "u"),
    Change("c", "l3", "s2", Direction.TO_DATABASE, Action.DELETE, None, {LABEL: "Möwe", "count": 3}, None, "undo"),
    Change(
        "d",
        "l4",
        "s2",
        Direction.TO_FIFTYONE,
        Action.DELETE,
        None,
        {LABEL: "Salp"},
        None,
        "undo",
        seen_tags=("ok", "x"),
    ),
)
PLAN = direct_plan(MAPPING, CHANGES)


def saved() -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.json"
        plan_file.save(path, [PLAN], forced=False, command=RunMode.UNDO)
        return path.read_text(encoding="utf-8")


TEXT = saved()
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.just("\ud800")
    | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def refused_or_the_same(content: bytes) -> None:
    tried("cases")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.json"
        path.write_bytes(content)
        try:
            plans = plan_file.load(path)
            for each in plans:
                assert type(each.forced) is bool
                plan = direct_plan(MAPPING, plan_file.changes_of(each, MAPPING))
                plan_file.check(each, plan)
        except ConfigError as error:
            assert error.remedy
            str(error).encode("utf-8")
            return
    for each in plans:
        assert (plan.digest, len(plan.changes)) == (PLAN.digest, len(PLAN.changes)) or not plan.changes
        assert not each.forced or b'"forced": true' in content


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in parts for place in places(part, (*path, key)))]


PLACES = places(json.loads(TEXT))[1:]


def with_value(place: tuple[Any, ...], value: Any) -> str:
    document = json.loads(TEXT)
    parent = document
    for part in place[:-1]:
        parent = parent[part]
    parent[place[-1]] = value
    return json.dumps(document)


CHANGE = ("plans", 0, "changes", 0)


@settings(max_examples=many(150, 5_000))
@given(place=st.sampled_from(PLACES), value=JSON)
@example((*CHANGE, "new"), float("nan"))
@example((*CHANGE, "new"), float("inf"))
@example((*CHANGE, "new"), "\ud800")
@example((*CHANGE, "annotation_id"), 7)
@example((*CHANGE, "annotation_id"), "A")
@example((*CHANGE, "annotation_id"), "a ")
@example((*CHANGE, "annotation_id"), [])
@example((*CHANGE, "edited_at"), "yesterday")
@example((*CHANGE, "edited_at"), "2026-11-23T00:00:00")
@example((*CHANGE, "reason"), 7)
@example((*CHANGE, "actor"), {"a": 1})
@example((*CHANGE, "undo_of"), 10**400)
@example(("forced",), "false")
@example(("kind",), None)
@example(("plans",), {})
@example(("plans", 0, "digest"), None)
def test_any_value_at_any_place_is_refused_or_makes_no_difference(place: tuple[Any, ...], value: Any) -> None:
    refused_or_the_same(with_value(place, value).encode())


@settings(max_examples=many(100, 5_000))
@given(at=st.integers(0, len(TEXT.encode()) - 1), put=st.binary(max_size=3), cut=st.integers(0, 3))
def test_any_byte_changed_is_refused_or_makes_no_difference(at: int, put: bytes, cut: int) -> None:
    content = TEXT.encode()
    refused_or_the_same(content[:at] + put + content[at + cut :])


def test_a_file_cut_off_anywhere_is_refused() -> None:
    content = TEXT.rstrip().encode()
    for end in range(0, len(content), many(29, 1)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "plan.json"
            path.write_bytes(content[:end])
            tried("cases")
            with pytest.raises(ConfigError, match="plan"):
                plan_file.load(path)


@pytest.mark.parametrize("content", ["[" * 200_000, '{"a":' * 200_000, "1" * 10_000, "null", "[]", '{"syncd_plan": 2}'])
def test_what_is_no_plan_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"plan\.json"):
        plan_file.load(path)


def test_a_change_taken_out_put_in_or_put_twice_is_refused() -> None:
    for changes in ([1, 2], [0, 1, 2, 2], [0, 0, 1, 2], []):
        document = json.loads(TEXT)
        document["plans"][0]["changes"] = [document["plans"][0]["changes"][each] for each in changes]
        [each] = loaded(json.dumps(document))
        with pytest.raises(ConfigError, match="altered"):
            plan_file.check(each, direct_plan(MAPPING, plan_file.changes_of(each, MAPPING)))


def loaded(text: str) -> list[plan_file.SavedPlan]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.json"
        path.write_text(text, encoding="utf-8")
        return plan_file.load(path)


def test_the_media_and_the_change_taken_back_are_part_of_what_was_saved() -> None:
    for name, value in (("media", "other.png"), ("undo_of", 7)):
        [each] = loaded(with_value((*CHANGE, name), value))
        with pytest.raises(ConfigError, match="altered"):
            plan_file.check(each, direct_plan(MAPPING, plan_file.changes_of(each, MAPPING)))
