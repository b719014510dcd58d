"""The hash chain of the change log: each entry's hash covers the one before it, per binding, in order of ``seq``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

COVERED = (
    "seq",
    "run_id",
    "binding",
    "annotation_id",
    "sample_id",
    "label_id",
    "direction",
    "action",
    "field",
    "old",
    "new",
    "reason",
    "actor",
    "edited_at",
    "applied_at",
    "status",
    "undo_of",
)
"""Every column of a finished entry except the hash itself."""


def entry_hash(previous: str | None, entry: Mapping[str, Any]) -> str:
    """The hash of one finished entry, given that of the one before (``None`` for the first)."""
    covered = [previous, *(_plain(entry[name]) for name in COVERED)]
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc).isoformat(timespec="microseconds")
    return value


def first_break(entries: Iterable[Mapping[str, Any]]) -> int | None:
    """The ``seq`` of the first finished entry whose hash is not what it should be; ``None`` for a sound chain.

    ``entries`` are those of one binding in order of ``seq``; pending ones have no hash yet and are passed over.
    """
    previous: str | None = None
    for entry in entries:
        if entry["status"] == "pending":
            continue
        if entry["hash"] != entry_hash(previous, entry):
            return int(entry["seq"])
        previous = entry["hash"]
    return None
