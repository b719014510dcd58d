"""What writing a field promises."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from syncd.model.result import Result
from syncd.testing.contract.bench import KINDS, Bench, applied, held, item
from syncd.testing.contract.values import ONE, OTHER, THIRD

OLD = datetime(2024, 1, 1, tzinfo=timezone.utc)


def _judged(bench: Bench, results: list[Result]) -> dict[str, bool]:
    """Per field, whether its change took effect."""
    return {str(each.change.field): applied(bench.mapping, each) for each in results}


def test_a_field_that_holds_what_was_expected_is_set_and_no_other(bench: Bench) -> None:
    bench.put(*(item(name, **ONE) for name in bench.names), item("bystander", **ONE))
    results = bench.write(*bench.updates((name, name, ONE[name], OTHER[name]) for name in bench.names))
    assert _judged(bench, results) == dict.fromkeys(bench.names, True)
    assert {str(each.change.field): each.after for each in results} == {name: OTHER[name] for name in bench.names}
    expected = {name: bench.expected(ONE | {name: OTHER[name]}) for name in bench.names}
    assert dict(bench.stored()) == expected | {"bystander": bench.expected(ONE)}


def test_a_field_that_holds_something_else_is_left_alone(bench: Bench) -> None:
    bench.put(*(item(name, **ONE) for name in bench.names))
    results = bench.write(*bench.updates((name, name, OTHER[name], THIRD[name]) for name in bench.names))
    assert _judged(bench, results) == dict.fromkeys(bench.names, False)
    assert all(each.present and each.refused is None for each in results)
    assert {str(each.change.field): each.after for each in results} == bench.expected(ONE), "what is there now"
    assert dict(bench.stored()) == {name: bench.expected(ONE) for name in bench.names}


def test_a_field_that_was_filled_meanwhile_is_left_alone(bench: Bench) -> None:
    bench.put(*(item(name, **ONE) for name in bench.nullable))
    results = bench.write(*bench.updates((name, name, None, OTHER[name]) for name in bench.nullable))
    assert _judged(bench, results) == dict.fromkeys(bench.nullable, False)
    assert dict(bench.stored()) == {name: bench.expected(ONE) for name in bench.nullable}


def test_a_field_that_was_cleared_meanwhile_is_left_alone(bench: Bench) -> None:
    bench.put(*(item(name, **{name: None}) for name in bench.nullable))
    results = bench.write(*bench.updates((name, name, ONE[name], OTHER[name]) for name in bench.nullable))
    assert _judged(bench, results) == dict.fromkeys(bench.nullable, False)
    assert all(each.present and each.after is None for each in results)
    assert dict(bench.stored()) == {name: bench.expected(item(name).values) for name in bench.nullable}


def test_an_absent_value_is_filled_and_a_present_one_cleared(bench: Bench) -> None:
    bench.put(*(item(name) for name in bench.nullable))
    results = bench.write(*bench.updates((name, name, None, ONE[name]) for name in bench.nullable))
    assert _judged(bench, results) == dict.fromkeys(bench.nullable, True)
    filled = {name: bench.expected(item(name, **{name: ONE[name]}).values) for name in bench.nullable}
    assert dict(bench.stored()) == filled
    results = bench.write(*bench.updates((name, name, ONE[name], None) for name in bench.nullable))
    assert _judged(bench, results) == dict.fromkeys(bench.nullable, True)
    assert all(each.present and each.after is None for each in results)
    assert dict(bench.stored()) == {name: bench.expected(item(name).values) for name in bench.nullable}


@pytest.mark.parametrize("name", list(KINDS))
def test_what_was_read_is_found_again_and_what_was_written_is_read_back(bench: Bench, name: str) -> None:
    """The round trip is the identity: every value read is a value that can be expected, and written elsewhere."""
    if name not in bench.names:
        pytest.skip(f"{name} is not mapped here")
    values = bench.values[name]
    bench.put(*(item(f"{name}-{index}", **{name: value}) for index, value in enumerate(values)))
    read = held(bench.adapter.read_all())
    moved = values[1:] + values[:1]
    changes = [(f"{name}-{index}", name, read[f"{name}-{index}"][name], new) for index, new in enumerate(moved)]
    results = bench.write(*bench.updates(changes))
    assert all(applied(bench.mapping, each) for each in results)
    after = held(bench.adapter.read_all())
    assert [after[f"{name}-{index}"][name] for index in range(len(values))] == moved


def test_nan_is_expected_as_a_missing_value(bench: Bench) -> None:
    bench.put(item("a", depth=math.nan))
    [result] = bench.write(bench.update("a", "depth", None, 1.5))
    assert applied(bench.mapping, result)
    assert held(bench.adapter.read_all())["a"]["depth"] == 1.5


def test_of_several_changes_only_those_miss_whose_field_moved(bench: Bench) -> None:
    ids = [f"id-{index}" for index in range(12)]
    moved = ids[::4]
    bench.put(*(item(each) for each in ids))
    changes = bench.updates((each, "label", "Copepoda", "Ostracoda") for each in ids)
    for each in moved:
        bench.edit(each, label="Amphipoda")
    results = bench.write(*changes)
    assert [str(each.change.annotation_id) for each in results if not applied(bench.mapping, each)] == moved
    expected = {each: "Amphipoda" if each in moved else "Ostracoda" for each in ids}
    assert {str(each.change.annotation_id): each.after for each in results} == expected
    assert {id_: content["label"] for id_, content in bench.stored()} == expected


def test_several_fields_of_one_annotation_are_judged_each_for_itself(bench: Bench) -> None:
    bench.put(item("a", **ONE))
    results = bench.write(
        *bench.updates(
            [
                ("a", "label", ONE["label"], OTHER["label"]),
                ("a", "note", "something else", OTHER["note"]),
                ("a", "depth", ONE["depth"], None),
            ]
        )
    )
    assert [applied(bench.mapping, each) for each in results] == [True, False, True]
    assert bench.look("a") == bench.expected(ONE | {"label": OTHER["label"], "depth": None})


def test_an_annotation_that_is_gone_is_not_made_again(bench: Bench) -> None:
    bench.put(item("a"), item("b"))
    change = bench.update("a", "label", "Copepoda", "Ostracoda")
    bench.remove("a")
    [result] = bench.write(change)
    assert not applied(bench.mapping, result)
    assert not result.present
    assert result.after is None
    assert [each for each, _ in bench.stored()] == ["b"]


def test_text_is_compared_exactly(bench: Bench) -> None:
    wrong = ("Copepoda", "copepoda ", " copepoda", "copépoda", "copepod")
    bench.put(*(item(each, label="copepoda") for each in wrong))
    results = bench.write(*bench.updates((each, "label", each, "Ostracoda") for each in wrong))
    assert not any(applied(bench.mapping, each) for each in results)
    assert {content["label"] for _, content in bench.stored()} == {"copepoda"}


def test_a_write_moves_the_stamp_by_the_servers_clock(bench: Bench) -> None:
    bench.put(item("a"), item("b"))
    for each in ("a", "b"):
        bench.stamp(each, OLD)
    before = bench.adapter.now() - timedelta(milliseconds=1)
    bench.write(bench.update("a", "label", "Copepoda", "Ostracoda"))
    rows = {row["annotation_id"]: row for row in bench.adapter.read_all().rows.iter_rows(named=True)}
    assert before <= rows["a"]["edited_at"] <= bench.adapter.now() + bench.clock_step
    assert rows["b"]["edited_at"] == OLD
    assert list(held(bench.adapter.read_since(before))) == ["a"]


def test_a_write_that_misses_moves_no_stamp(bench: Bench) -> None:
    bench.put(item("a"))
    bench.stamp("a", OLD)
    bench.write(bench.update("a", "label", "something else", "Ostracoda"))
    assert bench.adapter.read_all().rows["edited_at"].to_list() == [OLD]


def test_rows_say_who_wrote_them(row_bench: Bench) -> None:
    row_bench.put(item("a"), item("b"))
    row_bench.edit("b", note="mine")
    row_bench.write(row_bench.update("a", "label", "Copepoda", "Ostracoda"))
    rows = row_bench.adapter.read_all().rows
    assert dict(rows.select("annotation_id", "actor").iter_rows()) == {"a": "syncd", "b": "curator"}


def test_the_name_that_a_write_leaves_is_known_beforehand(row_bench: Bench) -> None:
    row_bench.put(item("a"))
    change = replace(row_bench.update("a", "label", "Copepoda", "Ostracoda"), actor="ada")
    row_bench.write(change)
    assert row_bench.rows is not None
    assert row_bench.adapter.read_all().rows["actor"].to_list() == [row_bench.rows.signature("ada")]


def test_writing_nothing_does_nothing(bench: Bench) -> None:
    bench.put(item("a"))
    bench.stamp("a", OLD)
    assert bench.write() == []
    assert bench.adapter.read_all().rows["edited_at"].to_list() == [OLD]
