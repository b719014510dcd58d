"""What the web hook is told of a binding's fate, and how often."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from daemons import Daemon, until
from integration.daemon.people import edit_and_see, ready, some_id
from proxies import to_mongo
from worlds import World

Start = Callable[..., Daemon]


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A receiver, and what it got."""
    got: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", got
    server.shutdown()
    thread.join()
    server.server_close()


def events(got: list[dict[str, Any]]) -> list[str]:
    return [each["event"] for each in got]


def test_applied_failed_and_recovered_are_told_once_each(
    world: World, start: Start, hook: tuple[str, list[dict[str, Any]]]
) -> None:
    where, got = hook
    document = world.document() | {"notify": {"webhook": where}}
    with to_mongo(world.mongo_uri) as (line, uri):
        document["fiftyone"]["database_uri"] = uri
        daemon = start(document, poll_interval="1s")
        ready(daemon)
        edit_and_see(world, daemon)
        until(lambda: events(got) == ["applied"], daemon.text)
        assert got[0]["counts"]["applied"] == {"to_database": 1, "to_fiftyone": 0}
        line.cut()
        until(lambda: events(got) == ["applied", "failed"], daemon.text)
        assert (got[1]["state"], got[1]["side"]) == ("degraded", "fiftyone")
        line.mend()
        until(lambda: events(got) == ["applied", "failed", "recovered"], daemon.text)


def test_recovered_is_told_where_somebody_mends_the_fault_and_has_the_configuration_read_again(
    world: World, start: Start, hook: tuple[str, list[dict[str, Any]]]
) -> None:
    where, got = hook
    daemon = start(world.document() | {"notify": {"webhook": where}}, poll_interval="1s")
    ready(daemon)
    world.sql("ALTER TABLE annotation RENAME COLUMN depth_m TO depth")
    until(lambda: events(got) == ["failed"], daemon.text)
    daemon.send(signal.SIGHUP)
    until(lambda: len(daemon.lines("stopped")) == 2, daemon.text)
    world.sql("ALTER TABLE annotation RENAME COLUMN depth TO depth_m")
    daemon.send(signal.SIGHUP)
    until(lambda: events(got) == ["failed", "recovered"], daemon.text)


@pytest.mark.parametrize("world", [{"brakes": {"max_change_fraction": 0.05, "min_rows": 1}}], indirect=True)
def test_held_is_told_once_though_edits_go_on(
    world: World, start: Start, hook: tuple[str, list[dict[str, Any]]]
) -> None:
    where, got = hook
    world.sql("UPDATE annotation SET label = 'Ciliate', updated_by = 'curator'")
    daemon = start(world.document() | {"notify": {"webhook": where}}, poll_interval="1s")
    ready(daemon)
    until(lambda: events(got) == ["held"], daemon.text)
    rows = len(world.runs())
    for number in range(5):
        world.review(some_id(world, number), label="Copepoda")
        edited = threading.Event()
        edited.wait(0.7)
    assert events(got) == ["held"]
    assert len(world.runs()) - rows <= 1


def test_a_report_is_written_by_schedule_and_told_with_its_place(
    world: World, start: Start, hook: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    where, got = hook
    document = world.document() | {"notify": {"webhook": where, "events": ["report"]}}
    document["report"] = {"every": "1h", "to": str(tmp_path / "reports"), "format": "json"}
    world.sql("UPDATE syncd.run SET started_at = started_at - interval '1 day'")
    daemon = start(document, poll_interval="1s")
    until(lambda: got, daemon.text)
    told = got[0]
    written = json.loads(Path(told["report"]["to"]).read_text())
    assert (told["event"], told["binding"]) == ("report", None)
    assert written["selection"]["until"].startswith(told["report"]["until"].removesuffix("Z"))
    assert daemon.until_said("a report was written")["to"] == told["report"]["to"]
