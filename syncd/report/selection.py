"""Which changes a report covers, and reading them as columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from syncd.model import LABEL
from syncd.store.tables import Tables


@dataclass(frozen=True)
class Selection:
    """Everything that is given must hold; ``since`` counts, ``until`` is the first moment that does not.

    Times are those of the write (``applied_at``): a change that is still pending has none, and is in no span.
    ``label`` is a label that was given or taken away, alone or with its whole annotation.
    """

    bindings: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    run_id: str | None = None
    actor: str | None = None
    label: str | None = None
    field: str | None = None
    direction: str | None = None

    @property
    def narrows_people(self) -> bool:
        """Whether only some people's changes, or those of one run, are selected."""
        return self.actor is not None or self.run_id is not None

    def clause(self, tables: Tables, dialect: str) -> ColumnElement[bool]:
        """The condition on ``syncd.change``, in the words of the database ``dialect`` (postgresql, sqlite)."""
        table = tables.change
        exact = {"run_id": self.run_id, "actor": self.actor, "field": self.field, "direction": self.direction}
        parts = [table.c[name] == value for name, value in exact.items() if value is not None]
        if self.bindings:
            parts.append(table.c.binding.in_(self.bindings))
        if self.since is not None:
            parts.append(table.c.applied_at >= self.since)
        if self.until is not None:
            parts.append(table.c.applied_at < self.until)
        if self.label is not None:
            ends = (label_in(tables, side, dialect) for side in ("old", "new"))
            parts.append(sa.or_(*(each == self.label for each in ends)))
        return sa.and_(sa.true(), *parts)


def label_in(tables: Tables, side: str, dialect: str) -> ColumnElement[str | None]:
    """The label that a change's ``old`` or ``new`` holds, as text; null for a change of another field."""
    table = tables.change
    value = table.c[side]
    alone: ColumnElement[str | None]
    inside: ColumnElement[str | None]
    if dialect == "postgresql":
        alone, inside = value.op("#>>")(sa.literal_column("'{}'")), value.op("->>")(sa.literal_column(f"'{LABEL}'"))
    else:
        alone, inside = sa.func.json_extract(value, "$"), sa.func.json_extract(value, f"$.{LABEL}")
    return sa.case((table.c.field == LABEL, alone), (table.c.field.is_(None), inside), else_=sa.null())
