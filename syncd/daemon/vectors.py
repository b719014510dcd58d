"""Keeps vectors, layout and suspects fresh: ``syncd embed`` in a process of its own, at idle priority, one at a time.

A process of its own, so that torch's memory and threads are not the daemon's, no reconcile waits for it, and one that
hangs can be ended. What it has finished stays; the next one goes on from there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import structlog

from syncd.config import Config
from syncd.daemon.status_board import StatusBoard
from syncd.store.daemon_registry import State

log = structlog.get_logger(__name__)

TICK_S = 0.5
LOOK_S = 20.0
AGAIN_S = 600.0
"""After a failure: weights that are missing are seldom there in a minute."""

END_S = 3.0
"""Seconds for the process to end in order; what is not stored by then is computed again."""

STAMP = ".kept-fresh"
"""File in a binding's folder of vectors: its time is that of the last good end."""

NICENESS = 19
"""Of the process: it gets what the reconciles, the servers and everybody else leave."""

COMMAND = "import os, sys; os.nice(int(sys.argv.pop(1))); from syncd.cli.main import main; main()"


class Vectors:
    """Looks from ``start`` until ``close`` whether a binding's vectors are due. ``path``: of the configuration."""

    def __init__(
        self, config: Callable[[], Config], path: Path, names: Sequence[str] | None, board: StatusBoard
    ) -> None:
        self._config = config
        self._path = path
        self._names = names
        self._board = board
        self._stop = threading.Event()
        self._not_before: dict[str, float] = {}
        self._failing: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, name="vectors", daemon=True)

    def start(self) -> None:
        """Starts the thread that keeps vectors fresh."""
        self._thread.start()

    def close(self) -> None:
        """Ends, and with it what is under way."""
        self._stop.set()
        self._thread.join(2 * END_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            config = self._config()
            begun = time.monotonic()
            for name in self._due(config):
                if self._stop.is_set():
                    return
                try:
                    self._bring(config, name)
                except Exception:
                    # Whatever is wrong with vectors is no reason to leave the bindings alone.
                    log.exception("the vectors failed", binding=name, again_in_s=AGAIN_S)
                    self._not_before[name] = time.monotonic() + AGAIN_S
            # A configuration that was read anew may have other models, or none.
            while self._config() is config and time.monotonic() - begun < self._pause(config):
                if self._stop.wait(TICK_S):
                    return

    @staticmethod
    def _pause(config: Config) -> float:
        every = config.embedding.every
        return LOOK_S if every is None else min(LOOK_S, every.total_seconds())

    def _due(self, config: Config) -> list[str]:
        """Bindings that are to have vectors, whose last good end was long enough ago, and that are this daemon's."""
        every = config.embedding.every
        if every is None:
            return []
        wanted = [each.name for each in config.bindings if each.embedding is not None]
        if self._names is not None:
            wanted = [name for name in wanted if name in self._names]
        now = time.monotonic()
        return [
            name
            for name in wanted
            if self._not_before.get(name, now) <= now
            and time.time() - _time_of(_stamp(config, name)) >= every.total_seconds()
            # Another daemon that holds the binding keeps its vectors too, on its own host.
            and self._board.get(name).state not in (State.STANDBY, State.STARTING)
        ]

    def _bring(self, config: Config, name: str) -> None:
        begun = time.monotonic()
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
            code = self._embed(name, printed, said)
            printed.seek(0)
            said.seek(0)
            if code is None:
                return
            if code == 0:
                told = _counts(printed.read())
            else:
                why = said.read().decode(errors="replace").strip().splitlines()
        if code == 0:
            stamp = _stamp(config, name)
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.touch()
            self._failing.pop(name, None)
            log.info("the vectors are fresh", binding=name, seconds=round(time.monotonic() - begun, 1), **told)
            return
        self._not_before[name] = time.monotonic() + AGAIN_S
        reason = " ".join(why[-2:]) or f"exit code {code}"
        if self._failing.get(name) != reason:
            log.error("the vectors cannot be made", binding=name, why=reason, again_in_s=AGAIN_S)
        self._failing[name] = reason

    def _embed(self, name: str, printed: IO[bytes], said: IO[bytes]) -> int | None:
        """Runs the command; its exit code, ``None`` where the daemon ended meanwhile and took it along."""
        command = [sys.executable, "-c", COMMAND, str(NICENESS), "embed", name, "--config", str(self._path), "--json"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=printed, stderr=said) as child:
            while (code := child.poll()) is None:
                if self._stop.wait(TICK_S):
                    _end(child)
                    return None
        return code


def _stamp(config: Config, name: str) -> Path:
    return config.embedding.place / name / STAMP


def _time_of(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _counts(printed: bytes) -> dict[str, Any]:
    """What of the command's document is worth a line of the log."""
    document = json.loads(printed)
    vectors, results = document["vectors"], document["results"] or {}
    told = {"model": vectors["model"], "embedded": vectors["embedded"], "failed": len(vectors["failed"])}
    suspects = results.get("suspects")
    return told if suspects is None else {**told, "suspects": suspects["suspects"]}
