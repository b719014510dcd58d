"""Ids that are made: the same for the same source, others for anything else."""

from __future__ import annotations

import uuid

import polars as pl

from syncd.ingest.inbox.resolve import made_id, with_made_ids
from syncd.model import BOX
from syncd.model.snapshot import column

WHOLE = [0.0, 0.0, 1.0, 1.0]


def rows(*given: tuple[str | None, str, list[float]]) -> pl.DataFrame:
    return pl.DataFrame(
        given, schema={"annotation_id": pl.String, "sha256": pl.String, column(BOX): pl.List(pl.Float64)}, orient="row"
    )


def test_the_id_of_a_known_source_never_changes() -> None:
    assert made_id("lab", "ab" * 32, WHOLE, 0) == "23657705-5024-54df-9c29-1a33d559c450"


def test_binding_bytes_box_and_number_each_make_another_id() -> None:
    base = ("lab", "ab" * 32, WHOLE, 0)
    others = [
        ("other", *base[1:]),
        ("lab", "cd" * 32, WHOLE, 0),
        ("lab", "ab" * 32, [0.0, 0.0, 1.0, 0.5], 0),
        ("lab", "ab" * 32, None, 0),
        ("lab", "ab" * 32, WHOLE, 1),
    ]
    made = [made_id(*each) for each in [base, *others]]
    assert len(set(made)) == len(made)
    assert all(uuid.UUID(each).version == 5 for each in made)


def test_ids_that_are_given_stay_and_equal_rows_are_numbered() -> None:
    filled = with_made_ids(rows(("id-1", "ab", WHOLE), (None, "ab", WHOLE), (None, "ab", WHOLE)), "lab")
    assert filled["annotation_id"].to_list() == [
        "id-1",
        made_id("lab", "ab", WHOLE, 0),
        made_id("lab", "ab", WHOLE, 1),
    ]
    assert filled["made"].to_list() == [False, True, True]


def test_the_order_of_different_rows_does_not_matter() -> None:
    one, two = (None, "ab", WHOLE), (None, "cd", [0.0, 0.0, 0.5, 0.5])
    forth = with_made_ids(rows(one, two), "lab")["annotation_id"].to_list()
    back = with_made_ids(rows(two, one), "lab")["annotation_id"].to_list()
    assert forth == back[::-1]
