"""Rows of frames as the content of changes and conflicts."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from syncd.model.fields import Mapping
from syncd.model.kinds import Json, Value, to_json
from syncd.model.snapshot import PREFIX

ASKED = "review.tags"
"""Name under which a conflict shows the tags of a label that ask for something that was not done yet."""


def values_of(mapping: Mapping, row: dict[str, Any], prefix: str = "") -> dict[str, Value]:
    """The mapped values of a row by field name; ``prefix`` picks one side of a joined row."""
    return {name: row[f"{prefix}{PREFIX}{name}"] for name in mapping.names}


def jsonable(value: Value) -> Json:
    """A canonical value as JSON for a conflict, which must be able to show even what JSON cannot hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list) and not all(map(math.isfinite, value)):
        return [str(part) for part in value]
    return to_json(value)


def content_of(mapping: Mapping, row: dict[str, Any], prefix: str = "") -> Json:
    """All mapped values of a row as JSON."""
    return jsonable_content(values_of(mapping, row, prefix))


def jsonable_content(values: dict[str, Value]) -> Json:
    """A whole annotation as JSON."""
    return {name: jsonable(value) for name, value in values.items()}


def problems_of(row: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Raw values, as text, of the fields that could not be read as their kind."""
    text = row[f"{prefix}problems"]
    return {} if text is None else dict(json.loads(text))


def shown(row: dict[str, Any], name: str, prefix: str = "") -> Json:
    """One field's value for a conflict: the raw text where it could not be read."""
    raw = problems_of(row, prefix).get(name)
    return raw if raw is not None else jsonable(row[f"{prefix}{PREFIX}{name}"])


def seen_tags(row: dict[str, Any], prefix: str = "") -> tuple[str, ...]:
    """The tags that a label of FiftyOne and its sample bear."""
    return tuple(sorted({*(row[prefix + "tags"] or ()), *(row[prefix + "sample_tags"] or ())}))


def fiftyone_content(mapping: Mapping, row: dict[str, Any], asked: Sequence[str] = ()) -> Json:
    """A FiftyOne row as a conflict shows it: the ids it bears, the tags that ask for something, then its values."""
    ids: dict[str, Json] = {name: row[name] for name in ("annotation_id", "label_id", "sample_id")}
    if asked:
        ids[ASKED] = list(asked)
    return ids | {name: shown(row, name) for name in mapping.names}
