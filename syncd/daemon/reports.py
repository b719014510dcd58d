"""Writes the reports that the configuration schedules, in a thread of its own: no run ever waits for one."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Protocol

import structlog

from syncd.config import Config
from syncd.config.schema import Event
from syncd.errors import SyncdError
from syncd.model import Json
from syncd.report.schedule import write_due

log = structlog.get_logger(__name__)

TICK_S = 0.5
LOOK_S = 20.0
AGAIN_S = 600.0
"""After a failure. Whatever is in the way (a folder, a bucket's policy) is seldom gone in a minute."""


class Tell(Protocol):
    """Queues a message for the web hook."""

    def __call__(
        self, event: Event, binding: str | None, document: dict[str, Json], *, delivery: str | None = None
    ) -> None:
        """Returns at once."""


class Reports:
    """Looks from ``start`` until ``close`` whether a report is due."""

    def __init__(self, config: Callable[[], Config], names: Sequence[str] | None, tell: Tell) -> None:
        self._config = config
        self._names = names
        self._tell = tell
        self._stop = threading.Event()
        self._failing: str | None = None
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def start(self) -> None:
        """Starts the thread that writes each report when it is due."""
        self._thread.start()

    def close(self) -> None:
        """Ends; a report under way is left, for it becomes whole or nothing, and the next daemon writes it."""
        self._stop.set()
        self._thread.join(0.5)

    def _run(self) -> None:
        while not self._stop.is_set():
            config = self._config()
            begun = time.monotonic()
            pause = LOOK_S if config.report is None or self._write(config) else AGAIN_S
            # A configuration that was read anew may be the remedy.
            while self._config() is config and time.monotonic() - begun < pause and not self._stop.wait(TICK_S):
                pass

    def _write(self, config: Config) -> bool:
        assert config.report is not None, "asked for"
        try:
            written = write_due(config, config.report, self._names, datetime.now(timezone.utc))
        except SyncdError as error:
            self._refuse(error)
            return False
        except Exception:
            # Whatever is wrong with a report is no reason to leave the bindings alone, nor to give up reports.
            log.exception("the report failed", again_in_s=AGAIN_S)
            return False
        self._failing = None
        if written is not None:
            log.info("a report was written", to=written.link, changes=written.changes)
            # Two daemons may write the same one: receivers then drop the second message.
            delivery = str(uuid.uuid5(uuid.NAMESPACE_URL, written.link))
            self._tell("report", None, {"report": written.as_json()}, delivery=delivery)
        return True

    def _refuse(self, error: SyncdError) -> None:
        """Says it once."""
        if self._failing != error.message:
            log.error("the report cannot be written", why=error.message, remedy=error.remedy)
        self._failing = error.message
