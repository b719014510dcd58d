"""Whether more is stamped since the last run than an incremental read should hold in memory.

That is so for some minutes after everything was loaded, or touched by a script. A complete read then takes less
memory: it partitions both sides and keeps only what is unsettled.
"""

from __future__ import annotations

from datetime import datetime

from syncd.capture.read import Captured
from syncd.reconcile.parts import IN_MEMORY
from syncd.session import Session

A_SAMPLE = 5
"""Labels on a sample, where nobody has counted the rows."""


def too_much(
    session: Session, labels_since: datetime, rows_since: datetime | Captured, samples: int | None, rows: int | None
) -> str | None:
    """Why everything is to be read instead; ``None`` where an incremental reading will do.

    ``samples`` and ``rows`` are the sizes of the sides, as far as known. Nothing is asked where they are small.
    """
    labels_each = max(1, (A_SAMPLE if rows is None else rows / max(1, samples or 0)))
    if max(rows or 0, (samples or 0) * labels_each) <= IN_MEMORY:
        return None
    most_samples = int(IN_MEMORY / labels_each)
    if session.fiftyone.count_since(labels_since, most_samples + 1) > most_samples:
        return f"samples of more than {IN_MEMORY:,} labels are stamped since the last run"
    changed = (
        len(rows_since.changed_ids)
        if isinstance(rows_since, Captured)
        else session.database.count_since(rows_since, IN_MEMORY + 1)
    )
    return f"more than {IN_MEMORY:,} rows changed since the last run" if changed > IN_MEMORY else None
