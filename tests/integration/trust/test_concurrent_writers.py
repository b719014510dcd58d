"""Everybody edits at once while syncd reconciles: nothing acknowledged is lost, and nothing lands on another object."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType

import pytest

import trust
from accounts import mark, object_ids, unaccounted
from app_server import AppServer
from children import reconciling
from daemons import running, until, write_config
from integration.apply.story import patiently
from people import Crowd, at_work
from syncd.adapters.connect import open_database
from syncd.store.changes import verify
from syncd.store.tables import tables_for
from trust import many, tried
from worlds import BINDING, NO_BRAKES, World

OPEN = {"brakes": NO_BRAKES, "policy": {"on_fiftyone_delete": "delete"}}
ROUNDS = many(1, 30)
SECONDS = 3
"""Of a round, after which nobody edits until everything acknowledged is accounted for."""
TURNS = 5
"""That everybody has in a round at least, however slow the machine is."""


@pytest.fixture
def crowd(world: World, app: AppServer, fiftyone: ModuleType) -> Crowd:
    return Crowd(world, app, fiftyone)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("world", [OPEN], indirect=True)
def test_nothing_acknowledged_is_lost_while_syncd_reconciles_in_a_tight_loop(crowd: Crowd, world: World) -> None:
    runs: list[int] = []
    for _ in range(ROUNDS):
        with reconciling(world.document(), BINDING, runs):
            work_for(crowd, SECONDS)
        check(crowd)
        crowd.agree()
    check_the_whole(crowd)
    assert len(runs) == ROUNDS


@pytest.mark.timeout(900)
@pytest.mark.skipif(not trust.FULL, reason="make trust")
@pytest.mark.parametrize("world", [OPEN], indirect=True)
def test_nothing_acknowledged_is_lost_while_the_daemon_runs(crowd: Crowd, world: World, tmp_path: Path) -> None:
    config = write_config(tmp_path / "syncd.yaml", world.document(), poll_interval="1s", full_scan_interval="10s")
    for number in range(ROUNDS):
        with running(config, tmp_path / f"daemon{number}.log") as daemon:
            daemon.until_said("FiftyOne tells of changes by a change stream")
            work_for(crowd, SECONDS)
        check(crowd)
        crowd.agree()
    check_the_whole(crowd)


def work_for(crowd: Crowd, seconds: float) -> None:
    """Everybody edits for so long, and has a few turns."""
    failures: list[BaseException] = []
    begin = time.monotonic()
    with at_work(crowd.people, failures) as turns:
        until(
            lambda: failures or (time.monotonic() > begin + seconds and min(turns.values()) >= TURNS),
            lambda: str(turns),
        )
    assert not failures, failures


def check(crowd: Crowd) -> None:
    """What must hold once syncd has caught up."""
    world, book = crowd.world, crowd.book
    patiently(lambda: world.until_quiet(most=8))
    last = patiently(lambda: world.reconcile(full=True))
    assert (last.recorded, last.held) == ((), None)
    lost = [*unaccounted(world, book), *misplaced(crowd), *unborn(crowd)]
    tried("lost", len(lost))
    assert lost == []
    assert set(world.disagreements()) <= {each["annotation_id"] for each in world.conflicts()}
    assert {each["kind"] for each in world.conflicts()} <= {"edit_edit", "stale_revert"}


def check_the_whole(crowd: Crowd) -> None:
    """The people did what they are here for, and the log is whole."""
    world, book = crowd.world, crowd.book
    once = [book.drawn, book.added, book.removed, book.deleted, book.tags, book.approved]
    assert all(once)
    assert crowd.done > 100
    if trust.FULL:
        assert book.sent_again, "no window was ever open while syncd wrote"
        assert book.refused, "no edit of the App was ever refused"
    tried("edits", crowd.done + sum(map(len, once)))
    with open_database(world.url) as connection:
        assert verify(connection, tables_for(connection, "syncd"), BINDING).is_sound
    connection.engine.dispose()


def misplaced(crowd: Crowd) -> list[str]:
    """Labels, rows, entries and conflicts that speak of another object than their annotation."""
    world = crowd.world
    marks = {mark(each) for each in crowd.places}
    wrong = []

    def look(where: str, annotation_id: str, value: object) -> None:
        first = str(value).partition(" ")[0]
        if first in marks and first != mark(annotation_id):
            wrong.append(f"{where}: {annotation_id} has {value}")

    for side, found in (("label", world.labels()), ("row", world.rows())):
        for name, values in found.items():
            look(side, name, values["label"])
            expected = crowd.boxes.get(name)
            if expected is not None and values["box"] != pytest.approx(expected):
                wrong.append(f"{side}: {name} has another's box {values['box']}")
    for entry in world.log():
        if entry["field"] == "label":
            look("log", entry["annotation_id"], entry["old"])
            look("log", entry["annotation_id"], entry["new"])
    for each in world.conflicts():
        if each["field"] == "label":
            for part in ("base", "fiftyone", "database"):
                look("conflict", each["annotation_id"], each[part])
    for name, labels in object_ids(world).items():
        known = crowd.places.get(name)
        if len(labels) != 1 or (known is not None and labels != [known[1]]):
            wrong.append(f"{name} stands on {labels}")
    return wrong


def unborn(crowd: Crowd) -> list[str]:
    """What was drawn, added, removed, deleted and tagged and has not come to the other side."""
    world, book = crowd.world, crowd.book
    labels, rows = world.labels(), world.rows()
    raw = {str(each["_id"]): each for each in world.raw_labels()}
    wrong = []
    for label_id, text in book.drawn.items():
        row = rows.get(raw[label_id]["annotation_id"]) if label_id in raw else None
        if row is None or row["label"] != text or row["box"] != pytest.approx(crowd.boxes[label_id]):
            wrong.append(f"drawn {text} {label_id}: {row}")
    wrong += [f"added {each}" for each, text in book.added.items() if labels.get(each, {}).get("label") != text]
    wrong += [f"gone {each}" for each in book.removed | book.deleted if each in rows or each in labels]
    tags = {each["annotation_id"]: each.get("tags") for each in raw.values()}
    wrong += [f"tagged {each}: {tags[each]}" for each, tag in book.tags.items() if tags[each] != [tag]]
    for each in book.approved:
        if (labels[each]["verified"], rows[each]["verified"]) != (True, True):
            wrong.append(f"approved {each}")
    return wrong
