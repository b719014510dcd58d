"""The rules of the three-way merge, in order: the first one that holds decides about a field.

A rule is a condition over facts, a verdict and a reason. The facts are columns that :mod:`syncd.diff.merge` adds.
What the policies and the field's direction say is known when the table is made, so that it holds only the rules that
can apply.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import polars as pl

from syncd.diff.frames import D, F
from syncd.diff.history import about_column
from syncd.diff.reverts import WINDOW
from syncd.diff.rewind import rewound_column
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.mapping import BOX, LABEL, Direction, Field, Side
from syncd.model.plan import Verdict
from syncd.model.policy import Policy
from syncd.model.reasons import Reason
from syncd.model.snapshot import column

ALWAYS = pl.lit(value=True)


@dataclass(frozen=True)
class Rule:
    """Where ``holds``, and no rule before it does, a field gets the ``verdict``.

    ``verdict`` is ``None`` where the conflict that is open stays open. A change that follows is logged with ``reason``
    (``None``: that of the tag or of the spelling, :func:`syncd.diff.merge.judge`).
    """

    name: str
    holds: pl.Expr
    verdict: Verdict | ConflictKind | None
    reason: Reason | None = None


@dataclass(frozen=True)
class Facts:
    """The facts about a field, as the columns that hold them (:func:`syncd.diff.history.about_column`)."""

    known: pl.Expr
    """A value was agreed once."""

    by_fiftyone: pl.Expr
    """FiftyOne holds another value than the agreed one."""

    by_database: pl.Expr
    """The database holds another value than the agreed one."""

    apart: pl.Expr
    """The two sides differ."""

    unread: pl.Expr
    """A side holds what cannot be read."""

    endless: pl.Expr
    """A side holds a number that is not finite."""

    typed: pl.Expr
    """What the label itself holds, whatever is meant by it."""

    via: pl.Expr
    """Why something else is meant than was typed: a reason, or null."""

    respelt: pl.Expr
    """Something else is meant than was typed, and the database holds it."""

    by_tag: pl.Expr
    """A tag asks for the value."""

    ambiguous: pl.Expr
    """Tags ask for different values."""

    unknown: pl.Expr
    """The label is no term of the vocabulary."""

    agrees: pl.Expr
    """The database's value means the same term."""

    open_kind: pl.Expr
    """The kind of the conflict that is open about the field, or null."""

    returned: pl.Expr
    """How FiftyOne came back to what syncd had replaced, or null (:mod:`syncd.diff.reverts`)."""

    reapplied: pl.Expr
    """syncd has written over such a return already."""

    refused: pl.Expr
    """The database refused this very value."""

    refused_there: pl.Expr
    """FiftyOne refused the database's value."""

    @staticmethod
    def of(field: Field) -> Facts:
        """The facts about this field."""
        return Facts(**{each.name: pl.col(about_column(field, each.name)) for each in fields(Facts)})


def rules(field: Field, policy: Policy) -> tuple[Rule, ...]:
    """The rules for one field."""
    return (
        *_unreadable(field, policy),
        *_alike(field),
        Rule("an open conflict holds it", waits(field, policy), None),
        *_first_meeting(field, policy),
        *_returned(field, policy),
        *_edited(field, policy),
        # Both within tolerance of the baseline but not of each other: nobody edited anything.
        Rule("nobody edited it", ALWAYS, Verdict.SAME),
    )


def vetoes(field: Field) -> tuple[Rule, ...]:
    """The rules for verdicts: a side is asked for a value that it refused only once somebody has decided, or edited it.

    The database is never asked to hold a label that is no term.
    """
    about, verdict = Facts.of(field), pl.col(verdict_column(field.name))
    asks, brings = verdict == Verdict.TO_DATABASE, verdict == Verdict.TO_FIFTYONE
    return (
        Rule("no term of the vocabulary", asks & about.unknown, ConflictKind.UNKNOWN_LABEL),
        Rule("the database refused it", asks & about.refused, ConflictKind.REFUSED_BY_DATABASE),
        Rule("FiftyOne refused it", brings & about.refused_there, ConflictKind.REFUSED_BY_FIFTYONE),
    )


def verdict_column(name: str) -> str:
    """Name of the column that holds the verdict on a field."""
    return "verdict." + name


def waits(field: Field, policy: Policy) -> pl.Expr:
    """Whether an open conflict holds the field back, and the configuration does not decide it by now."""
    about = Facts.of(field)
    answered = []
    if policy.on_conflict != "quarantine":
        answered.append(ConflictKind.EDIT_EDIT)
    if policy.first_sync != "quarantine":
        answered.append(ConflictKind.NO_BASELINE)
    if field.direction is Direction.BOTH:
        answered += [ConflictKind.BOX_CHANGED, ConflictKind.WRONG_DIRECTION]
    held = about.open_kind.is_not_null() & ~about.open_kind.is_in(answered)
    if policy.on_conflict != "quarantine":
        # What a policy decides must not depend on which of two edits was seen first.
        held = held & ~(about.by_fiftyone & about.by_database & (about.open_kind == _one_way(field)))
    return held.fill_null(value=False)


def _unreadable(field: Field, policy: Policy) -> Iterator[Rule]:
    about = Facts.of(field)
    broken, held = about.unread | about.endless, waits(field, policy)
    # What is equal on both sides but has no form in JSON can be neither logged nor agreed on.
    yield Rule("equal, without a form in JSON", about.endless & ~about.unread & ~about.apart, Verdict.SAME)
    yield Rule("unreadable, and in an open conflict", broken & held, None)
    yield Rule("unreadable", broken, ConflictKind.UNSAFE_VALUE)
    yield Rule("tags disagree", about.ambiguous & ~(about.apart & held), ConflictKind.AMBIGUOUS_TAGS)


def _alike(field: Field) -> Iterator[Rule]:
    """Both sides mean the same. FiftyOne may spell it otherwise, and gets the term where it may be written at all.

    A tag was set in order to have its class written. An attribute that was lost is given back whatever its direction:
    otherwise the next run would take it for cleared.
    """
    about = Facts.of(field)
    if field.direction.allows(Direction.TO_FIFTYONE):
        yield Rule("FiftyOne spells it otherwise", about.respelt, Verdict.TO_FIFTYONE)
    else:
        lost = (about.via == Reason.RESTORED).fill_null(value=False)
        yield Rule("FiftyOne lacks what it is to hold", about.respelt & (about.by_tag | lost), Verdict.TO_FIFTYONE)
        yield Rule("FiftyOne spells it otherwise, and is not written", about.respelt, Verdict.SAME)
    yield Rule("alike at the first meeting", ~about.apart & ~about.known, Verdict.ADOPT)
    both = about.by_fiftyone & about.by_database
    yield Rule("both made the same change", ~about.apart & both, Verdict.CONVERGED, Reason.CONVERGED)
    yield Rule("alike", ~about.apart, Verdict.SAME)


def _first_meeting(field: Field, policy: Policy) -> Iterator[Rule]:
    """No value was ever agreed. What FiftyOne lacks is filled; a missing value never wins."""
    about = Facts.of(field)
    chosen = {"database": Direction.TO_FIFTYONE, "fiftyone": Direction.TO_DATABASE}.get(policy.first_sync)
    met = ConflictKind.NO_BASELINE if chosen is None else _if_allowed(field, chosen, ConflictKind.NO_BASELINE)
    lacking = met if chosen is Direction.TO_FIFTYONE else ConflictKind.NO_BASELINE
    if field.name != LABEL and field.direction.allows(Direction.TO_FIFTYONE):
        lacking = Verdict.TO_FIFTYONE
    lacks = pl.col(F + column(field.name)).is_null()
    yield Rule("FiftyOne lacks it at the first meeting", ~about.known & lacks, lacking, Reason.FIRST_SYNC)
    yield Rule("different at the first meeting", ~about.known, met, Reason.FIRST_SYNC)


def _returned(field: Field, policy: Policy) -> Iterator[Rule]:
    """A side holds an earlier value again. Under an older stamp it is nobody's edit, whatever the policies say."""
    about = Facts.of(field)
    rewound = {side: pl.col(rewound_column(field.name, side)) for side in Side}
    yield Rule("FiftyOne went back in time", rewound[Side.FIFTYONE], ConflictKind.STALE_REVERT)
    yield Rule("the database went back in time", rewound[Side.DATABASE], ConflictKind.EDIT_EDIT)
    back = about.by_fiftyone & about.returned.is_not_null() & ~about.by_tag
    if policy.on_stale_revert == "reapply" and field.direction.allows(Direction.TO_FIFTYONE):
        once = ~about.reapplied & (about.returned == WINDOW)
        yield Rule("an idle window put it back", back & once, Verdict.TO_FIFTYONE, Reason.STALE_REVERT)
    yield Rule("FiftyOne returned to what was replaced", back, ConflictKind.STALE_REVERT)


def _edited(field: Field, policy: Policy) -> Iterator[Rule]:
    about = Facts.of(field)
    to_database = _if_allowed(field, Direction.TO_DATABASE, _one_way(field))
    to_fiftyone = _if_allowed(field, Direction.TO_FIFTYONE, _one_way(field))
    both = about.by_fiftyone & about.by_database
    if field.direction.allows(Direction.TO_DATABASE):
        yield Rule("edited to what is no term", about.by_fiftyone & about.unknown, ConflictKind.UNKNOWN_LABEL)
    yield Rule("both mean the same term", both & about.agrees, to_database, Reason.ALIAS)
    undecided = ConflictKind.EDIT_EDIT if field.direction is Direction.BOTH else _one_way(field)
    if policy.on_conflict == "database":
        yield Rule("edited on both sides, the database wins", both, to_fiftyone, Reason.ON_CONFLICT)
    elif policy.on_conflict == "fiftyone":
        yield Rule("edited on both sides, FiftyOne wins", both, to_database, Reason.ON_CONFLICT)
    else:
        if policy.on_conflict == "latest":
            mine, theirs = pl.col(F + "edited_at"), pl.col(D + "edited_at")
            yield Rule("edited on both sides, FiftyOne last", both & (mine > theirs), to_database, Reason.ON_CONFLICT)
            yield Rule("edited on both sides, database last", both & (mine < theirs), to_fiftyone, Reason.ON_CONFLICT)
        yield Rule("edited on both sides", both, undecided)
    yield Rule("edited in FiftyOne", about.by_fiftyone, to_database, Reason.REVIEWED)
    yield Rule("edited in the database", about.by_database, to_fiftyone, Reason.CHANGED_AT_HOME)


def _one_way(field: Field) -> ConflictKind:
    """The conflict about a value that was changed on the side from which it may not travel."""
    return ConflictKind.BOX_CHANGED if field.name == BOX else ConflictKind.WRONG_DIRECTION


def _if_allowed(field: Field, way: Direction, otherwise: ConflictKind) -> Verdict | ConflictKind:
    return Verdict(way.value) if field.direction.allows(way) else otherwise
