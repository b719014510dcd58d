"""The benchmark program at a tiny size: it runs, and what it measures is what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.servers import MONGO_VARIABLE, POSTGRES_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
LABELS = 403  # the last sample has fewer labels than the others
CHOSEN = ("bare-together", "poll", "full", "bare-write-fiftyone", "edits-100", "verify", "naive", "careful-to-database")


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["detections", "classification"])
def test_a_tiny_run_prints_a_table_and_writes_every_figure(
    shape: str, postgres_url: str, mongo_uri: str, tmp_path: Path
) -> None:
    result = tmp_path / "figures.json"
    only = [part for name in CHOSEN for part in ("--only", name)]
    sizes = ["--labels", str(LABELS), "--labels", str(2 * LABELS)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *sizes, "--shape", shape, "--repeat", "1", "--json", result, *only],
        cwd=ROOT,
        env=os.environ | {POSTGRES_VARIABLE: postgres_url, MONGO_VARIABLE: mongo_uri},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "full reconcile, nothing changed" in done.stdout
    assert "of the speed of the bare reads" in done.stdout
    document: dict[str, Any] = json.loads(result.read_text())
    found = {each["labels"]: {work["work"]: work for work in each["works"]} for each in document["sizes"]}
    assert set(found) == {LABELS, 2 * LABELS}
    assert set(found[LABELS]) == {"first", *CHOSEN}
    assert set(found[2 * LABELS]) == {"first", *CHOSEN} - {"naive", "careful-to-database"}
    assert found[LABELS]["full"]["units"] == LABELS
    assert found[LABELS]["edits-100"]["units"] == 2 * (LABELS // 20)
    assert all(work["seconds"] > 0 and work["peak_mb"] > 0 for works in found.values() for work in works.values())
    assert document["machine"]["MongoDB"].endswith("(given by the environment)")


def test_an_unknown_work_is_refused_before_anything_is_started() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "nonsense"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "nonsense" in done.stderr
