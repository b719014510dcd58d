"""A world for each test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration.apply.story import OVERRIDES, check_the_books, expected_differences, outcome, play
from worlds import Template, World, template


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
