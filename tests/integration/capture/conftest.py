"""A table of odd names in a schema of its own, whose changes are captured; and worlds to reconcile."""

from __future__ import annotations

import pytest

from integration.capture.lab import CaptureLab
from syncd.adapters.connect import open_database
from syncd.store.migrate import migrate


@pytest.fixture
def lab(database_url: str) -> CaptureLab:
    """A table and syncd's own tables; nothing is captured yet."""
    with open_database(database_url) as connection:
        migrate(connection, "syncd")
    connection.engine.dispose()
    return CaptureLab(database_url)
