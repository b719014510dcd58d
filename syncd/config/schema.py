"""The whole configuration."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, SecretStr

from syncd.config.binding import BindingConfig
from syncd.config.embedding import EmbeddingConfig
from syncd.config.kinds import (
    AppUrl,
    ByteSize,
    DatabaseUrl,
    Duration,
    EndpointUrl,
    FilePath,
    Flag,
    FolderPath,
    HeaderName,
    Http,
    HttpAddress,
    MediaRoot,
    MongoUri,
    Network,
    PositiveCount,
    PositiveDuration,
    RoleArn,
    S3Address,
    SchemaName,
    Section,
    SigningSecret,
    Text,
    WebUrl,
    beside_the_configuration,
    nothing_is,
    unfit,
)
from syncd.config.nearest import did_you_mean
from syncd.config.redact import quote
from syncd.errors import ConfigError

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

    `safe_for_spreadsheets`: in CSV, nothing is a formula (:mod:`syncd.printable`).
    """

    every: PositiveDuration = timedelta(days=7)
    to: Annotated[MediaRoot, AfterValidator(beside_the_configuration)]
    format: Literal["html", "markdown", "csv", "json", "parquet"] = "html"
    safe_for_spreadsheets: Flag = False


LOOPBACK = ("127.0.0.1", "::1")
People = Annotated[tuple[Text, ...], nothing_is(tuple)]


class AppConfig(Section):
    """Who may do what in FiftyOne's App, as `syncd app` serves it.

    With a list of `editors` everybody else is a viewer; `viewers` look on in any case. Behind a proxy that signs people
    in: `proxies` are the addresses it connects from, `role_header` is where it says what a person is, and with a
    `proxy_secret` it has to prove itself, where others can connect from its address too.
    """

    editors: People = ()
    viewers: People = ()
    proxies: Annotated[tuple[Network, ...], nothing_is(lambda: LOOPBACK)] = LOOPBACK
    proxy_secret: SigningSecret | None = None
    role_header: HeaderName | None = None


class S3Config(Section):
    """How S3 is reached; what is left out is boto3's own affair (environment, ~/.aws, instance role).

    `credentials_file` is read again whenever it changes. `cache` is where the open-source FiftyOne finds the media;
    `cache_size` bounds it, in bytes.
    """

    endpoint_url: EndpointUrl | None = None
    region: Text | None = None
    profile: Text | None = None
    credentials_file: Annotated[FilePath, AfterValidator(beside_the_configuration)] | None = None
    requester_pays: Flag = False
    connections: PositiveCount = 16
    cache: Annotated[FolderPath, AfterValidator(beside_the_configuration)] = Path("~/.cache/syncd/media")
    cache_size: ByteSize = 100_000_000_000


class CredentialsConfig(Section):
    """Time-limited keys that `syncd credentials issue` makes through STS, and to whom they go.

    `hand_to` is `file` (`s3.credentials_file`, or `file` here) or `enterprise` (FiftyOne Enterprise).
    """

    role_arn: RoleArn | None = None
    bucket: S3Address | None = None
    write: Flag = False
    duration: PositiveDuration = timedelta(hours=1)
    sts_endpoint_url: EndpointUrl | None = None
    external_id: Text | None = None
    hand_to: Literal["file", "enterprise"] = "file"
    file: Annotated[FilePath, AfterValidator(beside_the_configuration)] | None = None


def _not_empty(bindings: tuple[BindingConfig, ...]) -> tuple[BindingConfig, ...]:
    if not bindings:
        raise unfit("at least one binding")
    return bindings


class Config(Section):
    """The whole configuration. Secrets are `SecretStr`: ``.get_secret_value()`` unwraps them.

    `lab` is the key ``database``; None where every binding has a `store`.
    """

    fiftyone: FiftyOneConfig = FiftyOneConfig()
    lab: DatabaseConfig | None = Field(default=None, alias="database")
    state: StateConfig = StateConfig()
    daemon: DaemonConfig = DaemonConfig()
    bindings: Annotated[tuple[BindingConfig, ...], AfterValidator(_not_empty)]
    s3: S3Config = S3Config()
    credentials: CredentialsConfig = CredentialsConfig()
    notify: NotifyConfig = NotifyConfig()
    report: ReportConfig | None = None
    app: AppConfig = AppConfig()
    embedding: EmbeddingConfig = EmbeddingConfig()

    @property
    def database(self) -> DatabaseConfig:
        """The lab's database. Raises ConfigError for a configuration whose annotations are all in other stores."""
        if self.lab is None:
            raise ConfigError(
                "This needs the lab's database, and the configuration names none: its annotations are in other stores.",
                remedy="Name it in `database.url`, if there is one.",
            )
        return self.lab

    @property
    def state_url(self) -> SecretStr:
        """The database that holds syncd's own tables."""
        return self.state.url or self.database.url

    def binding(self, name: str) -> BindingConfig:
        """The binding of this name. Raises ConfigError, with the nearest name, where there is none."""
        for binding in self.bindings:
            if binding.name == name:
                return binding
        names = [binding.name for binding in self.bindings]
        hint = did_you_mean(name, names) or f"the configuration has: {', '.join(names)}"
        raise ConfigError(f"there is no binding {quote(name)}", remedy=hint)
