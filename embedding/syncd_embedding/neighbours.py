"""Nearest neighbours of points: exact for few, through cells for many, and kept up to date when some points change.

The graph of neighbours is what suspects, layout and duplicates all stand on, so it is computed once. Exact search costs
the square of the number of points; beyond :data:`EXACT_UP_TO` points are divided into cells, and each cell looks into
those nearest to it, which finds all but a few in a thousand of the true neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from syncd_embedding.extras import scikit_learn

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Progress = Callable[[float], None]

EXACT_UP_TO = 40_000
"""Points among which all pairs are compared: a few seconds on one core with 32 numbers each."""

LOOKED_INTO = 32
"""Cells that each cell looks into for the neighbours of its points."""

REBUILT_FROM = 0.2
"""Share of changed points from which all neighbours are looked for anew: then that costs less."""

NONE = -1
_CHUNK = 8_192
_SEED = 51


@dataclass(frozen=True)
class Neighbours:
    """Of each of N points its K nearest others, the nearest first.

    ``indices``: (N, K), :data:`NONE` where there are fewer. ``distances``: (N, K), Euclidean, infinite there.
    """

    indices: Indices
    distances: Floats

    def __len__(self) -> int:
        return len(self.indices)


def neighbours(points: Floats, k: int, *, progress: Progress | None = None) -> Neighbours:
    """Of each point its ``k`` nearest others. ``points``: (N, D); rows that are not finite have and are no neighbours.

    ``progress`` is called with the share that is done, 0 to 1.
    """
    usable = np.flatnonzero(np.isfinite(points).all(axis=1))
    found = _none(len(points), k)
    if len(usable) < 2:
        return found
    compact = points[usable]
    wanted = min(k, len(usable) - 1)
    search = _exact if len(usable) <= EXACT_UP_TO else _through_cells
    indices, distances = search(compact, wanted, progress or _silent)
    found.indices[usable, :wanted] = np.where(indices == NONE, NONE, usable[indices])
    found.distances[usable, :wanted] = distances
    return found


def nearest(points: Floats, queries: Floats, k: int) -> Neighbours:
    """Of each query the ``k`` nearest among the points, exactly; a query that equals a point finds it."""
    found = _none(len(queries), k)
    among = np.flatnonzero(np.isfinite(points).all(axis=1))
    asked = np.flatnonzero(np.isfinite(queries).all(axis=1))
    if len(among) == 0 or len(asked) == 0:
        return found
    wanted = min(k, len(among))
    distances, indices = _tree(points[among], wanted).kneighbors(queries[asked])
    found.indices[asked, :wanted] = among[indices]
    found.distances[asked, :wanted] = distances
    return found


def updated(known: Neighbours, points: Floats, changed: Mask, *, progress: Progress | None = None) -> Neighbours:
    """The graph of ``points`` from that of the same rows before some of them changed, or were added at the end.

    ``changed``: (N,), true for rows that are other than they were, new, or gone (not finite now). Exact, given an exact
    graph. Costs as much as there are changed rows times all rows.
    """
    k = known.indices.shape[1]
    if changed.mean() > REBUILT_FROM:
        return neighbours(points, k, progress=progress)
    result = _none(len(points), k)
    result.indices[: len(known)] = known.indices
    result.distances[: len(known)] = known.distances
    # A list that named a changed row is no longer known to be complete.
    named = np.zeros(len(points), bool)
    named[: len(known)] = np.where(known.indices == NONE, False, changed[known.indices]).any(axis=1)
    # So is one that was short because there were too few points.
    short = (result.indices == NONE).any(axis=1)
    anew = np.flatnonzero(changed | named | short)
    others = np.flatnonzero(~(changed | named | short))
    _closer(result, points, others, np.flatnonzero(changed))
    for start in range(0, len(anew), _CHUNK):
        rows = anew[start : start + _CHUNK]
        found = nearest(points, points[rows], k + 1)
        result.indices[rows], result.distances[rows] = _without_itself(found.indices, found.distances, rows)
        if progress is not None:
            progress(min(1.0, (start + _CHUNK) / len(anew)))
    return result


def _closer(result: Neighbours, points: Floats, rows: npt.NDArray[np.intp], changed: npt.NDArray[np.intp]) -> None:
    """Put the changed points into the lists of those rows to which they are closer than what is listed, in place."""
    k = result.indices.shape[1]
    if len(changed) == 0:
        return
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        found = nearest(points[changed], points[chunk], k)
        indices = np.where(found.indices == NONE, NONE, changed[found.indices])
        indices = np.concatenate([result.indices[chunk], indices], axis=1)
        distances = np.concatenate([result.distances[chunk], found.distances], axis=1)
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        result.indices[chunk] = np.take_along_axis(indices, order, 1)
        result.distances[chunk] = np.take_along_axis(distances, order, 1)


def _exact(points: Floats, k: int, progress: Progress) -> tuple[Indices, Floats]:
    tree = _tree(points, k + 1)
    indices = np.empty((len(points), k), np.int32)
    distances = np.empty((len(points), k), np.float32)
    for start in range(0, len(points), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(points)))
        far, near = tree.kneighbors(points[rows])
        indices[rows], distances[rows] = _without_itself(near, far, rows)
        progress((rows[-1] + 1) / len(points))
    return indices, distances


def _through_cells(points: Floats, k: int, progress: Progress) -> tuple[Indices, Floats]:
    """As :func:`_exact`, looking for each cell's neighbours only in the cells whose centres are nearest to its own."""
    cell, centres = _cells(points)
    order = np.argsort(cell, kind="stable")
    begins = np.searchsorted(cell[order], np.arange(len(centres) + 1))
    close = _tree(centres, min(LOOKED_INTO, len(centres))).kneighbors(centres, return_distance=False)
    indices = np.full((len(points), k), NONE, np.int32)
    distances = np.full((len(points), k), np.inf, np.float32)
    for number in range(len(centres)):
        rows = order[begins[number] : begins[number + 1]]
        if len(rows):
            among = np.concatenate([order[begins[each] : begins[each + 1]] for each in close[number]])
            wanted = min(k + 1, len(among))
            far, near = _tree(points[among], wanted).kneighbors(points[rows])
            indices[rows, : wanted - 1], distances[rows, : wanted - 1] = _without_itself(among[near], far, rows)
        if number % 64 == 0:
            progress(number / len(centres))
    progress(1.0)
    return indices, distances


def _cells(points: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """The number of each point's cell, and the centres of the cells."""
    from sklearn.cluster import MiniBatchKMeans

    number = int(np.sqrt(len(points)) * 2)
    sample = np.random.default_rng(_SEED).choice(len(points), min(len(points), number * 40), replace=False)
    model = MiniBatchKMeans(number, batch_size=4_096, n_init=1, max_iter=10, init="random", random_state=_SEED)
    model.fit(points[np.sort(sample)])
    cell = np.empty(len(points), np.intp)
    for start in range(0, len(points), _CHUNK):
        cell[start : start + _CHUNK] = model.predict(points[start : start + _CHUNK])
    return cell, np.asarray(model.cluster_centers_, np.float32)


def _tree(points: Floats, k: int) -> Any:
    """Asked for ``k`` neighbours, scikit-learn compares all pairs in blocks, on all cores, in bounded memory."""
    scikit_learn()
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points)


def _without_itself(
    indices: npt.NDArray[np.integer[Any]], distances: npt.NDArray[np.floating[Any]], rows: npt.NDArray[np.intp]
) -> tuple[Indices, Floats]:
    """Drop each row from its own list; where equal points crowded it out of that, drop the last of them."""
    itself = indices == rows[:, None]
    itself[~itself.any(axis=1), -1] = True
    shape = (len(rows), indices.shape[1] - 1)
    return indices[~itself].reshape(shape).astype(np.int32), distances[~itself].reshape(shape).astype(np.float32)


def _none(rows: int, k: int) -> Neighbours:
    return Neighbours(np.full((rows, k), NONE, np.int32), np.full((rows, k), np.inf, np.float32))


def _silent(_: float) -> None:
    pass
