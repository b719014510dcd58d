"""What a side says of a place or a field that a person's decision is about."""

from __future__ import annotations

import unicodedata

from syncd.model.snapshot import SAMPLES_SCHEMA
from syncd.testing.contract.bench import Bench, item


def test_samples_are_looked_up_by_their_ids(label_bench: Bench) -> None:
    assert label_bench.labels is not None
    label_bench.put(item("a"))
    label_bench.put_sample("/images/empty ü.png")
    ids = label_bench.labels.find_samples(["/images/a.png", "/images/empty ü.png"])["sample_id"].to_list()
    found = label_bench.labels.look_up_samples([*ids, "0" * 24, "no id at all"])
    assert dict(found.schema) == SAMPLES_SCHEMA
    assert sorted(found["sample_id"]) == sorted(ids)
    occupied = dict(found.select("media", "occupied").iter_rows())
    assert occupied == {"/images/a.png": not label_bench.several, "/images/empty ü.png": False}
    assert label_bench.labels.look_up_samples([]).height == 0


def test_all_labels_of_the_samples_of_some_labels_are_read_by_fiftyones_own_ids(label_bench: Bench) -> None:
    assert label_bench.labels is not None
    for name in "ab":
        label_bench.put(item(name))
    every = label_bench.labels.read_all().rows
    (wanted,) = every.filter(every["annotation_id"] == "a")["label_id"]
    found = label_bench.labels.read_labels([wanted, "0" * 24, "no id at all"])
    assert not found.complete
    assert found.rows["annotation_id"].to_list() == ["a"]
    assert label_bench.labels.read_labels([]).rows.height == 0


def test_a_sample_is_found_by_its_media_in_another_unicode_form_unless_one_has_just_that(label_bench: Bench) -> None:
    assert label_bench.labels is not None
    composed, decomposed = (unicodedata.normalize(form, "/images/Größe.png") for form in ("NFC", "NFD"))
    label_bench.put_sample(decomposed)
    label_bench.put_sample("/images/plain.png")
    found = label_bench.labels.find_samples([composed, "/images/plain.png"])
    assert sorted(found["media"]) == sorted([composed, "/images/plain.png"])
    assert dict(found.schema) == SAMPLES_SCHEMA
    label_bench.put_sample(composed)
    assert label_bench.labels.find_samples([composed])["media"].to_list() == [composed]
    assert label_bench.labels.find_samples([composed, decomposed]).height == 2


def test_the_columns_of_every_field_of_a_plain_table_can_be_written(row_bench: Bench) -> None:
    assert row_bench.rows is not None
    assert all(row_bench.rows.writable(name) for name in row_bench.mapping.names)


def test_a_table_that_is_read_whole_keeps_nothing_behind(row_bench: Bench) -> None:
    row_bench.put(item("a"))
    assert row_bench.rows is not None
    written = row_bench.rows.written_ids(["nobody", "no id \x00 at all"])
    assert (written.ids, written.certain) == (frozenset(), True)
