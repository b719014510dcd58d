"""What single facts are judged to mean, and what is not concluded from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from lab_schemas import section
from syncd.config import load_config_text
from syncd.model import Kind
from syncd.propose import Facts, Proposal, propose, render
from syncd.propose.facts import Column, ForeignKey, Table, Trigger
from syncd.propose.words import field_name, words

URL = {"SYNCD_DATABASE_URL": "postgresql+psycopg2://syncd@db/lab"}

BASE = {"id": Kind.UUID, "image_path": Kind.TEXT, "label": Kind.TEXT}
ROW: dict[str, str | None] = {"id": "1", "image_path": "/data/1.png", "label": "Copepoda"}


def facts(
    kinds: dict[str, Kind | None] | None = None, rows: list[dict[str, str | None]] | None = None, **more: Any
) -> Facts:
    """A table of an id, an image and a label, and these columns besides."""
    every = {**BASE, **(kinds or {})}
    columns = tuple(
        Column(name, "timestamp with time zone" if kind is Kind.TIMESTAMP else str(kind), kind)
        for name, kind in every.items()
    )
    sample = tuple(tuple((ROW | row).get(name) for name in every) for row in (rows or [{}]))
    return Facts("postgresql", Table("public.annotation", "table", columns, key=("id",), sample=sample, **more))


def columns_of(proposal: Proposal) -> dict[str, Any]:
    return section(proposal, "columns")


def boxed(names: str, *numbers: float, kind: Kind = Kind.FLOAT, more: dict[str, Kind | None] | None = None) -> Any:
    """What becomes of four columns with these numbers."""
    listed = names.split()
    row: dict[str, str | None] = {name: str(number) for name, number in zip(listed, numbers, strict=True)}
    return columns_of(propose(facts({**dict.fromkeys(listed, kind), **(more or {})}, [row]))).get("box")


@pytest.mark.parametrize(
    ("names", "format_"),
    [
        ("x y w h", "xywh"),
        ("bbox_x bbox_y bbox_width bbox_height", "xywh"),
        ("Left Top Width Height", "xywh"),
        ("x1 y1 x2 y2", "xyxy"),
        ("xmin ymin xmax ymax", "xyxy"),
        ("x_min y_min x_max y_max", "xyxy"),
        ("left top right bottom", "xyxy"),
        ("bboxXMin bboxYMin bboxXMax bboxYMax", "xyxy"),
        ("cx cy w h", "cxcywh"),
        ("x_center y_center width height", "cxcywh"),
    ],
)
def test_a_box_is_known_by_the_names_of_its_four_columns(names: str, format_: str) -> None:
    box = boxed(names, 10, 20, 300, 400)
    assert box == {"columns": names.split(), "unit": "pixels", "format": format_}


def test_units_follow_numbers_types_and_names() -> None:
    assert boxed("x y w h", 0.1, 0.2, 0.3, 0.4) == ["x", "y", "w", "h"]
    assert boxed("x y w h", 0, 0, 1, 1, kind=Kind.INTEGER)["unit"] == "pixels"
    assert boxed("x_pct y_pct w_pct h_pct", 1, 2, 30, 40) is None, "no word for a box is in these names"
    assert boxed("box_x_pct box_y_pct box_w_pct box_h_pct", 1, 2, 30, 40)["unit"] == "percent"


def test_numbers_that_could_be_percent_are_said_to_be_in_doubt() -> None:
    names = ["x", "y", "w", "h"]
    row: dict[str, str | None] = dict.fromkeys(names, "50.5")
    proposal = propose(facts(dict.fromkeys(names, Kind.FLOAT), [row]))
    assert columns_of(proposal)["box"]["unit"] == "pixels"
    assert any("percent" in each.doubt for each in proposal.choices)


def test_width_and_height_beside_a_box_are_the_images_size() -> None:
    more: dict[str, Kind | None] = {"width": Kind.INTEGER, "height": Kind.INTEGER}
    box = boxed("x y w h", 10, 20, 300, 400, more=more)
    assert box["size"] == ["width", "height"]


def test_three_of_four_columns_are_no_box() -> None:
    assert boxed("x y w depth", 1, 2, 3, 4) is None


def test_a_predicted_label_is_never_the_label() -> None:
    for other in ("predicted_label", "label_auto", "model_class", "previous_label", "label_source", "original_label"):
        proposal = propose(facts({other: Kind.TEXT}, [{other: "Ostracoda"}]))
        assert columns_of(proposal)["label"] == "label"
        assert proposal.questions == ()


def test_two_likely_labels_are_asked_about_and_the_answer_is_taken() -> None:
    both = facts({"species": Kind.TEXT}, [{"species": "Oithona"}])
    (question,) = propose(both).questions
    assert [each.answer for each in question.options] == ["label", "species"]
    answered = propose(both, answers={"label": "species"})
    assert columns_of(answered)["label"] == "species"
    assert answered.questions == ()
    assert "label" in section(answered, "attributes").values() or "label_of_row" in section(answered, "attributes")


def test_of_an_original_and_a_current_image_the_current_one_is_taken() -> None:
    found = propose(facts({"orig_file_name": Kind.TEXT}, [{"orig_file_name": "a/b.jpg"}]))
    assert columns_of(found)["media"] == "image_path"
    assert found.questions == ()


def test_who_made_a_row_is_not_who_changed_it() -> None:
    kinds: dict[str, Kind | None] = {"created_by": Kind.TEXT, "created_at": Kind.TIMESTAMP, "user_id": Kind.INTEGER}
    found = columns_of(propose(facts(kinds)))
    assert "updated_by" not in found
    assert "updated_at" not in found


def test_a_person_column_that_must_not_be_null_is_shown_and_not_written() -> None:
    made = facts({"updated_by_id": Kind.INTEGER})
    columns = tuple(
        replace(each, nullable=False) if each.name == "updated_by_id" else each for each in made.table.columns
    )
    people = Table(
        "public.users",
        "table",
        (Column("id", "integer", Kind.INTEGER), Column("login", "text", Kind.TEXT)),
        key=("id",),
        unique=(("login",),),
    )
    key = ForeignKey(("updated_by_id",), "public.users", ("id",))
    row = (*made.table.sample[0][:-1], "1")
    table = replace(made.table, columns=columns, foreign_keys=(key,), sample=(row,))
    found = propose(replace(made, table=table, others=(people,)))
    assert "updated_by" not in columns_of(found)
    attribute = next(each for each in section(found, "attributes").values() if isinstance(each, dict))
    assert attribute["lookup"] == {"table": "public.users", "key": "id", "value": "login"}


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("deleted_at", Kind.TIMESTAMP, {"set": "now", "clear": None}),
        ("is_deleted", Kind.BOOLEAN, {"set": True, "clear": False}),
        ("active", Kind.BOOLEAN, {"set": False, "clear": True}),
        ("deleted", Kind.INTEGER, {"set": 1, "clear": 0}),
    ],
)
def test_soft_deletion_is_known_by_name_and_type(name: str, kind: Kind, expected: dict[str, Any]) -> None:
    assert columns_of(propose(facts({name: kind})))["deleted"] == {"column": name, **expected}


def test_who_deleted_is_no_deletion() -> None:
    assert "deleted" not in columns_of(propose(facts({"deleted_by": Kind.TEXT})))


def test_a_version_is_counted_on_unless_a_trigger_counts() -> None:
    versioned = facts({"lock_version": Kind.INTEGER})
    assert columns_of(propose(versioned))["version"] == {"column": "lock_version", "step": 1}
    counted = replace(versioned.table, triggers=(Trigger("bump", ("UPDATE",), ("lock_version",)),))
    assert "version" not in columns_of(propose(replace(versioned, table=counted)))


def test_a_stamp_says_which_trigger_keeps_it_or_that_none_does() -> None:
    stamped = facts({"updated_at": Kind.TIMESTAMP})
    doubted = next(each for each in propose(stamped).choices if each.path == ("columns", "updated_at"))
    assert "nothing in the database keeps it" in doubted.doubt
    kept = replace(stamped.table, triggers=(Trigger("touch", ("UPDATE",), ("updated_at",)),))
    sure = next(
        each for each in propose(replace(stamped, table=kept)).choices if each.path == ("columns", "updated_at")
    )
    assert sure.doubt == ""
    assert "“touch”" in sure.seen


def test_a_table_without_rows_is_proposed_by_its_names() -> None:
    empty = facts()
    proposal = propose(replace(empty, table=replace(empty.table, sample=())))
    assert proposal.missing == ()
    assert columns_of(proposal) == {"id": "id", "label": "label", "media": "image_path"}


def test_a_table_of_something_else_is_missing_what_a_binding_needs() -> None:
    table = Table("public.account", "table", (Column("id", "integer", Kind.INTEGER),), key=("id",))
    assert propose(Facts("postgresql", table)).missing == ("label", "image")


def test_a_view_without_a_key_has_its_id_in_doubt() -> None:
    made = facts({"annotation_id": Kind.TEXT}, [{"annotation_id": "a"}, {"annotation_id": "b", "id": "2"}])
    found = propose(replace(made, table=replace(made.table, kind="view", key=())))
    assert columns_of(found)["id"] == "annotation_id"
    assert any("a view has no keys" in each.doubt for each in found.choices)


NASTY = ('a: b #c"d', "${HOME}", "it's", "- x", "null", "1e5", "ж\u202ex", "a\x1b[31m", "{x}", "*y", "on")


def test_whatever_names_and_values_say_the_file_reads_as_what_was_meant() -> None:
    kinds: dict[str, Kind | None] = dict.fromkeys((each for each in NASTY if each.isprintable()), Kind.TEXT)
    values: dict[str, str | None] = dict(zip(kinds, reversed(NASTY), strict=False))
    rows = [values | {"label": text, "id": text} for text in NASTY]
    proposal = propose(facts(kinds, rows, comment="line\nbreak: \x1b[0m # ${X}"))
    text = render(proposal)
    assert "\x1b" not in text
    (binding,) = load_config_text(text, URL).bindings
    assert {each.name for each in binding.attributes.values()} == set(kinds)
    assert len(yaml.safe_load(text)["bindings"]) == 1


def test_names_of_fields_are_ones_that_fiftyone_takes() -> None:
    assert field_name("DepthM") == "depth_m"
    assert field_name("label") == "label_of_row"
    assert field_name("2nd look") == "n2nd_look"
    assert field_name("$x.y_") == "x_y"
    assert field_name("depth", {"depth"}) == "depth_2"
    assert words("LastModifiedAt") == words("last_modified_at") == ("last", "modified", "at")
    assert words("bboxX1") == ("bbox", "x1")
