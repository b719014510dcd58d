"""The whole configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, SecretStr

from syncd.config.binding import BindingConfig
from syncd.config.daemon import (
    DaemonConfig,
    DatabaseConfig,
    FiftyOneConfig,
    NotifyConfig,
    ReportConfig,
    StateConfig,
)
from syncd.config.expect import unfit
from syncd.config.nearest import did_you_mean
from syncd.config.redact import quote
from syncd.config.s3 import CredentialsConfig, S3Config
from syncd.config.section import Section
from syncd.errors import ConfigError


def _not_empty(bindings: tuple[BindingConfig, ...]) -> tuple[BindingConfig, ...]:
    if not bindings:
        raise unfit("at least one binding")
    return bindings


class Config(Section):
    """The whole configuration. Secrets are `SecretStr`: ``.get_secret_value()`` unwraps them."""

    fiftyone: FiftyOneConfig = FiftyOneConfig()
    database: DatabaseConfig
    state: StateConfig = StateConfig()
    daemon: DaemonConfig = DaemonConfig()
    bindings: Annotated[tuple[BindingConfig, ...], AfterValidator(_not_empty)]
    s3: S3Config = S3Config()
    credentials: CredentialsConfig = CredentialsConfig()
    notify: NotifyConfig = NotifyConfig()
    report: ReportConfig | None = None

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
