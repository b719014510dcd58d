"""Values that break lesser programs go through both ways character for character, or are named; none is altered."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.diff.unsafe_values import looks_like_a_date
from trust import many, tried
from worlds import NO_BRAKES, World

TEXTS = (
    "'; DROP TABLE annotation; --",
    '" OR 1=1 --',
    "$$; SELECT pg_sleep(9); $$",
    "%s %(a)s %% :label \\:x {0} {label}",
    "\\",
    "\\x00",
    "\\u0000",
    "\\N",
    "NULL",
    "null",
    "None",
    "NaN",
    "{}",
    '{"$gt": ""}',
    "$set",
    "$ground_truth.detections",
    "a.b",
    " leading",
    "trailing ",
    "trailing\u00a0",
    "tab\tline\nreturn\r\x0b\x0c",
    "\x01\x1b[31m\x7f\x85",
    "\u202eright to left",
    "عربي עברית",
    "é",
    "e\u0301",
    "ﬁ",
    "Ａ",
    "ß",
    "İı",
    "\ufeffmark",
    "zero\u200bwidth",
    "\ufffe\uffff",
    "😀" * 50,
    "🏳️‍🌈",
    "=cmd()",
    "<script>alert(1)</script>",
    ",",
    "'",
    '"',
    "''",
    "E'\\n'",
    "007",
    "1e5",
    "true",
    "/*",
    "--",
    "x" * 100_000,
)
REFUSED = ("nul\x00", "20240101", "2024-01-01")
WITHOUT_NUL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=30)


def ids(world: World) -> list[str]:
    return [row.annotation_id for row in world.data.rows]


def check(world: World, wanted: dict[str, str]) -> None:
    rows, labels = world.rows(), world.labels()
    lost = [each for each, text in wanted.items() if (rows[each]["label"], labels[each]["label"]) != (text, text)]
    tried("cases", len(wanted))
    tried("lost", len(lost))
    assert not lost
    assert world.disagreements() == {}
    assert world.conflicts() == []


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)
def test_odd_texts_go_both_ways_character_for_character(world: World) -> None:
    wanted = dict(zip(ids(world), TEXTS, strict=False))
    assert len(wanted) == len(TEXTS)
    for each, text in wanted.items():
        world.review(each, label=text)
    world.reconcile()
    check(world, wanted)
    wanted = dict(zip(ids(world), reversed(TEXTS), strict=False))
    for each, text in wanted.items():
        world.correct(each, label=text)
    world.reconcile()
    check(world, wanted)
    assert world.reconcile(full=True).recorded == ()
    logged = {(each["annotation_id"], each["new"]) for each in world.log("applied")}
    assert logged >= set(wanted.items())


def test_any_texts_go_both_ways_character_for_character(world: World) -> None:
    config = world.config(brakes=NO_BRAKES)

    @settings(max_examples=many(3, 60), suppress_health_check=list(HealthCheck))
    @given(
        texts=st.lists(WITHOUT_NUL.filter(lambda text: not looks_like_a_date(text)), min_size=40, max_size=40),
        reviewed=st.booleans(),
    )
    def any_texts(texts: list[str], reviewed: bool) -> None:
        wanted = dict(zip(ids(world), texts, strict=False))
        for each, text in wanted.items():
            if reviewed:
                world.review(each, label=text)
            else:
                world.correct(each, label=text)
        world.reconcile(config=config, full=True)
        check(world, wanted)

    any_texts()


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)
def test_drawn_and_added_labels_go_through_character_for_character(world: World) -> None:
    image = world.data.rows[0].image
    for text in TEXTS[:47]:
        world.draw(image, text)
    added = {world.add_row(world.data.rows[1].image, text): text for text in TEXTS[:47]}
    world.reconcile()
    labels, rows = world.labels(), world.rows()
    tried("cases", 2 * len(added))
    assert {each: labels[each]["label"] for each in added} == added
    drawn = [row["label"] for each, row in rows.items() if each not in added and each not in ids(world)]
    assert sorted(drawn) == sorted(TEXTS[:47])
    assert (world.disagreements(), world.conflicts()) == ({}, [])


def test_a_label_of_ten_megabytes_goes_both_ways(world: World) -> None:
    """One of two bytes a character, and one of one."""
    one, other = ids(world)[:2]
    size = many(1_000_000, 10_000_000)
    reviewed, corrected = "ä" * (size // 2), "b" * size
    world.review(one, label=reviewed)
    world.reconcile()
    assert world.rows()[one]["label"] == reviewed
    world.review(one, label="short")
    world.reconcile()
    world.correct(other, label=corrected)
    world.reconcile()
    tried("cases", 2)
    assert world.labels()[other]["label"] == corrected
    assert (world.conflicts(), world.disagreements()) == ([], {})


def test_a_label_larger_than_a_document_of_fiftyone_is_named_and_stops_nothing(world: World) -> None:
    one, other = ids(world)[:2]
    before = world.labels()[one]
    world.correct(one, label="b" * 17_000_000)
    world.correct(other, label="Elsewhere")
    for _ in range(2):
        world.reconcile()
        assert world.labels()[one] == before
        assert world.labels()[other]["label"] == "Elsewhere"
    assert world.conflicts(), "nobody is told"


BOXES = (
    [-0.25, 0.5, 2.0, 1e300],
    [0.1 + 0.2, 1 / 3, 5e-324, 1.0],
    [-0.0, 0.0, 0.0, 0.0],
    [2**53 + 1.0, 1e-17, 1.0, 1.0],
)
ENDLESS = ([math.nan, 0, 1, 1], [0, math.inf, 1, 1], [0, 0, -math.inf, 1])


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)
def test_boxes_go_through_bit_for_bit_and_endless_ones_are_named(world: World) -> None:
    sound, endless = ids(world)[: len(BOXES)], ids(world)[10 : 10 + len(ENDLESS)]
    before = world.labels()
    for each, box in zip((*sound, *endless), (*BOXES, *ENDLESS), strict=True):
        world.correct(each, **dict(zip("xywh", box, strict=True)))
    world.reconcile()
    tried("cases", len(BOXES) + len(ENDLESS))
    after = world.labels()
    assert [after[each]["box"] for each in sound] == list(BOXES)
    assert [after[each]["box"] for each in endless] == [before[each]["box"] for each in endless]
    assert [(each["kind"], each["field"]) for each in world.conflicts()] == [("unsafe_value", "box")] * len(ENDLESS)
    assert {each["annotation_id"] for each in world.conflicts()} == set(endless)
    assert world.reconcile(full=True).recorded == ()


DEPTHS: dict[Any, float | None] = {0.1: 0.1, -999999.99: -999999.99, 0: 0.0, 1.005: None, 1e6: None, 1e300: None}
DEPTHS |= {math.inf: None, -math.inf: None, 2**60: None, 5e-324: None}


@pytest.mark.parametrize(
    "world",
    [{"brakes": NO_BRAKES, "attributes": {"depth": {"column": "depth_m", "direction": "both", "tolerance": 0}}}],
    indirect=True,
)
def test_a_number_is_held_exactly_or_named(world: World) -> None:
    rows = world.rows()
    for each, depth in zip(ids(world), DEPTHS, strict=False):
        world.review(each, depth=depth)
    world.reconcile()
    tried("cases", len(DEPTHS))
    after = world.rows()
    named = {each["annotation_id"] for each in world.conflicts() if each["kind"] == "unsafe_value"}
    for each, (depth, held) in zip(ids(world), DEPTHS.items(), strict=False):
        if held is None:
            assert (after[each], each in named) == (rows[each], True), depth
        else:
            assert (after[each]["depth"], each in named) == (held, False), depth


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)
def test_a_text_that_one_side_cannot_hold_leaves_both_as_they_are(world: World) -> None:
    reviewed, corrected = ids(world)[0], ids(world)[1:3]
    rows, labels = world.rows(), world.labels()
    world.review(reviewed, label=REFUSED[0])
    for each, text in zip(corrected, REFUSED[1:], strict=True):
        world.correct(each, label=text)
    world.reconcile()
    tried("cases", len(REFUSED))
    assert {each["annotation_id"] for each in world.conflicts()} == {reviewed, *corrected}
    assert world.rows()[reviewed] == rows[reviewed]
    assert [world.labels()[each] for each in corrected] == [labels[each] for each in corrected]


def test_what_people_write_in_ids_is_no_query(world: World) -> None:
    rows = world.rows()
    texts = [each for each in TEXTS[:46] if len(each) < 500]
    for each in texts:
        world.draw(world.data.rows[5].image, "Odd", label_id=ObjectId(), annotation_id=each)
    world.reconcile(config=world.config(brakes=NO_BRAKES))
    tried("cases", len(texts))
    assert world.rows() == rows
    assert sorted(each["annotation_id"] for each in world.conflicts("open")) == sorted(texts)
