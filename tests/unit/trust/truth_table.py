"""What becomes of an annotation, written from docs/design.md and not from the code: the source of docs/truth-table.md.

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
    "at_home": "The database's value goes to FiftyOne, logged `changed_at_home`.",
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
    "hidden": "Conflict `hidden`: it closes by itself when the row shows again.",
    "remove_hidden": "The label is removed in FiftyOne, logged `hidden_in_database` with all its values.",
    "dropped_hidden": "The baseline is dropped, logged `gone_and_hidden`; the row stays as it is.",
    "dropped": "Gone from both: the baseline is dropped, logged `gone_from_both`.",
    "away": "The row stays and is counted as `not_ingested`; what was agreed is remembered, without a sample.",
    "replaced": "Conflict `replaced`: a person says whether the label without an id is this annotation's.",
    "stale": "Conflict `stale_revert`: the old value, label or absence may be nobody's edit, and a person decides.",
    "reapplied": "syncd's value is written to FiftyOne once more, logged `stale_revert`.",
    "put_back": "The label is inserted in FiftyOne once more, logged `stale_revert`.",
    "taken_off": "The label is removed in FiftyOne once more, logged `stale_revert`.",
    "given_back": "The agreed value is written to FiftyOne again, logged `restored`.",
    "one_way, given_back": "Conflict `wrong_direction`; FiftyOne gets the agreed value back, logged `restored`.",
    "waiting": "FiftyOne's value waits for an approving tag (`awaiting_review`).",
    "moved": "Conflict `moved` with both images: none of its values travels until a person says which one is right.",
    "carried": "The label goes to the sample of the row's image with all that it bears; then its values are judged.",
    "tied": "The row is tied to the image of the label's sample; then its values are judged.",
    "followed": "The label is followed to its new sample, logged `place_changed`; nothing is written.",
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
    "hidden": "The table has the row, but what is read (a view, a query, row-level security) does not show it.",
    "replaced": "syncd wrote the field in FiftyOne lately, and FiftyOne is back at what it replaced; nothing else of "
    "the sample was changed.",
    "replaced beside an edit": "The same, and another label of the sample's list was changed by hand, in this run or "
    "the one before: a window of the App saves them all.",
    "replaced beside an edit, twice": "The same, after syncd has written its value once more already.",
    "replaced in bulk": "The same as the first, under a stamp that other samples bear too, and nothing else changed "
    "under it.",
    "inserted": "syncd inserted the label in FiftyOne lately, and nothing else of the sample was changed.",
    "inserted beside an edit": "The same, and another label of the sample's list was changed by hand.",
    "inserted beside an edit, twice": "The same, after syncd has inserted it once more already.",
    "inserted in bulk": "The same as the first, and others are gone under the same stamp.",
    "removed": "syncd removed the label in FiftyOne lately, and it is back as it was; nothing else of the sample was "
    "changed.",
    "removed beside an edit": "The same, and another label of the sample's list was changed by hand.",
    "removed beside an edit, twice": "The same, after syncd has removed it once more already.",
    "removed beside an edit, edited": "syncd removed the label in FiftyOne lately; it is back, and not as it was, and "
    "another label of the sample's list was changed by hand.",
    "removed in bulk": "The same as the first of these, under a stamp that other samples bear too.",
    "sample gone": "The sample is not in the dataset any more.",
    "sample back": "The sample had left the dataset before; there is one with the row's media again, without a label.",
    "sample anew": "The sample was deleted, and one with its media added, whose label bears no id.",
    "flagged": "The label bears an error tag that was not answered yet (which is logged besides).",
    "lost": "The label has lost all its attributes at once. Of an attribute: FiftyOne's column is what it held before.",
    "another image": "The row names another image than the label's sample; that image is in the dataset too.",
    "another sample": "The label stands on another sample of the same image, and none is left in the old place.",
    "older": "FiftyOne's value is one that was agreed earlier, under a stamp older than what was agreed last; so it is "
    "of fewer annotations than `brakes.min_count`, or not of most that differ there. Otherwise the binding is held.",
    "older in the database": "The same of the database's value.",
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


IMAGES = {"quarantine": _all("moved"), "database": _all("carried"), "fiftyone": _all("tied")}
STALE_FIELD = {"reapply": ("reapplied", "stale", "reapplied"), "quarantine": _all("stale")}

ON_FIFTYONE_DELETE = {
    "quarantine": _all("deleted_in_fiftyone"),
    "restore": _all("restored"),
    "delete": _all("delete_row"),
}

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
    Line("a–a", "removed in FiftyOne", ON_FIFTYONE_DELETE, "on_fiftyone_delete"),
    Line("a–b", "removed in FiftyOne, changed in the database", _always("deleted_in_fiftyone")),
    Line(
        "aa–",
        "removed in the database",
        {"remove": _all("remove_label"), "quarantine": _all("deleted_in_database")},
        "on_database_delete",
    ),
    Line("ab–", "removed in the database, changed in FiftyOne", _always("deleted_in_database")),
    Line("aaa", "no change", _always("nothing")),
    Line("aab", "edited in the database", {"": ("at_home", "one_way", "at_home")}),
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
    *(
        Line(pattern, "the two are about different images", IMAGES, "on_moved", "another image")
        for pattern in ("–aa", "–ab", "aaa", "aab", "aba", "abb", "abc")
    ),
    Line("aaa", "the image was imported anew with its ids kept", _always("followed"), situation="another sample"),
    Line("––a", "nobody sees it", _always("nothing"), situation="hidden"),
    *(Line(pattern, "never agreed on", _always("hidden"), situation="hidden") for pattern in ("–aa", "–ab")),
    *(Line(each, "removed in FiftyOne", _always("dropped_hidden"), situation="hidden") for each in ("a–a", "a–b")),
    *(
        Line(
            pattern,
            means,
            {"quarantine": _all("hidden"), "remove": _all("remove_hidden")},
            "on_hidden",
            "hidden",
        )
        for pattern, means in (("aaa", "no change otherwise"), ("aab", "edited in the database, which nobody sees"))
    ),
    *(Line(pattern, "changed in FiftyOne", _always("hidden"), situation="hidden") for pattern in ("aba", "abb", "abc")),
    Line("aba", "a reviewer puts it back", {"": ("reviewed", "reviewed", "one_way")}, situation="replaced"),
    Line("aba", "an idle window put it back", STALE_FIELD, "on_stale_revert", "replaced beside an edit"),
    Line("abc", "the same, the database has gone on", STALE_FIELD, "on_stale_revert", "replaced beside an edit"),
    Line("aba", "put back again", _always("stale"), situation="replaced beside an edit, twice"),
    Line("abc", "the same, the database has gone on", _always("stale"), situation="replaced beside an edit, twice"),
    Line("aba", "old values, or a bulk answer", _always("stale"), situation="replaced in bulk"),
    Line("abc", "the same, the database has gone on", _always("stale"), situation="replaced in bulk"),
    Line("a–a", "a reviewer deletes it", ON_FIFTYONE_DELETE, "on_fiftyone_delete", "inserted"),
    *(
        Line(
            pattern,
            "an idle window took off what syncd inserted",
            {"reapply": _all("put_back"), "quarantine": _all("stale")},
            "on_stale_revert",
            "inserted beside an edit",
        )
        for pattern in ("a–a", "a–b")
    ),
    *(
        Line(pattern, means, _always("stale"), situation=situation)
        for situation, means in (
            ("inserted beside an edit, twice", "taken off again"),
            ("inserted in bulk", "old lists, or a bulk answer"),
        )
        for pattern in ("a–a", "a–b")
    ),
    Line("–a–", "a reviewer wants it back", _always("unknown_id"), situation="removed"),
    Line(
        "–a–",
        "an idle window brought back what syncd removed",
        {"reapply": _all("taken_off"), "quarantine": _all("stale")},
        "on_stale_revert",
        "removed beside an edit",
    ),
    Line("–a–", "brought back again", _always("stale"), situation="removed beside an edit, twice"),
    Line("–a–", "brought back with an edit", _always("stale"), situation="removed beside an edit, edited"),
    Line("–a–", "old lists, or a bulk answer", _always("stale"), situation="removed in bulk"),
    *(
        Line(pattern, means, _always(found), situation=situation)
        for situation, means, found in (
            ("sample gone", "left with its sample", "away"),
            ("sample back", "its sample is back", "restored"),
        )
        for pattern in ("a–a", "a–b")
    ),
    Line("aaa", "perhaps the same annotation", _always("replaced"), situation="sample anew"),
    Line("aa–", "removed in the database, flagged in FiftyOne", _always("deleted_in_database"), situation="flagged"),
    Line("aaa", "an attribute lost with the others", _always("given_back"), situation="lost"),
    Line(
        "aab",
        "an attribute lost with the others, edited in the database",
        {"": ("at_home", "one_way, given_back", "at_home")},
        situation="lost",
    ),
    Line("aba", "FiftyOne went back in time", _always("stale"), situation="older"),
    Line("abc", "the same, the database has gone on", _always("stale"), situation="older"),
    Line("aab", "the database went back in time", _always("edit_edit"), situation="older in the database"),
    Line("abc", "the same, FiftyOne has gone on", _always("edit_edit"), situation="older in the database"),
)  # fmt: skip
"""The table. In a situation, a pattern without a line of its own is judged as it stands."""

CAME_BACK = {
    "old": "the value that it was to replace",
    "term": "another term of the vocabulary",
    "nothing": "no value",
    "other": "any other value",
}
"""What may be read of a field after another value was written to the database."""

ANSWERED = "It is the database's answer: FiftyOne gets it, logged `answered`, and it is the agreed value of both sides."
REFUSED = "The write is undone: conflict `refused_by_database`, which says why."


def is_answer(came: str, *, stored: bool, steady: bool) -> bool:
    """``stored``: the table holds what was written. ``steady``: it holds what is read, also when that is written."""
    return came == "other" and steady and not stored


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
