"""A long time in short: memory and connections stay flat."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil
import pytest

from daemons import Daemon, until
from integration.daemon.people import edit_and_see, ready, until_state
from trust import many
from worlds import World

Start = Callable[..., Daemon]

POLLS = many(60, 4000)
MOST_GROWTH = 1.15


def postgres_connections(world: World) -> int:
    (found,) = world.sql(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name LIKE 'syncd%'"
    )
    return int(found["n"])


def mongo_connections(daemon: Daemon) -> int:
    return len([each for each in psutil.Process(daemon.pid).net_connections() if each.status == "ESTABLISHED"])


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_and_connections_are_flat_over_many_polls(world: World, start: Start) -> None:
    daemon = start(poll_interval="100ms", full_scan_interval="2s")
    ready(daemon)
    process = psutil.Process(daemon.pid)
    positions: set[object] = set()

    def polled(times: int) -> None:
        positions.clear()

        def enough() -> bool:
            positions.add(world.cursors()["fiftyone"]["position"])
            return len(positions) >= times

        until(enough, daemon.text, 3000)

    polled(max(40, POLLS // 20))
    edit_and_see(world, daemon)
    before = (process.memory_info().rss, postgres_connections(world), mongo_connections(daemon), process.num_threads())
    polled(POLLS)
    edit_and_see(world, daemon, 1)
    time.sleep(1)
    after = (process.memory_info().rss, postgres_connections(world), mongo_connections(daemon), process.num_threads())
    assert after[0] < before[0] * MOST_GROWTH, f"{before} {after}"
    assert after[1] <= before[1] + 1
    assert after[2] <= before[2] + 1
    assert after[3] <= before[3] + 2
    until_state(world, daemon, "in_agreement")
