"""Records what was handed to FiftyOne Enterprise and until when, since that cannot be asked. No keys."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from syncd.credentials.failures import IssueFailed
from syncd.credentials.keys import Issued, issued_from


def record_file(credentials_file: Path | None) -> Path:
    """Beside the credentials file where one is configured, else in the user's own state folder."""
    if credentials_file is not None:
        return credentials_file.with_name(f"{credentials_file.name}.enterprise.json")
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "syncd" / "credentials.enterprise.json"


def deployment() -> str:
    """Which FiftyOne Enterprise is meant: the address of its API, empty where the environment does not say."""
    return os.environ.get("FIFTYONE_API_URI", "")


def recall(path: Path, buckets: tuple[str, ...]) -> Issued | None:
    """What was last handed over for these buckets; ``None`` where nothing was, or the record says nothing."""
    return issued_from(_entries(path).get(_key(buckets)))


def remember(path: Path, buckets: tuple[str, ...], issued: Issued) -> None:
    """Writes down what was handed over; IssueFailed where that is not possible."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        entries = _entries(path) | {_key(buckets): issued.as_json()}
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(entries, stream, indent=2)
        Path(name).replace(path)
    except OSError as error:
        raise IssueFailed(
            f"The keys were handed over, but {path} cannot be written: {error.strerror or type(error).__name__}.",
            remedy="Mend its rights: without it `--if-expiring` makes new keys at every call.",
        ) from None


def _key(buckets: tuple[str, ...]) -> str:
    return " ".join([deployment(), *buckets]).strip()


def _entries(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Without a record the keys count as expired: at worst new ones are made too early.
        return {}
    return found if isinstance(found, dict) else {}
