"""What writing a field promises."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import pytest

from contract.bench import KINDS, Bench, applied, held, item
from contract.values import NULLABLE, ONE, OTHER, THIRD, VALUES

OLD = datetime(2024, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize("name", list(KINDS))
def test_a_field_that_holds_what_was_expected_is_set(bench: Bench, name: str) -> None:
    if name not in bench.names:
        pytest.skip(f"{name} is not mapped here")
    bench.put(item("a", **ONE), item("b", **ONE))
    [result] = bench.write(bench.update("a", name, ONE[name], OTHER[name]))
    assert applied(bench.mapping, result)
    assert result.present
    assert result.after == OTHER[name]
    assert bench.look("a") == bench.expected(ONE | {name: OTHER[name]})
    assert bench.look("b") == bench.expected(ONE)


@pytest.mark.parametrize("name", list(KINDS))
def test_a_field_that_holds_something_else_is_left_alone(bench: Bench, name: str) -> None:
    if name not in bench.names:
        pytest.skip(f"{name} is not mapped here")
    bench.put(item("a", **ONE))
    [result] = bench.write(bench.update("a", name, OTHER[name], THIRD[name]))
    assert not applied(bench.mapping, result)
    assert result.present
    assert result.after == ONE[name], "the result says what is there now"
    assert result.refused is None
    assert bench.look("a") == bench.expected(ONE)


@pytest.mark.parametrize("name", NULLABLE)
def test_a_field_that_was_filled_meanwhile_is_left_alone(bench: Bench, name: str) -> None:
    bench.put(item("a", **ONE))
    [result] = bench.write(bench.update("a", name, None, OTHER[name]))
    assert not applied(bench.mapping, result)
    assert bench.look("a") == bench.expected(ONE)


@pytest.mark.parametrize("name", NULLABLE)
def test_a_field_that_was_cleared_meanwhile_is_left_alone(bench: Bench, name: str) -> None:
    bench.put(item("a", **{name: None}))
    [result] = bench.write(bench.update("a", name, ONE[name], OTHER[name]))
    assert not applied(bench.mapping, result)
    assert result.present
    assert result.after is None
    assert bench.look("a") == bench.expected(item("a").values)


@pytest.mark.parametrize("name", NULLABLE)
def test_an_absent_value_is_filled_and_a_present_one_cleared(bench: Bench, name: str) -> None:
    bench.put(item("a"))
    bench.write(bench.update("a", name, None, ONE[name]))
    assert bench.look("a") == bench.expected(item("a", **{name: ONE[name]}).values)
    [result] = bench.write(bench.update("a", name, ONE[name], None))
    assert applied(bench.mapping, result)
    assert result.after is None
    assert bench.look("a") == bench.expected(item("a").values)


@pytest.mark.parametrize("name", list(KINDS))
def test_what_was_read_is_found_again_and_what_was_written_is_read_back(bench: Bench, name: str) -> None:
    """The round trip is the identity: every value read is a value that can be expected, and written elsewhere."""
    if name not in bench.names:
        pytest.skip(f"{name} is not mapped here")
    values = VALUES[name]
    bench.put(*(item(f"{name}-{index}", **{name: value}) for index, value in enumerate(values)))
    read = held(bench.adapter.read_all())
    moved = values[1:] + values[:1]
    changes = [
        bench.update(f"{name}-{index}", name, read[f"{name}-{index}"][name], new) for index, new in enumerate(moved)
    ]
    results = bench.write(*changes)
    assert all(applied(bench.mapping, each) for each in results)
    after = held(bench.adapter.read_all())
    assert [after[f"{name}-{index}"][name] for index in range(len(values))] == moved


def test_nan_is_expected_as_a_missing_value(bench: Bench) -> None:
    bench.put(item("a", depth=math.nan))
    [result] = bench.write(bench.update("a", "depth", None, 1.5))
    assert applied(bench.mapping, result)
    assert held(bench.adapter.read_all())["a"]["depth"] == 1.5


def test_of_several_changes_only_those_miss_whose_field_moved(bench: Bench) -> None:
    ids = [f"id-{index}" for index in range(20)]
    bench.put(*(item(each) for each in ids))
    changes = bench.updates(ids, "label", "Copepoda", "Ostracoda")
    for each in ids[::3]:
        bench.edit(each, label="Amphipoda")
    results = bench.write(*changes)
    for each, result in zip(ids, results, strict=True):
        moved = each in ids[::3]
        assert applied(bench.mapping, result) is not moved
        assert result.after == ("Amphipoda" if moved else "Ostracoda")
        look = bench.look(each)
        assert look is not None
        assert look["label"] == result.after


def test_several_fields_of_one_annotation_are_judged_each_for_itself(bench: Bench) -> None:
    bench.put(item("a", **ONE))
    results = bench.write(
        bench.update("a", "label", ONE["label"], OTHER["label"]),
        bench.update("a", "note", "something else", OTHER["note"]),
        bench.update("a", "count", ONE["count"], None),
    )
    assert [applied(bench.mapping, each) for each in results] == [True, False, True]
    assert bench.look("a") == bench.expected(ONE | {"label": OTHER["label"], "count": None})


def test_an_annotation_that_is_gone_is_not_made_again(bench: Bench) -> None:
    bench.put(item("a"), item("b"))
    change = bench.update("a", "label", "Copepoda", "Ostracoda")
    bench.remove("a")
    [result] = bench.write(change)
    assert not applied(bench.mapping, result)
    assert not result.present
    assert result.after is None
    assert [each for each, _ in bench.stored()] == ["b"]


def test_a_change_made_while_writing_is_not_overwritten(bench: Bench) -> None:
    bench.put(item("a"))
    change = bench.update("a", "label", "Copepoda", "Ostracoda")
    bench.edit("a", label="Amphipoda")
    bench.edit("a", label="Copepoda ")
    [result] = bench.write(change)
    assert not applied(bench.mapping, result)
    assert bench.look("a") == bench.expected(item("a", label="Copepoda ").values)


def test_text_is_compared_exactly(bench: Bench) -> None:
    bench.put(item("a", label="copepoda"))
    for wrong in ("Copepoda", "copepoda ", " copepoda", "copépoda", "copepod"):
        [result] = bench.write(bench.update("a", "label", wrong, "Ostracoda"))
        assert not applied(bench.mapping, result), wrong
    assert bench.look("a") == bench.expected(item("a", label="copepoda").values)


def test_a_write_moves_the_stamp_by_the_servers_clock(bench: Bench) -> None:
    bench.put(item("a"), item("b"))
    for each in ("a", "b"):
        bench.stamp(each, OLD)
    before = bench.adapter.now() - timedelta(milliseconds=1)
    bench.write(bench.update("a", "label", "Copepoda", "Ostracoda"))
    rows = {row["annotation_id"]: row for row in bench.adapter.read_all().rows.iter_rows(named=True)}
    assert before <= rows["a"]["edited_at"] <= bench.adapter.now()
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


def test_writing_nothing_does_nothing(bench: Bench) -> None:
    bench.put(item("a"))
    bench.stamp("a", OLD)
    assert bench.write() == []
    assert bench.adapter.read_all().rows["edited_at"].to_list() == [OLD]


def test_the_others_see_nothing_of_a_write_that_is_rolled_back(sql_bench: Bench) -> None:
    sql_bench.put(item("a"), item("b"))
    sql_bench.adapter.write(
        [
            sql_bench.update("a", "label", "Copepoda", "Ostracoda"),
            sql_bench.delete("b"),
            sql_bench.insert("c", "/images/c.png"),
        ]
    )
    sql_bench.connection.rollback()  # type: ignore[attr-defined]
    assert dict(sql_bench.stored()) == {each: sql_bench.expected(item(each).values) for each in ("a", "b")}
