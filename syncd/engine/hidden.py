"""Finds hidden rows: the table has them, the relation that is read does not show them, and they are not deleted."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from syncd.engine.session import Session
from syncd.model.conflict_kinds import ConflictKind
from syncd.store import conflicts
from syncd.store.capture_read import deleted_among


def look_behind(session: Session, rows: pl.DataFrame, ids: Collection[str]) -> tuple[pl.DataFrame, frozenset[str]]:
    """Asks of annotations (``ids``) that are not among the ``rows`` that were read: ``rows`` anew, and who is hidden.

    Hidden are those that the written table has; and where row-level security keeps rows from syncd's role, all of which
    nothing tells that they were deleted. A row that is shown by now is added to the ``rows``.
    """
    if not ids:
        return rows, frozenset()
    written = session.database.written_ids(ids)
    doubtful = frozenset() if written.certain else frozenset(ids) - _deleted(session, ids)
    kept = written.ids | doubtful
    if not kept:
        return rows, frozenset()
    # In this order, a row that came (back) between two reads is shown, and neither hidden nor deleted.
    shown = session.database.read_committed(kept).rows
    return pl.concat([rows, shown.select(rows.columns)]), kept - set(shown["annotation_id"])


def _deleted(session: Session, ids: Collection[str]) -> frozenset[str]:
    """Of these ids those whose rows were deleted, as triggers recorded or a person has been told already."""
    told = conflicts.open_of_kind(
        session.state, session.tables, session.mapping.binding, ConflictKind.DELETED_IN_DATABASE
    )
    if session.capture is None:
        return told & frozenset(ids)
    return (told & frozenset(ids)) | deleted_among(session.state, session.tables, session.capture, ids)
