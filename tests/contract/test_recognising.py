"""Documents that were decoded once are recognised, and what is decoded of them later is what was read."""

from __future__ import annotations

from datetime import datetime, timezone

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from contract.fiftyone_bench import FiftyOneBench
from syncd.adapters.fiftyone import read_all as fiftyone_read
from syncd.diff.settled import digests
from syncd.engine.document_cache import CacheLookup
from syncd.model import Side
from syncd.model.snapshot import DIGESTS_SCHEMA, DOCUMENT_CACHE_SCHEMA, schema
from syncd.testing.contract.bench import Bench, item
from syncd.testing.contract.values import ONE

NOTHING = pl.DataFrame(schema=DOCUMENT_CACHE_SCHEMA)
NO_DIGESTS = pl.DataFrame(schema=DIGESTS_SCHEMA)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fiftyone_read, "PAGE", 3)
    monkeypatch.setattr(fiftyone_read, "CHUNK", 2)


class Reading:
    """A complete reading: the labels that were decoded, and what was recognised."""

    def __init__(self, bench: Bench, known: pl.DataFrame = NOTHING) -> None:
        assert bench.labels is not None
        self.store = bench.labels
        self.recognised = CacheLookup(None, bench.mapping, known, lambda _: ())
        self.frames = [pl.DataFrame(schema=schema(Side.FIFTYONE, bench.mapping))]
        self.store.read_all_to(self, self.recognised)

    def add(self, frame: pl.DataFrame) -> None:
        self.frames.append(frame)

    def clear(self) -> None:
        del self.frames[1:]
        self.recognised.clear()

    def learnt(self) -> pl.DataFrame:
        known = self.recognised.known_now()
        assert known is not None, "nothing was learnt"
        return known

    def decoded(self) -> list[str]:
        return sorted(row["annotation_id"] for frame in self.frames for row in frame.iter_rows(named=True))

    def whole(self) -> pl.DataFrame:
        """What was decoded, with what was recognised decoded after all: nothing is agreed here."""
        self.recognised.compare(NO_DIGESTS)
        return pl.concat([*self.frames, *map(self.store.decode, self.recognised.changed())])


def check_whole(reading: Reading) -> None:
    """Together it is what a reading yields that recognises nothing."""
    order = ["sample_id", "label_id"]
    assert_frame_equal(reading.whole().sort(order), reading.store.read_all().rows.sort(order))


def filled(bench: Bench) -> None:
    bench.put(*(item(f"a-{number}", **ONE) for number in range(7)), item("b", media="/one more.png"))


def test_the_second_time_everything_is_recognised(label_bench: Bench) -> None:
    filled(label_bench)
    first = Reading(label_bench)
    assert len(first.decoded()) == 8
    second = Reading(label_bench, first.learnt())
    assert second.decoded() == []
    assert second.recognised.known_now() is None, "what is known has not changed"
    check_whole(second)


def test_what_is_known_of_a_document_is_what_its_labels_are(label_bench: Bench) -> None:
    filled(label_bench)
    if label_bench.several:
        label_bench.put(item("c", media="/one more.png"))
    rows = label_bench.adapter.read_all().rows
    found = Reading(label_bench).learnt()
    assert_frame_equal(found.select(*DIGESTS_SCHEMA), digests(rows, label_bench.mapping), check_row_order=False)
    times = rows.select("sample_id", "edited_at").unique()
    assert_frame_equal(found.select("sample_id", "edited_at"), times, check_row_order=False)


@pytest.mark.parametrize(
    "edited", [["a-0"], ["a-2", "a-3", "a-6"], ["a-0", "a-1", "a-2"], [f"a-{n}" for n in range(7)]]
)
def test_what_was_edited_since_is_decoded(label_bench: Bench, edited: list[str]) -> None:
    filled(label_bench)
    known = Reading(label_bench).learnt()
    for each in edited:
        label_bench.edit(each, label="Krill")
    reading = Reading(label_bench, known)
    assert set(edited) <= set(reading.decoded())
    check_whole(reading)
    assert Reading(label_bench, reading.learnt()).decoded() == []


def test_a_value_that_is_put_back_is_recognised_only_as_another_document(label_bench: Bench) -> None:
    filled(label_bench)
    known = Reading(label_bench).learnt()
    label_bench.edit("a-1", label="Krill")
    label_bench.edit("a-1", label=ONE["label"])
    check_whole(Reading(label_bench, known))


def test_what_was_drawn_and_what_was_removed_is_seen(label_bench: Bench) -> None:
    filled(label_bench)
    known = Reading(label_bench).learnt()
    label_bench.put(item("new", media="/new.png"))
    label_bench.remove("a-4")
    reading = Reading(label_bench, known)
    assert "new" in reading.decoded()
    check_whole(reading)
    assert reading.learnt()["labels"].sum() == 8


def test_a_sample_that_is_stamped_is_decoded_for_its_time(label_bench: Bench) -> None:
    filled(label_bench)
    known = Reading(label_bench).learnt()
    label_bench.stamp("a-5", datetime(2020, 5, 4, 12, tzinfo=timezone.utc))
    reading = Reading(label_bench, known)
    assert "a-5" in reading.decoded()
    check_whole(reading)


def test_where_nothing_is_left_nothing_is_read(label_bench: Bench) -> None:
    label_bench.put(item("a"))
    known = Reading(label_bench).learnt()
    label_bench.remove("a")
    reading = Reading(label_bench, known)
    assert reading.decoded() == []
    check_whole(reading)


def test_a_sample_whose_id_a_script_made_up_ends_no_reading(fiftyone_bench: FiftyOneBench) -> None:
    """Such a document cannot be told by its hash. It must not be taken for the end of a page, and so of the reading."""
    filled(fiftyone_bench)
    fiftyone_bench.samples.insert_one({**fiftyone_bench.samples.find_one(), "_id": "made up", "filepath": "/odd.png"})
    reading = Reading(fiftyone_bench, Reading(fiftyone_bench).learnt())
    check_whole(reading)
    assert reading.whole().height == 9
