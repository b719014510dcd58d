"""Worlds on real servers, for whatever test asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from syncd.engine import read
from worlds import Template, World, template


@pytest.fixture(autouse=True)
def documents_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept what documents hold however few there are, so that the second complete reading recognises them."""
    monkeypatch.setattr(read, "WORTH_KEEPING", 0)


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
