"""Tells the stories of a model: how many, how long, and what they came to."""

from __future__ import annotations

import logging

import structlog
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from trust import tried
from trust_model.machine import TrustMachine


def tell(machine: type[TrustMachine], stories: int, steps: int) -> None:
    """Plays so many stories of so many steps each; notes what was tried, also where one of them fails."""
    machine.totals.clear()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    profile = settings(
        max_examples=stories,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        print_blob=False,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine, settings=profile)
    finally:
        for kind in ("cases", "crashes", "edits", "lost"):
            tried(kind, machine.totals[kind])
