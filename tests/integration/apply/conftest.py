"""A world for each test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration.apply.story import OVERRIDES, check_the_books, expected_differences, outcome, play
from worlds import Template, World


@pytest.fixture
def played(worlds: Template) -> Iterator[World]:
    """A world in which people have edited a bit of everything."""
    with worlds.copy(**OVERRIDES) as copy:
        play(copy)
        yield copy


@pytest.fixture(scope="session")
def undisturbed(worlds: Template) -> dict[str, Any]:
    """What those edits come to when nobody disturbs syncd."""
    with worlds.copy(**OVERRIDES) as copy:
        play(copy)
        results = copy.until_quiet()
        assert [len(each.settled) for each in results] == [0] * len(results)
        check_the_books(copy)
        assert set(copy.disagreements()) == expected_differences(copy)
        return outcome(copy)
