"""Reconciles a binding by its name in the configuration."""

from __future__ import annotations

from contextlib import ExitStack

from syncd.adapters.fiftyone.dataset import DatasetMissing
from syncd.adapters.sql.clock import clock
from syncd.config import Config
from syncd.connect import open_database
from syncd.reconcile.failures import clear_errors
from syncd.reconcile.options import Options
from syncd.reconcile.result import RunResult
from syncd.reconcile.run import reconcile
from syncd.session import open_session
from syncd.store import baseline, conflicts, runs
from syncd.store.lock import one_run
from syncd.store.runs import FULL
from syncd.store.tables import tables_for


def reconcile_binding(config: Config, name: str, options: Options) -> RunResult:
    """Opens the binding and reconciles it. A dataset that is gone holds a binding that knew its labels."""
    with clear_errors():
        try:
            with open_session(config, name) as session:
                return reconcile(session, options)
        except DatasetMissing as missing:
            held = hold_missing(config, name, missing, dry_run=options.dry_run)
            if held is None:
                raise
            return held


def hold_missing(
    config: Config, name: str, missing: DatasetMissing, *, dry_run: bool = False, quiet: bool = False
) -> RunResult | None:
    """``None`` where the binding was never reconciled: then the dataset is simply not there yet.

    ``quiet`` leaves no row behind where the last run's says the same.
    """
    schema = config.state.schema_name
    with ExitStack() as stack:
        # The lock is where any other run of the binding takes it: where annotations are written.
        writing = state = stack.enter_context(open_database(config.database.url.get_secret_value()))
        stack.callback(writing.engine.dispose)
        if config.state.url is not None:
            state = stack.enter_context(open_database(config.state.url.get_secret_value()))
            stack.callback(state.engine.dispose)
        tables = tables_for(state, schema)
        known = baseline.size(state, tables, name)
        if not known:
            return None
        reason = f"{missing.message} {known:,} of its annotations are known, and none of them is taken for deleted"
        reason += ": rename it back, restore it, or make it anew as docs/operations.md says"
        open_now = conflicts.count_open(state, tables, name)
        run_id = None
        last = runs.latest(state, tables, name) if quiet else None
        state.rollback()
        if not dry_run and not (last and last["status"] == runs.HELD and last["held"] == reason):
            with one_run(writing, schema, name):
                at = clock(state)
                run_id = runs.new_id(at)
                runs.start(state, tables, name, run_id, FULL, at)
                runs.close(state, tables, run_id, runs.HELD, at, counts={}, held=reason)
                state.commit()
    return RunResult(name, run_id, FULL, dry_run, plan=None, open_conflicts=open_now, held=reason)
