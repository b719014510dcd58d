"""Text that is not UTF-8: MongoDB holds it, since drivers of other languages write it, and FiftyOne cannot load it.

It is nobody's label, id, name or tag. What is decoded for people shows its bytes; where it matters whether a text is
one, its bytes are kept apart from the text around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import bson
import polars as pl
import pyarrow as pa
from bson import CodecOptions
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError
from pymongo.collection import Collection
from pymongo.database import Database

from syncd.adapters.sql.encoding import can_hold, escaped

Documents = Collection[dict[str, Any]]
Source = TypeVar("Source", Database[dict[str, Any]], Documents)

_BYTES = re.compile("[\udc80-\udcff]")
_STRICT: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


def shown_by_bytes(source: Source) -> Source:
    """The same, of which every document can be decoded: text that is none shows its bytes."""
    return source.with_options(codec_options=_with(source.codec_options, "backslashreplace"))


def exact(source: Documents) -> Documents:
    """The same, of which a text that is none is told by :func:`is_text`, and cannot be written back by mistake."""
    return source.with_options(codec_options=_with(source.codec_options, "surrogateescape"))


def _with(options: CodecOptions[dict[str, Any]], handler: str) -> CodecOptions[dict[str, Any]]:
    return options.with_options(unicode_decode_error_handler=handler)


def is_text(text: str) -> bool:
    """Whether what was decoded by :func:`exact` is text."""
    return _BYTES.search(text) is None


def as_shown(text: str) -> str:
    """What was decoded by :func:`exact`, for a person."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def first_unreadable(document: bytes) -> tuple[str, str]:
    """Where a document holds the first text that is none, as a path of MongoDB's, and how it is shown."""
    options: CodecOptions[dict[str, Any]] = _with(_STRICT, "surrogateescape")
    return next(_unreadable("", bson.decode(document, options)), ("", ""))


def _unreadable(path: str, held: Any) -> Iterator[tuple[str, str]]:
    if isinstance(held, str) and not is_text(held):
        yield path, as_shown(held)
    parts = held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ()
    for name, part in parts:
        yield from _unreadable(f"{path}.{name}" if path else str(name), part)


def holds_only_text(table: pa.Table) -> bool:
    """Whether every text of a table is one; the driver does not look."""
    try:
        table.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def as_frame(table: pa.Table) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
    """A table with null for what is no text; and, of columns that hold any, where that is (in lists it is nowhere)."""
    if holds_only_text(table):
        return pl.DataFrame(pl.from_arrow(table)), {}
    places: dict[str, pl.Series] = {}
    columns: list[pl.Series] = []
    for name in table.column_names:
        column = table[name]
        if pa.types.is_string(column.type):
            held = column.cast(pa.binary()).to_pylist()
            texts = [_text(each) for each in held]
            columns.append(pl.Series(name, texts, pl.String))
            lost = [text is None and each is not None for each, text in zip(held, texts, strict=True)]
            if any(lost):
                places[name] = pl.Series(lost)
        elif pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
            lists = column.cast(pa.list_(pa.binary())).to_pylist()
            columns.append(pl.Series(name, [each and list(map(_text, each)) for each in lists], pl.List(pl.String)))
        else:
            columns.append(pl.DataFrame(pl.from_arrow(table.select([name]))).to_series())
    return pl.DataFrame(columns), places


def _text(held: bytes | None) -> str | None:
    """What bytes say; null where they are no text."""
    try:
        return None if held is None else held.decode()
    except UnicodeDecodeError:
        return None


def within(encoding: str, rows: pl.DataFrame) -> pl.DataFrame:
    """A snapshot's rows without ids and names that a database of this encoding cannot hold, and so never has.

    Such an id is shown with the numbers of the characters that are lacking there; a name is none that ties to a row.
    """
    for name in ("annotation_id", "media", "frame"):
        lacking = [each for each in rows[name].drop_nulls().unique() if not can_hold(encoding, each)]
        if lacking:
            shown = [escaped(encoding, each) if name == "annotation_id" else None for each in lacking]
            rows = rows.with_columns(pl.col(name).replace(lacking, shown))
    return rows


def split_by_text(documents: Iterable[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The documents that hold nothing but text where they hold text, and the others."""
    sound: list[bytes] = []
    others: list[bytes] = []
    for each in documents:
        try:
            bson.decode(each, _STRICT)
        except (BSONError, UnicodeDecodeError):
            others.append(each)
        else:
            sound.append(each)
    return sound, others
