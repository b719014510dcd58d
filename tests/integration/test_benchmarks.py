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
from trust import many

ROOT = Path(__file__).resolve().parents[2]
LABELS = 403  # the last sample has fewer labels than the others


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


# Each work checks that it did what it is measured for; the scripts load both sides by other means than syncd's.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "works"),
    [
        ("detections", ("full", "edits-100")),
        ("classification", ("nearest-to-database",)),
    ][: many(1, 2)],
)
def test_a_tiny_run_prints_a_table_and_writes_every_figure(
    shape: str, works: tuple[str, ...], postgres_url: str, mongo_uri: str, tmp_path: Path
) -> None:
    file = tmp_path / "figures.json"
    only = [part for name in works for part in ("--only", name)]
    given = {POSTGRES_VARIABLE: postgres_url, MONGO_VARIABLE: mongo_uri}
    options = ["--labels", str(LABELS), "--shape", shape, "--repeat", "1", "--json", str(file)]
    options += ["--traffic" if shape == "detections" else "--no-traffic"]
    done = _run(*options, *only, **given)
    assert done.returncode == 0, done.stderr
    assert "first reconcile: everything becomes baseline" in done.stdout
    document: dict[str, Any] = json.loads(file.read_text())
    (size,) = document["sizes"]
    found = {work["work"]: work for work in size["works"]}
    assert size["labels"] == LABELS
    assert set(found) == {"first", *works}
    assert all(work["seconds"] > 0 and work["peak_mb"] > 0 for work in found.values())
    assert document["machine"]["MongoDB"].endswith("(given by the environment)")


def test_an_unknown_work_is_refused_before_anything_is_started() -> None:
    done = _run("--only", "nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr
