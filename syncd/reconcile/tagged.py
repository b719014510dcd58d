"""``syncd reconcile --tag T``: for one run, only edits whose label or sample has the tag go to the database.

The tag stands in for an approving one, and is then removed, kept or replaced as configured (``review.after``). Changes
from the database are not affected. The run moves no cursor: the next run sees again what this one left out.
"""

from __future__ import annotations

from dataclasses import replace

from syncd.diff.gate import TAGGED
from syncd.model import Plan, Policy
from syncd.model.plan import AWAITING


def narrowed(policy: Policy, tag: str | None) -> Policy:
    """The policy of a run that takes only edits with this tag."""
    if tag is None:
        return policy
    return replace(policy, review=replace(policy.review, mode=TAGGED, approve=(tag,), verified=None))


def left_out(plan: Plan, policy: Policy, tag: str | None) -> Plan:
    """The plan without its waiting edits, where only the tag of this one run makes them wait."""
    if tag is None or policy.review.mode == TAGGED:
        return plan
    return replace(plan, waiting=tuple(each for each in plan.waiting if each.kind != AWAITING))
