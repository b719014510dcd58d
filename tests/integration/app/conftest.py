"""One App server for each file: what is selected in it, and the panels that are open, are the server's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app_plugin import Plugin, plugin_server
from worlds import World


@pytest.fixture(scope="module")
def server(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugin]:
    """An App server with the plugin."""
    with plugin_server(mongo_uri, tmp_path_factory.mktemp("app")) as plugin:
        yield plugin


@pytest.fixture
def plugin(server: Plugin, world: World) -> Plugin:
    """The plugin, for the test's own world."""
    return server.serve(world)
