"""SIGKILL at random moments while people edit both sides, then quiet: nothing is lost, nothing done twice."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest

from daemons import running, until, write_config
from trust import many, tried
from worlds import World

SEED = 20261123
KILLS = many(6, 50)
CLASSES = ("Copepoda", "Detritus", "Ciliate", "Ctenophore")


class People:
    """A reviewer and a curator, each with annotations of their own, until told to stop; knows what they left."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world = world
        self.rng = rng
        ids = sorted(world.rows())
        self.reviewed, self.corrected = ids[:40], ids[40:80]
        self.labels: dict[str, str] = {}
        self.stop = threading.Event()
        self.edits = 0
        self.failed: list[BaseException] = []
        self.thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        try:
            while not self.stop.is_set():
                label = self.rng.choice(CLASSES)
                if self.rng.random() < 0.5:
                    chosen = self.rng.choice(self.reviewed)
                    self.world.review(chosen, label=label)
                else:
                    chosen = self.rng.choice(self.corrected)
                    self.world.correct(chosen, label=label)
                self.labels[chosen] = label
                self.edits += 1
                time.sleep(self.rng.uniform(0, 0.1))
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.failed.append(error)


@pytest.mark.parametrize("world", [{"brakes": {"min_rows": 1_000_000}}], indirect=True)
@pytest.mark.timeout(900)
def test_killed_again_and_again_it_ends_in_agreement(world: World, tmp_path: Path) -> None:
    rng = random.Random(SEED)
    config = write_config(tmp_path / "syncd.yaml", world.document(), poll_interval="1s")
    log = tmp_path / "log"
    people = People(world, random.Random(SEED))
    people.thread.start()
    try:
        for _ in range(KILLS):
            with running(config, log) as daemon:
                begun = len(daemon.lines("syncd runs"))
                until(lambda: len(daemon.lines("syncd runs")) > begun or daemon.lines("reconciled"), daemon.text)  # noqa: B023
                time.sleep(rng.uniform(0.1, 2.5))
                daemon.kill()
    finally:
        people.stop.set()
        people.thread.join()
    assert not people.failed
    with running(config, log) as daemon:
        until(lambda: not world.disagreements() and not world.log("pending"), daemon.text)
        time.sleep(2)
    assert world.disagreements() == {}
    assert world.conflicts() == []
    rows = world.rows()
    tried("crashes", KILLS)
    tried("edits", people.edits)
    tried("lost", sum(rows[each]["label"] != label for each, label in people.labels.items()))
    assert {each: rows[each]["label"] for each in people.labels} == people.labels
    assert not world.log("pending")
    # Each change that was logged begins where the one before it ended: none is there twice, and none is missing.
    last: dict[tuple[str, str], object] = {}
    applied = [each for each in world.log("applied") if each["direction"] is not None]
    for each in applied:
        key = (each["annotation_id"], each["field"])
        assert key not in last or last[key] == each["old"], f"{each} after {last[key]}"
        last[key] = each["new"]
