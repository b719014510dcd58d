"""What becomes of an annotation, written from DESIGN §4 and not from the code: the source of docs/truth-table.md.

A :class:`Line` is a pattern of what the baseline, FiftyOne and the database hold: ``–`` absent, equal letters equal
values. The 64 combinations of {absent, a, b, c} fall into 15 patterns. A line that a policy decides has an outcome for
each of its values; where a field's direction matters an outcome is given for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

ABSENT = "–"
VALUES = (ABSENT, "a", "b", "c")
DIRECTIONS = ("both", "to_database", "to_fiftyone")
COMBINATIONS: tuple[tuple[str, ...], ...] = tuple(product(VALUES, repeat=3))
"""All 64 of (baseline, FiftyOne, database)."""

OUTCOMES = {
    "nothing": "Nothing is written, nothing is said.",
    "insert": "The label is inserted in FiftyOne, on the sample of the row's media.",
    "not_ingested": "Counted as `not_ingested`; nothing is written until the sample is in the dataset.",
    "create": "A row is inserted in the database under an id that the database gives, which the label then bears.",
    "new_label": "Conflict `new_label`: a person says whether it becomes a row.",
    "refused": "Conflict `refused_by_database`: not tried again until the label is edited, which bears no id.",
    "ignored": "Counted as ignored; nothing is written.",
    "unknown_id": "Conflict `unknown_id`: the database never had this id, and syncd does not guess.",
    "agreed": "The equal value becomes the baseline; nothing is written.",
    "no_baseline": "Conflict `no_baseline` with both values: nobody knows who changed what.",
    "first_out": "The database's value goes to FiftyOne; the log holds the value that it replaces.",
    "first_home": "FiftyOne's value goes to the database; the log holds the value that it replaces.",
    "reviewed": "FiftyOne's value goes to the database, as reviewed.",
    "at_home": "The database's value goes to FiftyOne, as changed at home.",
    "converged": "Both made the same change: the baseline moves, logged `converged`.",
    "edit_edit": "Conflict `edit_edit` with base and both values.",
    "home_wins": "FiftyOne's value goes to the database; the log holds the value that lost.",
    "out_wins": "The database's value goes to FiftyOne; the log holds the value that lost.",
    "one_way": "Conflict `wrong_direction` (of the box: `box_changed`): the value may not travel that way.",
    "deleted_in_fiftyone": "Conflict `deleted_in_fiftyone`: a person says whether the row goes too.",
    "restored": "The label is inserted in FiftyOne again, from the row.",
    "delete_row": "The row is deleted in the database; the log holds all its values.",
    "deleted_in_database": "Conflict `deleted_in_database`: a person says whether the label goes too.",
    "remove_label": "The label is removed in FiftyOne; the log holds all its values.",
    "dropped": "Gone from both: the baseline is dropped, logged `gone_from_both`.",
    "stale": "Conflict `stale_revert`: the old value, label or absence is no reviewer's edit, and a person decides.",
    "reapplied": "syncd's value is written to FiftyOne once more, logged `stale_revert`.",
    "put_back": "The label is inserted in FiftyOne once more, logged `stale_revert`.",
    "taken_off": "The label is removed in FiftyOne once more, logged `stale_revert`.",
    "waiting": "FiftyOne's value waits for an approving tag (`awaiting_review`).",
    "drawn_waits": "The drawn label waits for an approving tag (`awaiting_review`).",
}
"""Each outcome in words."""

WHEN_TAGGED = {
    "reviewed": "waiting",
    "first_home": "waiting",
    "home_wins": "waiting",
    "create": "drawn_waits",
    "refused": "drawn_waits",
}
"""With ``review.mode: tagged``, and no approving tag, what would have gone to the database waits instead."""

PLAIN = "as it stands"
SITUATIONS = {
    PLAIN: "Nothing but the three values is known; the label bears its id and its sample is in the dataset.",
    "drawn": "The label bears no id: somebody drew it.",
    "drawn, refused": "The same, and the database would not take its row, which was just that.",
    "no sample": "No sample of the dataset has the row's media.",
    "replaced": "syncd wrote the field in FiftyOne lately, and FiftyOne is back at what it replaced.",
    "replaced twice": "The same, after syncd has written its value once more already.",
    "inserted": "syncd inserted the label in FiftyOne lately.",
    "inserted twice": "The same, after syncd has inserted it once more already.",
    "removed": "syncd removed the label in FiftyOne lately, and it is back as it was.",
    "removed twice": "The same, after syncd has removed it once more already.",
    "removed, edited": "syncd removed the label in FiftyOne lately; it is back, and not as it was.",
}
"""What else is known."""

LATEST = {
    "fiftyone later": "latest, FiftyOne's edit later",
    "database later": "latest, the database's edit later",
    "same time": "latest, both at the same time",
    "no time": "latest, a time is not known",
}
"""``on_conflict: latest`` depends on the times of the two edits."""


@dataclass(frozen=True)
class Line:
    """A pattern in a situation: by the value of ``policy``, the outcome for each of :data:`DIRECTIONS`."""

    pattern: str
    means: str
    outcomes: dict[str, tuple[str, str, str]]
    policy: str | None = None
    situation: str = PLAIN


def _all(outcome: str) -> tuple[str, str, str]:
    """The direction does not matter."""
    return outcome, outcome, outcome


def _always(outcome: str) -> dict[str, tuple[str, str, str]]:
    return {"": _all(outcome)}


STALE_FIELD = {"reapply": ("reapplied", "stale", "reapplied"), "quarantine": _all("stale")}

LINES = (
    Line("–––", "nobody has it", _always("nothing")),
    Line("––a", "new in the database", _always("insert")),
    Line("–a–", "an id that the database has never had", _always("unknown_id")),
    Line("–aa", "first meeting, equal", _always("agreed")),
    Line(
        "–ab",
        "first meeting, different",
        {
            "quarantine": _all("no_baseline"),
            "database": ("first_out", "no_baseline", "first_out"),
            "fiftyone": ("first_home", "first_home", "no_baseline"),
        },
        "first_sync",
    ),
    Line("a––", "gone from both", _always("dropped")),
    Line(
        "a–a",
        "removed in FiftyOne",
        {
            "quarantine": _all("deleted_in_fiftyone"),
            "restore": _all("restored"),
            "delete": _all("delete_row"),
        },
        "on_fiftyone_delete",
    ),
    Line("a–b", "removed in FiftyOne, changed in the database", _always("deleted_in_fiftyone")),
    Line(
        "aa–",
        "removed in the database",
        {"remove": _all("remove_label"), "quarantine": _all("deleted_in_database")},
        "on_database_delete",
    ),
    Line("ab–", "removed in the database, changed in FiftyOne", _always("deleted_in_database")),
    Line("aaa", "no change", _always("nothing")),
    Line("aab", "changed at home", {"": ("at_home", "one_way", "at_home")}),
    Line("aba", "reviewed", {"": ("reviewed", "reviewed", "one_way")}),
    Line("abb", "both made the same change", _always("converged")),
    Line(
        "abc",
        "disagreement",
        {
            "quarantine": ("edit_edit", "one_way", "one_way"),
            "database": ("out_wins", "one_way", "out_wins"),
            "fiftyone": ("home_wins", "home_wins", "one_way"),
            LATEST["fiftyone later"]: ("home_wins", "home_wins", "one_way"),
            LATEST["database later"]: ("out_wins", "one_way", "out_wins"),
            LATEST["same time"]: ("edit_edit", "one_way", "one_way"),
            LATEST["no time"]: ("edit_edit", "one_way", "one_way"),
        },
        "on_conflict",
    ),
    Line("––a", "new in the database, its sample is not", _always("not_ingested"), situation="no sample"),
    Line(
        "–a–",
        "drawn by a reviewer",
        {"create": _all("create"), "quarantine": _all("new_label"), "ignore": _all("ignored")},
        "on_new",
        "drawn",
    ),
    Line(
        "–a–",
        "drawn by a reviewer, as it was refused",
        {"create": _all("refused"), "quarantine": _all("new_label"), "ignore": _all("ignored")},
        "on_new",
        "drawn, refused",
    ),
    Line("aba", "an idle window put the old value back", STALE_FIELD, "on_stale_revert", "replaced"),
    Line("abc", "the same, the database has gone on", STALE_FIELD, "on_stale_revert", "replaced"),
    Line("aba", "put back again", _always("stale"), situation="replaced twice"),
    Line("abc", "put back again, the database has gone on", _always("stale"), situation="replaced twice"),
    *(
        Line(
            pattern,
            "an idle window took off what syncd inserted",
            {"reapply": _all("put_back"), "quarantine": _all("stale")},
            "on_stale_revert",
            "inserted",
        )
        for pattern in ("a–a", "a–b")
    ),
    *(
        Line(pattern, "taken off again", _always("stale"), situation="inserted twice")
        for pattern in ("a–a", "a–b")
    ),
    Line(
        "–a–",
        "an idle window brought back what syncd removed",
        {"reapply": _all("taken_off"), "quarantine": _all("stale")},
        "on_stale_revert",
        "removed",
    ),
    Line("–a–", "brought back again", _always("stale"), situation="removed twice"),
    Line("–a–", "brought back with an edit", _always("stale"), situation="removed, edited"),
)  # fmt: skip
"""The table. In a situation, a pattern without a line of its own is judged as it stands."""

BY_PLACE = {(line.situation, line.pattern): line for line in LINES}


def pattern_of(combination: tuple[str, ...]) -> str:
    """The pattern that a combination is of: its values renamed a, b, c as they come."""
    names: dict[str, str] = {ABSENT: ABSENT}
    for value in combination:
        names.setdefault(value, "abc"[len(names) - 1])
    return "".join(names[value] for value in combination)


def line_of(situation: str, combination: tuple[str, ...]) -> Line:
    """The line that a combination falls under."""
    pattern = pattern_of(combination)
    return BY_PLACE.get((situation, pattern)) or BY_PLACE[PLAIN, pattern]


def outcome(line: Line, policy: dict[str, str], direction: str, *, times: str = "no time", tagged: bool = False) -> str:
    """What is promised: a key of :data:`OUTCOMES`. ``times`` (a key of :data:`LATEST`) are those of the two edits."""
    value = policy[line.policy] if line.policy else ""
    if value == "latest":
        value = LATEST[times]
    found = line.outcomes[value][DIRECTIONS.index(direction)]
    return WHEN_TAGGED.get(found, found) if tagged else found
