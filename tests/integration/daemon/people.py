"""What tests of the daemon do and look at."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from daemons import Daemon, until
from worlds import BINDING, World

STREAM = "FiftyOne tells of changes by a change stream"


def some_id(world: World, number: int = 0) -> str:
    return sorted(world.rows())[number]


def other_label(world: World, annotation_id: str) -> str:
    """A class that the annotation has not got."""
    rows = world.rows()
    labels = sorted({each["label"] for each in rows.values()})
    return next(each for each in labels if each != rows[annotation_id]["label"])


def ready(daemon: Daemon) -> None:
    """It reconciles, and hears of edits."""
    daemon.until_said(STREAM)


def met(url: str, daemon: Daemon) -> None:
    """Both sides have been seen once: what is edited before that has nothing that it could be compared with."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    def remembered() -> int:
        with engine.connect() as connection:
            return int(connection.execute(sa.text("SELECT count(*) FROM syncd.cursor")).scalar_one())

    until(lambda: remembered() == 2, daemon.text)


def edit_and_see(world: World, daemon: Daemon, number: int = 0) -> None:
    """An edit in FiftyOne comes home."""
    chosen = some_id(world, number)
    label = other_label(world, chosen)
    world.review(chosen, label=label)
    until(lambda: world.rows()[chosen]["label"] == label, daemon.text)


def states(world: World) -> list[str]:
    """What the daemons at work say of the binding."""
    return sorted(each[BINDING]["state"] for each in said(world))


def said(world: World) -> list[dict[str, Any]]:
    found = world.sql("SELECT bindings FROM syncd.daemon ORDER BY started_at")
    return [row["bindings"] if isinstance(row["bindings"], dict) else json.loads(row["bindings"]) for row in found]


def until_state(world: World, daemon: Daemon, *wanted: str, patience: float = 60.0) -> None:
    until(
        lambda: states(world) == sorted(wanted),
        lambda: f"{states(world)} instead of {wanted}\n{daemon.text()}",
        patience,
    )


def end_connections(world: World) -> int:
    """What an administrator or a failover does to the writing connections of every daemon."""
    return len(
        world.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name "
            "AND application_name = 'syncd' AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')",
            name=sa.make_url(world.url).database,
        )
    )
