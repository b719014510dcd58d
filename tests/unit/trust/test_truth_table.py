"""Every combination of baseline, FiftyOne and database, under every policy and direction, ends as the table says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from syncd.diff import diff
from syncd.model import BOX, LABEL, Direction, Mapping, Plan, Review, dumps
from syncd.model.snapshot import column, known_column
from tools.truth_table import TARGET, page, source
from trust import many, tried
from unit.diff.strategies import NO_BRAKES, POLICIES
from unit.diff.world import NOON, SECOND, B, D, F, S, mapping, world, written
from unit.diff.world import VALUES as OF_FIELD
from unit.trust import truth_table
from unit.trust.truth_table import (
    ABSENT,
    COMBINATIONS,
    DIRECTIONS,
    LATEST,
    LINES,
    OUTCOMES,
    PLAIN,
    SITUATIONS,
    Line,
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
}  # fmt: skip
"""What the change log says of each write."""

HOME, OUT = Direction.TO_DATABASE, Direction.TO_FIFTYONE
UPDATES = {"first_out": OUT, "at_home": OUT, "out_wins": OUT, "reapplied": OUT, "first_home": HOME, "reviewed": HOME,
           "home_wins": HOME}  # fmt: skip
WHOLE = {
    "insert": (OUT, "insert"), "restored": (OUT, "insert"), "put_back": (OUT, "insert"), "create": (HOME, "insert"),
    "delete_row": (HOME, "delete"), "remove_label": (OUT, "delete"), "taken_off": (OUT, "delete"),
}  # fmt: skip
WHOLE_CONFLICTS = {"unknown_id", "new_label", "deleted_in_fiftyone", "deleted_in_database"}
SILENT = {"nothing", "not_ingested", "ignored"}


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
            # Drawn labels and rows without a sample are of one pattern; elsewhere a situation may be beside the point.
            of_one = situation.startswith("drawn") or situation == "no sample"
            if of_one and (situation, pattern_of(values)) not in truth_table.BY_PLACE:
                continue
            if situation != PLAIN and values[1] == ABSENT and situation.startswith(("replaced", "removed")):
                continue
            for times in LATEST if situation == PLAIN else ["no time"]:
                yield Case(f"{''.join(values)} {situation} {times}", situation, values, times)


CASES = list(_cases())


def content(mapped: Mapping, letter: str) -> dict[str, Any]:
    return {name: OF_FIELD[name][LETTERS[letter]] for name in mapped.names}


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
    made: dict[str, list[Any]] = {"b": [], "f": [], "d": [], "samples": [], "lately": [], "refused": []}
    for case in CASES:
        base, mine, theirs = case.values
        mine_at, theirs_at = TIMES[case.times]
        if base != ABSENT:
            made["b"].append(B(case.name, **content(mapped, base)))
        if mine != ABSENT:
            place = {"label_id": f"l-{case.name}", "sample": f"s-{case.name}"}
            shown = None if case.situation.startswith("drawn") else case.name
            if case.situation == "drawn, refused":
                what = dumps(content(mapped, mine))
                made["refused"].append({"sample_id": f"s-{case.name}", "label_id": f"l-{case.name}", "fiftyone": what})
            made["f"].append(F(shown, at=mine_at, **place, **content(mapped, mine)))
        if theirs != ABSENT:
            made["d"].append(D(case.name, at=theirs_at, **content(mapped, theirs)))
        if case.situation != "no sample":
            made["samples"].append(S(f"s-{case.name}"))
        made["lately"] += _lately(mapped, case)
    review = Review(mode=mode, approve=("ok",))
    return diff(world(mapped=mapped, **made, brakes=NO_BRAKES, review=review, **policy))


def _lately(mapped: Mapping, case: Case) -> Iterator[dict[str, Any]]:
    """What syncd wrote to FiftyOne lately; ``twice`` is once more, for the same reason."""
    kind, _, twice = case.situation.partition(" ")
    for reason in ("x", "stale_revert") if twice == "twice" else ("x",):
        if kind == "replaced":
            for name, value in content(mapped, case.values[1]).items():
                yield written(case.name, on=name, old=value, reason=reason)
        elif kind == "inserted":
            yield written(case.name, "insert", reason=reason)
        elif kind.startswith("removed"):
            letter = case.values[1] if kind == "removed" else {"a": "b", "b": "c", "c": "a"}[case.values[1]]
            yield written(case.name, "delete", old=content(mapped, letter), reason=reason)


def facts(mapped: Mapping, plan: Plan) -> dict[str, Counter[tuple[Any, ...]]]:
    """All that a plan says of each annotation."""
    said: dict[str, Counter[tuple[Any, ...]]] = {case.name: Counter() for case in CASES}
    known = {case.name: case.values[0] for case in CASES}
    for change in plan.changes:
        what = (change.action.value, change.field, dumps(change.old), dumps(change.new), change.reason)
        said[_who(change.annotation_id, change.label_id)][("change", change.direction, *what)] += 1
    for conflict in plan.conflicts:
        values = [dumps(each) for each in (conflict.base, conflict.fiftyone, conflict.database)]
        said[_who(conflict.annotation_id, conflict.label_id)][("conflict", conflict.kind, conflict.field, *values)] += 1
    for each in plan.waiting:
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
        key = outcome(case.line, policy, field.direction.value, times=case.times, tagged=tagged)
        for fact in _promised(mapped, case, field.name, key):
            found[fact] = 1
    return found


def _promised(mapped: Mapping, case: Case, field: str, key: str) -> Iterator[tuple[Any, ...]]:
    base, mine, theirs = (None if each == ABSENT else content(mapped, each) for each in case.values)
    values = [None if each is None else each[field] for each in (base, mine, theirs)]
    if key in UPDATES:
        old, new = (values[2], values[1]) if UPDATES[key] is HOME else (values[1], values[2])
        yield ("change", UPDATES[key], "update", field, dumps(old), dumps(new), REASONS[key])
    elif key in WHOLE:
        way, action = WHOLE[key]
        seen = mine if (way is OUT) == (action == "delete") else theirs
        old, new = (None, seen) if action == "insert" else (seen, None)
        yield ("change", way, action, None, dumps(old), dumps(new), REASONS[key])
    elif key in WHOLE_CONFLICTS or (key == "stale" and None in (mine, theirs)):
        kind = "stale_revert" if key == "stale" else key
        name = None if case.situation.startswith("drawn") else case.name
        place = {"annotation_id": name, "label_id": f"l-{case.name}", "sample_id": f"s-{case.name}"}
        yield ("conflict", kind, None, *map(dumps, (base, None if mine is None else mine | place, theirs)))
    elif key == "refused":
        yield ("conflict", "refused_by_database", None, *map(dumps, (base, mine, theirs)))
    elif key in ("no_baseline", "edit_edit", "stale", "one_way"):
        kind = "box_changed" if field == BOX else "wrong_direction"
        kind = {"stale": "stale_revert", "one_way": kind}.get(key, key)
        yield ("conflict", kind, field, *map(dumps, values))
    elif key == "waiting":
        yield ("waits", field, dumps(values[2]), dumps(values[1]))
    elif key == "drawn_waits":
        yield ("waits", None, dumps(None), dumps(mine))
    elif key == "dropped":
        yield ("dropped",)
        yield ("change", None, "delete", None, dumps(base), dumps(None), "gone_from_both")
    elif key == "agreed":
        yield ("agreed", field, dumps(values[1]))
    elif key == "converged":
        yield ("change", None, "update", field, dumps(values[0]), dumps(values[2]), "converged")
        yield ("agreed", field, dumps(values[2]))
    else:
        assert key in SILENT


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
        assert plan.counts.not_ingested == kinds.count("not_ingested")
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
