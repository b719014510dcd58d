"""An ingest that was stopped anywhere goes on where it was, and ends as one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest_lab import IngestLab
from syncd.errors import Busy
from syncd.ingest import batch, run

IMAGES, EACH = 40, 2


def content(lab: IngestLab) -> list[tuple[Any, ...]]:
    """What the dataset holds, without the times at which it was written."""
    return [
        (
            document["media_uri"],
            document["filepath"],
            document["metadata"],
            sorted((label["annotation_id"], label["label"]) for label in document["ground_truth"]["detections"]),
        )
        for document in lab.documents()
    ]


def check_whole(lab: IngestLab) -> None:
    """Every image once, every label once, and both sides agreed on all of it."""
    found = content(lab)
    assert [each[0] for each in found] == [f"image {number:04}.png" for number in range(IMAGES)]
    assert [len(each[3]) for each in found] == [EACH] * IMAGES
    assert lab.sql("SELECT count(*) AS n FROM syncd.baseline") == [{"n": IMAGES * EACH}]
    result = lab.reconcile(full=True)
    assert result.plan is not None
    assert (result.plan.is_empty, result.plan.conflicts, result.plan.counts.first_met) == (True, (), 0)


class _KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", ["insert_samples", "stand_as_given", "baseline"])
@pytest.mark.parametrize("after", [True, False])
def test_an_ingest_that_failed_at_any_step_of_a_batch_is_completed_by_the_next(
    lab: IngestLab, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    lab.fill(IMAGES, EACH)
    calls = {"n": 0}
    module: Any = batch.baseline if step == "baseline" else batch
    name = "save" if step == "baseline" else step
    real = getattr(module, name)

    def failing(*args: Any, **kwargs: Any) -> Any:
        calls["n"] += 1
        if calls["n"] != 2:
            return real(*args, **kwargs)
        if after:
            real(*args, **kwargs)
        raise _KilledError

    with monkeypatch.context() as patch:
        patch.setattr(module, name, failing)
        with pytest.raises(_KilledError):
            lab.ingest(batch=10)
    assert lab.sql("SELECT status FROM syncd.run") == [{"status": "failed"}]
    lab.ingest(batch=10)
    check_whole(lab)


def test_ctrl_c_stops_in_order_and_the_next_call_goes_on(lab: IngestLab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.fill(IMAGES, EACH)
    real = run.write_batch

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        written = real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGINT)
        return written

    with monkeypatch.context() as patch:
        patch.setattr(run, "write_batch", interrupted)
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                lab.ingest(batch=10)
        finally:
            signal.signal(signal.SIGINT, previous)
    assert 0 < len(content(lab)) < IMAGES
    lab.ingest(batch=10)
    check_whole(lab)


@pytest.mark.slow
def test_a_process_that_was_killed_in_the_middle_is_as_if_it_had_not_been(lab: IngestLab, tmp_path: Path) -> None:
    lab.fill(IMAGES, EACH)
    config = tmp_path / "syncd.yaml"
    config.write_text(yaml.safe_dump(lab.document()))
    program = (
        "import sys, pathlib, time\n"
        "from syncd.config import load_config\n"
        "from syncd.ingest import run\n"
        "real = run.write_batch\n"
        "def slow(*args, **kwargs):\n"
        "    time.sleep(0.05)\n"
        "    return real(*args, **kwargs)\n"
        "run.write_batch = slow\n"
        "run.ingest(load_config(pathlib.Path(sys.argv[1])), 'lab', run.IngestOptions(batch=1))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(config)])
    deadline = time.monotonic() + 60
    while not lab.sql("SELECT 1 FROM syncd.baseline LIMIT 1"):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert 0 < len(content(lab)) < IMAGES
    deadline = time.monotonic() + 10
    while True:
        try:
            lab.ingest(batch=10)
            break
        except Busy:
            # The server has yet to notice that the process is gone.
            assert time.monotonic() < deadline
            time.sleep(0.1)
    check_whole(lab)


def test_a_label_that_was_edited_the_moment_it_was_there_is_no_agreement(
    lab: IngestLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.fill(3, EACH)
    real = batch.insert_samples

    def edited(adapter: Any, documents: Any) -> int:
        added = real(adapter, documents)
        path = "ground_truth.detections.0.label"
        adapter.samples.update_one({"media_uri": "image 0001.png"}, {"$set": {path: "Krill"}})
        return int(added)

    monkeypatch.setattr(batch, "insert_samples", edited)
    result = lab.ingest()
    assert (result.recorded, result.left) == (6, {"no_baseline": 1})
    found = lab.reconcile(full=True)
    assert (found.open_conflicts, found.to_database, found.to_fiftyone) == (1, 0, 0)
    assert lab.sql("SELECT kind, annotation_id FROM syncd.conflict") == [
        {"kind": "no_baseline", "annotation_id": "a-0001-0"}
    ]
