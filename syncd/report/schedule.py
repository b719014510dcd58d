"""The schedule of the daemon's reports: the periods that they cover, the names of their files, and where they go.

Spans of one length follow each other without a gap from a Monday on, so that weeks begin on Mondays and days at
midnight, in UTC. Which span is the last needs no memory, and its file's name says whether it has been written.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from syncd.adapters.s3.client import s3_client
from syncd.adapters.s3.errors import Place
from syncd.adapters.s3.upload import stored, upload
from syncd.config import Config
from syncd.config.kinds import S3Prefix
from syncd.config.schema import ReportConfig
from syncd.engine.state import State, open_state
from syncd.errors import ConfigError
from syncd.files import whole_file
from syncd.model import Json
from syncd.model.kinds import iso
from syncd.report.content import Report, gather
from syncd.report.formats import THUMBNAILS, Format, write
from syncd.report.selection import Selection
from syncd.report.sides import look

MONDAY = datetime(1970, 1, 5, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Period:
    """From ``since`` until before ``until``."""

    since: datetime
    until: datetime


def last_period(every: timedelta, now: datetime) -> Period:
    """The last span of this length that is over."""
    until = MONDAY + (now - MONDAY) // every * every
    return Period(until - every, until)


def file_name(period: Period, form: Format, bindings: Sequence[str] = ()) -> str:
    """Such as ``syncd-2026-11-16--2026-11-23.html``; with the bindings, where the daemon runs only some."""
    both = (period.since, period.until)
    # A span that does not begin and end at midnight needs the time too.
    pattern = "%Y-%m-%d" if all(at.time() == MONDAY.time() for at in both) else "%Y-%m-%dT%H%M%S"
    names = [re.sub(r"[^\w.-]", "_", each) for each in bindings]
    return "-".join(["syncd", *names, "--".join(at.strftime(pattern) for at in both)]) + form.ending


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


Write = Callable[[BinaryIO], None]


@dataclass(frozen=True)
class ReportPlace:
    """``to``, of the configuration's ``report``; raises ``SyncdError`` where it cannot be used."""

    config: Config
    to: Path | S3Prefix

    def link(self, name: str) -> str:
        """The report's path or S3 URI."""
        return f"{self.to}{name}" if isinstance(self.to, S3Prefix) else str(self.to / name)

    def has(self, name: str) -> bool:
        """Whether the report is there."""
        if isinstance(self.to, S3Prefix):
            return stored(s3_client(self.config.s3), self._object(self.to, name)) is not None
        return (self.to / name).exists()

    def put(self, name: str, write: Write) -> None:
        """Has the report written, whole or not at all. A folder that is missing is made."""
        try:
            if isinstance(self.to, S3Prefix):
                self._upload(self.to, name, write)
                return
            self.to.mkdir(parents=True, exist_ok=True)
            with whole_file(self.to / name) as file:
                write(file)
        except OSError as error:
            raise ConfigError(
                f"The report cannot be written to {self.link(name)}: {error.strerror}.",
                remedy="Give `report.to` a folder that syncd may write to, or s3://bucket/prefix.",
            ) from error

    def _upload(self, to: S3Prefix, name: str, write: Write) -> None:
        with tempfile.TemporaryDirectory(prefix="syncd-report-") as folder:
            path = Path(folder) / name
            with path.open("wb") as file:
                write(file)
            upload(s3_client(self.config.s3), path, self._object(to, name), lambda: False)

    @staticmethod
    def _object(to: S3Prefix, name: str) -> Place:
        return Place(to.bucket, to.prefix + name)
