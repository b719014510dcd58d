"""The table of rules by which the merge decides."""

from __future__ import annotations

from itertools import product
from typing import Any

import polars as pl
import pytest

from syncd.diff.history import about_column
from syncd.diff.merge_rules import Rule, rules, vetoes
from syncd.diff.reverts import ASK, WINDOW
from syncd.diff.rewind import rewound_column
from syncd.model import Direction, Policy, Side
from syncd.model.plan import Verdict
from syncd.model.reasons import Reason
from syncd.model.snapshot import column
from unit.diff.world import BOX, LABEL, NOON, SECOND, field

YES_OR_NO = (False, True)
POLICIES = [
    Policy(),
    Policy(on_conflict="latest", first_sync="database"),
    Policy(on_conflict="database", first_sync="fiftyone"),
    Policy(on_conflict="fiftyone", on_stale_revert="quarantine"),
]
FACTS: dict[str, tuple[Any, ...]] = {
    "known": YES_OR_NO,
    "by_fiftyone": YES_OR_NO,
    "by_database": YES_OR_NO,
    "apart": YES_OR_NO,
    "unread": YES_OR_NO,
    "endless": YES_OR_NO,
    "respelt": YES_OR_NO,
    "ambiguous": YES_OR_NO,
    "unknown": YES_OR_NO,
    "agrees": YES_OR_NO,
    "open_kind": (None, "unknown_label", "edit_edit"),
    "returned": (None, WINDOW, ASK),
}
"""What is varied; what is left out is false or null, and none of the rules below asks for more than one of those."""


def facts_of(name: str) -> pl.DataFrame:
    """One row for each combination of facts about a field."""
    of = field(name)
    names = [about_column(of, each) for each in FACTS]
    rows = pl.DataFrame(list(product(*FACTS.values())), schema=names, orient="row")
    times = pl.DataFrame({"f.edited_at": [NOON, NOON + SECOND, NOON + 2 * SECOND]})
    rows = rows.join(times, how="cross").sample(fraction=1, shuffle=True, seed=0)
    number = pl.int_range(pl.len())
    rarely = [about_column(of, each) for each in ("by_tag", "reapplied", "refused", "refused_there")]
    return rows.with_columns(
        *(pl.lit(value=False).alias(each) for each in rarely),
        pl.when(number % 5 == 0).then(pl.lit(Reason.RESTORED.value)).alias(about_column(of, "via")),
        *((number % 7 == place).alias(rewound_column(name, side)) for place, side in enumerate(Side)),
        pl.when(number % 2 == 0).then(pl.lit(1.0)).alias("f." + column(name)),
        (pl.lit(NOON) + SECOND).alias("d.edited_at"),
    )


def deciding(ordered: tuple[Rule, ...], rows: pl.DataFrame) -> list[str | None]:
    """The names of the rules that decide, in their order."""
    first = pl.coalesce(pl.when(each.holds).then(pl.lit(each.name)) for each in ordered)
    return rows.select(first.alias("rule"))["rule"].to_list()


@pytest.mark.parametrize("way", list(Direction))
@pytest.mark.parametrize("name", [LABEL, BOX, "depth"])
@pytest.mark.parametrize("policy", POLICIES)
def test_every_combination_of_facts_is_decided_and_every_rule_decides_some(
    policy: Policy, name: str, way: Direction
) -> None:
    ordered = rules(field(name, way.value), policy)
    found = deciding(ordered, facts_of(name))
    assert None not in found
    assert set(found) == {each.name for each in ordered}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_rule_by_which_a_side_is_written_says_what_the_log_gives_as_reason(policy: Policy) -> None:
    for each in rules(field("depth"), policy):
        if each.verdict in (Verdict.TO_DATABASE, Verdict.TO_FIFTYONE, Verdict.CONVERGED):
            assert each.reason is not None or each.name == "FiftyOne spells it otherwise"


def test_a_veto_asks_a_person_and_writes_nothing() -> None:
    assert {each.verdict for each in vetoes(field(LABEL))} == {
        "unknown_label", "refused_by_database", "refused_by_fiftyone",
    }  # fmt: skip
