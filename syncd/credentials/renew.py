"""Renews keys for `syncd credentials issue`: tests the present ones, issues new ones, and hands them over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from syncd.config import Config
from syncd.config.kinds import S3Prefix
from syncd.credentials import enterprise, file
from syncd.credentials.issue import Issued, issue_keys, required_role, written
from syncd.credentials.policy import Scope
from syncd.errors import ConfigError

DEFAULT_PROFILE = "default"


@dataclass(frozen=True)
class Renewal:
    """What became of the keys. ``file`` and ``profile`` are None where FiftyOne Enterprise has them."""

    renewed: bool
    issued: Issued
    file: Path | None
    profile: str | None

    def as_json(self) -> dict[str, Any]:
        """For ``--json``; holds no part of a key."""
        return {
            "issued": self.renewed,
            "handed_to": "enterprise" if self.file is None else "file",
            "file": None if self.file is None else str(self.file),
            "profile": self.profile,
            "role_arn": self.issued.role_arn,
            "scope": self.issued.scope,
            "expires_at": written(self.issued.expires_at),
        }


def scope_of(config: Config, place: S3Prefix | None = None, write: bool | None = None) -> Scope:
    """What keys are for: the place given, else ``credentials.bucket``, else the bindings' media in S3."""
    wanted = config.credentials.write if write is None else write
    given = place or config.credentials.bucket
    if given is not None:
        return Scope((given,), wanted)
    roots = [binding.ingest.media for binding in config.bindings]
    places = tuple(dict.fromkeys(root for root in roots if isinstance(root, S3Prefix)))
    if not places:
        raise ConfigError(
            "No bucket is configured: neither `credentials.bucket` nor an `ingest.media` in S3.",
            remedy="Set `credentials.bucket`, or for a policy give `--bucket s3://bucket/prefix`.",
        )
    return Scope(places, wanted)


def renew(config: Config, if_expiring: timedelta | None = None, now: datetime | None = None) -> Renewal:
    """Makes keys and hands them over; not where ``if_expiring`` is given and the present ones are good for longer.

    Keys for another role, bucket or right than the configuration's are never the present ones.
    """
    scope = scope_of(config)
    role_arn = required_role(config.credentials)
    to_enterprise = config.credentials.hand_to == "enterprise"
    path, profile = (None, None) if to_enterprise else _target(config)
    have = _present(config, scope, path, profile)
    if (
        if_expiring is not None
        and have is not None
        and have.is_for(role_arn, str(scope))
        and have.lasts(if_expiring, now or datetime.now(timezone.utc))
    ):
        return Renewal(False, have, path, profile)
    # Whoever cannot take the keys is found out before there are any.
    if path is None or profile is None:
        _check_endpoint(config.s3.endpoint_url)
        enterprise.management()
    else:
        file.check_target(path, profile)
    keys = issue_keys(config.credentials, scope, config.s3.region)
    if path is None or profile is None:
        description = f"syncd: {scope}, until {written(keys.issued.expires_at)}"
        enterprise.hand_over(keys, scope.buckets, description, config.s3.region)
        enterprise.remember(_record(config), scope.buckets, keys.issued)
    else:
        file.write_profile(path, profile, keys)
    return Renewal(True, keys.issued, path, profile)


def _check_endpoint(endpoint: str | None) -> None:
    if endpoint is not None and not (urlsplit(endpoint).hostname or "").endswith(
        (".amazonaws.com", ".amazonaws.com.cn")
    ):
        raise ConfigError(
            "FiftyOne Enterprise takes time-limited keys for Amazon's S3 only, and `s3.endpoint_url` names another.",
            remedy="Store lasting keys for that server in FiftyOne Enterprise itself (provider MINIO).",
        )


def _present(config: Config, scope: Scope, path: Path | None, profile: str | None) -> Issued | None:
    if path is None or profile is None:
        return enterprise.recall(_record(config), scope.buckets)
    return file.present(path, profile)


def _record(config: Config) -> Path:
    return enterprise.record_file(config.credentials.file or config.s3.credentials_file)


def _target(config: Config) -> tuple[Path, str]:
    path = config.credentials.file or config.s3.credentials_file
    if path is None:
        raise ConfigError(
            "No file is configured for the keys.",
            remedy="Set `s3.credentials_file` (syncd reads it too), or `credentials.file`.",
        )
    return path, config.s3.profile or DEFAULT_PROFILE
