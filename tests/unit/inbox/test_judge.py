"""Which rows are refused, whatever their images and the table say."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from syncd.ingest.inbox.judge import as_terms, unknown_labels
from syncd.ingest.inbox.manifest import Manifest, parse_csv
from syncd.model import BOX, LABEL, Kind
from syncd.model.snapshot import column
from unit.inbox.binding import VOCABULARY, expected, found, places, values


def csv(text: str) -> Manifest:
    return parse_csv(text.encode())


def test_a_sound_manifest_has_no_faults() -> None:
    text = "image,label,id,x,y,w,h,depth_m,count,score,verified,day,seen,note\n"
    text += "a.png,Copepoda,id-1,0,0,1,1,2.5,3,0.5,true,2026-11-23,2026-11-23T09:30:00Z,good\n"
    text += "a.png,Diatom,,0.25,0.25,0.75,0.75,,,,,,,\n"
    assert found(csv(text), refuse_unknown=True) == []


def test_many_faults_are_all_found_at_once_in_the_order_of_the_rows() -> None:
    text = "image,label,id,x,y,w,h,depth,count,verified,day,seen,colour\n"
    text += ",Copepoda,1,0,0,1,1,2.555,40000,maybe,23.11.2026,soon,red\n"
    text += "b.png,,1,-0.5,0,0,1,1e3,2.5,,,,\n"
    text += "c.png,20240101,2,0.5,0.5,0.6,640,,,,,,\n"
    assert places(found(csv(text))) == [
        (None, "colour"),
        (1, "count"),
        (1, "day"),
        (1, "depth"),
        (1, "id"),
        (1, "image"),
        (1, "seen"),
        (1, "verified"),
        (2, "count"),
        (2, "depth"),
        (2, "id"),
        (2, "label"),
        (2, "w"),
        (2, "x"),
        (3, "h"),
        (3, "label"),
        (3, "w"),
    ]


def test_a_fault_names_value_and_what_was_expected() -> None:
    [fault] = found(csv("image,label,verified\na.png,Copepoda,perhaps\n"))
    assert (fault["row"], fault["line"], fault["column"], fault["value"]) == (1, 2, "verified", "perhaps")
    assert fault["expected"] == "true or false"


def test_an_unknown_column_is_named_with_the_nearest_and_a_missing_one_is_asked_for() -> None:
    faults = found(csv("image,lable\na.png,Copepoda\n"))
    assert places(faults) == [(None, "label"), (None, "lable")]
    assert "did you mean label?" in str(faults[1]["fault"])


def test_two_columns_for_the_same_thing_are_one_too_many() -> None:
    assert places(found(csv("image,label,depth,depth_m\na.png,Copepoda,1,2\n"))) == [(None, "depth_m")]


def test_a_box_is_given_whole_or_not_at_all() -> None:
    [fault] = found(csv("image,label,x,y\na.png,Copepoda,0,0\n"))
    assert (fault["row"], fault["column"]) == (None, "w")
    assert "w, h" in str(fault["fault"])
    assert places(found(csv("image,label,x,y,w,h\na.png,Copepoda,0,,1,1\n"))) == [(1, "y")]


def test_boxes_in_a_binding_without_boxes_are_an_unknown_column() -> None:
    faults = found(csv("image,label,x\na.png,Copepoda,0\n"), expected(box=False))
    assert places(faults) == [(None, "x")]


def test_without_columns_for_it_the_box_is_the_whole_image() -> None:
    rows = values(csv("image,label\na.png,Copepoda\n")).rows
    assert rows[column(BOX)].to_list() == [[0.0, 0.0, 1.0, 1.0]]


@pytest.mark.parametrize(
    ("box", "columns"),
    [
        ("0,0,1,1", []),
        ("0.3333333,0,0.6666667,1", []),
        ("-0.1,0,1,1", ["x"]),
        ("0,1.5,1,1", ["y"]),
        ("0,0,0,1", ["w"]),
        ("0,0,1,-1", ["h"]),
        ("0.5,0,0.6,1", ["w"]),
        ("0,0,1,inf", ["h"]),
        ("12,34,100,80", ["x", "y"]),
    ],
)
def test_a_box_lies_within_its_image(box: str, columns: list[str]) -> None:
    faults = found(csv(f"image,label,x,y,w,h\na.png,Copepoda,{box}\n"))
    assert sorted({each["column"] for each in faults} - {BOX}) == columns


def test_an_id_stands_once_and_fits_its_column() -> None:
    text = "image,label,id,x,y,w,h\na.png,Diatom,7,0,0,1,1\nb.png,Diatom,7,0,0,1,1\nc.png,Diatom,x-1,0,0,1,1\n"
    assert places(found(csv(text), expected(id_kind=Kind.INTEGER))) == [(1, "id"), (2, "id"), (3, "id")]
    assert places(found(csv(text), expected(id_kind=Kind.UUID))) == [(1, "id"), (2, "id"), (3, "id")]
    assert places(found(csv(text))) == [(1, "id"), (2, "id")]


def test_a_uuid_is_known_in_any_spelling() -> None:
    spelled = "{6F0D2F5E3B0A5F529A685E0C1C9D7B41}"
    rows = values(csv(f"image,label,id\na.png,Diatom,{spelled}\n"), expected(id_kind=Kind.UUID)).rows
    assert rows["annotation_id"].to_list() == ["6f0d2f5e-3b0a-5f52-9a68-5e0c1c9d7b41"]


def test_the_same_box_twice_needs_ids() -> None:
    twice = "image,label,id,x,y,w,h\n" + "a.png,Diatom,{},0,0,0.5,0.5\n" * 2
    assert places(found(csv(twice.format("", "")))) == [(1, "image"), (2, "image")]
    assert found(csv(twice.format("1", "2"))) == []
    assert found(csv(twice.format("1", ""))) == []


def test_an_image_of_a_single_label_is_named_once() -> None:
    text = "image,label,id\na.png,Diatom,1\nb.png,Diatom,2\na.png,Copepoda,3\n"
    assert places(found(csv(text), expected(box=False, single=True))) == [(1, "image"), (3, "image")]


def test_several_labels_of_one_image_need_no_box_where_the_field_is_a_list() -> None:
    text = "image,label\na.png,Diatom\na.png,Copepoda\n"
    assert found(csv(text), expected(box=False)) == []
    assert places(found(csv(text + "a.png,Diatom\n"), expected(box=False))) == [(1, "image"), (3, "image")]


def test_values_that_a_side_cannot_hold_are_refused() -> None:
    text = "image,label,depth,count,note\na.png,2024-01-01,1.234,32768,far too long a note\n"
    assert places(found(csv(text))) == [(1, "count"), (1, "depth"), (1, "label"), (1, "note")]


def test_a_label_outside_the_vocabulary_is_refused_with_the_nearest_where_so_configured() -> None:
    manifest = csv("image,label\na.png,Diatum\nb.png,Kopepode\nc.png,Möwe\n")
    assert found(manifest) == []
    [fault] = found(manifest, refuse_unknown=True)
    assert (fault["row"], fault["column"], fault["value"]) == (1, "label", "Diatum")
    assert fault["expected"] == "a term; near: Diatom"
    assert unknown_labels(values(manifest).rows, VOCABULARY) == ["Diatum"]


def test_an_alias_is_taken_for_its_term() -> None:
    rows = as_terms(values(csv("image,label\na.png,Kopepode\nb.png,Other\n")), VOCABULARY)
    assert rows[column(LABEL)].to_list() == ["Copepoda", "Other"]


@pytest.mark.parametrize(
    ("text", "hour", "millisecond"),
    [
        ("2026-11-23T09:30:00Z", 9, 0),
        ("2026-11-23 09:30:00.25", 9, 250),
        ("2026-11-23T11:30:00.123456+02:00", 9, 123),
        ("2026-11-23T09:30", 9, 0),
    ],
)
def test_times_are_read_in_utc_to_the_millisecond(text: str, hour: int, millisecond: int) -> None:
    [time] = values(csv(f"image,label,seen\na.png,Diatom,{text}\n")).rows[column("seen")].to_list()
    assert time == datetime(2026, 11, 23, hour, 30, microsecond=millisecond * 1000, tzinfo=timezone.utc)


@pytest.mark.parametrize("text", ["TRUE", "t", "Yes", "1"])
def test_truth_has_several_spellings(text: str) -> None:
    assert values(csv(f"image,label,verified\na.png,Diatom,{text}\n")).rows[column("verified")].to_list() == [True]
