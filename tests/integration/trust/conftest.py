"""A world for each test of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app_server import AppServer, app_server


@pytest.fixture(scope="session")
def app(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """FiftyOne's App server."""
    with app_server(mongo_uri, tmp_path_factory.mktemp("app")) as server:
        yield server
