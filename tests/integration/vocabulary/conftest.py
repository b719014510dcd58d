"""A world for each test of this folder, that FiftyOne's SDK can open."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from worlds import Template, World, template


@pytest.fixture(scope="session")
def worlds(postgres_url: str, mongo_uri: str) -> Iterator[Template]:
    """What worlds are copied from."""
    made = template(postgres_url, mongo_uri)
    yield made
    made.drop()


@pytest.fixture
def world(worlds: Template, fiftyone: ModuleType) -> Iterator[World]:
    """A lab and a dataset in agreement."""
    with worlds.copy() as copy:
        yield copy
