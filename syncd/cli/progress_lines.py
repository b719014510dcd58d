"""Progress in lines, for where no terminal reads along: each phase as it begins, and now and then that it goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

EVERY_S = 30.0
"""Seconds between two lines about one phase: a log of hours can be read, and nobody takes the command for dead."""

Report = Callable[[str, str], None]
"""Called with the phase, and how far it is (empty where nobody knows)."""


@contextmanager
def pulse(say: Callable[[str], None], *, every_s: float = EVERY_S, late: bool = False) -> Iterator[Report]:
    """Says what it is told: a phase when it begins and how far it got; while it lasts a line every ``every_s`` seconds.

    The lines come from a thread of their own, so that they also come where the phase waits for a server. ``late``: a
    phase is said only once it has lasted that long, for programs, whose short calls should stay silent.
    """
    lines = _Lines(say, every_s, late=late)
    thread = threading.Thread(target=lines.go_on, name="progress", daemon=True)
    thread.start()
    try:
        yield lines.told
    finally:
        lines.ended.set()
        thread.join()
        lines.leave()


class _Lines:
    def __init__(self, say: Callable[[str], None], every_s: float, *, late: bool) -> None:
        self.ended = threading.Event()
        self._say, self._every_s, self._late = say, every_s, late
        self._guard = threading.Lock()
        self._phase: str | None = None
        self._amount = self._said = ""
        self._began = monotonic()
        self._line_at = self._began

    def told(self, phase: str, amount: str) -> None:
        with self._guard:
            if phase == self._phase:
                self._amount = amount
                return
            self.leave()
            self._phase, self._amount, self._said, self._began = phase, amount, amount, monotonic()
            if not self._late:
                self._line_at = self._began
                self._say(_line(phase, amount))

    def leave(self) -> None:
        """Says how far the phase has got that ends."""
        if self._phase is not None and self._amount != self._said and not self._late:
            self._say(_line(self._phase, self._amount))

    def go_on(self) -> None:
        while not self.ended.wait(self._every_s / 10):
            with self._guard:
                now = monotonic()
                if self._phase is None or now - self._line_at < self._every_s:
                    continue
                self._line_at, self._said = now, self._amount
                self._say(f"{_line(self._phase, self._amount)} ({duration(now - self._began)})")


def _line(phase: str, amount: str) -> str:
    return f"{phase} {amount}" if amount else phase


def duration(seconds: float) -> str:
    """How long something has lasted, in the two largest units: ``40 s``, ``3 min 20 s``, ``2 h 5 min``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {left} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
