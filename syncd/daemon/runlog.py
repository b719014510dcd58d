"""Logs one line for each run that did something; polls that found nothing are silent."""

from __future__ import annotations

import structlog

from syncd.reconcile.result import RunResult

log = structlog.get_logger(__name__)


def did_something(result: RunResult) -> bool:
    """Whether a run changed anything anywhere. That it was held is a state of the binding, told when it changes."""
    converged = result.plan.counts.converged if result.plan is not None else 0
    return bool(result.recorded or result.settled or result.opened or (converged and result.held is None))


def tell_run(result: RunResult) -> None:
    """Logs what a run did, in counts, unless it did nothing. The binding is in the line, bound or not."""
    if not did_something(result):
        return
    log.info(
        "reconciled",
        binding=result.binding,
        run=result.run_id,
        mode=result.mode,
        to_database=result.to_database,
        to_fiftyone=result.to_fiftyone,
        superseded=result.superseded,
        refused=result.refused,
        converged=result.plan.counts.converged if result.plan is not None else 0,
        settled=len(result.settled),
        conflicts_opened=result.opened,
        conflicts_open=result.open_conflicts,
        held=result.held is not None,
        seconds=round(result.seconds, 3),
    )
