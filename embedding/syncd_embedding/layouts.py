"""A picture of all vectors in two dimensions, in which later vectors find their place without moving the earlier ones.

UMAP, or PaCMAP, lays out what is there when the layout is made. What comes later goes where its nearest neighbours are,
weighted by nearness, as UMAP's own transform begins. So nothing is kept but the positions and the space they belong to:
no pickle that only one version of a library can read, and nothing to compile for a handful of new images. It also
follows that no later point can leave the bounds of the first ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from syncd_embedding import extras
from syncd_embedding.arrays import load_arrays, save_arrays
from syncd_embedding.errors import EmbeddingError
from syncd_embedding.neighbours import NONE, Floats, Mask, Neighbours, Progress, nearest, neighbours
from syncd_embedding.space import NEIGHBOURS, Space, space

BOUND = 100.0
"""No coordinate is beyond it, whatever comes later; far within the ±180 that MongoDB's index of points takes."""

FITTED_UP_TO = 1_000_000
"""Points that are laid out together; of more, so many are drawn and the others placed among them."""

REPEATABLE_UP_TO = 20_000
"""Points up to which UMAP's random numbers are fixed, for which it uses one core alone."""

PLACED_BY = 5
"""Neighbours among which a later point is placed."""

FEWEST = 4
"""Points of which a layout can be made by neighbours; fewer are shown by their first two components."""

_SEED = 51


class Method(str, Enum):
    """How a layout is made."""

    UMAP = "umap"
    PACMAP = "pacmap"
    PCA = "pca"


@dataclass(frozen=True)
class Layout:
    """Where each vector is shown.

    ``keys``: N ids; ``points``: (N, 2), each within ±:data:`BOUND`; ``fitted``: (N,), false for those that were placed
    later; ``settings``: the fingerprint of the vectors' settings. ``digests`` tell which vectors the points belong to.
    """

    keys: npt.NDArray[np.str_]
    points: Floats
    fitted: Mask
    digests: npt.NDArray[np.uint64]
    method: Method
    settings: str

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def placed(self) -> float:
        """Share of the points that were placed among the fitted ones; where it is large, a new layout shows more."""
        return float(1 - self.fitted.mean()) if len(self.fitted) else 0.0

    def save(self, file: Path) -> None:
        """Write it, completely or not at all."""
        save_arrays(
            file,
            keys=self.keys,
            points=self.points,
            fitted=self.fitted,
            digests=self.digests,
            method=np.array(self.method.value),
            settings=np.array(self.settings),
        )

    @classmethod
    def load(cls, file: Path) -> Layout | None:
        """What was saved there; ``None`` where there is nothing, or nothing that can be read."""
        found = load_arrays(file)
        if found is None:
            return None
        try:
            arrays = (found["keys"], found["points"], found["fitted"], found["digests"])
            return cls(*arrays, Method(str(found["method"])), str(found["settings"]))
        except (KeyError, ValueError):
            return None


def layout(
    vectors: npt.NDArray[Any],
    keys: Sequence[str] | None = None,
    *,
    method: Method | str = Method.UMAP,
    known: Layout | None = None,
    progress: Progress | None = None,
) -> Layout:
    """A layout of vectors, (N, D), for those who have vectors and nothing else; see :func:`laid_out`.

    ``keys``: their ids, by default their numbers; ``known``: an earlier layout, none of whose points is moved.
    """
    given = [str(number) for number in range(len(vectors))] if keys is None else keys
    return laid_out(space(given, vectors), method=method, known=known, progress=progress)


def laid_out(
    there: Space,
    *,
    method: Method | str = Method.UMAP,
    known: Layout | None = None,
    among: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Layout:
    """Lay out the vectors of a space: all of them, or those with these keys (``among``).

    Points of ``known`` stay where they are, unless it is of another method or of vectors of other settings. Vectors
    that are not finite have no point. Raises ``ExtraMissing`` where the method's package is missing.
    """
    chosen = Method(method)
    usable = there.usable
    rows = np.flatnonzero(usable if among is None else usable & np.isin(there.keys, np.asarray(list(among), np.str_)))
    if known is not None and known.method is chosen and known.settings == there.settings:
        kept = _kept(known, there, rows)
        if kept.size:
            return _extended(known, there, rows, kept)
    fitted = np.ones(len(rows), bool)
    if len(rows) > FITTED_UP_TO:
        fitted[:] = False
        fitted[np.random.default_rng(_SEED).choice(len(rows), FITTED_UP_TO, replace=False)] = True
    points = np.empty((len(rows), 2), np.float32)
    points[fitted] = _scaled(_fitted(there, rows[fitted], chosen, progress))
    if not fitted.all():
        reduced = there.reduced[rows]
        points[~fitted] = _placed(reduced[~fitted], reduced[fitted], points[fitted])
    return Layout(there.keys[rows], points, fitted, there.digests[rows], chosen, there.settings)


def _kept(known: Layout, there: Space, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Of each row its number in the known layout, -1 where that has no point for this very vector; else empty."""
    number_of = {key: number for number, key in enumerate(known.keys.tolist())}
    numbers = np.array([number_of.get(key, NONE) for key in there.keys[rows].tolist()], np.intp)
    had = numbers != NONE
    numbers[had] = np.where(known.digests[numbers[had]] == there.digests[rows[had]], numbers[had], NONE)
    return numbers if (numbers != NONE).any() else np.empty(0, np.intp)


def _extended(known: Layout, there: Space, rows: npt.NDArray[np.intp], kept: npt.NDArray[np.intp]) -> Layout:
    stays = kept != NONE
    points = np.empty((len(rows), 2), np.float32)
    fitted = np.zeros(len(rows), bool)
    points[stays] = known.points[kept[stays]]
    fitted[stays] = known.fitted[kept[stays]]
    if not stays.all():
        reduced = there.reduced[rows]
        points[~stays] = _placed(reduced[~stays], reduced[stays], points[stays])
    return Layout(there.keys[rows], points, fitted, there.digests[rows], known.method, known.settings)


def _placed(new: Floats, among: Floats, points: Floats) -> Floats:
    """Where new vectors go: to the mean of their nearest neighbours' points, weighted by nearness."""
    found = nearest(among, new, PLACED_BY)
    there = found.indices != NONE
    weights = np.where(there, 1 / np.maximum(found.distances, np.float32(1e-6)), 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray((points[np.where(there, found.indices, 0)] * weights[:, :, None]).sum(axis=1), np.float32)


def _fitted(there: Space, rows: npt.NDArray[np.intp], method: Method, progress: Progress | None) -> Floats:
    reduced = there.reduced[rows]
    if method is Method.PCA or len(rows) <= FEWEST:
        flat = np.zeros((len(rows), 2), np.float32)
        flat[:, : reduced.shape[1]] = reduced[:, :2]
        return flat
    if method is Method.PACMAP:
        return _by_pacmap(reduced)
    near = there.near if len(rows) == len(there) else neighbours(reduced, NEIGHBOURS)
    return _by_umap(reduced, near, progress)


def _by_umap(reduced: Floats, near: Neighbours, progress: Progress | None) -> Floats:
    """UMAP on a graph of neighbours that is known already, so that it has none to search."""
    umap = extras.umap()
    number = len(reduced)
    count = min(NEIGHBOURS, number - 1)
    # UMAP counts each point as its own first neighbour.
    indices = np.concatenate([np.arange(number, dtype=np.int32)[:, None], near.indices[:, :count]], axis=1)
    distances = np.concatenate([np.zeros((number, 1), np.float32), near.distances[:, :count]], axis=1)
    model = umap.UMAP(
        n_neighbors=count + 1,
        min_dist=0.1,
        precomputed_knn=(indices, distances),
        low_memory=True,
        random_state=_SEED if number <= REPEATABLE_UP_TO else None,
        n_jobs=1 if number <= REPEATABLE_UP_TO else -1,
        # Where there are hardly more points than dimensions there is no spectrum to begin from.
        init="spectral" if number > 16 else "random",
        tqdm_kwds={"disable": progress is None, "file": _Epochs(progress), "bar_format": "{n} {total}"},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it cannot transform without an index of its own, which is not asked for
        return np.asarray(model.fit_transform(reduced), np.float32)


def _by_pacmap(reduced: Floats) -> Floats:
    model = extras.pacmap().PaCMAP(apply_pca=False, random_state=_SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(model.fit_transform(reduced, init="pca"), np.float32)


class _Epochs:
    """Takes what UMAP's progress bar writes, ``"<epoch> <epochs>"``, and tells the share."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    def write(self, text: str) -> None:
        parts = text.split()
        if self._progress is not None and len(parts) == 2 and all(part.isdigit() for part in parts):
            self._progress(int(parts[0]) / max(1, int(parts[1])))

    def flush(self) -> None:
        pass


def _scaled(points: Floats) -> Floats:
    """The points about the origin, as large as the bounds allow, their shape kept."""
    if len(points) == 0:
        return points
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        raise EmbeddingError(
            f"The layout put {int((~finite).sum())} of {len(points)} points nowhere.",
            remedy="Lay them out by the other method: layout: pacmap.",
        )
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    return np.asarray((points - (low + high) / 2) * (2 * 0.95 * BOUND / extent if extent else 1.0), np.float32)
