"""The status board as metrics in the text format of Prometheus: binding names, counts and times, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from itertools import accumulate, product

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

import syncd
from syncd.daemon.notify import NoticeCounts
from syncd.daemon.status_board import BUCKETS_S, UNKNOWN_MODE, Spread, StatusBoard, Tally
from syncd.model import Direction, Side
from syncd.model.run import RunMode, RunStatus
from syncd.store.daemon_registry import BindingState, State

_ALWAYS = [
    *product((RunStatus.DONE, RunStatus.HELD, RunStatus.FAILED), (RunMode.INCREMENTAL, RunMode.FULL)),
    (RunStatus.FAILED, UNKNOWN_MODE),
]
"""Shown from the start, at zero: nobody can be warned of the first of what was not there before."""


def registry(board: StatusBoard, notices: Callable[[], NoticeCounts] | None = None) -> CollectorRegistry:
    """What ``/metrics`` shows: the board as it is at each scrape, notifications, and the process's own figures."""
    made = CollectorRegistry()
    made.register(_Daemon(board, notices))
    ProcessCollector(registry=made)
    return made


class _Daemon(Collector):
    def __init__(self, board: StatusBoard, notices: Callable[[], NoticeCounts] | None) -> None:
        self._board = board
        self._notices = notices

    def collect(self) -> Iterator[Metric]:
        now = datetime.now(timezone.utc)
        states, tallies = self._board.all(), self._board.tallies()
        yield _gauge("syncd_build_info", "The version of syncd; always 1.", ["version"], [([syncd.__version__], 1)])
        silence = max(0.0, (now - self._board.oldest_beat()).total_seconds())
        yield _gauge(
            "syncd_silence_seconds", "How long the quietest worker has not been heard of.", [], [([], silence)]
        )
        yield from _standing(states, now)
        yield from _counted({each.binding: tallies.get(each.binding, Tally()) for each in states} | tallies)
        if self._notices is not None:
            yield from _told(self._notices())

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry need not collect in order to know the names."""
        yield from ()


def _standing(states: Iterable[BindingState], now: datetime) -> Iterator[Metric]:
    states = tuple(states)
    yield _gauge(
        "syncd_state",
        "1 for the state that the binding is in, 0 for each other one.",
        ["binding", "state"],
        [([each.binding, state.value], each.state is state) for each in states for state in State],
    )
    yield _gauge(
        "syncd_state_since_timestamp_seconds",
        "When the binding's state began.",
        ["binding"],
        [([each.binding], each.since.timestamp()) for each in states],
    )
    yield _gauge(
        "syncd_conflicts_open",
        "Conflicts that a person must decide.",
        ["binding"],
        [([each.binding], each.open_conflicts) for each in states],
    )
    yield _gauge(
        "syncd_awaiting_review",
        "Annotations whose edit waits for an approving tag.",
        ["binding"],
        [([each.binding], each.awaiting_review) for each in states],
    )
    yield _gauge(
        "syncd_last_success_timestamp_seconds",
        "When a run of the binding last ended well; absent before the first one.",
        ["binding"],
        [([each.binding], each.last_success.timestamp()) for each in states if each.last_success],
    )
    yield _gauge(
        "syncd_lag_seconds",
        "How far behind now each side has been read; absent before the first run.",
        ["binding", "side"],
        [
            ([each.binding, side.value], lag)
            for each in states
            for side in Side
            if (lag := _lag(each, side, now)) is not None
        ],
    )


def _lag(state: BindingState, side: Side, now: datetime) -> float | None:
    """Grows while no run succeeds: what was measured then says nothing of now."""
    then = state.lag_seconds.get(side.value)
    if then is None:
        return None
    return then + (max(0.0, (now - state.last_success).total_seconds()) if state.last_success else 0.0)


def _counted(tallies: dict[str, Tally]) -> Iterator[Metric]:
    yield _counter(
        "syncd_runs",
        "Runs by how they ended; mode unknown: failed before reading.",
        ["binding", "outcome", "mode"],
        [
            ([binding, *which], tally.runs[which])
            for binding, tally in tallies.items()
            for which in dict.fromkeys([*_ALWAYS, *tally.runs])
        ],
    )
    yield _counter(
        "syncd_changes",
        "Changes applied.",
        ["binding", "direction"],
        [
            ([binding, direction.value], tally.changes[direction])
            for binding, tally in tallies.items()
            for direction in (Direction.TO_DATABASE, Direction.TO_FIFTYONE)
        ],
    )
    yield _counter(
        "syncd_superseded",
        "Changes whose target had moved on by the time of writing.",
        ["binding"],
        [([binding], tally.superseded) for binding, tally in tallies.items()],
    )
    yield _counter(
        "syncd_refused",
        "Changes that their side would not take; each is a conflict.",
        ["binding"],
        [([binding], tally.refused) for binding, tally in tallies.items()],
    )
    yield _counter(
        "syncd_conflicts_opened",
        "Conflicts opened.",
        ["binding"],
        [([binding], tally.conflicts_opened) for binding, tally in tallies.items()],
    )
    seconds = HistogramMetricFamily("syncd_phase_seconds", "Seconds by phase of a run.", labels=["binding", "phase"])
    for binding, tally in tallies.items():
        for phase, spread in tally.phases.items():
            seconds.add_metric([binding, phase], buckets=_buckets(spread), sum_value=spread.total_s)
    yield seconds


def _buckets(spread: Spread) -> list[tuple[str, float]]:
    bounds = [*map(floatToGoString, BUCKETS_S), "+Inf"]
    return list(zip(bounds, map(float, accumulate(spread.counts)), strict=True))


def _told(counts: NoticeCounts) -> Iterator[Metric]:
    yield _counter(
        "syncd_notifications",
        "Messages to the web hook by what became of them.",
        ["outcome"],
        [
            (["delivered"], counts.delivered),
            (["given_up"], counts.given_up),
            (["dropped"], counts.dropped),
        ],
    )
    yield _gauge("syncd_notifications_waiting", "Messages not yet delivered.", [], [([], counts.waiting)])


_Samples = Iterable[tuple[list[str], float]]


def _gauge(name: str, text: str, labels: list[str], samples: _Samples) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, float(value))
    return family


def _counter(name: str, text: str, labels: list[str], samples: _Samples) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, float(value))
    return family
