"""Which object each local file becomes. Pure: looks nothing up."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from syncd.config import S3Prefix
from syncd.media.locate import folder_text

LONGEST_KEY = 1024
"""Bytes of a key in UTF-8 that S3 takes."""

_UNUSUAL = r"/\.{0,2}(?:/|$)"
"""An empty segment, `.` or `..`."""

SCHEMA = {"path": pl.String, "uri": pl.String, "fault": pl.String}


def destinations(files: pl.DataFrame, to: S3Prefix, root: Path | None, media: S3Prefix | None = None) -> pl.DataFrame:
    """A row per file: path, uri (s3://…) or else a fault, which is a sentence.

    ``files`` has ``path``, each once, and ``known_uri``, the URI that its samples carry, or null. A file whose URI lies
    under ``to`` keeps it, so that a second call sees what the first did; one that came from ``media`` in S3 keeps its
    key below it. All others keep their path relative to ``root``; None stands for the folder that they share. No two
    files become one object.
    """
    bases = _bases(files["path"], root)
    below = [
        pl.when(pl.col("path").str.starts_with(base)).then(pl.col("path").str.strip_prefix(base)) for base in bases
    ]
    known = pl.col("known_uri")
    kept: list[pl.Expr] = [pl.when(known.str.starts_with(str(to))).then(known)]
    if media is not None:
        came = pl.when(known.str.starts_with(str(media))).then(known.str.strip_prefix(str(media)))
        kept.append(pl.lit(str(to)) + came)
    placed = files.select("path", uri=pl.coalesce(*kept, pl.lit(str(to)) + pl.coalesce(below)))
    length = pl.col("uri").str.len_bytes() - len(f"s3://{to.bucket}/")
    shared = pl.col("uri").is_not_null() & (pl.len().over("uri") > 1)
    fault = (
        pl.when(~pl.col("path").str.starts_with("/") | pl.col("path").str.contains(_UNUSUAL))
        .then(pl.col("path") + " is no plain absolute path.")
        .when(pl.col("uri").is_null())
        .then(pl.col("path") + f" lies outside the media root {bases[0]}.")
        .when(length > LONGEST_KEY)
        .then(pl.format("{} would have a key of {} bytes; S3 takes {}.", "path", length, pl.lit(LONGEST_KEY)))
        .when(shared)
        .then(pl.format("{} would become the same object as another file: {}.", "path", "uri"))
    )
    judged = placed.with_columns(fault=fault)
    return judged.with_columns(uri=pl.when(pl.col("fault").is_null()).then("uri")).select(*SCHEMA)


def _bases(paths: pl.Series, root: Path | None) -> list[str]:
    """What the paths are relative to, as text that ends with a slash; a root behind a link counts too."""
    if root is not None:
        text = folder_text(root)
        return list(dict.fromkeys(each.rstrip("/") + "/" for each in (text, os.path.realpath(text))))
    folders = paths.filter(paths.str.starts_with("/")).str.replace(r"/[^/]*$", "/").unique().to_list()
    return [os.path.commonpath(folders).rstrip("/") + "/" if folders else "/"]
