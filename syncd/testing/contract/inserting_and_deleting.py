"""What inserting and deleting whole annotations promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.model import TagEdit
from syncd.testing.contract.bench import Bench, applied, held, item
from syncd.testing.contract.values import ONE, OTHER


def test_an_inserted_annotation_is_there_with_all_its_values(bench: Bench) -> None:
    bench.put_sample("/images/new.png")
    [result] = bench.write(bench.insert("new", "/images/new.png", **ONE))
    assert applied(bench.mapping, result)
    assert result.present
    assert result.after == bench.expected(ONE)
    assert bench.look("new") == bench.expected(ONE)
    row = bench.adapter.read_all().rows.row(0, named=True)
    assert row["media"] == "/images/new.png"
    if bench.labels is not None:
        assert result.label_id == row["label_id"] is not None


def test_nothing_is_invented_for_absent_values(bench: Bench) -> None:
    bench.put_sample("/images/new.png")
    [result] = bench.write(bench.insert("new", "/images/new.png"))
    assert result.after == bench.expected(item("new").values)
    assert bench.look("new") == bench.expected(item("new").values)


def test_an_insert_never_makes_an_id_twice(bench: Bench) -> None:
    bench.put(item("a", **ONE))
    [result] = bench.write(bench.insert("a", "/images/a.png", **OTHER))
    assert not applied(bench.mapping, result)
    assert result.present
    assert result.after == bench.expected(ONE)
    assert result.refused is None
    assert bench.look("a") == bench.expected(ONE)


def test_the_same_id_twice_in_one_write_is_made_once(bench: Bench) -> None:
    bench.put_sample("/images/new.png")
    bench.write(bench.insert("new", "/images/new.png", **ONE), bench.insert("new", "/images/new.png", **OTHER))
    assert bench.look("new") == bench.expected(ONE)


def test_repeating_an_insert_changes_nothing(bench: Bench) -> None:
    bench.put_sample("/images/new.png")
    change = bench.insert("new", "/images/new.png", **ONE)
    bench.write(change)
    before = bench.adapter.read_all().rows
    [result] = bench.write(change)
    assert result.after == bench.expected(ONE)
    assert bench.adapter.read_all().rows.equals(before)


def test_an_insert_into_a_sample_that_is_gone_does_nothing(label_bench: Bench) -> None:
    [result] = label_bench.write(label_bench.insert("new", "/nowhere.png"))
    assert not applied(label_bench.mapping, result)
    assert not result.present
    assert label_bench.stored() == []


def test_inserts_are_appended_and_leave_the_other_labels_where_they_are(list_bench: Bench) -> None:
    list_bench.put(item("a", media="/1.png", **ONE), item("b", media="/1.png", **OTHER))
    before = list_bench.adapter.read_all().rows["label_id"].to_list()
    list_bench.write(list_bench.insert("c", "/1.png", **ONE), list_bench.insert("d", "/1.png", **OTHER))
    rows = list_bench.adapter.read_all().rows
    assert rows["annotation_id"].to_list()[:2] == ["a", "b"]
    assert sorted(rows["annotation_id"].to_list()[2:]) == ["c", "d"]
    assert rows["label_id"].to_list()[:2] == before


def test_a_deleted_annotation_is_gone_and_no_other(bench: Bench) -> None:
    bench.put(item("a", **ONE), item("b", **ONE))
    [result] = bench.write(bench.delete("a"))
    assert applied(bench.mapping, result)
    assert not result.present
    assert result.after is None
    assert dict(bench.stored()) == {"b": bench.expected(ONE)}


def test_a_label_between_others_is_deleted_alone(list_bench: Bench) -> None:
    list_bench.put(*(item(each, media="/1.png", **ONE) for each in "abc"))
    list_bench.write(list_bench.delete("b"))
    assert [each for each, _ in list_bench.stored()] == ["a", "c"]


def test_a_changed_annotation_is_not_deleted(bench: Bench) -> None:
    names = bench.names
    bench.put(*(item(name, **ONE) for name in names), item("unchanged", **ONE))
    stale = bench.deletes([*names, "unchanged"])
    for name in names:
        bench.edit(name, **{name: OTHER[name]})
    results = bench.write(*stale)
    assert [applied(bench.mapping, each) for each in results] == [False] * len(names) + [True]
    now = {name: bench.expected(ONE | {name: OTHER[name]}) for name in names}
    assert {str(each.change.annotation_id): each.after for each in results if each.present} == now
    assert dict(bench.stored()) == now


@pytest.mark.parametrize("on_sample", [False, True], ids=["on the label", "on its sample"])
def test_a_label_that_was_tagged_since_is_not_deleted(label_bench: Bench, on_sample: bool) -> None:
    label_bench.put(item("a", **ONE))
    row = label_bench.adapter.read_ids(["a"]).rows.row(0, named=True)
    sample, label = row["sample_id"], row["label_id"]
    adapter: Any = label_bench.adapter
    adapter.write_tags([TagEdit(sample, label, ("seen",)), TagEdit(sample, None, ("seen too",))])
    seen = replace(label_bench.delete("a"), seen_tags=("seen", "seen too"))
    adapter.write_tags([TagEdit(sample, None if on_sample else label, ("said since",))])
    [result] = label_bench.write(seen)
    assert (applied(label_bench.mapping, result), result.present) == (False, True)
    adapter.write_tags([TagEdit(sample, None if on_sample else label, (), ("said since", "seen"))])
    [result] = label_bench.write(seen)
    assert (applied(label_bench.mapping, result), label_bench.stored()) == (True, [])


def test_an_annotation_with_a_value_cleared_or_filled_is_not_deleted(bench: Bench) -> None:
    bench.put(
        *(item(f"full {name}", **ONE) for name in bench.nullable), *(item(f"empty {name}") for name in bench.nullable)
    )
    stale = bench.deletes([f"{what} {name}" for name in bench.nullable for what in ("full", "empty")])
    for name in bench.nullable:
        bench.edit(f"full {name}", **{name: None})
        bench.edit(f"empty {name}", **{name: ONE[name]})
    results = bench.write(*stale)
    assert [str(each.change.annotation_id) for each in results if applied(bench.mapping, each)] == []
    assert len(bench.stored()) == len(stale)


def test_deleting_what_is_gone_already_does_no_harm(bench: Bench) -> None:
    bench.put(item("a"), item("b"))
    change = bench.delete("a")
    bench.remove("a")
    [result] = bench.write(change)
    assert not result.present
    assert [each for each, _ in bench.stored()] == ["b"]


def test_what_was_deleted_can_be_inserted_again(bench: Bench) -> None:
    bench.put(item("a", **ONE))
    bench.write(bench.delete("a"))
    bench.write(bench.insert("a", "/images/a.png", **OTHER))
    assert held(bench.adapter.read_all()) == {"a": bench.expected(OTHER)}


def test_changes_of_every_sort_in_one_write(bench: Bench) -> None:
    bench.put(item("a", **ONE), item("b", **ONE), item("c", **ONE))
    bench.put_sample("/images/new.png")
    results = bench.write(
        bench.insert("new", "/images/new.png", **OTHER),
        bench.update("a", "label", ONE["label"], OTHER["label"]),
        bench.delete("b"),
        bench.update("a", "depth", ONE["depth"], None),
    )
    assert all(applied(bench.mapping, each) for each in results)
    assert dict(bench.stored()) == {
        "a": bench.expected(ONE | {"label": OTHER["label"], "depth": None}),
        "c": bench.expected(ONE),
        "new": bench.expected(OTHER),
    }


def test_rows_without_an_id_get_one_each_and_the_results_say_which(row_bench: Bench) -> None:
    row_bench.put(item("a"))
    images = [f"/images/{each}.png" for each in range(50)]
    for each in images:
        row_bench.put_sample(each)
    nameless = [replace(row_bench.insert("new", each, **ONE), annotation_id=None) for each in images]
    results = row_bench.write(*nameless)
    ids = [each.annotation_id for each in results]
    assert len(set(ids)) == 50
    assert None not in ids
    assert [each.change for each in results] == nameless
    assert all(applied(row_bench.mapping, each) and each.after == row_bench.expected(ONE) for each in results)
    media = dict(row_bench.adapter.read_all().rows.select("annotation_id", "media").iter_rows())
    assert [media[each] for each in ids] == [each.media for each in nameless]
