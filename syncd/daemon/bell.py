"""Wake-ups: change streams, notifications, inboxes and the daemon end a worker's pause from their own threads."""

from __future__ import annotations

import threading
import time

from syncd.daemon.pace import Tempo, due_after, next_round
from syncd.model import Side


class Bell:
    """Remembers for when rounds were called, and wakes who waits. Ringing twice within a moment is ringing once."""

    def __init__(self, tempo: Tempo) -> None:
        self._tempo = tempo
        self._changed = threading.Condition()
        self._called: set[float] = set()
        self._moved = False

    def ring(self, side: Side) -> None:
        """Something has happened on a side: a round will look at it as soon as it may be looked at."""
        self.call(due_after(self._tempo, side, time.monotonic()))

    def call(self, due: float) -> None:
        """A round is to begin then."""
        with self._changed:
            if due not in self._called:
                self._called.add(due)
                self._changed.notify_all()

    def stir(self) -> None:
        """Ends the wait under way: whoever waits is to look around."""
        with self._changed:
            self._moved = True
            self._changed.notify_all()

    def answer(self) -> bool:
        """A round begins, and answers all calls that it comes late enough for; whether there were any."""
        now = time.monotonic()
        with self._changed:
            left = {each for each in self._called if each > now}
            answered = len(left) < len(self._called)
            self._called = left
        return answered

    def due(self, last_began: float) -> float:
        """When the next round is to begin."""
        with self._changed:
            return next_round(self._tempo, last_began, self._called)

    def wait(self, until: float) -> None:
        """Waits until then, at most, for a call or a stir."""
        with self._changed:
            if not self._moved:
                self._changed.wait(max(0.0, until - time.monotonic()))
            self._moved = False
