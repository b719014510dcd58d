"""A lab with an inbox for each test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inbox_lab import InboxLab
from ingest_lab import ingest_lab


@pytest.fixture
def lab(database_url: str, mongo_uri: str, tmp_path: Path) -> Iterator[InboxLab]:
    """A lab whose media root, table and inbox are empty."""
    for name in ("media", "inbox"):
        (tmp_path / name).mkdir()
    with ingest_lab(database_url, mongo_uri, tmp_path / "media") as made:
        yield InboxLab(made, tmp_path / "inbox")
