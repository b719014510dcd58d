"""Clusters of what looks alike, whatever its labels: so that a whole cluster is reviewed at once.

They are found by HDBSCAN among the points of a layout, and are therefore what a reviewer sees there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from syncd_embedding.extras import scikit_learn
from syncd_embedding.layouts import Layout
from syncd_embedding.neighbours import NONE, nearest

FITTED_UP_TO = 50_000
"""Points among which clusters are looked for; the time grows with their square. The others join the nearest of them."""

SMALLEST = 5
"""Members that a cluster has at least, whatever the number of points; of many points, half the square root of these."""

_SEED = 51


def clusters(
    shown: Layout, *, known: Sequence[str | None] | None = None, smallest: int | None = None
) -> list[str | None]:
    """The cluster of each point of a layout, ``None`` for those that lie between clusters.

    Clusters are named ``c000``, ``c001`` … by size, the largest first. ``known``: the names that the points had before;
    a cluster most of whose members were in one cluster keeps that one's name. ``smallest``: members of the smallest.
    """
    count = len(shown)
    least = max(SMALLEST, int(np.sqrt(count) / 2)) if smallest is None else smallest
    if count < 2 * least:
        return [None] * count
    numbers = _numbers(np.asarray(shown.points, np.float64), least)
    names = _named(numbers, known)
    return [None if number < 0 else names[number] for number in numbers.tolist()]


def _numbers(points: npt.NDArray[np.float64], least: int) -> npt.NDArray[np.int64]:
    scikit_learn()
    from sklearn.cluster import HDBSCAN

    drawn = np.arange(len(points))
    if len(points) > FITTED_UP_TO:
        drawn = np.sort(np.random.default_rng(_SEED).choice(len(points), FITTED_UP_TO, replace=False))
        least = max(SMALLEST, int(least * FITTED_UP_TO / len(points)))
    fitted = HDBSCAN(min_cluster_size=least, copy=True).fit_predict(points[drawn])
    if len(drawn) == len(points):
        return np.asarray(fitted, np.int64)
    close = nearest(points[drawn].astype(np.float32), points.astype(np.float32), 1).indices[:, 0]
    return np.asarray(np.where(close == NONE, -1, fitted[close]), np.int64)


def _named(numbers: npt.NDArray[np.int64], known: Sequence[str | None] | None) -> dict[int, str]:
    """A name for each cluster: an earlier one where most members bore it, else the next that is free, by size."""
    found, sizes = np.unique(numbers[numbers >= 0], return_counts=True)
    by_size = found[np.argsort(-sizes, kind="stable")].tolist()
    names: dict[int, str] = {}
    if known is not None:
        before = np.array(["" if each is None else each for each in known], np.str_)
        for number in by_size:
            theirs, counts = np.unique(before[numbers == number], return_counts=True)
            most = str(theirs[counts.argmax()])
            if most and counts.max() * 2 > counts.sum() and most not in names.values():
                names[number] = most
    taken = set(names.values())
    free = (name for place in range(len(by_size) + len(taken)) if (name := f"c{place:03d}") not in taken)
    return {number: names.get(number) or next(free) for number in by_size}
