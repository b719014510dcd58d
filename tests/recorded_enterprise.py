"""FiftyOne Enterprise's management SDK as it is documented: functions that check how they are called, and remember."""

from __future__ import annotations

import inspect
import stat
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from syncd.credentials.enterprise import MODULE


def add_today(
    provider: str,
    credential_type: str,
    credentials: str | dict[str, Any],
    description: str | None = None,
    prefixes: list[str] | None = None,
    overwrite: bool = True,
    user_id: str | None = None,
    user_group_id: str | None = None,
) -> None: ...


def add_formerly(
    provider: str,
    credential_type: str,
    credentials: str | dict[str, Any],
    description: str | None = None,
    prefixes: list[str] | None = None,
) -> None: ...


def from_keys_today(
    access_key_id: str, secret_access_key: str, default_region: str | None = None, session_token: str | None = None
) -> None: ...


def from_keys_formerly(access_key_id: str, secret_access_key: str, default_region: str | None = None) -> None: ...


class Recorder:
    """A module whose functions have the documented signatures and remember how they were called."""

    def __init__(self, add: Callable[..., None] = add_today, from_keys: Callable[..., None] = from_keys_today) -> None:
        self.stored: list[dict[str, Any]] = []
        self.refusal: Exception | None = None
        self.module = ModuleType(MODULE)
        self.module.add_cloud_credentials = self._like(add, self._add)  # type: ignore[attr-defined]
        self.module.AwsCredentialsFactory = SimpleNamespace(  # type: ignore[attr-defined]
            from_access_keys=self._like(from_keys, lambda given: {"made-of": given})
        )

    def _like(self, documented: Callable[..., None], then: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
        signature = inspect.signature(documented)

        def call(*args: Any, **kwargs: Any) -> Any:
            return then(dict(signature.bind(*args, **kwargs).arguments))

        call.__signature__ = signature  # type: ignore[attr-defined]
        return call

    def _add(self, given: dict[str, Any]) -> None:
        if self.refusal is not None:
            raise self.refusal
        if given["credential_type"] == "ini":
            path = Path(given["credentials"])
            given |= {"text": path.read_text(encoding="utf-8"), "mode": stat.S_IMODE(path.stat().st_mode)}
        self.stored.append(given)
