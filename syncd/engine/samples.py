"""Keeps the fields of samples that a table fills (`sample_fields`): copies to filter by, and no annotations."""

from __future__ import annotations

from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.adapters.fiftyone.sample_values import write_sample_values
from syncd.engine.session import Session


def refresh_samples(session: Session) -> int:
    """Writes to the samples what the table says of their images now; returns how many samples changed."""
    changed = 0
    for each in session.samples:
        assert isinstance(session.fiftyone, FiftyOneAdapter), "samples are FiftyOne's"
        values = each.read()
        session.rest()
        changed += write_sample_values(session.fiftyone, values, each.kinds())
    return changed
