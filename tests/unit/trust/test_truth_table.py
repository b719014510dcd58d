"""Every combination of baseline, FiftyOne and database, under every policy and direction, ends as the table says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

import pytest

from syncd.diff import diff
from syncd.diff.readback import why_no_answer
from syncd.model import BOX, FLAG, LABEL, MEDIA_FIELD, SAMPLE_FIELD, Direction, Mapping, Plan, Review, dumps
from syncd.model.plan import ERROR, Action, Change
from syncd.model.result import Readback
from syncd.model.snapshot import column, known_column
from syncd.model.vocabulary import Term, Vocabulary
from tools.truth_table import TARGET, page, source
from trust import many, tried
from unit.diff.strategies import NO_BRAKES, POLICIES
from unit.diff.world import NOON, SECOND, B, D, F, S, earlier, hand, mapping, world, written
from unit.diff.world import VALUES as OF_FIELD
from unit.trust import truth_table
from unit.trust.truth_table import (
    ABSENT,
    CAME_BACK,
    COMBINATIONS,
    DIRECTIONS,
    LATEST,
    LINES,
    OUTCOMES,
    PLAIN,
    SITUATIONS,
    Line,
    is_answer,
    line_of,
    outcome,
    pattern_of,
)

LETTERS = {letter: index for index, letter in enumerate("abc")}
TIMES = {
    "fiftyone later": (NOON + SECOND, NOON),
    "database later": (NOON, NOON + SECOND),
    "same time": (NOON, NOON),
    "no time": (NOON, None),
}
REASONS = {
    "first_out": "first_sync", "first_home": "first_sync", "reviewed": "reviewed", "at_home": "changed_at_home",
    "home_wins": "on_conflict", "out_wins": "on_conflict", "reapplied": "stale_revert", "insert": "new_in_database",
    "restored": "restored", "put_back": "stale_revert", "create": "drawn_in_fiftyone",
    "delete_row": "deleted_in_fiftyone", "remove_label": "removed_in_database", "taken_off": "stale_revert",
    "remove_hidden": "hidden_in_database",
}  # fmt: skip
"""What the change log says of each write."""

HOME, OUT = Direction.TO_DATABASE, Direction.TO_FIFTYONE
UPDATES = {"first_out": OUT, "at_home": OUT, "out_wins": OUT, "reapplied": OUT, "first_home": HOME, "reviewed": HOME,
           "home_wins": HOME}  # fmt: skip
WHOLE = {
    "insert": (OUT, "insert"), "restored": (OUT, "insert"), "put_back": (OUT, "insert"), "create": (HOME, "insert"),
    "delete_row": (HOME, "delete"), "remove_label": (OUT, "delete"), "taken_off": (OUT, "delete"),
    "remove_hidden": (OUT, "delete"),
}  # fmt: skip
IMAGES = ("moved", "carried", "tied", "followed")
WHOLE_CONFLICTS = {"hidden", "replaced", "unknown_id", "new_label", "deleted_in_fiftyone", "deleted_in_database"}
SILENT = {"nothing", "not_ingested", "ignored", "away"}
ONLY_AS_LISTED = (
    "drawn",
    "drawn, refused",
    "no sample",
    "sample gone",
    "sample back",
    "sample anew",
    "lost",
    "another image",
    "another sample",
)
"""Situations that are of their patterns only; elsewhere a situation may be beside the point."""
NAMELESS = ("drawn", "drawn, refused", "sample anew")


@dataclass(frozen=True)
class Case:
    """One annotation of the world: a combination in a situation, its edits at certain times."""

    name: str
    situation: str
    values: tuple[str, ...]
    times: str

    @property
    def line(self) -> Line:
        return line_of(self.situation, self.values)


def _cases() -> Iterator[Case]:
    for values in COMBINATIONS:
        for situation in SITUATIONS:
            if situation in ONLY_AS_LISTED and (situation, pattern_of(values)) not in truth_table.BY_PLACE:
                continue
            if situation == "hidden" and values[2] == ABSENT:
                continue
            if situation != PLAIN and values[1] == ABSENT and situation.startswith(("replaced", "removed")):
                continue
            for times in LATEST if situation == PLAIN else ["no time"]:
                yield Case(f"{''.join(values)} {situation} {times}", situation, values, times)


CASES = list(_cases())


def content(mapped: Mapping, letter: str) -> dict[str, Any]:
    return {name: OF_FIELD[name][LETTERS[letter]] for name in mapped.names}


def in_fiftyone(mapped: Mapping, case: Case) -> dict[str, Any]:
    """What the label holds."""
    values = content(mapped, case.values[1])
    lost = case.situation == "lost"
    return {name: None if lost and name not in (LABEL, BOX) else value for name, value in values.items()}


def worlds() -> list[Mapping]:
    """Label and box in every direction, an attribute of each direction beside them."""
    others = ["note=both", "count=to_database", "depth=to_fiftyone"]
    pairs = zip(DIRECTIONS, DIRECTIONS[1:] + DIRECTIONS[:1], strict=True)
    return [mapping(f"label={one}", f"box={other}", *others) for one, other in pairs]


def policies() -> list[dict[str, str]]:
    """All of them in full; in short each value of each, since a row of the table rests on one policy at most."""
    names = list(POLICIES)
    if many(0, 1):
        return [dict(zip(names, each, strict=True)) for each in product(*POLICIES.values())]
    longest = max(len(each) for each in POLICIES.values())
    return [{name: POLICIES[name][turn % len(POLICIES[name])] for name in names} for turn in range(longest)]


def planned(mapped: Mapping, policy: dict[str, str], mode: str) -> Plan:
    names = ("b", "f", "d", "samples", "homes", "lately", "by_hand", "alongside", "log", "refused")
    made: dict[str, list[Any]] = {name: [] for name in names}
    hidden = tuple(case.name for case in CASES if case.situation == "hidden")
    for number, case in enumerate(CASES):
        base, mine, theirs = case.values
        mine_at: datetime | None
        mine_at, theirs_at = TIMES["same time" if case.situation == "older in the database" else case.times]
        sample = f"s-{case.name}"
        if case.situation not in (PLAIN, "older", "older in the database"):
            mine_at = None  # one stamp for all would be one call
        if "in bulk" in case.situation:
            mine_at = NOON + number * SECOND
            made["alongside"] += [(mine_at, sample), (mine_at, "s-another")]
        if base != ABSENT:
            place = {"label_id": "l-old", "sample": "s-old"} if case.situation == "sample anew" else {}
            made["b"].append(B(case.name, **place, **content(mapped, base)))
            if case.situation == "sample back":
                made["b"][-1].columns["sample_id"] = None
        if mine != ABSENT:
            place = {"label_id": f"l-{case.name}", "sample": sample}
            if case.situation == "another sample":
                place |= {"sample": f"t-{case.name}", "media": f"m-{case.name}"}
            shown = None if case.situation in NAMELESS else case.name
            tags = ["bad"] if case.situation == "flagged" else None
            if case.situation == "drawn, refused":
                what = dumps(content(mapped, mine))
                made["refused"].append({"sample_id": sample, "label_id": f"l-{case.name}", "fiftyone": what})
            made["f"].append(F(shown, at=mine_at, tags=tags, **place, **in_fiftyone(mapped, case)))
        if theirs != ABSENT and case.situation != "hidden":
            named = f"m-x-{case.name}" if case.situation == "another image" else f"m-{case.name}"
            made["d"].append(D(case.name, media=named, at=theirs_at, **content(mapped, theirs)))
            made["samples"] += [S(f"s-x-{case.name}")] if case.situation == "another image" else []
        if case.situation not in ("no sample", "sample gone"):
            made["samples"].append(S(sample))
            made["homes"].append(S(sample, at=mine_at))
        if "beside an edit" in case.situation:
            made["by_hand"].append(hand(sample))
        made["lately"] += _lately(mapped, case)
        made["log"] += _earlier(mapped, case)
    review = Review(mode=mode, approve=("ok",), error=("bad",))
    return diff(world(mapped=mapped, **made, hidden=hidden, brakes=NO_BRAKES, review=review, **policy))


def _lately(mapped: Mapping, case: Case) -> Iterator[dict[str, Any]]:
    """What syncd wrote to FiftyOne lately; ``twice`` is once more, for the same reason."""
    kind, how = case.situation.split()[0], case.situation.rpartition(", ")[2]
    for reason in ("x", "stale_revert") if how == "twice" else ("x",):
        if kind == "replaced":
            for name, value in content(mapped, case.values[1]).items():
                yield written(case.name, on=name, old=value, reason=reason)
        elif kind == "inserted":
            yield written(case.name, "insert", reason=reason)
        elif kind == "removed":
            letter = {"a": "b", "b": "c", "c": "a"}[case.values[1]] if how == "edited" else case.values[1]
            yield written(case.name, "delete", old=content(mapped, letter), reason=reason)


def _earlier(mapped: Mapping, case: Case) -> Iterator[dict[str, Any]]:
    """What the log says that a side's values were, until a moment later than their stamps."""
    value = {"older": case.values[1], "older in the database": case.values[2]}.get(case.situation, ABSENT)
    if value != ABSENT:
        for name, old in content(mapped, value).items():
            yield earlier(case.name, on=name, old=old, applied=NOON + 5 * SECOND)


def facts(mapped: Mapping, plan: Plan) -> dict[str, Counter[tuple[Any, ...]]]:
    """All that a plan says of each annotation."""
    said: dict[str, Counter[tuple[Any, ...]]] = {case.name: Counter() for case in CASES}
    known = {case.name: case.values[0] for case in CASES}
    for change in plan.changes:
        if change.field == FLAG:
            continue
        what = (change.action.value, change.field, dumps(change.old), dumps(change.new), change.reason)
        said[_who(change.annotation_id, change.label_id)][("change", change.direction, *what)] += 1
    for conflict in plan.conflicts:
        values = [dumps(each) for each in (conflict.base, conflict.fiftyone, conflict.database)]
        said[_who(conflict.annotation_id, conflict.label_id)][("conflict", conflict.kind, conflict.field, *values)] += 1
    for each in plan.waiting:
        if each.kind == ERROR:
            continue
        said[_who(each.annotation_id, each.label_id)][("waits", each.field, dumps(each.old), dumps(each.new))] += 1
    for name in plan.dropped:
        said[name][("dropped",)] += 1
    for row in plan.baseline.iter_rows(named=True):
        name = row["annotation_id"]
        before = {} if known[name] == ABSENT else content(mapped, known[name])
        for field in mapped.names:
            value = row[column(field)]
            if row[known_column(field)] and (field not in before or dumps(before[field]) != dumps(value)):
                said[name][("agreed", field, dumps(value))] += 1
    return said


def _who(annotation_id: str | None, label_id: str | None) -> str:
    return annotation_id or str(label_id).removeprefix("l-")


def promised(mapped: Mapping, case: Case, policy: dict[str, str], *, tagged: bool) -> Counter[tuple[Any, ...]]:
    """All that the table lets a plan say of an annotation."""
    found: Counter[tuple[Any, ...]] = Counter()
    for field in mapped.fields:
        line = case.line if case.situation != "lost" or field.name not in (LABEL, BOX) else line_of(PLAIN, case.values)
        key = outcome(line, policy, field.direction.value, times=case.times, tagged=tagged)
        for each in key.split(", "):
            for fact in _promised(mapped, case, field.name, each):
                found[fact] = 1
    return found


def _with_place(case: Case, mine: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a conflict shows of a label."""
    name = None if case.situation in NAMELESS else case.name
    place = {"annotation_id": name, "label_id": f"l-{case.name}", "sample_id": f"s-{case.name}"}
    return None if mine is None else mine | place


def _promised_whole(mapped: Mapping, case: Case, key: str) -> tuple[Any, ...]:
    """What is said of an annotation as a whole; a conflict does not show a row that was not seen."""
    base, mine, theirs = (None if each == ABSENT else content(mapped, each) for each in case.values)
    if case.situation == "hidden":
        theirs = None
    if key in WHOLE:
        way, action = WHOLE[key]
        seen = mine if (way is OUT) == (action == "delete") else theirs
        old, new = (None, seen) if action == "insert" else (seen, None)
        return ("change", way, action, None, dumps(old), dumps(new), REASONS[key])
    place = _with_place(case, mine)
    if place is not None and case.situation == "flagged" and key == "deleted_in_database":
        place["review.tags"] = ["bad"]
    return ("conflict", "stale_revert" if key == "stale" else key, None, *map(dumps, (base, place, theirs)))


def _promised(mapped: Mapping, case: Case, field: str, key: str) -> Iterator[tuple[Any, ...]]:
    if key in WHOLE or key in WHOLE_CONFLICTS or (key == "stale" and ABSENT in case.values[1:]):
        yield _promised_whole(mapped, case, key)
        return
    base, mine, theirs = (None if each == ABSENT else content(mapped, each) for each in case.values)
    values = [None if each is None else each[field] for each in (base, mine, theirs)]
    now = None if mine is None else in_fiftyone(mapped, case)[field]
    if key == "given_back":
        yield ("change", OUT, "update", field, dumps(now), dumps(values[0]), "restored")
    elif key in UPDATES:
        old, new = (values[2], values[1]) if UPDATES[key] is HOME else (now, values[2])
        yield ("change", UPDATES[key], "update", field, dumps(old), dumps(new), REASONS[key])
    elif key in ("no_baseline", "edit_edit", "stale", "one_way"):
        kind = "box_changed" if field == BOX else "wrong_direction"
        kind = {"stale": "stale_revert", "one_way": kind}.get(key, key)
        yield ("conflict", kind, field, *map(dumps, values))
    elif key in IMAGES:
        yield from _of_images(case, base, mine, theirs, key)
    elif key == "refused":
        yield ("conflict", "refused_by_database", None, *map(dumps, (base, mine, theirs)))
    elif key == "waiting":
        yield ("waits", field, dumps(values[2]), dumps(values[1]))
    elif key == "drawn_waits":
        yield ("waits", None, dumps(None), dumps(mine))
    elif key in ("dropped", "dropped_hidden"):
        yield ("dropped",)
        reason = "gone_from_both" if key == "dropped" else "gone_and_hidden"
        yield ("change", None, "delete", None, dumps(base), dumps(None), reason)
    elif key == "agreed":
        yield ("agreed", field, dumps(values[1]))
    elif key == "converged":
        yield ("change", None, "update", field, dumps(values[0]), dumps(values[2]), "converged")
        yield ("agreed", field, dumps(values[2]))
    else:
        assert key in SILENT


def _of_images(case: Case, base: Any, mine: Any, theirs: Any, key: str) -> Iterator[tuple[Any, ...]]:
    here, away = case.name, f"x-{case.name}"
    if key == "moved":
        place = {"annotation_id": here, "label_id": f"l-{here}", "sample_id": f"s-{here}"}
        sides = (place | mine | {"media": f"m-{here}"}, theirs | {"media": f"m-{away}"})
        yield ("conflict", "moved", None, *map(dumps, (None if base is None else place, *sides)))
    elif key == "followed":
        yield ("change", None, "update", SAMPLE_FIELD, dumps(f"s-{here}"), dumps(f"t-{here}"), "place_changed")
    elif key == "tied":
        yield ("change", HOME, "update", MEDIA_FIELD, dumps(f"m-{away}"), dumps(f"m-{here}"), "moved")
    else:
        yield ("change", OUT, "update", SAMPLE_FIELD, dumps(f"s-{here}"), dumps(f"s-{away}"), "moved")


@pytest.mark.parametrize("mode", ["immediate", "tagged"])
@pytest.mark.parametrize("mapped", worlds(), ids=lambda each: f"label-{each.field(LABEL).direction.value}")
def test_every_combination_comes_out_as_the_table_says_under_every_policy_and_direction(
    mapped: Mapping, mode: str
) -> None:
    checked = 0
    for policy in policies():
        plan = planned(mapped, policy, mode)
        said = facts(mapped, plan)
        wrong = {
            case.name: (dict(said[case.name]), dict(should))
            for case in CASES
            if said[case.name] != (should := promised(mapped, case, policy, tagged=mode == "tagged"))
        }
        checked += len(CASES) * len(mapped.fields)
        tried("lost", len(wrong))
        assert wrong == {}, f"{policy}"
        kinds = [outcome(case.line, policy, "both") for case in CASES]
        assert plan.counts.not_ingested == kinds.count("not_ingested") + kinds.count("away")
        assert plan.counts.ignored == kinds.count("ignored")
    tried("cases", checked)


def test_the_table_has_a_line_for_each_of_the_64_combinations() -> None:
    patterns = {pattern_of(each) for each in COMBINATIONS}
    assert len(COMBINATIONS) == 64
    assert patterns == {line.pattern for line in LINES if line.situation == PLAIN}
    assert len({(line.situation, line.pattern) for line in LINES}) == len(LINES)


def test_the_table_names_every_value_of_every_policy_and_no_other() -> None:
    named: dict[str, set[str]] = {}
    for line in LINES:
        if line.policy is not None:
            values = {"latest" if each in LATEST.values() else each for each in line.outcomes}
            assert named.setdefault(line.policy, values) == values
    assert named == {name: set(values) for name, values in POLICIES.items()}


def test_every_outcome_of_the_table_is_explained_and_every_explanation_used() -> None:
    used = {each for line in LINES for outcomes in line.outcomes.values() for each in outcomes}
    assert used | set(truth_table.WHEN_TAGGED.values()) == set(OUTCOMES)


def test_the_page_is_the_one_that_the_table_makes() -> None:
    assert TARGET.read_text(encoding="utf-8") == page(source()), "run python3 -m tools.truth_table"


@pytest.mark.parametrize(("came", "stored", "steady"), list(product(CAME_BACK, (False, True), (False, True))))
def test_what_is_read_back_is_the_answer_that_the_table_says_or_none(came: str, stored: bool, steady: bool) -> None:
    read = {"old": "copepod", "term": "salp", "nothing": None, "other": "KRILL"}[came]
    change = Change("a", "l-a", "s-a", HOME, Action.UPDATE, LABEL, "copepod", "krill", "reviewed")
    known = Vocabulary(tuple(map(Term, ("copepod", "krill", "salp"))))
    why = why_no_answer(mapping(), known, Readback(change, LABEL, read, stored=stored, steady=steady))
    assert (why is None) is is_answer(came, stored=stored, steady=steady)
