"""Set up a checkout: ``.venv`` with the package, what it needs, and a ``mongod`` that starts.

    python3 -m tools.setup_env            does what is missing; quick when nothing is
    python3 -m tools.setup_env --check    exit 0 when nothing is missing, else 1; changes nothing

Standard library only: it runs under the system's Python, before there is anything else.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.install_setup import InstallFailure, install

ROOT = Path(os.path.abspath(__file__)).parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
DISCARDED = ROOT / ".venv.discarded"
STAMP = ENVIRONMENT / ".syncd-setup.json"
UNFINISHED = ENVIRONMENT / ".syncd-setup-unfinished"
EXTRAS = "demo,dev"
PROVIDES_MONGOD = ROOT / "syncd" / "embedded" / "mongod_binary.py"
OLDEST_PYTHON = (3, 10)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class SetupFailure(Exception):
    """A step did not succeed; the text is for the user."""


def fingerprint() -> str:
    """Digest what the environment is made from: it is current as long as this stays the same."""
    digest = hashlib.sha256()
    files = [ROOT / "pyproject.toml", ROOT / "constraints.txt", PROVIDES_MONGOD]
    for file in (*files, *sorted((ROOT / "tools").glob("*setup*.py"))):
        digest.update(file.name.encode() + file.read_bytes())
    digest.update(version().encode())
    return digest.hexdigest()


def version() -> str:
    """The version of this checkout: what is installed has it in its metadata."""
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "syncd" / "__init__.py").read_text(), re.MULTILINE)
    if found is None:
        raise SetupFailure('syncd/__init__.py has no line: __version__ = "…"')
    return found[1]


def read_stamp() -> dict[str, str]:
    """Give what the last finished set-up wrote down; empty where there was none."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def is_current() -> bool:
    """Tell whether a finished set-up of just this kind is there, with its Python and its ``mongod``."""
    stamp = read_stamp()
    same = stamp.get("fingerprint") == fingerprint() and stamp.get("root") == str(ROOT)
    return same and PYTHON.exists() and os.access(stamp["mongod"], os.X_OK)


def set_up(lock: int) -> None:
    """Create or mend the environment, a line for each step; ``lock`` is handed to the installer."""
    started = time.monotonic()
    _discard_unusable()
    STAMP.unlink(missing_ok=True)
    if not ENVIRONMENT.exists():
        _create_environment()
    UNFINISHED.touch()
    say("installing syncd and what it needs (2.8 GB the first time; more where torch comes for NVIDIA GPUs)")
    _install(lock)
    mongod = _provide_mongod()
    if mongod["note"]:
        say(mongod["note"])
    stamp = {"fingerprint": fingerprint(), "root": str(ROOT), "mongod": mongod["path"]}
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps(stamp))
    fresh.replace(STAMP)
    if not any(map(shutil.which, BROWSERS)):
        say("there is no Chromium: the tests that look at the App are skipped (Debian, Ubuntu: make browser)")
    say(f"ready after {time.monotonic() - started:.0f} s")


def _discard_unusable() -> None:
    """Remove an environment that can't be built upon."""
    if DISCARDED.exists():
        shutil.rmtree(DISCARDED)
    if not ENVIRONMENT.exists():
        return
    check = [str(PYTHON), "-c", f"import sys, pip; sys.exit(sys.version_info < {OLDEST_PYTHON})"]
    if UNFINISHED.exists():
        # An installation that was cut short can leave a package that looks complete.
        reason = "its set-up was interrupted"
    elif read_stamp().get("root", str(ROOT)) != str(ROOT):
        reason = "it was moved, and its programs name their old place"
    elif not PYTHON.exists() or subprocess.run(check, capture_output=True, check=False).returncode != 0:
        reason = "its Python does not run, or is too old"
    else:
        return
    say(f"making .venv anew: {reason}")
    # Renamed first: a removal cut short would look like an environment.
    ENVIRONMENT.rename(DISCARDED)
    shutil.rmtree(DISCARDED)


def _create_environment() -> None:
    """Make ``.venv`` with the Python that runs this."""
    say(f"creating .venv with Python {sys.version.split()[0]}")
    ENVIRONMENT.mkdir()
    UNFINISHED.touch()
    command = [sys.executable, "-m", "venv", str(ENVIRONMENT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupFailure(f"Python could not create .venv:\n{(done.stdout + done.stderr).strip()}")


def _install(lock: int) -> None:
    """Install the package; where it failed before anything was written, what is there is as good as before."""
    try:
        by = install(PYTHON, ROOT, EXTRAS, lock)
    except InstallFailure as failure:
        if not failure.begun:
            UNFINISHED.unlink()
        raise SetupFailure(str(failure)) from None
    UNFINISHED.unlink()
    if by == "pip":
        say("installed by pip, which takes longer: uv could not be had, or failed")


def _provide_mongod() -> dict[str, str]:
    """Have the package find or provide a ``mongod`` for the environment: its path, and what to say of it."""
    code = "import sys; from syncd.embedded.mongod_binary import main; sys.exit(main())"
    done = subprocess.run([str(PYTHON), "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupFailure(done.stderr.strip())
    provided: dict[str, str] = json.loads(done.stdout)
    return provided


@contextmanager
def _one_at_a_time() -> Iterator[int]:
    """Wait for another set-up of this checkout; gives the lock, on a file that is there anyway."""
    with (ROOT / "pyproject.toml").open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another set-up of this checkout")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def say(line: str) -> None:
    """Print one line of progress."""
    print(f"set-up: {line}", flush=True)


def main() -> int:
    """Run from the command line."""
    if is_current():
        return 0
    if sys.argv[1:] == ["--check"]:
        return 1
    if sys.version_info < OLDEST_PYTHON:
        print(f"error: Python {sys.version.split()[0]} is too old, 3.10 is needed", file=sys.stderr)
        return 1
    try:
        with _one_at_a_time() as lock:
            if not is_current():
                set_up(lock)
    except SetupFailure as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command starts over", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
