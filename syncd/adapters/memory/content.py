"""The annotations that a side in memory holds, and how they are read."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TypeAlias

from syncd.adapters.values import canonical_value
from syncd.model import Mapping, Value

Content: TypeAlias = "dict[str, Value]"


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(timezone.utc)


def truncated(moment: datetime) -> datetime:
    """A moment to the millisecond, which is all that stamps are read to."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def canonical_values(mapping: Mapping, values: Content, problems: dict[str, str]) -> Content:
    """All mapped values in canonical form; what is absent, and what cannot be read, is null."""
    return {
        each.name: None if each.name in problems else canonical_value(each.kind, values.get(each.name))
        for each in mapping.fields
    }


def problems_json(problems: dict[str, str]) -> str | None:
    """The ``problems`` of one annotation as a snapshot has them."""
    return json.dumps(problems, separators=(",", ":"), ensure_ascii=False) if problems else None
