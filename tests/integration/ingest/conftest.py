"""A lab for each test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest_lab import IngestLab, ingest_lab


@pytest.fixture
def lab(database_url: str, mongo_uri: str, tmp_path: Path) -> Iterator[IngestLab]:
    """A lab without images or rows."""
    folder = tmp_path / "images"
    folder.mkdir()
    with ingest_lab(database_url, mongo_uri, folder) as made:
        yield made
