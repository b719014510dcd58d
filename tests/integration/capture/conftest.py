"""A table of odd names in a schema of its own, whose changes are captured; and worlds to reconcile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration.capture.lab import CaptureLab
from syncd.connect import open_database
from syncd.store.migrate import migrate
from worlds import Template, World, template


@pytest.fixture
def lab(database_url: str) -> CaptureLab:
    """A table and syncd's own tables; nothing is captured yet."""
    with open_database(database_url) as connection:
        migrate(connection, "syncd")
    connection.engine.dispose()
    return CaptureLab(database_url)


@pytest.fixture(scope="session")
def worlds(postgres_url: str, mongo_uri: str) -> Iterator[Template]:
    """What worlds are copied from."""
    made = template(postgres_url, mongo_uri)
    yield made
    made.drop()


@pytest.fixture
def world(worlds: Template, request: pytest.FixtureRequest) -> Iterator[World]:
    """A lab and a dataset in agreement; a parameter is laid over the binding's configuration."""
    overrides: dict[str, Any] = getattr(request, "param", {})
    with worlds.copy(**overrides) as copy:
        yield copy
