"""Keeps up to date what FiftyOne shows of a binding: saved views that name labels, and marks of stale evaluations.

In a thread of its own and on connections of its own, some seconds after something has moved: no run waits for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog

from syncd.api.binding import open_binding
from syncd.config import Config
from syncd.daemon.status_board import StatusBoard
from syncd.engine.state import open_state
from syncd.errors import SyncdError
from syncd.store.daemon_registry import State
from syncd.store.moves import Mark, mark

log = structlog.get_logger(__name__)

TICK_S = 0.5
LOOK_S = 10.0
"""Between two looks whether anything has moved: what moves within is written once."""

AT_LEAST_S = 3600.0
"""What is shown of the last seven days changes with the time too."""

AGAIN_S = 300.0
"""After a failure."""


class Upkeep:
    """Looks from ``start`` until ``close`` whether anything has moved."""

    def __init__(self, config: Callable[[], Config], names: Sequence[str] | None, board: StatusBoard) -> None:
        self._config = config
        self._names = names
        self._board = board
        self._stop = threading.Event()
        self._kept: dict[str, tuple[Mark, float]] = {}
        self._not_before: dict[str, float] = {}
        self._failing: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Starts the thread that looks whether anything has moved."""
        self._thread.start()

    def close(self) -> None:
        """Ends; what is under way may be left, since each write is whole by itself."""
        self._stop.set()
        self._thread.join(0.5)

    def _run(self) -> None:
        while not self._stop.is_set():
            config = self._config()
            for name in self._attended(config):
                if self._stop.is_set():
                    return
                self._look(config, name)
            begun = time.monotonic()
            while time.monotonic() - begun < LOOK_S and not self._stop.wait(TICK_S):
                pass

    def _attended(self, config: Config) -> list[str]:
        """Bindings of this daemon that are well: one that is not has a worker that says so."""
        now = time.monotonic()
        names = [each.name for each in config.bindings if self._names is None or each.name in self._names]
        well = (State.IN_AGREEMENT, State.CONFLICTS, State.HELD)
        return [
            name for name in names if self._board.get(name).state in well and self._not_before.get(name, now) <= now
        ]

    def _look(self, config: Config, name: str) -> None:
        try:
            with open_state(config) as state:
                now = mark(state.connection, state.tables, name)
            known = self._kept.get(name)
            if known is None or known[0] != now or time.monotonic() - known[1] >= AT_LEAST_S:
                self._bring(config, name)
                self._kept[name] = (now, time.monotonic())
            self._failing.pop(name, None)
        except SyncdError as error:
            self._not_before[name] = time.monotonic() + AGAIN_S
            if self._failing.get(name) != error.message:
                log.warning("what FiftyOne shows is not up to date", binding=name, why=error.message)
            self._failing[name] = error.message
        except Exception:
            # Whatever is wrong with what is shown is no reason to leave the bindings alone.
            log.exception("what FiftyOne shows is not up to date", binding=name, again_in_s=AGAIN_S)
            self._not_before[name] = time.monotonic() + AGAIN_S

    def _bring(self, config: Config, name: str) -> None:
        with open_binding(name, config) as b:
            saved = b.save_views_again()
            stale = [each.key for each in b.evaluations(mark=True) if each.is_stale]
        if saved or stale:
            log.debug("what FiftyOne shows is up to date", binding=name, views=list(saved), stale=stale)
