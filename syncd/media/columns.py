"""The columns of what was fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

FETCHED = {
    "location": pl.String,
    "path": pl.String,
    "uri": pl.String,
    "etag": pl.String,
    "size_bytes": pl.Int64,
    "mime_type": pl.String,
    "width": pl.Int64,
    "height": pl.Int64,
    "num_channels": pl.Int64,
    "fault": pl.String,
    "note": pl.String,
}
"""By location. ``path`` is what FiftyOne's filepath gets, null where there is a fault; ``uri`` the S3 URI, if any."""

Row = Mapping[str, object]


def fetched(rows: Iterable[Row]) -> pl.DataFrame:
    """The rows as a frame; what a row leaves out is null."""
    found = list(rows)
    return pl.DataFrame({name: [row.get(name) for row in found] for name in FETCHED}, schema=FETCHED)
