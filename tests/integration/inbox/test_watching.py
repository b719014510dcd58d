"""The watcher: it finds what arrives, leaves alone what is still arriving, and outlives what goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from inbox_lab import HASTY, InboxLab, picture
from syncd.config import Config
from syncd.errors import SyncdError
from syncd.ingest.inbox import watch
from syncd.ingest.inbox.arrival import Patience
from syncd.ingest.inbox.result import Became, InboxResult
from syncd.ingest.inbox.run import InboxOptions
from syncd.ingest.inbox.stages import Step, observed
from syncd.ingest.inbox.watch import InboxWatcher

PATIENCE_S = 60.0


class Watched:
    """A watcher in a thread, and what it told."""

    def __init__(self, config: Config, patience: Patience) -> None:
        self.results: list[InboxResult] = []
        self.errors: list[SyncdError] = []
        self.stop = threading.Event()
        options = InboxOptions(patience=patience)
        watcher = InboxWatcher(config, "lab", options, self.results.append, self.errors.append)
        self.thread = threading.Thread(target=watcher.run, args=(self.stop,), daemon=True)

    def outcomes(self) -> dict[str, Became]:
        """What became of each manifest."""
        return {
            each.manifest: each.became
            for result in tuple(self.results)
            for each in result.outcomes
            if each.became is not Became.WAITING
        }


@contextmanager
def watching(lab: InboxLab, patience: Patience = HASTY, **binding: Any) -> Iterator[Watched]:
    """A watcher that runs for the length of the block, and then stops at once."""
    watched = Watched(lab.config(**binding), patience)
    watched.thread.start()
    try:
        yield watched
    finally:
        watched.stop.set()
        watched.thread.join(30)
    assert not watched.thread.is_alive(), "the watcher does not stop"


def until(condition: Callable[[], bool]) -> None:
    """Waits for the condition."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


@pytest.mark.parametrize("events", [True, False])
def test_what_is_dropped_is_loaded_with_or_without_events(
    lab: InboxLab, monkeypatch: pytest.MonkeyPatch, events: bool
) -> None:
    if not events:

        def none(*_: object, **__: object) -> None:
            raise OSError(28, "inotify watch limit reached")

        monkeypatch.setattr(watch.Observer, "schedule", none)
    with watching(lab) as watched:
        lab.drop("image,label\na.png,Copepoda\n", a=1)
        until(lambda: watched.outcomes() == {"station7": Became.LOADED})
        lab.drop("image,label\nb.png,Diatom\n", name="bad.csv")
        lab.drop("image,label\nc.png,Diatom\n", name="next.csv", c=3)
        until(lambda: "next" in watched.outcomes())
    assert watched.errors == []
    assert sorted(lab.labels().values()) == ["Copepoda", "Diatom"]


def test_an_event_wakes_it_long_before_the_next_look(lab: InboxLab) -> None:
    slow = Patience(settle_s=0.1, poll_s=600.0)
    with watching(lab, slow) as watched:
        time.sleep(1.0)
        lab.drop("image,label\na.png,Copepoda\n", a=1)
        until(lambda: watched.outcomes() == {"station7": Became.LOADED})


def test_a_manifest_in_the_middle_of_its_writing_is_left_alone_until_it_is_whole(lab: InboxLab) -> None:
    slow = Patience(settle_s=1.0, longer_s=60.0, poll_s=0.1)
    picture(lab.inbox / "a.png", 1)
    manifest = lab.inbox / "station7.csv"
    with watching(lab, slow) as watched:
        text = "image,label\na.png,Copepoda\n"
        for end in range(4, len(text), 4):
            manifest.write_text(text[:end], encoding="utf-8")
            time.sleep(0.1)
        # What stands there now could be a whole manifest but for its last line's end.
        manifest.write_text(text.rstrip("\n"), encoding="utf-8")
        time.sleep(2.0)
        assert watched.outcomes() == {}
        assert lab.rows() == []
        manifest.write_text(text, encoding="utf-8")
        until(lambda: watched.outcomes() == {"station7": Became.LOADED})


def test_a_parquet_file_without_its_end_and_a_part_file_are_left_alone(lab: InboxLab) -> None:
    picture(lab.inbox / "a.png", 1)
    pl.DataFrame({"image": ["a.png"], "label": ["Copepoda"]}).write_parquet(lab.inbox / "whole.parquet.part")
    content = (lab.inbox / "whole.parquet.part").read_bytes()
    (lab.inbox / "cut.parquet").write_bytes(content[:-20])
    (lab.inbox / ".hidden.csv").write_text("image,label\na.png,Hidden\n", encoding="utf-8")
    with watching(lab) as watched:
        time.sleep(1.5)
        assert watched.outcomes() == {}
        (lab.inbox / "whole.parquet.part").rename(lab.inbox / "whole.parquet")
        until(lambda: watched.outcomes() == {"whole": Became.LOADED})
        assert (lab.inbox / "cut.parquet").exists()


def test_images_that_come_after_their_manifest_are_waited_for(lab: InboxLab) -> None:
    lab.drop("image,label\na.png,Copepoda\nb.png,Diatom\n", a=1)
    with watching(lab) as watched:
        time.sleep(1.0)
        assert watched.outcomes() == {}
        picture(lab.inbox / "b.png", 2)
        until(lambda: watched.outcomes() == {"station7": Became.LOADED})
    assert len(lab.rows()) == 2


def test_images_that_never_come_are_a_fault_after_the_time_of_grace(lab: InboxLab) -> None:
    lab.drop("image,label\na.png,Copepoda\nb.png,Diatom\n", a=1)
    with watching(lab, Patience(settle_s=0.05, grace_s=1.5, poll_s=0.1)) as watched:
        until(lambda: watched.outcomes() == {"station7": Became.REJECTED})
    [fault] = watched.results[-1].outcomes[0].faults.iter_rows(named=True)
    assert (fault["row"], fault["value"], fault["fault"]) == (2, "b.png", "there is no such file")
    assert lab.rows() == []


def test_a_folder_that_vanishes_and_comes_back_is_watched_again(lab: InboxLab, tmp_path: Path) -> None:
    with watching(lab) as watched:
        time.sleep(0.3)
        lab.inbox.rename(tmp_path / "unmounted")
        until(lambda: len(watched.errors) == 1)
        assert "cannot be read" in watched.errors[0].message
        (tmp_path / "unmounted").rename(lab.inbox)
        lab.drop("image,label\na.png,Copepoda\n", a=1)
        until(lambda: watched.outcomes() == {"station7": Became.LOADED})
        assert len(watched.errors) == 1


def test_a_database_that_is_away_is_tried_again(lab: InboxLab) -> None:
    lab.lab.sql("ALTER TABLE annotation RENAME TO away")
    lab.drop("image,label\na.png,Copepoda\n", a=1)
    with watching(lab) as watched:
        until(lambda: len(watched.errors) == 1)
        lab.lab.sql("ALTER TABLE away RENAME TO annotation")
        until(lambda: watched.outcomes() == {"station7": Became.LOADED})


def test_a_stop_in_the_middle_of_a_look_is_gone_on_with_by_the_next(lab: InboxLab) -> None:
    lab.drop("image,label\na.png,Copepoda\nb.png,Diatom\n", a=1, b=2)
    with watching(lab) as watched, observed(lambda step: watched.stop.set() if step is Step.CLAIMED else None):
        until(watched.stop.is_set)
        watched.thread.join(PATIENCE_S)
    assert watched.outcomes() == {}
    assert len(lab.rows()) == 2
    assert not (lab.inbox / "done").exists()
    lab.empty()
    assert sorted(lab.labels().values()) == ["Copepoda", "Diatom"]
    assert all(each.startswith("done/") for each in lab.files())
