"""Values that stand in a type of their own, or in a form that no canonical value has: shown as they are."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import polars as pl
from bson import CodecOptions, DatetimeMS, ObjectId
from bson.codec_options import DatetimeConversion
from bson.json_util import RELAXED_JSON_OPTIONS, dumps
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from syncd.adapters.fiftyone.invalid_text import as_shown, exact, is_text
from syncd.adapters.fiftyone.mapping import LabelMapping, key
from syncd.model import Kind
from syncd.model.canonical import DAY, FIRST_DAY, LAST_DAY

PLACE = ["sample_id", "position"]
"""What tells one label of a read from all others, whatever its ids."""

# A date that Python has no name for must not keep the whole label from being looked at.
_TOLERANT: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
EARLIEST, LATEST = FIRST_DAY * DAY, (LAST_DAY + 1) * DAY - 1


def within_python(moment: pl.Expr) -> pl.Expr:
    """A time in milliseconds, or null where it is outside the years 1 to 9999, which is all that Python knows."""
    return pl.when(moment.cast(pl.Int64).is_between(EARLIEST, LATEST)).then(moment)


def is_sound_box(value: pl.Expr) -> pl.Expr:
    """Whether a column of lists holds four finite numbers; never null."""
    parts = [value.list.get(index, null_on_oob=True).is_finite().fill_null(value=False) for index in range(4)]
    return ((value.list.len() == 4) & pl.all_horizontal(parts)).fill_null(value=False)


def texts_of_odd_values(
    samples: Collection[dict[str, Any]],
    labels: LabelMapping,
    sample_ids: list[ObjectId],
    session: ClientSession | None,
) -> pl.DataFrame:
    """Every label of these samples: where it stands, and ``text_<field>`` and ``text_id`` of what is odd about it."""
    names = ["id", *labels.kinds]
    types = {"sample_id": pl.String(), "position": pl.Int64()} | {f"text_{name}": pl.String() for name in names}
    rows: list[dict[str, Any]] = []
    if sample_ids:
        found = exact(samples.with_options(codec_options=_TOLERANT))
        for document in found.find({"_id": {"$in": sample_ids}}, {labels.path: 1}, session=session):
            for position, label in enumerate(_labels_of(labels, document)):
                rows.append({"sample_id": str(document["_id"]), "position": position} | _texts(labels, label))
    return pl.DataFrame(rows, schema=types, orient="row")


def _labels_of(labels: LabelMapping, document: dict[str, Any]) -> list[Any]:
    found: Any = document
    for part in labels.path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, list) else [found]


def _texts(labels: LabelMapping, label: Any) -> dict[str, str | None]:
    if not isinstance(label, dict):
        return {}
    texts = {"text_id": None if _is_plain_id(label.get(labels.id_attribute)) else _shown(label[labels.id_attribute])}
    for name, kind in labels.kinds.items():
        value = label.get(key(name))
        texts[f"text_{name}"] = None if value is None or _is_plain(kind, value) else _shown(value)
    return texts


def _is_plain_id(value: Any) -> bool:
    if isinstance(value, str):
        return is_text(value)
    return value is None or (isinstance(value, int | ObjectId) and not isinstance(value, bool))


def _is_plain(kind: Kind, value: Any) -> bool:
    """Whether the columns show the value as it is."""
    if kind is Kind.BOX:
        return isinstance(value, list) and len(value) == 4 and all(_is_number(each) for each in value)
    if kind is Kind.FLOAT:
        return _is_number(value)
    if kind is Kind.INTEGER:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, str) and not is_text(value):
        return False
    expected = {Kind.TEXT: str, Kind.BOOLEAN: bool}.get(kind, datetime)
    return isinstance(value, expected)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: Any) -> str:
    if isinstance(value, DatetimeMS):
        return f"{int(value)} ms after 1970"
    if isinstance(value, str) and not is_text(value):
        return as_shown(value)
    return str(value) if isinstance(value, float) else dumps(value, json_options=RELAXED_JSON_OPTIONS)
