"""Brings raw columns of either side into canonical form (see :mod:`syncd.model.kinds`).

A raw value that has no canonical form becomes null in its column and is named in ``problems``: it must never be taken
for a cleared value.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from decimal import Decimal

import polars as pl

from syncd.model.kinds import Kind
from syncd.model.snapshot import TIMESTAMP_DTYPE

_UUID = r"^(?i)\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$"
_DECIMAL = r"^[+-]?\d+(\.\d+)?$"
_INTEGER = r"^-?(0|[1-9]\d*)$"
_ZEROS_IN_FRONT = r"^(-?)0+(\d)"
ISO_TIMESTAMP = "%Y-%m-%dT%H:%M:%S%.fZ"

FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""The years 1 to 9999 in days since 1970. PostgreSQL has more (4713 BC, infinity); FiftyOne and Python do not."""

DAY = 86_400_000
"""In milliseconds."""


def canonical(raw: Kind, kind: Kind, value: pl.Expr) -> pl.Expr:
    """A raw column of one kind as a canonical column of another; null where a value has no exact form there."""
    if kind is Kind.BOX:
        parts = [value.list.get(index, null_on_oob=True).is_not_null() for index in range(4)]
        sound = (value.list.len() == 4) & pl.all_horizontal(parts)
        return pl.when(sound).then(value)
    if kind is Kind.TEXT:
        return as_text(raw, value)
    if kind is Kind.UUID:
        return as_uuid(value) if raw in (Kind.TEXT, Kind.UUID) else pl.lit(None, pl.String)
    if kind is Kind.DECIMAL:
        return as_decimal(raw, value)
    if kind is Kind.FLOAT:
        return _as_float(raw, value)
    if kind is Kind.INTEGER:
        return _as_integer(raw, value)
    if kind is Kind.BOOLEAN:
        return value if raw is Kind.BOOLEAN else pl.lit(None, pl.Boolean)
    if kind is Kind.DATE:
        return _as_date(raw, value)
    return _as_timestamp(raw, value)


def as_text(raw: Kind, value: pl.Expr) -> pl.Expr:
    """The text form of any kind: the one that stands in JSON and in text attributes of FiftyOne."""
    if raw is Kind.DATE:
        return value.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d")
    if raw is Kind.TIMESTAMP:
        return value.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    return value.cast(pl.String)


def as_uuid(value: pl.Expr) -> pl.Expr:
    """Lower case with hyphens; null for text that is no UUID."""
    return pl.when(value.str.contains(_UUID)).then(value.str.replace(_UUID, "$1-$2-$3-$4-$5").str.to_lowercase())


def as_decimal(raw: Kind, value: pl.Expr) -> pl.Expr:
    """Plain digits without an exponent or needless zeros; null for what is no finite number."""
    text = value.cast(pl.String)
    # Polars evaluates a function once for each mention of its result, so that it must be mentioned once.
    return text.map_batches(_plain_floats, return_dtype=pl.String) if raw is Kind.FLOAT else _plain(text)


def _plain_floats(texts: pl.Series) -> pl.Series:
    """The same of floats: the shortest text that reads back as the same float may have an exponent."""
    return _without_exponents(texts).to_frame("text").select(_plain(pl.col("text"))).to_series()


def _plain(text: pl.Expr) -> pl.Expr:
    sound = text.str.contains(_DECIMAL)
    shorn = (
        pl.when(text.str.contains(".", literal=True))
        .then(text.str.strip_chars_end("0").str.strip_chars_end("."))
        .otherwise(text)
    )
    shorn = shorn.str.strip_prefix("+").str.replace(_ZEROS_IN_FRONT, "$1$2")
    return pl.when(sound).then(pl.when(shorn == "-0").then(pl.lit("0")).otherwise(shorn))


def _without_exponents(texts: pl.Series) -> pl.Series:
    """Spells out the numbers that have an exponent: rare, so done one by one."""
    rare = texts.filter(texts.str.contains("e", literal=True)).unique()
    if rare.is_empty():
        return texts
    spelt: pl.Series = texts.replace(rare, pl.Series([format(Decimal(each), "f") for each in rare], dtype=pl.String))
    return spelt


def _as_float(raw: Kind, value: pl.Expr) -> pl.Expr:
    if raw in (Kind.TEXT, Kind.DECIMAL):
        number = value.cast(pl.Float64, strict=False)
    elif raw is Kind.INTEGER:
        number = value.cast(pl.Float64)
        # Beyond 2**53 not every integer has a float.
        number = pl.when(number.cast(pl.Int64, strict=False) == value).then(number)
    elif raw is Kind.FLOAT:
        number = value.cast(pl.Float64)
    else:
        return pl.lit(None, pl.Float64)
    return pl.when(number.is_nan().not_()).then(number)


def _as_integer(raw: Kind, value: pl.Expr) -> pl.Expr:
    if raw is Kind.INTEGER:
        return value.cast(pl.Int64)
    if raw is Kind.FLOAT:
        return pl.when(value == value.round(0)).then(value.cast(pl.Int64, strict=False))
    if raw in (Kind.TEXT, Kind.DECIMAL):
        return pl.when(value.str.contains(_INTEGER)).then(value.cast(pl.Int64, strict=False))
    return pl.lit(None, pl.Int64)


def _as_date(raw: Kind, value: pl.Expr) -> pl.Expr:
    if raw in (Kind.DATE, Kind.TIMESTAMP):
        moment = _as_timestamp(raw, value)
        return pl.when(moment == moment.dt.truncate("1d")).then(moment.dt.date())
    if raw is Kind.TEXT:
        day = value.str.to_date("%Y-%m-%d", strict=False)
        # The parser also takes 2024-1-5 and years of five digits.
        within = day.to_physical().is_between(FIRST_DAY, LAST_DAY)
        return pl.when(within & (value.str.len_bytes() == len("2024-01-05"))).then(day)
    return pl.lit(None, pl.Date)


def _as_timestamp(raw: Kind, value: pl.Expr) -> pl.Expr:
    if raw in (Kind.DATE, Kind.TIMESTAMP):
        # FiftyOne stores a date as a time too.
        moment = value.cast(TIMESTAMP_DTYPE)
    elif raw is Kind.TEXT:
        parsed = value.str.to_datetime(ISO_TIMESTAMP, time_unit="ms", strict=False)
        moment = parsed.dt.replace_time_zone("UTC")
    else:
        return pl.lit(None, TIMESTAMP_DTYPE)
    within = moment.to_physical().is_between(FIRST_DAY * DAY, (LAST_DAY + 1) * DAY, closed="left")
    return pl.when(within).then(moment)


def canonical_id(kind: Kind, value: pl.Expr) -> pl.Expr:
    """Ids as text: UUIDs in one spelling, all else as it stands (an id of the wrong type matches no row)."""
    text = value.cast(pl.String)
    return pl.coalesce(as_uuid(text), text) if kind is Kind.UUID else text


def with_problems(frame: pl.DataFrame, found: dict[str, tuple[pl.Expr, pl.Expr]]) -> pl.DataFrame:
    """Adds the column ``problems``: {field: (is broken, raw value as text)} as JSON text, null where nothing is broken.

    Texts are made of broken rows alone: those of all would take longer than everything else that is done to a reading.
    """
    texts = pl.repeat(None, frame.height, dtype=pl.String, eager=True)
    if found:
        anything = pl.any_horizontal([broken for broken, _ in found.values()]).fill_null(value=False)
        is_broken = frame.select(anything).to_series()
        if is_broken.any():
            texts.scatter(is_broken.arg_true(), frame.filter(is_broken).select(_problems(found)).to_series())
    return frame.with_columns(texts.alias("problems"))


def _problems(found: dict[str, tuple[pl.Expr, pl.Expr]]) -> pl.Expr:
    parts = [
        pl.when(broken).then(pl.concat_str([pl.lit(json.dumps(name, ensure_ascii=False) + ":"), _quoted(raw)]))
        for name, (broken, raw) in found.items()
    ]
    body = pl.concat_str(parts, separator=",", ignore_nulls=True)
    return pl.concat_str([pl.lit("{"), body, pl.lit("}")])


def _quoted(raw: pl.Expr) -> pl.Expr:
    text = pl.struct(raw.cast(pl.String).fill_null("null").alias("v")).struct.json_encode()
    return text.str.strip_prefix('{"v":').str.strip_suffix("}")


def other_forms(name: str) -> tuple[str, ...]:
    """The same name in the other Unicode normal forms: a Mac decomposes characters, nearly all others compose them."""
    if name.isascii():
        return ()
    forms = dict.fromkeys(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    return tuple(each for each in forms if each != name)


def respelt(found: Iterable[str], asked: Iterable[str]) -> dict[str, str]:
    """{found: asked} of the names that were asked for, not found, and found in another Unicode normal form."""
    wanted, there = set(asked), set(found)
    lacking = {unicodedata.normalize("NFC", each): each for each in sorted(wanted - there) if not each.isascii()}
    if not lacking:
        return {}
    others = ((each, unicodedata.normalize("NFC", each)) for each in sorted(there - wanted) if not each.isascii())
    return {each: lacking[composed] for each, composed in others if composed in lacking}
