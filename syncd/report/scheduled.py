"""Writes the report that is due by the schedule: once, wherever and however often this is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import sqlalchemy as sa

from syncd.config import Config
from syncd.config.daemon import ReportConfig
from syncd.model import Json
from syncd.model.kinds import iso
from syncd.report.content import Report, gather
from syncd.report.formats import THUMBNAILS, Format, write
from syncd.report.periods import Period, file_name, last_period
from syncd.report.place import ReportPlace
from syncd.report.selection import Selection
from syncd.report.sides import look
from syncd.state import State, open_state


@dataclass(frozen=True)
class Written:
    """A report that was written just now."""

    link: str
    period: Period
    changes: int
    annotations: int

    def as_json(self) -> dict[str, Json]:
        """For the web hook: where it is and what it is about; no label, no value."""
        return {
            "to": self.link,
            "since": iso(self.period.since),
            "until": iso(self.period.until),
            "changes": self.changes,
            "annotations": self.annotations,
        }


def write_due(config: Config, settings: ReportConfig, names: Sequence[str] | None, now: datetime) -> Written | None:
    """Writes the report of the last span that is over; ``None`` where it is there, or where syncd was not yet.

    ``names`` are the bindings that the daemon runs, where these are not all.
    """
    form = Format(settings.format)
    period = last_period(settings.every, now)
    place = ReportPlace(config, settings.to)
    name = file_name(period, form, names or ())
    if place.has(name):
        return None
    bindings = list(names or [each.name for each in config.bindings])
    with open_state(config) as state:
        if not _ran_before(state, period.until):
            return None
        report = _report(config, state, bindings, period)
    pictures = None
    if form is Format.HTML:
        from syncd.report.pictures import take

        pictures = take(config, report.changes, THUMBNAILS)
    safe = settings.safe_for_spreadsheets
    link = config.fiftyone.app_url
    place.put(
        name,
        lambda file: write(report, form, file, app_url=link, pictures=pictures, safe_for_spreadsheets=safe),
    )
    return Written(place.link(name), period, report.totals.changes, report.totals.annotations)


def _report(config: Config, state: State, bindings: list[str], period: Period) -> Report:
    selection = Selection(bindings=tuple(bindings), since=period.since, until=period.until)
    # Both sides are read meanwhile, and no transaction waits for that.
    state.connection.rollback()
    sides = look(config, bindings)
    return gather(state.connection, state.tables, selection, made_at=datetime.now(timezone.utc), sides=sides)


def _ran_before(state: State, until: datetime) -> bool:
    """Of the time before the first run there is nothing to tell."""
    run = state.tables.run
    found = sa.select(sa.literal(1)).select_from(run).where(run.c.started_at < until).limit(1)
    return state.connection.execute(found).first() is not None
