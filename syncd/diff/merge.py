"""The three-way merge of annotations that both sides have, field by field.

Each field of each row gets one verdict: a :class:`syncd.model.plan.Verdict` or a kind of conflict, by the first rule of
:mod:`syncd.diff.merge_rules` that holds. Rows without a baseline (a first meeting) and newly mapped fields (no agreed
value yet) take the same path. The value of FiftyOne is what the reviewer means by it (:mod:`syncd.diff.tag_intents`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import polars as pl

from syncd.diff.frames import EXPRESSIONS, B, D, F, differ, is_known, not_finite, unreadable
from syncd.diff.history import about_column, with_memory
from syncd.diff.inputs import History
from syncd.diff.merge_rules import Facts, Rule, rules, verdict_column, vetoes
from syncd.model.mapping import Field, Mapping
from syncd.model.plan import Verdict
from syncd.model.policy import Policy
from syncd.model.reasons import BY_TAG
from syncd.model.snapshot import column
from syncd.model.values import differs


def reason_column(name: str) -> str:
    """Name of the column that holds why a field is written."""
    return "reason." + name


def judge(
    mapping: Mapping, policy: Policy, history: History, returned: pl.DataFrame, rows: pl.DataFrame
) -> pl.DataFrame:
    """Adds verdict and reason of every field to rows that both sides hold, with tag intents.

    ``returned`` are values that are back, and not by an edit (:attr:`syncd.diff.reverts.Returns.values`). What a tag
    asks for, and another spelling, are logged as that, whichever rule decides.
    """
    if rows.is_empty():
        return rows
    given = rows.columns
    rows = with_memory(mapping, history, returned, rows)
    for step in _steps(mapping, policy):
        rows = rows.with_columns(step)
    judged = [make(each.name) for each in mapping.fields for make in (verdict_column, reason_column)]
    return rows.select(*given, *judged)


@lru_cache(EXPRESSIONS)
def _steps(mapping: Mapping, policy: Policy) -> tuple[list[pl.Expr], ...]:
    """The columns to add, step by step; each step uses those before it."""
    return (
        [fact for each in mapping.fields for fact in _facts(each)],
        [column for each in mapping.fields for column in _decided(each, rules(each, policy))],
        [_unless(each, vetoes(each)) for each in mapping.fields],
        [_reason(each) for each in mapping.fields],
    )


def _facts(field: Field) -> Iterator[pl.Expr]:
    """The facts that a verdict rests on, as columns: who differs from whom, and what cannot be read or logged."""
    name, about = field.name, Facts.of(field)
    facts = {
        "known": is_known(name),
        "by_fiftyone": is_known(name) & differ(field, F, B),
        "by_database": is_known(name) & differ(field, D, B),
        "apart": differ(field, F, D),
        "unread": unreadable(name, F) | unreadable(name, D),
        "endless": not_finite(field, F) | not_finite(field, D),
        # Another spelling in FiftyOne of what the database holds, or a tag that asks for it.
        "respelt": about.via.is_not_null()
        & differs(field, about.typed, pl.col(D + column(name)))
        & ~differ(field, F, D),
        "by_tag": about.via.is_in(BY_TAG).fill_null(value=False),
    }
    for fact, expression in facts.items():
        yield expression.alias(about_column(field, fact))


def _decided(field: Field, ordered: Sequence[Rule]) -> Iterator[pl.Expr]:
    """Verdict and reason by the first rule that holds."""
    verdicts = [Facts.of(field).open_kind if each.verdict is None else pl.lit(each.verdict.value) for each in ordered]
    reasons = [pl.lit(None if each.reason is None else each.reason.value, pl.String) for each in ordered]
    yield _first(ordered, verdicts).alias(verdict_column(field.name))
    yield _first(ordered, reasons).alias(reason_column(field.name))


def _unless(field: Field, ordered: Sequence[Rule]) -> pl.Expr:
    """The verdict, unless a veto holds."""
    stays = pl.col(verdict_column(field.name))
    kinds = [stays if each.verdict is None else pl.lit(each.verdict.value) for each in ordered]
    return _first(ordered, kinds, stays).alias(verdict_column(field.name))


def _first(ordered: Sequence[Rule], values: Sequence[pl.Expr], otherwise: pl.Expr | None = None) -> pl.Expr:
    """The value of the first rule that holds."""
    chosen = pl.lit(None, pl.String) if otherwise is None else otherwise
    for rule, value in zip(reversed(ordered), reversed(values), strict=True):
        chosen = pl.when(rule.holds).then(value).otherwise(chosen)
    return chosen


def _reason(field: Field) -> pl.Expr:
    about = Facts.of(field)
    asked = (pl.col(verdict_column(field.name)) == Verdict.TO_DATABASE.value) & about.by_tag
    reason = pl.col(reason_column(field.name))
    return pl.when(about.respelt | asked).then(about.via).otherwise(reason).alias(reason_column(field.name))
