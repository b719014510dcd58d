"""Writes to the daemon registry that this daemon is at work, and the status of its bindings."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timezone

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from syncd.adapters.connect import first_line, open_database
from syncd.adapters.sql.clock import clock
from syncd.adapters.sql.limits import Limits
from syncd.config import Config
from syncd.daemon.error_policy import pause_after
from syncd.daemon.status_board import StatusBoard
from syncd.errors import SyncdError
from syncd.model.kinds import Json
from syncd.store import daemon_registry
from syncd.store.tables import tables_for

log = structlog.get_logger(__name__)

EVERY_S = 10.0
LOOK_S = 1.0
"""Between two looks whether a state has changed: then it is written at once."""

LIMITS = Limits(statement_s=10, lock_s=10)

CHANGING = ("last_success", "lag_seconds", "next_try")
"""What moves all the time, and is written with the next beat."""


class Heartbeat:
    """Beats in a thread of its own from ``start`` until ``close``. Where it cannot, the work goes on."""

    def __init__(self, config: Callable[[], Config], board: StatusBoard) -> None:
        self._config = config
        self._board = board
        self._id = uuid.uuid4().hex
        self._started = datetime.now(timezone.utc)
        self._stop = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Starts the thread that keeps this daemon's row in the registry fresh."""
        self._thread.start()

    def close(self) -> None:
        """Takes the row away, if that is quickly done, and ends."""
        self._stop.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        rng = random.Random()  # noqa: S311 - spreads out retries, hides nothing
        pause: float | None = None
        while not self._stop.is_set():
            config = self._config()
            try:
                with open_database(config.state_url.get_secret_value(), LIMITS) as connection:
                    try:
                        self._beat(connection, config)
                        pause = None
                    finally:
                        connection.close()
                        connection.engine.dispose()
            except (SyncdError, SQLAlchemyError) as error:
                if not self._failing:
                    log.info(
                        "the daemon's beat cannot be written", why=first_line(getattr(error, "orig", None) or error)
                    )
                self._failing = True
                pause = pause_after(pause, rng, longest=EVERY_S)
                self._stop.wait(pause)

    def _beat(self, connection: Connection, config: Config) -> None:
        """Until the end, or until the configuration names another database."""
        tables = tables_for(connection, config.state.schema_name)
        said: object = None
        due = 0.0
        while not self._stop.is_set() and self._config() is config:
            now = time.monotonic()
            states: dict[str, Json] = {each.binding: each.as_json() for each in self._board.all()}
            steady = {
                name: {key: value for key, value in state.items() if key not in CHANGING}
                for name, state in states.items()
                if isinstance(state, dict)
            }
            if steady != said or now >= due:
                daemon_registry.beat(
                    connection,
                    tables,
                    self._id,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    started_at=self._started,
                    at=clock(connection),
                    bindings=states,
                )
                connection.commit()
                self._failing = False
                said, due = steady, now + EVERY_S
            self._stop.wait(LOOK_S)
        if self._stop.is_set():
            daemon_registry.leave(connection, tables, self._id)
            connection.commit()
