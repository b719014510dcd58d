"""The parts of the configuration that all bindings share: servers, daemon, notifications, reports."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from syncd.config.ingest import beside_the_configuration
from syncd.config.kinds import (
    AppUrl,
    DatabaseUrl,
    Duration,
    Flag,
    Http,
    HttpAddress,
    MediaRoot,
    MongoUri,
    PositiveDuration,
    SchemaName,
    SigningSecret,
    Text,
    WebUrl,
)
from syncd.config.section import Section, nothing_is

Event = Literal["applied", "conflict", "held", "failed", "recovered", "report"]
EVENTS: tuple[Event, ...] = get_args(Event)
"""What a web hook can be told of."""


class FiftyOneConfig(Section):
    """Where FiftyOne keeps its datasets; None leaves it to FiftyOne's own configuration.

    `edition` says whether media may stay in S3 (Enterprise); auto looks which one is installed. `app_url` is where
    people open the App: reports link to it.
    """

    database_uri: MongoUri | None = None
    database_name: Text | None = None
    edition: Literal["auto", "open_source", "enterprise"] = "auto"
    app_url: AppUrl | None = None


class DatabaseConfig(Section):
    """The lab's database, as an SQLAlchemy URL."""

    url: DatabaseUrl


class StateConfig(Section):
    """Where syncd's own tables are; `url` None means `database.url`. `schema_name` is the key ``schema``."""

    url: DatabaseUrl | None = None
    schema_name: SchemaName = Field(default="syncd", alias="schema")


class DaemonConfig(Section):
    """The pace of the daemon, and where it answers; `http` None means nowhere."""

    poll_interval: PositiveDuration = timedelta(seconds=30)
    full_scan_interval: PositiveDuration = timedelta(hours=1)
    overlap: Duration = timedelta(minutes=10)
    quiet_period: Duration = timedelta(seconds=5)
    http: Http | None = HttpAddress("127.0.0.1", 9095)


class NotifyConfig(Section):
    """Who is told of what happens. With a `secret` the messages are signed by it (docs/webhook.md)."""

    webhook: WebUrl | None = None
    secret: SigningSecret | None = None
    events: Annotated[tuple[Event, ...], nothing_is(tuple)] = EVENTS


class ReportConfig(Section):
    """Reports that the daemon writes by itself; `to` is a folder or ``s3://bucket/prefix``.

    `safe_for_spreadsheets`: in CSV, nothing is a formula (:mod:`syncd.spreadsheet`).
    """

    every: PositiveDuration = timedelta(days=7)
    to: Annotated[MediaRoot, AfterValidator(beside_the_configuration)]
    format: Literal["html", "markdown", "csv", "json", "parquet"] = "html"
    safe_for_spreadsheets: Flag = False
