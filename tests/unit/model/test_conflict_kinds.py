"""Kinds of conflicts are their values wherever these stand, and say what they mean."""

from __future__ import annotations

import json

import polars as pl
import pytest

from syncd.model.conflict_kinds import BY_HAND, STICKY, ConflictKind, words_of


@pytest.mark.parametrize("kind", ConflictKind)
def test_a_kind_is_its_value_in_text_documents_and_frames(kind: ConflictKind) -> None:
    assert f"{kind}" == str(kind) == kind.value
    assert json.loads(json.dumps([kind])) == [kind.value]
    assert {kind.value: 1}[kind] == 1
    frame = pl.DataFrame({"kind": [kind.value, "other"]})
    assert frame.filter(pl.col("kind") == kind).height == 1
    assert ConflictKind(kind.value) is kind


@pytest.mark.parametrize("kind", ConflictKind)
def test_every_kind_has_words(kind: ConflictKind) -> None:
    assert words_of(kind.value) == kind.words
    assert kind.words


def test_a_kind_that_a_newer_program_wrote_has_no_words() -> None:
    assert words_of("of_tomorrow") == ""


def test_what_is_sticky_and_what_was_done_by_hand_are_values() -> None:
    assert "edit_edit" in STICKY
    assert "deleted_in_fiftyone" in BY_HAND
    assert all(type(each) is str for each in STICKY | BY_HAND)
