"""``syncd log`` for somebody who sits at a terminal, or waits for what comes."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from lab import SYNCD, Lab


def correct(lab: Lab, number: int, label: str) -> None:
    key = sorted(lab.rows())[number]
    lab.sql("UPDATE annotation SET label = :label, updated_at = now() WHERE annotation_id = CAST(:k AS uuid)",
            k=key, label=label)  # fmt: skip
    assert lab.syncd("reconcile").code == 0


@pytest.fixture
def changed(lab: Lab) -> Lab:
    correct(lab, 0, "海胆")
    return lab


def test_it_goes_through_the_pager(changed: Lab) -> None:
    own, its = pty.openpty()
    environment = os.environ | {"PAGER": "sed s/^/paged:/", "TERM": "xterm"}
    command = [*SYNCD, "log", "--config", str(changed.config)]
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment) as process:
        os.close(its)
        text = b"".join(_read(own)).decode()
        assert process.wait(30) == 0
    os.close(own)
    assert "海胆" in text
    assert text.startswith("paged:")


def _read(terminal: int) -> Iterator[bytes]:
    """Until the other end is closed, which Linux tells as an error."""
    while select.select([terminal], [], [], 30)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            return
        if not piece:
            return
        yield piece


def test_followed_it_tells_of_each_change_as_it_comes_until_ctrl_c(changed: Lab) -> None:
    command = [*SYNCD, "log", "--follow", "--json", "--config", str(changed.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["new"] == "海胆"
        correct(changed, 1, "later")
        assert json.loads(process.stdout.readline())["new"] == "later"
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        process.communicate(timeout=30)
        assert process.returncode == 130
        assert time.monotonic() - began < 10
