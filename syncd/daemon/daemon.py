"""The daemon: a worker per binding, the HTTP port, the web hook and the heartbeat; reloads and stops in order."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

import structlog

from syncd.config import Config, load_config_with_files
from syncd.config.schema import Event
from syncd.daemon.heartbeat import Heartbeat
from syncd.daemon.http import SILENT_AFTER, serve_http
from syncd.daemon.notify import NoticeCounts, Notifier
from syncd.daemon.reload import Reloader
from syncd.daemon.reports import Reports
from syncd.daemon.signals import Signals, listening
from syncd.daemon.status_board import StatusBoard
from syncd.daemon.systemd import Supervisor, supervisor
from syncd.daemon.upkeep import Upkeep
from syncd.daemon.vectors import Vectors
from syncd.daemon.worker import Worker
from syncd.errors import SyncdError
from syncd.model.kinds import Json

log = structlog.get_logger(__name__)

TICK_S = 0.2
"""Never an untimed wait: once Arrow's threads run, the main thread would miss its signals."""

LOOK_S = 1.0

HANG_S = 1200.0
"""A worker that was silent for so long hangs: every call that it makes is limited to half of that, if the server or the
system keeps the limit."""

GRACE_S = 8.0
"""Seconds for the runs under way to come to a place where they can be left. One that does not (it waits for a server)
is left where it is: the next start settles it, as after a crash."""


def run_daemon(path: Path, names: Sequence[str] | None = None) -> int:
    """Runs until a signal ends it; returns the exit code. ``names``: of the bindings, all where there are none.

    Raises ConfigError where the configuration is invalid at the start, ``SyncdError`` where the port is taken.
    """
    config, files = load_config_with_files(path)
    wanted = [config.binding(name).name for name in names] if names else None
    with listening() as signals:
        return _Daemon(config, path, Reloader(path, files), wanted, signals).run()


class _Daemon:
    def __init__(
        self, config: Config, path: Path, reloader: Reloader, names: Sequence[str] | None, signals: Signals
    ) -> None:
        self._config = config
        self._reloader = reloader
        self._names = names
        self._signals = signals
        self._board = StatusBoard()
        self._notifier = Notifier(config.notify)
        self._workers: dict[str, Worker] = {}
        self._retired: dict[str, Worker] = {}
        self._failing: dict[str, str | None] = {}
        self._http = ExitStack()
        self._supervisor: Supervisor = supervisor()
        self._heartbeat = Heartbeat(lambda: self._config, self._board)
        self._reports = Reports(lambda: self._config, names, self.tell)
        self._vectors = Vectors(lambda: self._config, path, names, self._board)
        self._upkeep = Upkeep(lambda: self._config, names, self._board)

    # What workers tell. The notifier may be replaced while they run.

    def tell(
        self, event: Event, binding: str | None, document: Mapping[str, Json], *, delivery: str | None = None
    ) -> None:
        self._notifier.tell(event, binding, document, delivery=delivery)

    def _notices(self) -> NoticeCounts:
        return self._notifier.counts

    def run(self) -> int:
        self._serve()
        self._settle_workers()
        self._heartbeat.start()
        self._reports.start()
        self._vectors.start()
        self._upkeep.start()
        log.info("syncd runs", bindings=sorted(self._workers), pid=os.getpid())
        self._supervisor.ready(self._status())
        try:
            self._watch()
        finally:
            self._end()
        return 0

    def _watch(self) -> None:
        looked = told = time.monotonic()
        while not self._signals.stop.wait(TICK_S):
            now = time.monotonic()
            if self._signals.reload.is_set():
                self._signals.reload.clear()
                self._reload(asked=True)
            elif now - looked >= LOOK_S:
                looked = now
                if self._reloader.changed():
                    self._reload(asked=False)
            self._replace_hung(now)
            self._settle_workers()
            if now - told >= self._beat_s():
                told = now
                # A worker that hangs takes the watchdog's sign of life with it: systemd then starts us anew.
                if datetime.now(timezone.utc) - self._board.oldest_beat() < SILENT_AFTER:
                    self._supervisor.alive()
                self._supervisor.status(self._status())

    def _beat_s(self) -> float:
        seconds = self._supervisor.watchdog_seconds
        return LOOK_S * 5 if seconds is None else min(LOOK_S * 5, seconds / 3)

    def _status(self) -> str:
        return ", ".join(f"{each.binding}: {each.state.value}" for each in self._board.all())

    # Workers

    def _wanted(self) -> list[str]:
        there = [each.name for each in self._config.bindings]
        return there if self._names is None else [name for name in self._names if name in there]

    def _settle_workers(self) -> None:
        """Lets go of workers that have ended, and starts those that are missing; a name never has two."""
        for name, worker in list(self._retired.items()):
            if worker.join(0):
                self._failing[name] = worker.failing
                del self._retired[name]
                if name not in self._wanted():
                    self._board.forget(name)
                    del self._failing[name]
        for name in self._wanted():
            if name not in self._workers and name not in self._retired:
                worker = Worker(self._config, name, self._board, self, failing=self._failing.pop(name, None))
                self._workers[name] = worker
                worker.start()

    def _replace_hung(self, now: float) -> None:
        """Another worker takes the place of one that waits for an answer that never comes."""
        for name, worker in list(self._workers.items()):
            if now - worker.heard_at >= HANG_S:
                log.error("a run hangs; its connections are cut, and another begins", binding=name, silent_s=HANG_S)
                worker.cut()
                self._failing[name] = worker.failing
                del self._workers[name]

    def _retire(self, name: str) -> None:
        worker = self._workers.pop(name)
        worker.end()
        self._retired[name] = worker

    # The configuration

    def _reload(self, *, asked: bool) -> None:
        self._supervisor.reloading()
        new = self._reloader.load(asked=asked)
        if new is not None and (asked or new != self._config):
            self._take(new, asked=asked)
        self._supervisor.ready(self._status())

    def _take(self, new: Config, *, asked: bool) -> None:
        old, self._config = self._config, new
        wanted = self._wanted()
        changed = [name for name in self._workers if name not in wanted or _concerns(name, old, new)]
        # Whoever asks by a signal has mended something, and does not want to wait for the next try.
        waiting = [name for name in self._workers if asked and self._board.get(name).next_try is not None]
        for name in dict.fromkeys([*changed, *waiting]):
            self._retire(name)
        if new.notify != old.notify:
            self._renew_notifier(old, new)
        if new.daemon.http != old.daemon.http:
            self._renew_http(new)
        log.info("the configuration was read again", restarting=sorted(changed))

    def _renew_notifier(self, old: Config, new: Config) -> None:
        try:
            notifier = Notifier(new.notify)
        except SyncdError as error:
            log.warning("the web hook stays as it was", why=error.message)
            self._config = new.model_copy(update={"notify": old.notify})
            return
        before, self._notifier = self._notifier, notifier
        before.close(0.5)

    def _renew_http(self, new: Config) -> None:
        self._http.close()
        try:
            self._http.enter_context(serve_http(new.daemon.http, self._board, notices=self._notices, wake=self._wake))
        except SyncdError as error:
            log.warning("the port cannot be had", why=error.message, remedy=error.remedy)

    def _serve(self) -> None:
        self._http.enter_context(
            serve_http(self._config.daemon.http, self._board, notices=self._notices, wake=self._wake)
        )

    def _wake(self, name: str) -> bool | None:
        """What the port asks for, in a thread of its own."""
        worker = self._workers.get(name)
        if worker is None:
            return False if name in self._retired else None
        return worker.wake()

    # The end

    def _end(self) -> None:
        self._supervisor.stopping("ending")
        log.info("ending")
        workers = [*self._workers.values(), *self._retired.values()]
        for each in workers:
            each.abandon()
        until = time.monotonic() + GRACE_S
        left = [each.name for each in workers if not each.join(max(0.0, until - time.monotonic()))]
        self._heartbeat.close()
        self._reports.close()
        self._vectors.close()
        self._upkeep.close()
        self._notifier.close()
        self._http.close()
        if left:
            log.warning("ended in the middle of a run; the next start settles it", bindings=left)
            sys.stderr.flush()
            # Threads that wait for a server would keep the interpreter from ending.
            os._exit(0)
        log.info("ended")


def _concerns(name: str, old: Config, new: Config) -> bool:
    """Whether anything that a worker works by is different."""

    def of(config: Config) -> tuple[object, ...]:
        pace = config.daemon.model_copy(update={"http": None})
        return config.fiftyone, config.lab, config.state, pace, config.s3, config.credentials, config.binding(name)

    return of(old) != of(new)
