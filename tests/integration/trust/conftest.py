"""A world for each test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app_server import AppServer, app_server
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


@pytest.fixture(scope="session")
def app(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """FiftyOne's App server."""
    with app_server(mongo_uri, tmp_path_factory.mktemp("app")) as server:
        yield server
