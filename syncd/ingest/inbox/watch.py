"""Watches an inbox until it is told to stop: woken by file system events where there are any, and by the clock anyway.

Network file systems tell nothing of what other hosts write, and a folder may go and come back with its mount. So
events only shorten the wait for the next look; every look finds out for itself what is there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import structlog
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from syncd.config import Config
from syncd.errors import SyncdError
from syncd.ingest.inbox.result import Became, InboxResult
from syncd.ingest.inbox.run import InboxOptions, arrivals_of, inbox_of, look
from syncd.ingest.inbox.stages import DONE, REJECTED, WORKING

log = structlog.get_logger(__name__)

BEAT_S = 0.2
"""Seconds within which a stop is seen."""

LONGEST_S = 60.0
"""Seconds between two tries at most, while something keeps failing."""


class _StoppedError(BaseException):
    """Ends a look that is under way; like Ctrl-C no error, which nothing between here and there may take for one."""


def _nobody(_: object) -> None:
    """Nobody is told."""


@dataclass
class InboxWatcher:
    """Looks at one binding's inbox again and again.

    ``on_result`` is told of every look that did something, ``on_error`` of what stopped one; it is tried again, less
    and less often.
    """

    config: Config
    name: str
    options: InboxOptions = field(default_factory=InboxOptions)
    on_result: Callable[[InboxResult], object] = _nobody
    on_error: Callable[[SyncdError], object] = _nobody

    def run(self, stop: Event) -> None:
        """Returns soon after ``stop`` is set; what is under way then is gone on with by the next look.

        ``InboxError`` where the binding has no inbox.
        """

        def report(phase: str, done: int, total: int) -> None:
            if stop.is_set():
                raise _StoppedError
            self.options.progress(phase, done, total)

        try:
            self._run(stop, replace(self.options, progress=report))
        except _StoppedError:
            log.info("inbox", binding=self.name, stopped="in the middle of a look")

    def _run(self, stop: Event, options: InboxOptions) -> None:
        inbox = inbox_of(self.config, self.name)
        arrivals = arrivals_of(self.config, self.name, options)
        events = _Events(inbox)
        failures = 0
        told: str | None = None
        try:
            while not stop.is_set():
                events.ensure()
                events.woken.clear()
                pause = options.patience.poll_s
                try:
                    result = look(self.config, self.name, arrivals, options)
                except SyncdError as error:
                    failures += 1
                    pause = min(pause * 2 ** min(failures - 1, 10), LONGEST_S)
                    if error.message != told:
                        told = error.message
                        log.warning("inbox", binding=self.name, problem=error.message, again_in_s=pause)
                        self.on_error(error)
                else:
                    failures, told = 0, None
                    if not result.is_quiet:
                        self.on_result(result)
                    if any(each.soon for each in result.of(Became.WAITING)):
                        pause = min(pause, options.patience.settle_s)
                _wait(stop, events.woken, pause, shortest=options.patience.settle_s)
        finally:
            events.close()


def _wait(stop: Event, woken: Event, pause: float, *, shortest: float) -> None:
    """Waits for the pause, the stop, or an event; never so short that a copy in progress keeps the inbox busy."""
    begun = time.monotonic()
    while not stop.wait(min(BEAT_S, pause)):
        spent = time.monotonic() - begun
        if spent >= pause or (woken.is_set() and spent >= min(shortest, pause)):
            return


class _Events(FileSystemEventHandler):
    """What the file system tells of an inbox; nothing, where it cannot."""

    def __init__(self, inbox: Path) -> None:
        self.woken = Event()
        self._inbox = inbox
        self._observer: BaseObserver | None = None
        self._watched: tuple[int, int] | None = None
        self._own = tuple(str(inbox / each) + os.sep for each in (DONE, REJECTED, WORKING))

    def ensure(self) -> None:
        """Watches the folder that is there now; one that came back is another one."""
        try:
            found = self._inbox.stat()
            inode: tuple[int, int] | None = (found.st_dev, found.st_ino)
        except OSError:
            inode = None
        if inode == self._watched:
            return
        self.close()
        if inode is None:
            return
        observer = Observer()
        try:
            observer.schedule(self, str(self._inbox), recursive=True)
            observer.start()
        except OSError as error:
            # Too many watches, or a file system that has none: the clock does as well.
            log.info("inbox", problem="the file system tells of no changes", why=error.strerror)
        else:
            self._observer = observer
        self._watched = inode

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Wakes the watcher, unless the event is of its own doing."""
        if event.event_type in ("created", "modified", "moved", "closed") and not self._is_own(event):
            self.woken.set()

    def _is_own(self, event: FileSystemEvent) -> bool:
        return any(f"{os.fsdecode(each)}{os.sep}".startswith(self._own) for each in (event.src_path, event.dest_path))

    def close(self) -> None:
        """Stops watching."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
        self._observer, self._watched = None, None
