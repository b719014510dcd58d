"""syncd's own tables elsewhere: in SQLite with the lab's, or in another PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from daemons import Daemon, until
from integration.apply.portable import portable
from integration.daemon.people import edit_and_see, met, other_label, ready, said, some_id
from proxies import to_postgres
from syncd.adapters.connect import open_database
from syncd.store.migrate import migrate
from worlds import BINDING, World

Start = Callable[..., Daemon]


def test_sqlite(world: World, start: Start, tmp_path: Path) -> None:
    with portable(world, tmp_path) as small:
        document = small.document()
        first = start(document, poll_interval="1s")
        ready(first)
        edit_and_see(small, first)
        until(lambda: said(small)[0][BINDING]["state"] == "in_agreement", first.text)
        second = start(document, poll_interval="1s")
        second.until_said("standing by")
        first.kill()
        second.until_said("taking over: no other daemon attends to it any more")
        edit_and_see(small, second, 1)
        assert second.lines("degraded") == []


def test_own_tables_in_another_database_that_goes_away(world: World, start: Start, database_url: str) -> None:
    with open_database(database_url) as connection:
        migrate(connection, "syncd")
    connection.engine.dispose()
    document = world.document()
    with to_postgres(database_url) as (line, url):
        document["state"] = {"url": url}
        daemon = start(document, poll_interval="1s")
        ready(daemon)
        met(database_url, daemon)
        edit_and_see(world, daemon)
        line.cut()
        daemon.until_said("degraded", side="state")
        chosen = some_id(world, 1)
        label = other_label(world, chosen)
        world.review(chosen, label=label)
        line.mend()
        daemon.until_said("recovered")
        until(lambda: world.rows()[chosen]["label"] == label, daemon.text)
    assert world.disagreements() == {}
