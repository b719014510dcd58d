"""One binding's worker: takes the daemon's lock or stands by for it, and reconciles again and again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone

import sqlalchemy as sa
import structlog
from structlog.contextvars import bind_contextvars

from syncd.adapters.fiftyone.dataset import DatasetChanged, DatasetMissing
from syncd.adapters.sql.clock import clock
from syncd.adapters.sql.limits import Limits
from syncd.config import Config
from syncd.daemon import error_policy, pace
from syncd.daemon.binding_status import Standing, Teller
from syncd.daemon.error_policy import Cure, pause_after, trouble_of
from syncd.daemon.helpers import Helpers
from syncd.daemon.pace import Tempo
from syncd.daemon.status_board import Phases, StatusBoard
from syncd.daemon.wakeup import WakeUp, end_socket
from syncd.engine.mode import Pace
from syncd.engine.options import Options
from syncd.engine.result import RunResult
from syncd.engine.run import hold_missing, reconcile
from syncd.engine.session import Connections, Session, open_connections, renewed, session_on
from syncd.errors import Busy, MappingError, SyncdError
from syncd.model import Side
from syncd.store import cursors, daemon_registry, held
from syncd.store.daemon_registry import State, attendance
from syncd.store.lock import make_sure_of_daemon, one_daemon
from syncd.store.tables import tables_for
from syncd.vocabulary.push import push_if_changed

log = structlog.get_logger(__name__)

STANDBY_S = 2.0
"""Between two tries to take over."""

BUSY_S = 2.0
"""Between two tries while somebody's command is at the binding."""

BEAT_S = 1.0

LOCK_EVERY_S = 15.0
"""Between two looks whether the lock is still ours, while there is nothing to do."""


class _StoppedError(BaseException):
    """Ends a run that is under way; no error, so that nothing takes it for one."""


class Worker:
    """A thread for one binding, from ``start`` until ``end`` or ``abandon``.

    ``failing``: what was wrong in the hands of the worker before, as was told; this one tells that it is mended.
    """

    def __init__(
        self, config: Config, name: str, board: StatusBoard, teller: Teller, *, failing: str | None = None
    ) -> None:
        self.name = name
        self.config = config
        self._binding = config.binding(name)
        self._board = board
        self._standing = Standing(name, board, teller, failing=failing)
        self._wake_up = WakeUp(Tempo.of(config.daemon))
        self._rng = random.Random()  # noqa: S311 - spreads out retries, hides nothing
        self._pause: float | None = None
        self._ending = threading.Event()
        self._abandoned = False
        self._counted_at: float | None = None
        self._held_mark: tuple[str, str] | None = None
        self._looked_at = 0.0
        self._pushed: str | None = None
        poll_s = int(config.daemon.poll_interval.total_seconds())
        self._limits = Limits(idle_s=max(Limits.idle_s, 3 * poll_s))
        self.heard_at = time.monotonic()
        self._connections: Connections | None = None
        self._thread = threading.Thread(target=self._run, name=f"worker {name}", daemon=True)

    @property
    def failing(self) -> str | None:
        """What is wrong, where something is."""
        return self._standing.failing

    def start(self) -> None:
        """Starts the thread that reconciles the binding until it is stopped."""
        self._thread.start()

    def wake(self) -> bool:
        """Has the next round begin at once; whether this worker is at the binding, and does not stand by."""
        at_it = self._standing.state.state is not State.STANDBY
        if at_it:
            self._wake_up.call(time.monotonic())
        return at_it

    def end(self) -> None:
        """Ends after the run under way."""
        self._ending.set()
        self._wake_up.stir()

    def abandon(self) -> None:
        """Ends at the next moment at which the run under way can be left; the next one goes on from there."""
        self._abandoned = True
        self.end()

    def cut(self) -> None:
        """Ends the connections of a worker that hangs in a call, and with them its locks: it can never write again."""
        self._abandoned = True
        self._ending.set()
        if self._connections is not None:
            for connection in {self._connections.writing, self._connections.state}:
                end_socket(connection)

    def join(self, seconds: float) -> bool:
        """Waits for the end; whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        bind_contextvars(binding=self.name)
        while not self._ending.is_set():
            try:
                self._attend()
            except _StoppedError:
                log.info("stopped in the middle of a run; the next one goes on from there")
            except Exception as error:  # noqa: BLE001 - one broken binding never stops the others
                self._rest_after(error)

    def _attend(self) -> None:
        """Holds the binding for as long as the connections live."""
        with ExitStack() as stack:
            connections = stack.enter_context(open_connections(self.config, self.name, limits=self._limits))
            self._connections = connections
            if not self._take_over(connections, stack):
                return
            helpers = stack.enter_context(Helpers(self.config, self.name, self._wake_up, self._standing))
            while not self._ending.is_set():
                self._with_session(connections, helpers)

    def _take_over(self, connections: Connections, stack: ExitStack) -> bool:
        """Waits until the daemon's lock is ours; whether it is."""
        while not self._ending.is_set():
            try:
                stack.enter_context(one_daemon(connections.writing, self.config.state.schema_name, self.name))
            except Busy as busy:
                self._standing.standing_by(busy.message)
                self._pause = None
                if self._standing.failing is not None:
                    self._look_at_the_other(connections)
                self._sleep(STANDBY_S)
            else:
                self._standing.took_over()
                return True
        return False

    def _look_at_the_other(self, connections: Connections) -> None:
        """What was told as failing here is over where another daemon gets on with the binding."""
        tables = tables_for(connections.state, self.config.state.schema_name)
        other = attendance(daemon_registry.known(connections.state, tables), self.name, clock(connections.state))
        connections.state.rollback()
        if other is not None and other.gets_on:
            self._standing.relieved(other.host)

    def _with_session(self, connections: Connections, helpers: Helpers) -> None:
        """Works on the binding as it is now, until it is to be looked up anew."""
        try:
            with session_on(connections, self.config, self.name) as session:
                self._rounds(connections, session, helpers)
        except DatasetMissing as missing:
            connections.writing.rollback()
            try:
                result = hold_missing(self.config, self.name, missing, quiet=True)
            except Busy:
                self._idle_for(connections, BUSY_S)
                return
            if result is None and self._binding.ingest.inbox is None:
                raise
            if result is None:
                # The inbox beside us makes the dataset with what is dropped there, and must not end meanwhile.
                self._idle_for(connections, self._trouble_with(missing))
                return
            self._finished(result, {}, Phases())
            began = time.monotonic()
            self._idle(connections, lambda: self._wake_up.due(began))
            self._wake_up.answer()

    def _rounds(self, connections: Connections, session: Session, helpers: Helpers) -> None:
        opened = time.monotonic()
        lasts = self.config.daemon.full_scan_interval.total_seconds()
        rounds = 0
        while not self._ending.is_set() and time.monotonic() - opened < lasts:
            began = time.monotonic()
            called = self._wake_up.answer()
            try:
                self._round(connections, session, helpers, called=called)
            except Busy:
                log.debug("a command is at the binding")
                self._idle_for(connections, BUSY_S)
                continue
            except (MappingError, DatasetChanged):
                # What was looked up when the session was opened is no longer so; the next one says what is wrong.
                if not rounds:
                    raise
                return
            rounds += 1
            self._idle(connections, lambda since=began: self._wake_up.due(since))  # type: ignore[misc]

    def _round(self, connections: Connections, session: Session, helpers: Helpers, *, called: bool) -> None:
        self._make_sure(connections)
        session = renewed(session, self._binding)
        helpers.listen(session)
        self._push(session)
        if self._is_still_held(session, called=called):
            self._standing.unchanged()
            return
        began = time.monotonic()
        count = self._counted_at is None or began - self._counted_at >= pace.COUNT_EVERY.total_seconds()
        phases = Phases()
        result = reconcile(session, self._options(count, phases))
        if count:
            self._counted_at = began
        self._looked_at = began
        self._held_mark = held.mark(session.state, session.tables, self.name) if result.held is not None else None
        self._finished(result, self._lag(session), phases)
        if result.plan is not None and result.plan.counts.too_young:
            self._wake_up.ring(Side.FIFTYONE)

    def _options(self, count: bool, phases: Phases) -> Options:
        daemon = self.config.daemon

        def progress(phase: str) -> None:
            if self._abandoned:
                raise _StoppedError("the daemon was told to end; the next run goes on from here")
            self._beat()
            phases.enter(phase)
            if phase == "applying" or phase.startswith("reading"):
                self._standing.reconciling()

        return Options(
            pace=Pace(daemon.overlap, daemon.full_scan_interval, daemon.quiet_period),
            count_rows=count,
            quiet=True,
            progress=progress,
        )

    def _is_still_held(self, session: Session, *, called: bool) -> bool:
        """Whether the binding is held by the same plan as when it was looked at a short while ago."""
        if self._held_mark is None or self._standing.state.state is not State.HELD:
            return False
        again = self._looked_at + (pace.HELD_CALLED_S if called else pace.HELD_EVERY.total_seconds())
        if time.monotonic() >= again:
            return False
        now = held.mark(session.state, session.tables, self.name)
        session.rest()
        if now == self._held_mark and called:
            self._wake_up.call(again)
        return now == self._held_mark

    def _lag(self, session: Session) -> dict[str, float | None]:
        now = session.now()
        found = cursors.load(session.state, session.tables, self.name)
        session.rest()
        return {
            side.value: round((now - cursor.position).total_seconds(), 3) if cursor.position else None
            for side, cursor in found.items()
        }

    def _finished(self, result: RunResult, lag: dict[str, float | None], phases: Phases) -> None:
        self._pause = None
        self._standing.finished(result, lag)
        self._board.finished(result, phases.seconds())

    def _push(self, session: Session) -> None:
        """Shows the App the vocabulary of now. That it cannot be shown keeps no edit from being carried."""
        vocabulary = session.vocabulary
        if vocabulary is None or vocabulary.fingerprint == self._pushed:
            return
        self._pushed = vocabulary.fingerprint
        try:
            pushed = push_if_changed(self.config, self._binding, vocabulary)
        except SyncdError as error:
            log.warning("the vocabulary could not be pushed to FiftyOne", why=error.message, remedy=error.remedy)
        else:
            if pushed is not None:
                log.info("the vocabulary was pushed to FiftyOne", changed=pushed.changed)

    def _make_sure(self, connections: Connections) -> None:
        """``LockLost``, or a driver's error, where a connection or the daemon's lock is gone."""
        connections.writing.rollback()
        make_sure_of_daemon(connections.writing, self.config.state.schema_name, self.name)
        if connections.state is not connections.writing:
            connections.state.execute(sa.text("SELECT 1"))
            connections.state.rollback()

    def _idle_for(self, connections: Connections, seconds: float) -> None:
        until = time.monotonic() + seconds
        self._idle(connections, lambda: until)

    def _idle(self, connections: Connections, due: Callable[[], float]) -> None:
        """Waits until then, and sees meanwhile whether the lock is lost."""
        checked = time.monotonic()
        while not self._ending.is_set() and (until := due()) > (now := time.monotonic()):
            self._beat()
            if now - checked >= LOCK_EVERY_S:
                self._make_sure(connections)
                checked = now
            self._wake_up.wait(min(until, now + BEAT_S))

    def _beat(self) -> None:
        self.heard_at = time.monotonic()
        self._board.beat(self.name)

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._ending.is_set() and (now := time.monotonic()) < until:
            self._beat()
            self._ending.wait(min(BEAT_S, until - now))

    def _rest_after(self, error: Exception) -> None:
        """Says what is wrong, and waits for a while that grows."""
        self._sleep(self._trouble_with(error))

    def _trouble_with(self, error: Exception) -> float:
        """Says what is wrong; the seconds until the next try."""
        trouble = trouble_of(error, self.config)
        if trouble.cure is Cure.UNKNOWN and not isinstance(error, SyncdError):
            log.error("an error that nobody expected", exc_info=error)
        first, longest = error_policy.FIRST_PAUSE_S, error_policy.LONGEST_PAUSE_S
        if trouble.cure is Cure.PERSON:
            first, longest = error_policy.STOPPED_FIRST_S, error_policy.STOPPED_LONGEST_S
        self._pause = pause_after(self._pause, self._rng, first=first, longest=longest)
        self._standing.troubled(trouble, datetime.now(timezone.utc) + timedelta(seconds=self._pause))
        self._board.failed(self.name)
        return self._pause
