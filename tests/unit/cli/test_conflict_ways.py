"""What a conflict shown in full offers is what `conflicts resolve` takes; for the rest it gives a reason."""

from __future__ import annotations

import shlex
from dataclasses import fields
from datetime import datetime, timezone
from typing import Any

import pytest
from rich.console import Console

from syncd.api.rows import ConflictRow, rows_of
from syncd.cli.conflicts import _take
from syncd.cli.render.conflicts import show_conflict
from syncd.diff.resolution.answer import OpenConflict, Question, Take
from syncd.diff.resolution.decide import BY_HAND, decide, ways_of
from syncd.model import LABEL, Mapping, Vocabulary
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.policy import Review
from syncd.model.vocabulary import Term
from unit.diff.test_resolution import FIELDS, asked, present
from unit.diff.world import CLASSIFICATION, B, D, F, S, field, mapping, plan_of

NOW = datetime(2026, 5, 4, tzinfo=timezone.utc)
TERMS = Vocabulary((Term("copepod"), Term("krill"), Term("salp")))
BOX = [0.1, 0.1, 0.2, 0.2]
SINGLE = mapping(label_type=CLASSIFICATION)
OCCUPIED = [S("s-a", occupied=True)]
LISTED = mapping(field(LABEL, values=frozenset({"copepod", "krill"}), by="the CHECK"))

WORLDS: dict[str, dict[str, Any]] = {
    "edit_edit": {"b": [B("a")], "f": [F("a", label="krill")], "d": [D("a", label="salp")]},
    "edit_edit of a number": {
        "b": [B("a", depth=1.0)],
        "f": [F("a", depth=2.0)],
        "d": [D("a", depth=3.0)],
        "mapped": mapping("depth"),
    },
    "label emptied in FiftyOne": {"b": [B("a")], "f": [F("a", label=None)], "d": [D("a", label="salp")]},
    "label emptied at home": {"b": [B("a")], "f": [F("a", label="krill")], "d": [D("a", label=None)]},
    "no_baseline": {"f": [F("a", label="krill")], "d": [D("a", label="salp")]},
    "box_changed": {"b": [B("a", box=BOX)], "f": [F("a", box=[0.5] * 4)], "d": [D("a", box=BOX)]},
    "unknown_label": {"b": [B("a")], "f": [F("a", label="krll")], "d": [D("a")], "vocabulary": TERMS},
    "unknown_label, none near": {"b": [B("a")], "f": [F("a", label="zzz")], "d": [D("a")], "vocabulary": TERMS},
    "unknown_label of a drawn one": {
        "f": [F(None, label_id="l-a", sample="s-a", label="krll", box=BOX)],
        "vocabulary": TERMS,
    },
    "unsafe_value": {
        "b": [B("a", depth=1.0)],
        "f": [F("a", depth=None, problems={"depth": "deep"})],
        "d": [D("a", depth=1.0)],
    },
    "unsafe_value that the column does not take": {
        "b": [B("a")],
        "f": [F("a", label="salp")],
        "d": [D("a")],
        "mapped": LISTED,
    },
    "unsafe_value that reads as a date": {"b": [B("a")], "f": [F("a")], "d": [D("a", label="20240101")]},
    "unsafe_value of a new row": {"d": [D("a", box=[100.0, 50.0, 9.0, 9.0])], "samples": [S("s-a")]},
    "deleted_in_fiftyone": {"b": [B("a", box=BOX)], "d": [D("a", box=BOX)]},
    "deleted_in_fiftyone, slot taken": {"b": [B("a")], "d": [D("a")], "mapped": SINGLE, "samples": OCCUPIED},
    "deleted_in_database": {"b": [B("a")], "f": [F("a", label="krill")]},
    "deleted_in_database of a closed table": {
        "b": [B("a")],
        "f": [F("a", label="krill")],
        "mapped": mapping(*FIELDS, can_insert=False),
    },
    "unknown_id": {"f": [F("a")]},
    "duplicate_id of labels": {"b": [B("a")], "f": [F("a"), F("a", label_id="l-copy")], "d": [D("a")]},
    "duplicate_id of labels, no original": {
        "b": [B("a")],
        "f": [F("a", label_id="l-1"), F("a", label_id="l-2")],
        "d": [D("a")],
    },
    "duplicate_id of rows": {"b": [B("a")], "f": [F("a")], "d": [D("a"), D("a")]},
    "moved, another id": {"b": [B("a")], "f": [F("x", label_id="l-a", sample="s-a")], "d": [D("a")]},
    "moved, no image": {"b": [B("a")], "f": [F("a", sample="s-b", media="-")], "d": [D("a")]},
    "moved, another image": {"b": [B("a")], "f": [F("a")], "d": [D("a", media="m-b")]},
    "moved, no such sample": {"b": [B("a")], "f": [F("a")], "d": [D("a", media="m-z")]},
    "replaced": {
        "b": [B("a", box=BOX)],
        "f": [F(None, label_id="l-new", sample="s-a", box=BOX)],
        "d": [D("a", box=BOX)],
    },
    "ambiguous_tags": {
        "b": [B("a")],
        "f": [F("a", tags=["krill", "salp"])],
        "d": [D("a")],
        "vocabulary": TERMS,
        "review": Review(),
    },
    "ambiguous_media": {"d": [D("a", box=BOX)], "samples": [S("s-a"), S("s-c", media="m-a")]},
    "occupied": {"d": [D("a")], "samples": OCCUPIED, "mapped": SINGLE},
    "hidden": {"b": [B("a")], "f": [F("a", label="krill")], "hidden": ("a",)},
    "new_label": {"f": [F(None, label_id="l-n", sample="s-a", box=BOX)], "on_new": "quarantine"},
}
"""A world for each kind of conflict, and for each reason that keeps an answer from being given."""


def conflicts_of(world: dict[str, Any]) -> tuple[Question, list[OpenConflict], Any]:
    mapped: Mapping = world.get("mapped") or mapping(*FIELDS)
    plan = plan_of(**world | {"mapped": mapped})
    assert plan.conflicts, "the world has no conflict"
    question = Question(mapped, world.get("vocabulary"), {"krll": ("krill",)})
    b, f, d = (world.get(side, []) for side in "bfd")
    found = present(mapped, b, f, d, samples=world.get("samples"))
    return question, [asked(each) for each in plan.conflicts], found


def shown(question: Question, conflict: OpenConflict, there: Any) -> str:
    row = dict.fromkeys(each.name for each in fields(ConflictRow))
    row |= {"binding": "one", "status": "open", "opened_at": NOW, "updated_at": NOW}
    (shown,) = rows_of(ConflictRow, [row | conflict | {"id": 7}])
    console = Console(width=200)
    with console.capture() as captured:
        show_conflict(console, shown, (), ways_of(question, conflict, there))
    return captured.get()


def offered(text: str) -> list[Take]:
    """The answers in the commands that are printed, as the command line takes them."""
    commands = [line.partition("syncd conflicts resolve 7 ")[2] for line in text.splitlines()]
    given = [shlex.split(each.partition("  ")[0]) for each in commands if each]
    return [_take(value if name == "--take" else None, value if name == "--value" else None) for name, value in given]


@pytest.mark.parametrize("name", WORLDS)
def test_every_answer_that_is_offered_can_be_given_and_every_other_has_a_reason(name: str) -> None:
    question, found, there = conflicts_of(WORLDS[name])
    for conflict in found:
        text = shown(question, conflict, there)
        takes = offered(text)
        value = {None: "krill", LABEL: "krill", "box": "0,0,1,1"}.get(conflict["field"], "0.5")
        for take in takes:
            given = Take(text=value) if take.text == "TEXT" else take
            assert decide(question, conflict, given, there).refusal is None, (take, text)
        for side in ("fiftyone", "database"):
            refused = decide(question, conflict, _take(side, None), there).refusal
            assert (f"--take {side}" in text) or refused is not None
        assert takes or len(text.splitlines()[-1]) > 20, "nothing is offered, and nothing said"


def test_the_worlds_hold_every_kind_that_the_diff_finds() -> None:
    met = {each["kind"] for world in WORLDS.values() for each in conflicts_of(world)[1]}
    elsewhere = {"wrong_direction", "stale_revert", "refused_by_database", "refused_by_fiftyone", "unaddressable"}
    assert {kind.value for kind in ConflictKind} - elsewhere <= met


def test_kinds_for_hands_say_what_hands_are_to_do() -> None:
    question, (conflict,), there = conflicts_of(WORLDS["ambiguous_media"])
    text = shown(question, conflict, there)
    assert offered(text) == []
    assert BY_HAND["ambiguous_media"][1:40] in text


def test_what_the_database_refused_is_not_offered_once_more() -> None:
    question, (conflict,), there = conflicts_of(WORLDS["edit_edit"])
    refused = conflict | {"kind": ConflictKind.REFUSED_BY_DATABASE, "suggestions": ["violates check constraint"]}
    text = shown(question, refused, there)
    assert [each.side.value if each.side else each.text for each in offered(text)] == ["database", "TEXT"]
    assert "tries once more what the database has refused" in text


def test_sides_that_agree_by_now_need_no_answer() -> None:
    question, (conflict,), _ = conflicts_of(WORLDS["edit_edit"])
    there = present(question.mapping, [B("a")], [F("a", label="salp")], [D("a", label="salp")])
    text = shown(question, conflict, there)
    assert offered(text) == []
    assert "Both sides agree by now" in text


def test_what_an_answer_does_is_said() -> None:
    def does(name: str) -> str:
        question, found, there = conflicts_of(WORLDS[name])
        return shown(question, found[0], there)

    assert 'label becomes "krill" in the database' in does("edit_edit")
    assert "the row is deleted" in does("deleted_in_fiftyone")
    assert "the label is put back" in does("deleted_in_fiftyone")
    assert "the label loses the id" in does("duplicate_id of labels")
    assert "the label moves to the image of its row" in does("moved, another image")
