"""The hash chain of the change log: each entry's hash covers the entry before it, per binding, in order of ``seq``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from operator import itemgetter
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

_TIMES = (COVERED.index("edited_at"), COVERED.index("applied_at"))
"""Where those of them stand that are times."""

_values = itemgetter(*COVERED)

_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def entry_hash(previous: str | None, entry: Mapping[str, Any]) -> str:
    """The hash of one finished entry, given that of the one before (``None`` for the first)."""
    text = _JSON.encode([previous, *_covered(entry)])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def covered(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the hash covers of an entry, in its order, as plain JSON: times as text, in UTC, to the microsecond."""
    return dict(zip(COVERED, _covered(entry), strict=True))


def _covered(entry: Mapping[str, Any]) -> list[Any]:
    plain = list(_values(entry))
    for place in _TIMES:
        if plain[place] is not None:
            plain[place] = _utc(plain[place])
    return plain


# One moment stands in many entries: a run's, and that of an edit in bulk.
@lru_cache(maxsize=1_000)
def _utc(moment: datetime) -> str:
    if moment.utcoffset():
        moment = moment.astimezone(timezone.utc)
    return moment.replace(tzinfo=timezone.utc).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class Soundness:
    """What a check of one binding's chain found.

    ``broken_at`` is the ``seq`` of the first entry that is not what it was when it was finished, or that stands
    where another was taken away or put in. ``cut`` names the first run whose newest entry is not in the log any more:
    its end was taken away. ``head`` is the newest hash; kept elsewhere it proves that nothing before it was changed,
    even by somebody who may write to all of syncd's own tables.
    """

    entries: int
    head: str | None
    broken_at: int | None
    cut: str | None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken_at is None and self.cut is None


def check(entries: Iterable[Mapping[str, Any]], heads: Mapping[str, str]) -> Soundness:
    """Follows the chain through the entries of one binding, which are in order of ``seq``.

    ``heads`` maps the hash with which each run closed to that run. Entries that are pending have no hash yet and are
    passed over; but they stand only at the end, because every run first finishes what is pending: one that stands
    before a finished entry was put there, or made of one that was finished.
    """
    previous: str | None = None
    missing = dict(heads)
    count = 0
    pending: int | None = None
    for entry in entries:
        if entry["status"] == "pending" and entry["hash"] is None:
            pending = int(entry["seq"]) if pending is None else pending
            continue
        if pending is not None or entry["hash"] != entry_hash(previous, entry):
            return Soundness(count, previous, int(entry["seq"]) if pending is None else pending, None)
        previous = entry["hash"]
        missing.pop(entry["hash"], None)
        count += 1
    return Soundness(count, previous, None, min(missing.values(), default=None))
