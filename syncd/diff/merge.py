"""The three-way merge of annotations that both sides have, field by field.

Each field of each row gets one verdict: ``same`` (nothing to do), ``adopt`` (both sides agree, and the baseline does
not know it yet), ``converged`` (both sides made the same change), ``to_database``, ``to_fiftyone``, or a kind of
conflict. Rows without a baseline (a first meeting) and newly mapped fields (no agreed value yet) take the same path.
The value of FiftyOne is what the reviewer means by it (:mod:`syncd.diff.tag_intents`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import polars as pl

from syncd.diff.frames import EXPRESSIONS, B, D, F, differ, is_known, not_finite, unreadable
from syncd.diff.history import about_column, with_memory
from syncd.diff.inputs import History
from syncd.diff.reverts import SENT, WINDOW
from syncd.diff.rewind import rewound_column
from syncd.diff.tag_intents import ALIAS, BY_TAG
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.mapping import BOX, LABEL, Direction, Field, Mapping, Side
from syncd.model.plan import RESTORED
from syncd.model.policy import Policy
from syncd.model.snapshot import column
from syncd.model.values import differs

ON_CONFLICT = "on_conflict"
"""Reason of a change by which, of two edits, the one that a policy names has won."""


def verdict_column(name: str) -> str:
    """Name of the column that holds the verdict on a field."""
    return "verdict." + name


def reason_column(name: str) -> str:
    """Name of the column that holds why a field is written."""
    return "reason." + name


def judge(
    mapping: Mapping, policy: Policy, history: History, returned: pl.DataFrame, rows: pl.DataFrame
) -> pl.DataFrame:
    """Adds verdict and reason of every field to rows that both sides hold, with tag intents.

    ``returned`` are values that are back, and not by an edit (:attr:`syncd.diff.reverts.Returns.values`).
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
        [_verdict(each, policy) for each in mapping.fields],
        [_unless_refused(each) for each in mapping.fields],
        [_reason(each) for each in mapping.fields],
    )


def _facts(field: Field) -> Iterator[pl.Expr]:
    """The facts that a verdict rests on, as columns: who differs from whom, and what cannot be read or logged."""
    name = field.name
    facts = {
        "known": is_known(name),
        "by_fiftyone": is_known(name) & differ(field, F, B),
        "by_database": is_known(name) & differ(field, D, B),
        "apart": differ(field, F, D),
        "unread": unreadable(name, F) | unreadable(name, D),
        "endless": not_finite(field, F) | not_finite(field, D),
        # Another spelling in FiftyOne of what the database holds, or a tag that asks for it.
        "respelt": _about(field, "via").is_not_null()
        & differs(field, _about(field, "typed"), pl.col(D + column(name)))
        & ~differ(field, F, D),
        "by_tag": _about(field, "via").is_in(BY_TAG).fill_null(value=False),
    }
    for fact, expression in facts.items():
        yield expression.alias(about_column(field, fact))


def _verdict(field: Field, policy: Policy) -> pl.Expr:
    name = field.name
    known, apart, unread, endless = (_about(field, fact) for fact in ("known", "apart", "unread", "endless"))
    by_fiftyone, by_database = _about(field, "by_fiftyone"), _about(field, "by_database")
    waits, open_kind = _waits(field, policy), _about(field, "open_kind")
    reapply = policy.on_stale_revert == "reapply" and field.direction.allows(Direction.TO_FIFTYONE)
    guessed = _about(field, "reapplied") | (_about(field, "returned") != WINDOW)
    again = (guessed & (_about(field, "returned") != SENT)) | pl.lit(value=not reapply)
    return (
        # What is equal on both sides but has no form in JSON can be neither logged nor agreed on.
        pl.when(endless & ~unread & ~apart)
        .then(pl.lit("same"))
        .when((unread | endless) & waits)
        .then(open_kind)
        .when(unread | endless)
        .then(pl.lit(ConflictKind.UNSAFE_VALUE.value))
        .when(_about(field, "ambiguous") & ~(apart & waits.fill_null(value=False)))
        .then(pl.lit(ConflictKind.AMBIGUOUS_TAGS.value))
        .when(_about(field, "respelt"))
        .then(_respelling(field))
        .when(~apart & ~known)
        .then(pl.lit("adopt"))
        .when(~apart & by_fiftyone & by_database)
        .then(pl.lit("converged"))
        .when(~apart)
        .then(pl.lit("same"))
        .when(waits)
        .then(open_kind)
        .when(~known)
        .then(_first_meeting(field, policy))
        # An earlier value under an older stamp is nobody's edit, whatever the policies say of edits.
        .when(pl.col(rewound_column(name, Side.FIFTYONE)))
        .then(pl.lit(ConflictKind.STALE_REVERT.value))
        .when(pl.col(rewound_column(name, Side.DATABASE)))
        .then(pl.lit(ConflictKind.EDIT_EDIT.value))
        .when(by_fiftyone & _about(field, "returned").is_not_null() & ~_about(field, "by_tag"))
        .then(pl.when(again).then(pl.lit(ConflictKind.STALE_REVERT.value)).otherwise(pl.lit("to_fiftyone")))
        .when(by_fiftyone & _about(field, "unknown") & pl.lit(field.direction.allows(Direction.TO_DATABASE)))
        .then(pl.lit(ConflictKind.UNKNOWN_LABEL.value))
        .when(by_fiftyone & by_database & _about(field, "agrees"))
        .then(pl.lit(_if_allowed(field, Direction.TO_DATABASE)))
        .when(by_fiftyone & by_database)
        .then(_disagreement(field, policy))
        .when(by_fiftyone)
        .then(pl.lit(_if_allowed(field, Direction.TO_DATABASE)))
        .when(by_database)
        .then(pl.lit(_if_allowed(field, Direction.TO_FIFTYONE)))
        # Both within tolerance of the baseline but not of each other: nobody edited anything.
        .otherwise(pl.lit("same"))
        .alias(verdict_column(field.name))
    )


def _unless_refused(field: Field) -> pl.Expr:
    """Asks a side for a refused value only once a person has decided, or the value has changed.

    The database is never asked to hold a label that is no term.
    """
    verdict = pl.col(verdict_column(field.name))
    asks = verdict == Direction.TO_DATABASE.value
    return (
        pl.when(asks & _about(field, "unknown"))
        .then(pl.lit(ConflictKind.UNKNOWN_LABEL.value))
        .when(asks & _about(field, "refused"))
        .then(pl.lit(ConflictKind.REFUSED_BY_DATABASE.value))
        .when((verdict == Direction.TO_FIFTYONE.value) & _about(field, "refused_there"))
        .then(pl.lit(ConflictKind.REFUSED_BY_FIFTYONE.value))
        .otherwise(verdict)
        .alias(verdict_column(field.name))
    )


def _respelling(field: Field) -> pl.Expr:
    """FiftyOne gets the term, where it may be written at all; a tag was set in order to have it written.

    An attribute is given back whatever its direction: otherwise the next run would take it for cleared.
    """
    lost = (_about(field, "via") == RESTORED).fill_null(value=False)
    allowed = pl.lit(field.direction.allows(Direction.TO_FIFTYONE)) | _about(field, "by_tag") | lost
    return pl.when(allowed).then(pl.lit(Direction.TO_FIFTYONE.value)).otherwise(pl.lit("same"))


def _about(field: Field, fact: str) -> pl.Expr:
    return pl.col(about_column(field, fact))


def _one_way(field: Field) -> str:
    """The conflict about a value that was changed on the side from which it may not travel."""
    return ConflictKind.BOX_CHANGED if field.name == BOX else ConflictKind.WRONG_DIRECTION


def _if_allowed(field: Field, way: Direction) -> str:
    return way.value if field.direction.allows(way) else _one_way(field)


def _waits(field: Field, policy: Policy) -> pl.Expr:
    """Whether an open conflict holds the field back, and the configuration does not decide it by now."""
    kind = _about(field, "open_kind")
    answered = []
    if policy.on_conflict != "quarantine":
        answered.append(ConflictKind.EDIT_EDIT)
    if policy.first_sync != "quarantine":
        answered.append(ConflictKind.NO_BASELINE)
    if field.direction is Direction.BOTH:
        answered += [ConflictKind.BOX_CHANGED, ConflictKind.WRONG_DIRECTION]
    waits = kind.is_not_null() & ~kind.is_in(answered)
    if policy.on_conflict != "quarantine":
        # What a policy decides must not depend on which of two edits was seen first.
        disagreement = _about(field, "by_fiftyone") & _about(field, "by_database")
        waits = waits & ~(disagreement & (kind == _one_way(field)))
    return waits.fill_null(value=False)


def _first_meeting(field: Field, policy: Policy) -> pl.Expr:
    """The verdict where no value was ever agreed. What FiftyOne lacks is filled; a missing value never wins."""
    chosen = {"database": Direction.TO_FIFTYONE, "fiftyone": Direction.TO_DATABASE}.get(policy.first_sync)
    verdict = chosen.value if chosen is not None and field.direction.allows(chosen) else ConflictKind.NO_BASELINE
    lacks = verdict if chosen is Direction.TO_FIFTYONE else ConflictKind.NO_BASELINE
    if field.name != LABEL and field.direction.allows(Direction.TO_FIFTYONE):
        lacks = Direction.TO_FIFTYONE.value
    return pl.when(pl.col(F + column(field.name)).is_null()).then(pl.lit(lacks)).otherwise(pl.lit(verdict))


def _disagreement(field: Field, policy: Policy) -> pl.Expr:
    undecided = pl.lit(ConflictKind.EDIT_EDIT if field.direction is Direction.BOTH else _one_way(field))
    home = pl.lit(_if_allowed(field, Direction.TO_DATABASE))
    out = pl.lit(_if_allowed(field, Direction.TO_FIFTYONE))
    if policy.on_conflict == "database":
        return out
    if policy.on_conflict == "fiftyone":
        return home
    if policy.on_conflict == "latest":
        mine, theirs = pl.col(F + "edited_at"), pl.col(D + "edited_at")
        return pl.when(mine > theirs).then(home).when(mine < theirs).then(out).otherwise(undecided)
    return undecided


def _reason(field: Field) -> pl.Expr:
    verdict = pl.col(verdict_column(field.name))
    by_fiftyone, by_database = _about(field, "by_fiftyone"), _about(field, "by_database")
    home = verdict == Direction.TO_DATABASE.value
    return (
        pl.when(_about(field, "respelt") | (home & _about(field, "by_tag")))
        .then(_about(field, "via"))
        .when(home & by_fiftyone & by_database & _about(field, "agrees"))
        .then(pl.lit(ALIAS))
        .when(~_about(field, "known"))
        .then(pl.lit("first_sync"))
        .when(verdict == "converged")
        .then(verdict)
        .when(_about(field, "returned").is_not_null() & by_fiftyone & (verdict == Direction.TO_FIFTYONE.value))
        .then(pl.lit(ConflictKind.STALE_REVERT.value))
        .when(by_fiftyone & by_database)
        .then(pl.lit(ON_CONFLICT))
        .when(by_fiftyone)
        .then(pl.lit("reviewed"))
        .otherwise(pl.lit("changed_at_home"))
        .alias(reason_column(field.name))
    )
