"""What reads of a part promise."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta, timezone

import pytest

from syncd.model.snapshot import SAMPLES_SCHEMA, schema
from syncd.testing.contract.bench import Bench, held, item
from syncd.testing.contract.values import ONE

OLD = datetime(2024, 1, 1, tzinfo=timezone.utc)
STAMP = datetime(2024, 5, 17, 9, 30, 15, 123000, timezone.utc)
MILLISECOND = timedelta(milliseconds=1)


def _two(bench: Bench) -> None:
    bench.put(item("old"), item("new", **ONE))
    bench.stamp("old", OLD)
    bench.stamp("new", STAMP)


def test_an_incremental_read_gives_what_is_stamped_since(read_bench: Bench) -> None:
    _two(read_bench)
    snapshot = read_bench.adapter.read_since(OLD + timedelta(minutes=1))
    assert held(snapshot) == {"new": read_bench.expected(ONE)}
    assert dict(snapshot.rows.schema) == schema(read_bench.adapter.side, read_bench.mapping)


def test_an_incremental_read_includes_the_very_moment(read_bench: Bench) -> None:
    _two(read_bench)
    assert list(held(read_bench.adapter.read_since(STAMP))) == ["new"]
    assert list(held(read_bench.adapter.read_since(STAMP + timedelta(seconds=1)))) == []


def test_an_incremental_read_takes_a_moment_of_any_zone(read_bench: Bench) -> None:
    _two(read_bench)
    elsewhere = timezone(timedelta(hours=-9))
    assert list(held(read_bench.adapter.read_since(STAMP.astimezone(elsewhere)))) == ["new"]


def test_an_edit_made_after_the_clock_was_read_is_in_the_next_incremental_read(read_bench: Bench) -> None:
    read_bench.put(item("a"), item("b"))
    for each in ("a", "b"):
        read_bench.stamp(each, OLD)
    since = read_bench.adapter.now()
    read_bench.edit("a", note="edited")
    assert held(read_bench.adapter.read_since(since))["a"]["note"] == "edited"


def test_partial_reads_are_never_complete(read_bench: Bench) -> None:
    _two(read_bench)
    assert not read_bench.adapter.read_since(OLD - timedelta(days=1)).complete
    assert not read_bench.adapter.read_ids(["old", "new"]).complete
    assert not read_bench.adapter.read_ids([]).complete


def test_what_is_stamped_is_counted_and_no_more_than_asked_for(read_bench: Bench) -> None:
    _two(read_bench)
    assert [read_bench.adapter.count_since(STAMP, most) for most in (1, 10)] == [1, 1]
    assert read_bench.adapter.count_since(OLD, 10) == 2
    assert read_bench.adapter.count_since(OLD, 1) == 1
    assert read_bench.adapter.count_since(read_bench.adapter.now() + 100 * MILLISECOND, 10) == 0


def test_touched_samples_are_told_even_where_they_hold_no_label(label_bench: Bench) -> None:
    _two(label_bench)
    label_bench.put_sample("/images/empty.png")
    assert label_bench.labels is not None
    empty = label_bench.labels.find_samples(["/images/empty.png"])["sample_id"][0]
    snapshot = label_bench.adapter.read_since(STAMP)
    assert snapshot.touched == {empty, *snapshot.rows["sample_id"]}
    assert list(held(snapshot)) == ["new"]


def test_what_is_done_meanwhile_is_told_the_touched_samples_once(label_bench: Bench) -> None:
    _two(label_bench)
    assert label_bench.labels is not None
    told: list[frozenset[str]] = []
    snapshot = label_bench.labels.read_since(STAMP, told.append)
    assert told == [snapshot.touched]
    assert list(held(snapshot)) == ["new"]
    told.clear()
    later = label_bench.adapter.now() + timedelta(minutes=1)
    nothing = label_bench.labels.read_since(later, told.append)
    assert (told, nothing.size, nothing.touched) == ([frozenset()], 0, frozenset())


def test_what_goes_wrong_meanwhile_comes_out(label_bench: Bench) -> None:
    _two(label_bench)
    assert label_bench.labels is not None

    def fails(_: frozenset[str]) -> None:
        raise OSError("the other server is gone")

    with pytest.raises(OSError, match="the other server is gone"):
        label_bench.labels.read_since(STAMP, fails)


def test_a_sample_whose_label_was_deleted_is_touched(label_bench: Bench) -> None:
    _two(label_bench)
    since = label_bench.adapter.now() - MILLISECOND
    sample = label_bench.adapter.read_ids(["old"]).rows["sample_id"][0]
    label_bench.remove("old")
    snapshot = label_bench.adapter.read_since(since)
    assert snapshot.size == 0
    assert snapshot.touched == {sample}


def test_an_incremental_read_gives_all_labels_of_a_touched_sample(list_bench: Bench) -> None:
    list_bench.put(item("a", media="/1.png"), item("b", media="/1.png"), item("c"))
    list_bench.stamp("c", OLD)
    list_bench.stamp("a", STAMP)
    assert sorted(map(str, held(list_bench.adapter.read_since(STAMP)))) == ["a", "b"]


def test_reading_by_ids_gives_those_that_are_there(read_bench: Bench) -> None:
    read_bench.put(item("a", **ONE), item("b"), item("c"))
    read = held(read_bench.adapter.read_ids(["a", "c", "nobody"]))
    assert read == {"a": read_bench.expected(ONE), "c": read_bench.expected(item("c").values)}


def test_reading_no_ids_gives_nothing(read_bench: Bench) -> None:
    read_bench.put(item("a"))
    snapshot = read_bench.adapter.read_ids([])
    assert snapshot.size == 0
    assert dict(snapshot.rows.schema) == schema(read_bench.adapter.side, read_bench.mapping)


ODD_IDS: list[Collection[str]] = [
    ["not-a-number", "12", "-5", "1.5", "9" * 40, str(2**63 - 1), "٣"],
    ["6b03dd1e0436f6f28de0993b", "123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"],
    ["", " ", "%s", "'", '"', "a,b", "{a}", "\\", "NULL", "null", "nul\x00byte", "\ud800 lone surrogate"],
]


@pytest.mark.parametrize("ids", ODD_IDS)
def test_ids_that_cannot_be_there_are_not_found_and_do_no_harm(read_bench: Bench, ids: Collection[str]) -> None:
    read_bench.put(item("a"))
    assert list(held(read_bench.adapter.read_ids([*ids, "a"]))) == ["a"]


def test_more_ids_than_fit_in_one_question(read_bench: Bench) -> None:
    wanted = [f"id-{index:05d}" for index in range(12_000)]
    read_bench.put_many([*wanted[:10], *wanted[-10:], "other"])
    snapshot = read_bench.adapter.read_ids(wanted)
    assert sorted(snapshot.rows["annotation_id"]) == sorted([*wanted[:10], *wanted[-10:]])


def test_a_sample_that_answers_two_questions_is_read_once(list_bench: Bench) -> None:
    wanted = [f"id-{index:05d}" for index in range(12_000)]
    list_bench.put(item(wanted[0], media="/1.png"), item(wanted[-1], media="/1.png"), item("other", media="/1.png"))
    assert sorted(list_bench.adapter.read_ids(wanted).rows["annotation_id"]) == [wanted[0], wanted[-1], "other"]


def test_reading_samples_gives_all_their_labels(label_bench: Bench) -> None:
    assert label_bench.labels is not None
    label_bench.put(item("a"), item("b"))
    sample = label_bench.adapter.read_ids(["a"]).rows["sample_id"][0]
    assert list(held(label_bench.labels.read_samples([sample, "0" * 24]))) == ["a"]
    assert label_bench.labels.read_samples([]).size == 0


def test_samples_are_found_by_their_media(label_bench: Bench) -> None:
    assert label_bench.labels is not None
    label_bench.put(item("a"))
    label_bench.put_sample("/images/empty ü.png")
    found = label_bench.labels.find_samples(["/images/a.png", "/images/empty ü.png", "/nowhere.png"])
    assert dict(found.schema) == SAMPLES_SCHEMA
    occupied = dict(found.select("media", "occupied").iter_rows())
    assert occupied == {"/images/a.png": not label_bench.several, "/images/empty ü.png": False}
    assert label_bench.labels.find_samples([]).height == 0


def test_two_samples_of_the_same_media_are_both_found(label_bench: Bench) -> None:
    assert label_bench.labels is not None
    label_bench.put(item("a", media="/1.png"))
    label_bench.put(item("b", media="/1.png"))
    assert label_bench.labels.find_samples(["/1.png"])["sample_id"].n_unique() == 2
