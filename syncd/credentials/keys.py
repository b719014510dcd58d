"""Time-limited keys, and what may be said about them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from syncd.model.kinds import iso


@dataclass(frozen=True)
class Issued:
    """What is written down beside keys: for whom, for what, until when. No part of the keys themselves."""

    role_arn: str
    scope: str
    expires_at: datetime

    def lasts(self, margin: timedelta, now: datetime) -> bool:
        """Whether the keys are good for longer than ``margin``."""
        return self.expires_at - now > margin

    def is_for(self, role_arn: str, scope: str) -> bool:
        """Whether the keys are those that the configuration asks for."""
        return (self.role_arn, self.scope) == (role_arn, scope)

    def as_json(self) -> dict[str, str]:
        """As it is written into a file."""
        return {"expires_at": written(self.expires_at), "role_arn": self.role_arn, "scope": self.scope}


@dataclass(frozen=True)
class Keys:
    """The keys. Neither ``repr`` nor ``str`` shows any part of them."""

    access_key_id: SecretStr = field(repr=False)
    secret_access_key: SecretStr = field(repr=False)
    session_token: SecretStr = field(repr=False)
    issued: Issued


def read_issued(text: str) -> Issued | None:
    """What `Issued.as_json` wrote; ``None`` where it is anything else."""
    try:
        found: Any = json.loads(text)
    except ValueError:
        return None
    return issued_from(found)


def issued_from(found: Any) -> Issued | None:
    """What `Issued.as_json` made; ``None`` where it is anything else."""
    try:
        moment = datetime.fromisoformat(str(found["expires_at"]).replace("Z", "+00:00"))
        role_arn, scope = found["role_arn"], found["scope"]
    except (KeyError, TypeError, ValueError):
        return None
    if moment.tzinfo is None or not isinstance(role_arn, str) or not isinstance(scope, str):
        return None
    return Issued(role_arn, scope, moment)


def written(moment: datetime) -> str:
    """A moment in UTC: ``2026-11-23T12:00:00.000000Z``."""
    return iso(moment)
