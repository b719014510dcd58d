"""Turns what `columns.media` holds into the place of the file or object. Pure: looks nothing up."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from syncd.config import S3Prefix

SCHEMA = {"key": pl.String, "location": pl.String, "fault": pl.String}
S3 = "s3://"

_UNUSUAL = r"(?:^|/)\.{0,2}(?:/|$)|\x00"
"""An empty segment, `.` or `..`, which every scheme and every absolute path has too."""

_BUCKET = r"[A-Za-z0-9._-]{3,255}"
_URI = re.compile(rf"(?P<bucket>{_BUCKET})/(?P<key>.+)", re.DOTALL)
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)


def locate(keys: pl.Series, root: Path | S3Prefix | None) -> pl.DataFrame:
    """A row per key, in order: key, location (absolute path or s3:// URI) or else a fault, which is a sentence.

    Relative keys start at the root. Paths are taken by their letters: `..` may not lead out of the root, symbolic
    links may. A path under the folder that a root's own links lead to is given as one under the root. Nothing is
    unescaped: `%20` is three characters.
    """
    frame = pl.DataFrame({"key": keys.cast(pl.String)})
    key = pl.col("key")
    usual: pl.Expr
    if root is None:
        uri = key.str.contains(rf"^s3://{_BUCKET}/") & _is_plain(key.str.strip_prefix(S3))
        usual = pl.when(uri | (key.str.starts_with("/") & _is_plain(key.str.strip_prefix("/")))).then(key)
    else:
        base = _base(root)
        below = key.str.starts_with(base) & _is_plain(key.str.strip_prefix(base))
        usual = pl.when(_is_plain(key)).then(pl.lit(base) + key).when(below).then(key)
    frame = frame.with_columns(location=usual)
    odd = frame.filter(pl.col("location").is_null())["key"].unique()
    if not odd.len():
        return frame.with_columns(fault=pl.lit(None, pl.String))
    folder = _Folder.of(root) if isinstance(root, Path) else _Folder("/", None)
    judged = [(each, *_locate_one(each, root, folder)) for each in odd]
    special = pl.DataFrame(
        judged, schema={"key": pl.String, "odd_location": pl.String, "fault": pl.String}, orient="row"
    )
    return frame.join(special, on="key", how="left", nulls_equal=True, maintain_order="left").select(
        "key", pl.coalesce("location", "odd_location").alias("location"), "fault"
    )


def _is_plain(text: pl.Expr) -> pl.Expr:
    return ~text.str.contains(_UNUSUAL)


def _base(root: Path | S3Prefix) -> str:
    """What every location under the root begins with."""
    return str(root) if isinstance(root, S3Prefix) else folder_text(root).rstrip("/") + "/"


def folder_text(folder: Path) -> str:
    """The absolute path of a folder, its symbolic links left as they are (FiftyOne keeps paths likewise)."""
    return os.path.abspath(folder.expanduser())


@dataclass(frozen=True)
class _Folder:
    """What local paths begin with, and, where links stand for that, what they lead to."""

    base: str
    real: str | None

    @classmethod
    def of(cls, root: Path) -> _Folder:
        return cls(_base(root), os.path.realpath(folder_text(root)).rstrip("/") + "/")


def _locate_one(key: str | None, root: Path | S3Prefix | None, folder: _Folder) -> tuple[str | None, str | None]:
    if not key:
        return None, "The row names no media."
    if "\0" in key:
        return None, f"{key!r} holds a NUL character."
    match = _SCHEME.fullmatch(key)
    if match is not None and match["scheme"].lower() == "s3":
        return _object(key, match["rest"], root)
    if match is not None:
        return None, f"{key} is a {match['scheme']}:// address: of remote places only s3:// is read."
    if isinstance(root, S3Prefix):
        if key.startswith("/"):
            return None, _outside(key, root)
        return _object(key, f"{root.bucket}/{root.prefix}{key.removeprefix('./')}", root)
    return _file(key, root, folder)


def _object(key: str, rest: str, root: Path | S3Prefix | None) -> tuple[str | None, str | None]:
    match = _URI.fullmatch(rest)
    if match is None or rest.endswith("/"):
        return None, f"{key} names no object (expected s3://bucket/key)."
    if ".." in match["key"].split("/"):
        return None, _outside(key, root) if root is not None else f"{key} has .. in its path."
    uri = S3 + rest
    if isinstance(root, Path) or (root is not None and not uri.startswith(str(root))):
        return None, _outside(key, root)
    return uri, None


def _file(key: str, root: Path | None, folder: _Folder) -> tuple[str | None, str | None]:
    if root is None and not key.startswith("/"):
        return None, f"{key} is a relative path, and the binding has no `ingest.media` to start from."
    base, real = folder.base, folder.real
    path = posixpath.normpath(posixpath.join(base, key))
    if path.startswith("//"):  # which POSIX leaves alone
        path = path[1:]
    if real is not None and not path.startswith(base) and path.startswith(real):
        path = base + path[len(real) :]
    if path.rstrip("/") + "/" == base or key.endswith(("/", "/.", "/..")):
        return None, f"{key} names a folder."
    if not path.startswith(base):
        return None, _outside(key, root)
    return path, None


def _outside(key: str, root: Path | S3Prefix | None) -> str:
    return f"{key} lies outside the media root {root}."
