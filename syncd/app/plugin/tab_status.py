"""The tab Status: each binding of the dataset, what waits in it, and who is at it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from syncd.api.wake import told_by_daemon
from syncd.app.plugin.background import job_of
from syncd.app.plugin.operator import Work, plural
from syncd.app.plugin.page import Page, quoted
from syncd.app.plugin.words import STATES, ago
from syncd.errors import SyncdError

if TYPE_CHECKING:
    from syncd.app.plugin.panel import SyncdPanel


SIDES = {"fiftyone": "FiftyOne", "database": "the database"}


def fill(panel: SyncdPanel, page: Page, works: list[Work]) -> None:
    """How the bindings stand. The daemon is asked first: it answers without the database."""
    told = {each.get("binding"): each for each in told_by_daemon(works[0].config) or ()}
    for work in works:
        _one(panel, page, work, told.get(work.binding.name))
    page.text(
        f"You are **{quoted(works[0].actor)}**."
        if works[0].actor
        else "This server does not know who you are: it asks for your name where something is written."
    )


def _one(panel: SyncdPanel, page: Page, work: Work, told: dict[str, Any] | None) -> None:
    name = work.binding.name
    try:
        status = work.opened().status()
    except SyncdError as failed:
        if told is None:
            raise
        page.error(f"{name}: {STATES.get(str(told.get('state')), told.get('state'))}, says the daemon.", failed.message)
        return
    state = str(told["state"]) if told and told.get("state") in STATES else status.state
    lines = [f"#### {quoted(name)}: {quoted(STATES.get(state, state.replace('_', ' ')))}"]
    lines.append(f"{plural(status.annotations, 'annotation')} agreed on")
    conflicts = sum(status.open_conflicts.values())
    if conflicts:
        kinds = ", ".join(
            f"{count:,} {kind.replace('_', ' ')}" for kind, count in sorted(status.open_conflicts.items())
        )
        lines.append(f"**{plural(conflicts, 'conflict')}** for a person: {kinds}")
    if status.awaiting_review:
        lines.append(f"**{plural(status.awaiting_review, 'annotation')}** with edits that wait for approval")
    if status.flagged:
        lines.append(f"**{plural(status.flagged, 'annotation')}** flagged as wrong")
    if status.held_plan is not None:
        plan = status.held_plan
        lines.append(f"**Held** since {plan.held_at:%Y-%m-%d %H:%M} UTC: {quoted(plan.reason)} (tab Held)")
    run = status.last_run
    if run is not None:
        at = run["finished_at"] or run["started_at"]
        error = f": {quoted(run['error'])}" if run.get("error") else ""
        lines.append(f"last run {ago(at)}, {quoted(run['mode'])}, {quoted(run['status'])}{error}")
    lag = [
        f"{SIDES.get(side, side)} {_seconds(behind)}"
        for side, behind in status.lag_seconds.items()
        if behind is not None
    ]
    if lag:
        lines.append(f"read up to: {', '.join(lag)} ago")
    lines.append(_daemon(status.daemon, told))
    page.text("  \n".join(lines))
    _progress(page, name)
    buttons = page.row()
    params = {"binding": name}
    buttons.button("Sync now", panel.sync, params=params, icon="sync", strong=True)
    buttons.button("Preview", panel.preview, params=params, icon="visibility")
    buttons.button("Report", panel.report, params=params, icon="summarize")
    buttons.button("Views", panel.views, params=params, icon="view_quilt")


def _progress(page: Page, name: str) -> None:
    job = job_of(name)
    if job is None:
        return
    if job.reply is None:
        since = datetime.fromtimestamp(job.began, timezone.utc)
        page.notice(f"Syncing: {job.phase}, {job.part:.0%}", f"begun {ago(since)}")
    elif job.reply.variant in ("warning", "error"):
        page.warning(f"The last sync from here: {job.reply.message}")
    else:
        page.text(f"The last sync from here: {quoted(job.reply.message)}")


def _daemon(attendance: Any, told: dict[str, Any] | None) -> str:
    if told is not None:
        return "a daemon attends to it"
    if attendance is not None and attendance.alive:
        return f"a daemon attends to it, on {quoted(attendance.host)}"
    return "**no daemon attends to it**: edits travel when somebody syncs"


def _seconds(behind: float) -> str:
    return (
        f"{behind:,.0f} s"
        if behind < 600
        else f"{behind / 60:,.0f} min"
        if behind < 7200
        else f"{behind / 3600:,.0f} h"
    )
