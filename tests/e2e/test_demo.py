"""``syncd demo``: tells the whole story, says what is generated, and leaves nothing running behind it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from lab import SYNCD

from syncd.demo.review import MINIMUM_ROWS


def test_the_demo_ends_in_agreement_and_says_what_is_generated(tmp_path: Path) -> None:
    done = subprocess.run(
        [*SYNCD, "demo", "--size", "150", "--dir", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Everything here is generated" in done.stdout
    assert "in agreement but for open conflicts (4)" in done.stdout
    assert "What to try next" in done.stdout
    assert (tmp_path / "demo" / "syncd.yaml").is_file()
    assert not _using(tmp_path)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_stops_its_servers(tmp_path: Path, how: signal.Signals) -> None:
    process = subprocess.Popen(
        [*SYNCD, "demo", "--stay", "--size", "80", "--dir", str(tmp_path / "demo")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background has Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - this process has one thread
    )
    assert process.stdout is not None
    with process.stdout as shown:
        for line in shown:
            if "Ctrl-C ends the demo" in line:
                break
        assert _using(tmp_path), "the servers are up while it stays"

        os.killpg(process.pid, how)
        assert process.wait(timeout=60) in (0, 130)

    deadline = time.monotonic() + 20
    while _using(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not _using(tmp_path)


def test_too_small_a_demo_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = subprocess.run(
        [*SYNCD, "demo", "--size", "5", "--dir", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert str(MINIMUM_ROWS) in done.stderr
    assert "Traceback" not in done.stderr


def _using(folder: Path) -> list[psutil.Process]:
    """Processes whose command line names the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if any(str(folder) in part for part in command) and process.pid != os.getpid():
            found.append(process)
    return found
