"""What syncd writes of a lab's data is for its owner alone, whole or not there; a crash leaves no memory behind."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.engine import plan_file
from syncd.errors import ConfigError
from syncd.files import private_file


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """The mode must not depend on a careful umask."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_plan_is_for_its_owner_alone_even_where_a_readable_one_was(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("{}")
    path.chmod(0o666)
    plan_file.save(path, [], forced=False)
    assert mode(path) == 0o600
    assert json.loads(path.read_text())["plans"] == []
    assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]


def test_a_file_is_private_while_it_is_written_and_not_there_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with private_file(path) as file:
        file.write("x")
        file.flush()
        (half,) = tmp_path.iterdir()
        assert half != path
        assert mode(half) == 0o600
    assert mode(path) == 0o600


def test_a_write_that_fails_leaves_the_old_file_and_no_half_one(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("old")

    def fail() -> None:
        with private_file(path) as file:
            file.write("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["log.jsonl"]


def test_a_device_or_a_folder_is_refused_and_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(ConfigError, match="cannot be written"):
            plan_file.save(tmp_path / name, [], forced=False)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_no_command_leaves_a_core_behind() -> None:
    """Passwords and keys are in a process's memory; where it crashes, its memory must not come to lie on a disk."""
    code = (
        "import resource, sys\n"
        "from syncd.cli import main\n"
        "main.app = lambda: print(resource.getrlimit(resource.RLIMIT_CORE)[0])\n"
        "main.main()\n"
    )
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)),
    )
    assert done.stdout.strip() == "0"
