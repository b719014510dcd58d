"""A world for each test of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from daemons import Daemon, running, write_config
from worlds import World


@pytest.fixture
def start(world: World, tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Starts daemons for this world's binding; its keywords are keys of ``daemon``, ``document`` the configuration."""
    with ExitStack() as stack:
        numbers = count()

        def begin(document: dict[str, Any] | None = None, *, hang_s: float | None = None, **daemon: Any) -> Daemon:
            number = next(numbers)
            config = write_config(tmp_path / f"syncd{number}.yaml", document or world.document(), **daemon)
            return stack.enter_context(running(config, tmp_path / f"daemon{number}.log", hang_s=hang_s))

        yield begin
