"""What SIGTERM, SIGINT and SIGHUP ask of a daemon: to end in order once the run under way is done, and to reload."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Signals:
    """What the signals asked for so far."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.reload = threading.Event()

    def take(self, number: int, _frame: FrameType | None = None) -> None:
        """Handles a signal: a first SIGTERM or SIGINT asks for an orderly end, a second one ends it at once."""
        if number == signal.SIGHUP:
            self.reload.set()
        elif self.stop.is_set():
            # Whatever is under way is settled by the next start, as after a crash.
            os._exit(128 + number)
        else:
            self.stop.set()


@contextmanager
def listening() -> Iterator[Signals]:
    """Takes the process's signals for the length of a block; only the main thread can."""
    signals = Signals()
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, signals.take) for number in numbers}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
