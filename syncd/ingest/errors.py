"""What stops an ingest as a whole; a bad row stops nothing but itself."""

from __future__ import annotations

from syncd.errors import SyncdError


class IngestError(SyncdError):
    """The binding, its dataset or its media do not allow an ingest."""
