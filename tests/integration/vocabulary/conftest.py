"""A world for each test of this folder, that FiftyOne's SDK can open."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from worlds import Template, World


@pytest.fixture
def world(worlds: Template, fiftyone: ModuleType) -> Iterator[World]:
    """A lab and a dataset in agreement."""
    with worlds.copy() as copy:
        yield copy
