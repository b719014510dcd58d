"""Fields of computed values: declared in the dataset, and written where they differ from what is there."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from bson import Binary
from pymongo.collection import Collection

from syncd.adapters.fiftyone.computed_fields import Bearers, write_computed
from syncd.errors import ConfigError

BOUND = 180
"""Bounds of the index of points, in both directions: far beyond those of a layout."""

BATCH = 2_000
SCORE_MOVES = 0.005
"""A score that changed by less is left as it is: one correction would else touch hundreds of samples."""


def require_kind(dataset: Any, bearers: Bearers, name: str, kind: str) -> bool:
    """Whether the dataset has the field. ``kind``: the name of a class of FiftyOne's fields.

    ``ConfigError`` where there is one of this name and another type.
    """
    import fiftyone as fo

    path = bearers.path(name)
    there = dataset.get_field(path)
    if there is not None and not isinstance(there, getattr(fo, kind)):
        raise ConfigError(
            f"{dataset.name!r} has a field {path!r} already, a {type(there).__name__}; syncd would make it a {kind}.",
            remedy=f"Rename it: dataset.rename_sample_field({path!r}, …), or rename the model in the configuration.",
        )
    return there is not None


def declare(dataset: Any, bearers: Bearers, name: str, kind: str, subfield: str | None = None) -> None:
    """Has the dataset know the field; otherwise as :func:`require_kind`."""
    import fiftyone as fo

    if not require_kind(dataset, bearers, name, kind):
        more = {"subfield": getattr(fo, subfield)} if subfield else {}
        dataset.add_sample_field(bearers.path(name), getattr(fo, kind), **more)


def write_differing(
    samples: Collection[dict[str, Any]], bearers: Bearers, before: pl.DataFrame, after: pl.DataFrame
) -> int:
    """Writes the values of ``after`` (``key``, ``sample_id`` and columns) that are others than in ``before``.

    Returns of how many bearers one was written.
    """
    names = [name for name in after.columns if name not in ("key", "sample_id")]
    joined = after.join(before.select("key", *names), on="key", how="inner", suffix="_before")
    differs = joined.filter(pl.any_horizontal(_differs(name, joined.schema[name]) for name in names))
    if differs.height:
        values = {name: differs[name].to_list() for name in names}
        write_computed(samples, bearers, differs["key"].to_list(), differs["sample_id"].to_list(), values)
    return differs.height


def _differs(name: str, kind: pl.DataType) -> pl.Expr:
    now, was = pl.col(name), pl.col(f"{name}_before")
    if not kind.is_float():
        return now.ne_missing(was)
    return (now.is_null() != was.is_null()) | ((now - was).abs() >= SCORE_MOVES).fill_null(value=False)


def write_points(
    dataset: Any,
    samples: Collection[dict[str, Any]],
    bearers: Bearers,
    name: str,
    keys: Sequence[str],
    points: npt.NDArray[np.float32],
) -> None:
    """Writes points into a field of samples, by which a lasso is asked of MongoDB rather than sent as ids.

    The index has bounds of its own. FiftyOne's would be those of today's points, and then refuse every write of a
    sample whose point is beyond them.
    """
    declare(dataset, bearers, name, "ListField", "FloatField")
    dataset.create_index([(name, "2d")], min=-BOUND, max=BOUND)
    write_computed(samples, bearers, keys, keys, {name: [[float(x), float(y)] for x, y in points]})


def write_vectors(
    dataset: Any,
    samples: Collection[dict[str, Any]],
    bearers: Bearers,
    name: str,
    keys: Sequence[str],
    sample_ids: Sequence[str],
    vectors: npt.NDArray[Any],
) -> None:
    """Writes vectors, (N, D), into a field of vectors as FiftyOne stores them, half precision as it is."""
    declare(dataset, bearers, name, "VectorField")
    for start in range(0, len(keys), BATCH):
        part = slice(start, start + BATCH)
        write_computed(samples, bearers, keys[part], sample_ids[part], {name: list(_stored(vectors[part]))})


def _stored(vectors: npt.NDArray[Any]) -> Iterator[Binary]:
    for vector in vectors:
        file = io.BytesIO()
        np.save(file, vector, allow_pickle=False)
        yield Binary(zlib.compress(file.getvalue(), 1))
