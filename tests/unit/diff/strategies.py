"""Worlds for Hypothesis: a few annotations, each with a story on either side."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from syncd.model import Brakes, Direction, LabelType
from trust import many
from unit.diff.applier import State
from unit.diff.world import BOX, LABEL, NOON, SECOND, B, D, F, Row, S, earlier, field, hand, mapping, opened, written

EXAMPLES = int(os.environ.get("SYNCD_DIFF_EXAMPLES", "0")) or many(0, 1_000)
"""Set to search long and at random, as `make trust` does; otherwise few examples are tried, always the same."""

PROFILE = settings(
    max_examples=EXAMPLES or 12,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)

NAMES = ["a", "b", "c", "d"]
SPOTS = [[0.0, 0.0, 0.2, 0.2], [0.02, 0.0, 0.2, 0.2], [0.6, 0.6, 0.2, 0.2]]
NUMBERS = [0.0, -0.0, 1.5, 1.5 * (1 + 1e-12), 1e-15, None]
DIRECTIONS = [each.value for each in Direction]
FIELD_CONFLICTS = ["edit_edit", "no_baseline", "stale_revert", "box_changed", "wrong_direction", "unsafe_value"]
WHOLE_CONFLICTS = [
    "deleted_in_fiftyone", "deleted_in_database", "stale_revert", "moved", "duplicate_id", "unknown_id", "hidden",
]  # fmt: skip
POLICIES = {
    "on_conflict": ["quarantine", "database", "fiftyone", "latest"],
    "first_sync": ["quarantine", "database", "fiftyone"],
    "on_new": ["create", "quarantine", "ignore"],
    "on_fiftyone_delete": ["quarantine", "restore", "delete"],
    "on_database_delete": ["remove", "quarantine"],
    "on_hidden": ["quarantine", "remove"],
    "on_moved": ["quarantine", "database", "fiftyone"],
    "on_stale_revert": ["reapply", "quarantine"],
}
NO_BRAKES = Brakes(1.0, 1.0, 1.0, 1.0, 1.0, min_rows=0, min_count=1_000_000)


def often(value: Any, *others: Any) -> Any:
    """The first value most of the time."""
    return st.one_of(st.just(value), st.just(value), st.just(value), st.sampled_from(others))


@st.composite
def states(draw: Any, *, healthy: bool = False) -> State:
    """Some state of the world; ``healthy`` ones have no doubt about identity and nothing unreadable."""
    label_type = draw(st.sampled_from(list(LabelType)))
    directions = [draw(st.sampled_from(DIRECTIONS)) for _ in range(4)]
    names = [LABEL, "depth", "note", *([BOX] if label_type is LabelType.DETECTIONS else [])]
    fields = [field(name, way) for name, way in zip(names, directions, strict=False)]
    mapped = mapping(*fields, label_type=label_type, can_insert=draw(often(True, False)))
    state = State(mapped, [], [], [], [])
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4)):
        _tell(draw, state, name, healthy=healthy)
    if not healthy:
        _add_trouble(draw, state)
    if label_type is LabelType.CLASSIFICATION:
        state.f = list({row.columns["sample_id"]: row for row in state.f}.values())
    ids = st.sampled_from(NAMES)
    on = st.sampled_from(names)
    state.lately = draw(
        st.lists(
            st.one_of(
                st.builds(lambda n, old: written(n, on=LABEL, old=old), ids, st.sampled_from(["x", "y"])),
                st.builds(lambda n, act, why: written(n, act, reason=why), ids,
                          st.sampled_from(["insert", "delete"]), st.sampled_from(["x", "stale_revert"])),
            ),
            max_size=2,
        )
    )  # fmt: skip
    state.conflicts = draw(
        st.lists(
            st.one_of(
                st.builds(opened, ids, st.sampled_from(FIELD_CONFLICTS), on),
                st.builds(opened, ids, st.sampled_from(WHOLE_CONFLICTS), st.none()),
            ),
            max_size=2,
            unique_by=lambda each: (each["annotation_id"], each["field"]),
        )
    )
    state.given = {name: draw(st.sampled_from(choices)) for name, choices in POLICIES.items()}
    state.hidden = set(draw(st.lists(ids, max_size=1)))
    before = st.builds(
        lambda n, old, way: earlier(n, old=old, way=way, applied=NOON + 2 * SECOND),
        ids, st.sampled_from(["x", "y"]), st.sampled_from(["to_database", "to_fiftyone", None]),
    )  # fmt: skip
    state.given["log"] = draw(st.lists(before, max_size=2))
    minted = tuple((each, f"l-{each}") for each in draw(st.lists(ids, max_size=1)))
    state.given |= {"brakes": NO_BRAKES, "minted": minted}
    samples = st.sampled_from(["s-a", "s-b", "s-shared"])
    hands = st.builds(hand, samples, ids, run=st.sampled_from(["before", "write"]))
    state.given["by_hand"] = draw(st.lists(hands, max_size=2))
    state.given["signed"] = draw(st.lists(st.tuples(ids, st.sampled_from(["ada", "bob"])), max_size=1))
    standing = {each.columns["sample_id"] for each in state.f}
    state.gone = [each for each in draw(st.lists(samples, max_size=1)) if each not in standing]
    state.samples = [each for each in state.samples if each["sample_id"] not in state.gone]
    return state


def _tell(draw: Any, state: State, name: str, *, healthy: bool) -> None:
    """The story of one annotation: what was agreed, and what either side has made of it."""
    agreed = _values(draw, state, base=None)
    mine, theirs = (draw(st.one_of(st.just(agreed), _changed(state, agreed))) for _ in range(2))
    if draw(often(False, True)):
        theirs = dict(mine)
    sample = draw(often(f"s-{name}", "s-shared")) if state.mapped.label_type.list_name else f"s-{name}"
    media = sample.replace("s-", "m-")
    in_b, in_f, in_d = (draw(often(True, False)) for _ in range(3))
    at = st.sampled_from([None, NOON, NOON + SECOND])
    if in_b:
        unknown = draw(often((), ("depth",), state.mapped.names))
        state.b.append(B(name, sample=sample, unknown=unknown, **agreed))
    if in_f:
        place = {"sample": sample, "label_id": f"l-{name}"}
        shown: str | None = name
        if not healthy:
            shown = draw(often(name, None, *NAMES))
            place |= draw(often({}, {"sample": "s-other"}, {"label_id": "l-new"}, {"label_id": "l-a"}))
        problems = None if healthy else draw(often(None, {"depth": "deep"}, {LABEL: "2024"}))
        state.f.append(F(shown, at=draw(at), problems=problems, **place, **_without(mine, problems)))
    if in_d:
        problems = None if healthy else draw(often(None, {"depth": "deep"}))
        tied = media if healthy else draw(often(media, "m-other", "m-b", "m-nowhere", "-"))
        state.d.append(D(name, media=tied, at=draw(at), problems=problems, **_without(theirs, problems)))
    state.samples = [each for each in state.samples if each["sample_id"] != sample]
    if draw(often(True, False)):
        state.samples.append(S(sample, media=media))


def _add_trouble(draw: Any, state: State) -> None:
    """Copies, drawn labels, labels without a label id, rows that share an id."""
    places = st.sampled_from(["s-a", "s-b", "s-shared", "s-other"])
    label_ids = st.sampled_from(["l-a", "l-b", "l-x", "-"])
    for _ in range(draw(st.integers(0, 3))):
        shown = draw(st.sampled_from([None, None, *NAMES]))
        values = _values(draw, state, base=None)
        state.f.append(F(shown, label_id=draw(label_ids), sample=draw(places), **values))
    if state.d and draw(often(False, True)):
        twin = draw(st.sampled_from(state.d))
        state.d.append(Row(dict(twin.columns), _values(draw, state, base=twin.values)))
    if state.f and draw(often(False, True)):
        draw(st.sampled_from(state.f)).values["depth"] = draw(st.sampled_from([float("inf"), float("nan")]))


def _without(values: dict[str, Any], problems: dict[str, str] | None) -> dict[str, Any]:
    return {name: None if name in (problems or {}) else value for name, value in values.items()}


def _values(draw: Any, state: State, base: dict[str, Any] | None) -> dict[str, Any]:
    return draw(_changed(state, base or {}))


def _changed(state: State, base: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Values of all fields, most of them as in ``base``."""
    choices: dict[str, list[Any]] = {
        LABEL: ["x", "y", "z", "20240101", None],
        "depth": NUMBERS,
        "note": ["n", "m", None],
        BOX: SPOTS,
    }
    return st.fixed_dictionaries(
        {
            name: often(base.get(name, choices[name][0]), *choices[name])
            for name in state.mapped.names
        }
    )  # fmt: skip
