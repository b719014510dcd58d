"""What FiftyOne Enterprise has that open-source FiftyOne lacks: users of its own, and a vault of secrets.

Operators run there as here; whatever differs is asked here. Open source answers secrets from the environment, and knows
no user.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

DECLARED = ("SYNCD_CONFIG", "SYNCD_ACTOR", "SYNCD_DATABASE_URL", "SYNCD_STATE_URL")
"""The secrets that fiftyone.yml names; FiftyOne gives an operator no others."""


class Secrets(Mapping[str, str]):
    """The declared secrets of a request over the environment of the process, as a configuration takes variables."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx

    def __getitem__(self, name: str) -> str:
        found = self._ctx.secret(name) if name in DECLARED else None
        return str(found) if found else os.environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter({*os.environ, *(name for name in DECLARED if self._ctx.secret(name))})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def user_of(ctx: Any) -> str | None:
    """The name by which Enterprise knows who asks: e-mail, name or id, the first that there is."""
    user = getattr(ctx, "user", None)
    for name in ("email", "name", "id"):
        found = getattr(user, name, None)
        if found:
            return str(found)
    return None
