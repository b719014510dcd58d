"""The content of a notification: the event, the binding, counts and states. No label, no value, no sentence."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime

from syncd.config.daemon import Event
from syncd.model.kinds import Json, iso

COUNTS = (
    "scanned",
    "applied",
    "superseded",
    "refused",
    "converged",
    "awaiting_review",
    "flagged",
    "not_ingested",
    "too_young",
    "first_met",
    "settled",
    "conflicts",
)
"""The counts of `reconcile --json`, under their names there."""

WORDS = ("run_id", "mode", "state", "side")
"""Words of syncd's own."""

_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}")


def body_of(event: Event, delivery: str, at: datetime, binding: str | None, document: Mapping[str, Json]) -> bytes:
    """The JSON that is sent. Of ``document`` only the counts, ``seconds`` and syncd's own words are taken.

    What else a run reports (why it was held, its notes and changes) may name classes and is left out.
    """
    words: dict[str, Json] = {name: _word(document.get(name)) for name in WORDS}
    counts: dict[str, Json] = {name: _numbers(document[name]) for name in COUNTS if name in document}
    message: dict[str, Json] = {
        "event": event,
        "delivery": delivery,
        "time": iso(at),
        "binding": binding,
        **words,
        "counts": counts,
        "seconds": _numbers(document.get("seconds")),
    }
    if "report" in document:
        message["report"] = document["report"]
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def signature(secret: str, at: datetime, body: bytes) -> str:
    """The header ``X-Syncd-Signature``: when it was signed, and the HMAC-SHA256 of that time, a dot and the body."""
    seconds = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def _word(value: Json) -> str | None:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def _numbers(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {name: _numbers(each) for name, each in value.items() if _WORD.fullmatch(name)}
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
