"""What FiftyOne Enterprise has that open-source FiftyOne lacks: users, roles, a vault, workers, uploaded plugins.

Operators run there as here; whatever differs is asked here. Open source answers secrets from the environment, knows no
user, and has no workers unless somebody starts one.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from syncd.adapters.connect import first_line
from syncd.errors import SetupError

MANAGEMENT = "fiftyone.management"
"""The module of Enterprise's SDK that open-source FiftyOne lacks."""

EDITING = ("EDIT", "MANAGE")
"""Permissions on a dataset that allow changing its labels; NO_ACCESS, VIEW and TAG do not."""

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


def why_not_edit(ctx: Any) -> str | None:
    """Why Enterprise does not let whoever asks edit this dataset; ``None`` where it does, or knows no user."""
    permission = getattr(getattr(ctx, "user", None), "dataset_permission", None)
    if permission is None or str(permission) in EDITING:
        return None
    return f"permission {permission} on this dataset"


def has_workers(ctx: Any) -> bool:
    """Whether what takes long is left to Enterprise's workers: its App has several servers, and none keeps a thread."""
    return user_of(ctx) is not None


def is_worker(ctx: Any) -> bool:
    """Whether a worker carries this request out, which may take its time."""
    return bool(getattr(ctx, "delegated", False))


def upload(archive: Path) -> None:
    """Uploads the plugin, in place of an earlier one; ``SetupError`` where Enterprise's SDK is missing or refuses."""
    try:
        management = importlib.import_module(MANAGEMENT)
    except ImportError:
        raise SetupError(
            "This is open-source FiftyOne, to which no plugin is uploaded.",
            remedy="Install Enterprise's SDK here, or upload the archive in the App: Settings, Plugins.",
        ) from None
    try:
        management.upload_plugin(str(archive), overwrite=True)
    except Exception as error:  # Enterprise's SDK raises errors of many kinds here, each meaning the same
        raise SetupError(
            f"Enterprise does not take the plugin: {first_line(error)}",
            remedy="Uploading needs an admin's API key: FIFTYONE_API_KEY and FIFTYONE_API_URI.",
        ) from error
