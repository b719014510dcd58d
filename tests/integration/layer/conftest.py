"""The App behind a proxy, for all tests here: a server takes its time to start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemons import write_config
from served_app import ServedApp, served_app
from worlds import Template, World

PLUGINS = Path(__file__).parent / "plugins"
HEADER = "X-Forwarded-User"


@pytest.fixture(scope="package")
def shared_world(worlds: Template) -> Iterator[World]:
    """A lab in agreement."""
    with worlds.copy() as copy:
        yield copy


@pytest.fixture(scope="package")
def app(shared_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    """The App of the lab behind a proxy, which these tests are; ``guest`` is a viewer."""
    folder = tmp_path_factory.mktemp("app")
    document = shared_world.document() | {"app": {"viewers": ["guest"]}}
    config = write_config(folder / "syncd.yaml", document)
    with served_app(config, folder, "--trust-proxy", HEADER, plugins=PLUGINS) as served:
        yield served
