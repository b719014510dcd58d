"""What is done for a configuration as a whole: its tables, rights and keys, and the diagnosis of all it names.

    import syncd

    syncd.migrate("syncd.yaml")
    syncd.diagnose("syncd.yaml").healthy

``config`` is a path, a configuration that is loaded, or ``None``: the one that a command would find.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.api.calls import configuration_of
from syncd.api.faults import told_faults
from syncd.config import Config
from syncd.config.kinds import S3Prefix, s3_place
from syncd.model import Json

if TYPE_CHECKING:
    from syncd.credentials.renew import Renewal
    from syncd.doctor.diagnosis import Diagnosis
    from syncd.doctor.finding import Finding
    from syncd.doctor.grants import Grant


@dataclass(frozen=True)
class MigratedTables:
    """The versions of syncd's own tables; ``before`` is ``None`` where there were none."""

    schema: str
    before: str | None
    after: str

    def as_json(self) -> dict[str, Any]:
        """The document of ``syncd migrate --json``."""
        return {"schema": self.schema, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class Grants:
    """The least rights that syncd needs, as statements; those for one database together."""

    statements: tuple[Grant, ...]

    @property
    def text(self) -> str:
        """The script for ``psql``; what the daemon does without stands in comments."""
        from syncd.doctor.grants import as_text

        return as_text(self.statements)

    def as_json(self) -> list[dict[str, Json]]:
        """The document of ``syncd database grants --json``."""
        return [each.as_json() for each in self.statements]


def migrate(config: Config | Path | str | None = None) -> MigratedTables:
    """Creates or upgrades syncd's own tables; changes nothing where they are current.

    ``StateError`` where they cannot be made, or are of a newer program that this one cannot work with.
    """
    from syncd.adapters.connect import open_database
    from syncd.adapters.sql.limits import Limits
    from syncd.store.migrate import migrate as bring_up_to_date

    settings = configuration_of(config)
    schema = settings.state.schema_name
    # An index on a large log takes as long as it takes.
    with told_faults(), open_database(settings.state_url.get_secret_value(), Limits(statement_s=0)) as connection:
        done = bring_up_to_date(connection, schema)
    return MigratedTables(schema, done.before, done.after)


def diagnose(
    config: Config | Path | str | None = None,
    names: Sequence[str] | None = None,
    *,
    tell: Callable[[Finding], object] = lambda _: None,
) -> Diagnosis:
    """Checks each connection, right and mapping in order; writes nothing.

    ``names`` are the bindings that are looked at, where these are not all; the servers always are. ``tell`` is called
    with each finding as it is found.
    """
    from syncd.doctor.diagnosis import Diagnosis, diagnose

    found = []
    for finding in diagnose(configuration_of(config), names):
        tell(finding)
        found.append(finding)
    return Diagnosis(tuple(found))


def grants(
    config: Config | Path | str | None = None, names: Sequence[str] | None = None, *, role: str | None = None
) -> Grants:
    """The least rights that syncd needs in the database, as SQL; changes nothing.

    ``role`` is the name of syncd's role, by default the user of ``database.url``. ``ConfigError`` where the database is
    not PostgreSQL.
    """
    from syncd.doctor.grants import grants

    settings = configuration_of(config)
    with told_faults():
        return Grants(tuple(grants(settings, names or [each.name for each in settings.bindings], role)))


def credentials_policy(
    config: Config | Path | str | None = None, *, bucket: str | S3Prefix | None = None, write: bool | None = None
) -> dict[str, Any]:
    """The least IAM policy that ingest and viewing need, as the document that AWS reads.

    ``bucket`` is a bucket or ``s3://bucket/prefix``, by default ``credentials.bucket``, else the bindings' media;
    ``write`` is by default ``credentials.write``.
    """
    from syncd.credentials.policy import partition_of, policy_document
    from syncd.credentials.renew import scope_of

    settings = configuration_of(config)
    scope = scope_of(settings, s3_place(bucket, "bucket") if isinstance(bucket, str) else bucket, write)
    return policy_document(scope, partition_of(settings.credentials.role_arn, settings.s3.region))


def policy_of_bucket(bucket: S3Prefix, *, write: bool = False) -> dict[str, Any]:
    """The least IAM policy for a bucket, where there is no configuration."""
    from syncd.credentials.policy import Scope, policy_document

    return policy_document(Scope((bucket,), write))


def issue_credentials(config: Config | Path | str | None = None, *, if_expiring: timedelta | None = None) -> Renewal:
    """Makes time-limited keys for S3 through STS and hands them over, to the file or to FiftyOne Enterprise.

    Nothing is done while the present keys are good for longer than ``if_expiring``. The result holds no part of a key.
    """
    from syncd.credentials.renew import renew

    return renew(configuration_of(config), if_expiring)
