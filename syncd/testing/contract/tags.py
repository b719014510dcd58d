"""What reading and writing tags promises."""

from __future__ import annotations

import time
from typing import Any

from syncd.model import TagEdit
from syncd.testing.contract.bench import Bench, item
from syncd.testing.contract.values import ONE


def place(bench: Bench, name: str = "a") -> tuple[str, str]:
    """(sample, label) of an annotation."""
    row = bench.adapter.read_ids([name]).rows.row(0, named=True)
    return row["sample_id"], row["label_id"]


def tags(bench: Bench, name: str = "a") -> tuple[set[str], set[str]]:
    """The tags of a label and of its sample, as the diff gets them."""
    (row,) = [each for each in bench.adapter.read_all().rows.iter_rows(named=True) if each["annotation_id"] == name]
    assert [] not in (row["tags"], row["sample_tags"]), "no tag is null"
    return set(row["tags"] or ()), set(row["sample_tags"] or ())


def write(bench: Bench, *edits: TagEdit) -> None:
    adapter: Any = bench.adapter
    adapter.write_tags(edits)


def test_tags_are_put_on_a_label_and_on_its_sample_and_on_nothing_else(label_bench: Bench) -> None:
    label_bench.put(item("a", **ONE), item("b", **ONE))
    sample, label = place(label_bench)
    write(label_bench, TagEdit(sample, label, ("x", "y")), TagEdit(sample, None, ("z",)))
    assert tags(label_bench) == ({"x", "y"}, {"z"})
    assert tags(label_bench, "b") == (set(), set())
    assert dict(label_bench.stored())["a"] == dict(label_bench.stored())["b"]


def test_tags_are_taken_off_by_name(label_bench: Bench) -> None:
    label_bench.put(item("a", **ONE))
    sample, label = place(label_bench)
    write(label_bench, TagEdit(sample, label, ("x", "mine")), TagEdit(sample, None, ("x", "mine")))
    write(label_bench, TagEdit(sample, label, ("y",), ("x",)), TagEdit(sample, None, (), ("x", "never there")))
    assert tags(label_bench) == ({"mine", "y"}, {"mine"})


def test_what_is_as_it_should_be_is_not_stamped(label_bench: Bench) -> None:
    label_bench.put(item("a", **ONE))
    sample, label = place(label_bench)
    edit = TagEdit(sample, label, ("x",), ("y",), after_changes=True)
    first = label_bench.adapter.read_all().rows["edited_at"].to_list()
    time.sleep(0.002)  # FiftyOne's stamps are no finer than a millisecond
    write(label_bench, edit)
    assert label_bench.adapter.read_all().rows["edited_at"].to_list() > first
    before = label_bench.adapter.read_all().rows["edited_at"].to_list()
    time.sleep(0.002)
    write(label_bench, edit, TagEdit(sample, None, (), ("x",), after_changes=True))
    assert label_bench.adapter.read_all().rows["edited_at"].to_list() == before


def test_labels_and_samples_that_are_gone_are_left_alone(label_bench: Bench) -> None:
    label_bench.put(item("a", **ONE))
    sample, label = place(label_bench)
    gone = "0" * 24
    write(label_bench, TagEdit(sample, gone, ("x",)), TagEdit(gone, label, ("x",)), TagEdit("no id", None, ("x",)))
    assert tags(label_bench) == (set(), set())


def test_a_mark_is_nobodys_edit_and_stamps_nothing(label_bench: Bench) -> None:
    label_bench.put(item("a", **ONE))
    sample, label = place(label_bench)
    before = label_bench.adapter.read_all().rows["edited_at"].to_list()
    write(label_bench, TagEdit(sample, label, ("x",)))
    write(label_bench, TagEdit(sample, label, (), ("x",)))
    assert label_bench.adapter.read_all().rows["edited_at"].to_list() == before
