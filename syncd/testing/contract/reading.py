"""What a complete read promises."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from syncd.model import Side
from syncd.model.snapshot import schema
from syncd.testing.contract.bench import Bench, held, item
from syncd.testing.contract.values import ONE


def test_every_value_of_every_kind_is_read_as_it_was_stored(read_bench: Bench) -> None:
    values = [(name, value) for name in read_bench.names for value in read_bench.values[name]]
    items = [item(f"{name}-{index}", **{name: value}) for index, (name, value) in enumerate(values)]
    read_bench.put(*items)
    snapshot = read_bench.adapter.read_all()
    assert held(snapshot) == {each.id: read_bench.expected(each.values) for each in items}
    assert snapshot.rows["problems"].null_count() == len(items)


def test_absent_values_are_null(read_bench: Bench) -> None:
    read_bench.put(item("a"), item("b", **dict.fromkeys(read_bench.nullable)))
    read = held(read_bench.adapter.read_all())
    assert all(read[each][name] is None for each in ("a", "b") for name in read_bench.nullable)


def test_nan_is_a_missing_value(read_bench: Bench) -> None:
    read_bench.put(item("a", depth=math.nan))
    snapshot = read_bench.adapter.read_all()
    assert held(snapshot)["a"]["depth"] is None
    assert snapshot.rows["problems"].null_count() == 1


def test_a_snapshot_has_the_agreed_columns_and_says_that_it_is_complete(read_bench: Bench) -> None:
    read_bench.put(item("a", **ONE))
    before = read_bench.adapter.now()
    snapshot = read_bench.adapter.read_all()
    assert dict(snapshot.rows.schema) == schema(read_bench.adapter.side, read_bench.mapping)
    assert snapshot.complete
    assert snapshot.side is read_bench.adapter.side
    assert before <= snapshot.as_of <= read_bench.adapter.now()
    assert snapshot.size == 1


def test_an_empty_side_reads_as_a_complete_snapshot_without_rows(read_bench: Bench) -> None:
    snapshot = read_bench.adapter.read_all()
    assert snapshot.complete
    assert snapshot.size == 0
    assert dict(snapshot.rows.schema) == schema(read_bench.adapter.side, read_bench.mapping)


def test_a_row_tells_its_media_and_when_it_was_edited(read_bench: Bench) -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, 678000, timezone.utc)
    read_bench.put(item("a", media="/images/some where/ä.png"))
    read_bench.stamp("a", moment)
    row = read_bench.adapter.read_all().rows.row(0, named=True)
    assert row["media"] == "/images/some where/ä.png"
    assert row["edited_at"] == moment


def test_ids_that_are_there_twice_are_read_twice(read_bench: Bench) -> None:
    if read_bench.unique_ids:
        pytest.skip("no id is there twice")
    read_bench.put(item("a", media="/images/1.png"), item("a", media="/images/2.png"))
    assert read_bench.adapter.read_all().rows["annotation_id"].to_list() == ["a", "a"]


def test_an_annotation_without_id_is_read_all_the_same(read_bench: Bench) -> None:
    if read_bench.unique_ids:
        pytest.skip("no annotation is without an id")
    read_bench.put(item(None))
    rows = read_bench.adapter.read_all().rows
    assert rows["annotation_id"].to_list() == [None]
    assert rows["value.label"].to_list() == ["Copepoda"]


def test_several_labels_of_a_sample_are_read_in_its_name(list_bench: Bench) -> None:
    media = "/images/1.png"
    list_bench.put(*(item(each, media=media, label=each) for each in "abc"), item("d"))
    rows = list_bench.adapter.read_all().rows
    assert rows.group_by("sample_id").len()["len"].sort().to_list() == [1, 3]
    assert rows["label_id"].n_unique() == 4
    assert rows.filter(rows["media"] == media)["value.label"].sort().to_list() == ["a", "b", "c"]


def test_samples_without_labels_yield_no_row(label_bench: Bench) -> None:
    label_bench.put_sample("/images/empty.png")
    label_bench.put(item("a"))
    assert list(held(label_bench.adapter.read_all())) == ["a"]


def test_the_origin_counts_and_stays_the_same_while_it_is_only_edited(read_bench: Bench) -> None:
    read_bench.put(item("a"), item("b"))
    before = read_bench.adapter.origin()
    assert before.rows == 2
    read_bench.edit("a", label="Ostracoda")
    assert read_bench.adapter.origin() == before


def test_the_clock_is_aware_of_its_zone_and_right(read_bench: Bench) -> None:
    assert abs(read_bench.adapter.now() - datetime.now(timezone.utc)) < timedelta(minutes=1)
    assert read_bench.adapter.now().utcoffset() == timedelta(0)


def test_what_others_write_between_two_reads_is_in_the_second(read_bench: Bench) -> None:
    read_bench.put(item("a"))
    assert held(read_bench.adapter.read_all())["a"]["note"] is None
    read_bench.edit("a", note="seen")
    assert held(read_bench.adapter.read_all())["a"]["note"] == "seen"


def test_the_side_is_what_it_says(read_bench: Bench) -> None:
    assert read_bench.adapter.side is (Side.FIFTYONE if read_bench.labels is not None else Side.DATABASE)


def test_a_part_at_a_time_it_is_the_same(read_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    read_bench.read_in_small_parts(monkeypatch)
    read_bench.put(*(item(f"a-{number}", **ONE) for number in range(7)), item("b", media="/one more.png"))
    whole, parts = read_bench.adapter.read_all(), Collected()
    before = read_bench.adapter.now()
    as_of = read_bench.adapter.read_all_to(parts)
    assert before <= as_of <= read_bench.adapter.now()
    assert_frame_equal(pl.concat(parts.frames), whole.rows, check_row_order=False)


def test_an_empty_side_is_one_part_without_rows_or_none(read_bench: Bench) -> None:
    parts = Collected()
    read_bench.adapter.read_all_to(parts)
    assert sum(each.height for each in parts.frames) == 0


class Collected:
    """The parts of a snapshot."""

    def __init__(self) -> None:
        self.frames: list[pl.DataFrame] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Keeps a part."""
        self.frames.append(frame)

    def clear(self) -> None:
        """Drops all parts."""
        self.frames.clear()
