"""Labels that are probably wrong: those that disagree with the labels of what looks alike.

A score is the mean of two: how much of a label's neighbourhood, weighted by nearness, has another label; and how much
nearer the centre of another class is than that of its own. The first sees classes of any shape; the second ranks those
of which the first is equally sure, and knows more of classes so small that a member has hardly a neighbour in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from syncd_embedding.arrays import load_arrays, save_arrays
from syncd_embedding.neighbours import NONE, Floats, Mask, Neighbours
from syncd_embedding.space import Space, space

VOTING = 10
"""Neighbours that vote, at most; and no more than a class has other members."""

SUSPECT = 0.6
"""The score from which a label is worth a look; of 5 % shuffled labels 98 % and more are above it."""

ALIKE = 0.25
"""Distance of two centred vectors of length one (0 to 2) up to which they show nearly the same: a cosine of 0.97."""

Rows = Callable[[npt.NDArray[np.integer[Any]]], npt.NDArray[Any]]
"""Gives the vectors, (M, D), of M rows of a space."""

UNLABELLED = -1
_LEAST = np.float32(1e-6)


@dataclass(frozen=True)
class Duplicate:
    """Two vectors that are nearly the same and bear different labels; ``distance`` as in :data:`ALIKE`."""

    first: str
    second: str
    first_label: str
    second_label: str
    distance: float


@dataclass(frozen=True)
class Suspects:
    """How suspect each label is.

    ``keys``: N. ``codes``: (N,) into ``classes``, or :data:`UNLABELLED`. ``scores``: (N,), 0 (its neighbours all agree)
    to 1; NaN where a label cannot be judged: it is missing, alone in its class, or its vector is not finite.
    ``suggested``: (N,) into ``classes``, the class of the neighbours. ``sums``: (C, R), the summed vectors of each
    class, ``sizes``: (C,).
    ``space``: the fingerprint of the space in which they were compared.
    """

    keys: npt.NDArray[np.str_]
    classes: npt.NDArray[np.str_]
    codes: npt.NDArray[np.int32]
    scores: Floats
    suggested: npt.NDArray[np.int32]
    sums: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.int64]
    space: str

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def judged(self) -> Mask:
        """(N,): which labels have a score."""
        return np.asarray(~np.isnan(self.scores))

    def label(self, row: int) -> str | None:
        """The label of a row."""
        return None if self.codes[row] == UNLABELLED else str(self.classes[self.codes[row]])

    def suggestion(self, row: int) -> str | None:
        """What the neighbours of a row say."""
        return None if self.suggested[row] == UNLABELLED else str(self.classes[self.suggested[row]])

    def ranked(self, top: int | None = None) -> npt.NDArray[np.intp]:
        """The rows that have a score, the most suspect first."""
        judged = np.flatnonzero(self.judged)
        return judged[np.argsort(-self.scores[judged], kind="stable")][:top]

    def save(self, file: Path) -> None:
        """Write it, completely or not at all."""
        arrays = {each.name: np.asarray(getattr(self, each.name)) for each in fields(self)}
        save_arrays(file, **arrays)

    @classmethod
    def load(cls, file: Path) -> Suspects | None:
        """What was saved there; ``None`` where there is nothing, or nothing that can be read."""
        found = load_arrays(file)
        if found is None or found.keys() != {each.name for each in fields(cls)}:
            return None
        return cls(**{**found, "space": str(found["space"])})  # type: ignore[arg-type]


def suspects(vectors: npt.NDArray[Any], labels: Sequence[str | None], keys: Sequence[str] | None = None) -> Suspects:
    """How suspect each label is, for those who have vectors (N, D) and labels and nothing else; see :func:`judged`."""
    given = [str(number) for number in range(len(vectors))] if keys is None else keys
    return judged(space(given, vectors), labels)


def judged(there: Space, labels: Sequence[str | None], *, known: Suspects | None = None) -> Suspects:
    """How suspect each label is. ``labels``: one for each row of the space, ``None`` where there is none.

    With ``known``, the judgement of the same space under earlier labels, only those are judged again whose own label or
    a neighbour's has changed, and small classes that gained or lost a member.
    """
    if len(labels) != len(there):
        raise ValueError(f"{len(there)} vectors and {len(labels)} labels")
    usable = there.usable
    named = sorted({each for each in labels if each is not None} | set(() if known is None else known.classes.tolist()))
    code_of = {name: code for code, name in enumerate(named)}
    codes = np.array([UNLABELLED if each is None else code_of[each] for each in labels], np.int32)
    codes[~usable] = UNLABELLED
    classes = np.asarray(named, np.str_)
    if known is not None and known.space == there.fingerprint:
        return _refreshed(_among(known, classes), there, codes)
    sizes = np.bincount(codes[codes != UNLABELLED], minlength=len(classes))
    sums = np.zeros((len(classes), there.reduced.shape[1]))
    np.add.at(sums, codes[codes != UNLABELLED], there.reduced[codes != UNLABELLED])
    nothing = Suspects(
        there.keys,
        classes,
        codes,
        np.full(len(codes), np.nan, np.float32),
        np.full(len(codes), UNLABELLED, np.int32),
        sums,
        sizes,
        there.fingerprint,
    )
    return _scored(nothing, there, np.flatnonzero(codes != UNLABELLED))


def affected(there: Space, before: Suspects, codes: npt.NDArray[np.int32]) -> npt.NDArray[np.intp]:
    """The rows that must be judged again when labels become ``codes``."""
    changed = before.codes != codes
    near = there.near.indices[:, :VOTING]
    touched = changed | np.where(near == NONE, False, changed[near]).any(axis=1)
    # How many neighbours vote, and where the centre is, depends on the class's size as long as that is small.
    altered = np.unique(np.concatenate([before.codes[changed], codes[changed]]))
    altered = altered[altered != UNLABELLED]
    small = altered[before.sizes[altered] <= 2 * VOTING]
    return np.flatnonzero(touched | np.isin(codes, small))


def duplicates(there: Space, vectors: Rows, found: Suspects, *, within: float = ALIKE) -> list[Duplicate]:
    """Pairs of nearly equal vectors with different labels, the nearest first. ``vectors`` gives those of some rows."""
    near, distances = there.near.indices, there.near.distances
    rows, places = np.nonzero((near != NONE) & (distances <= within))
    others = near[rows, places]
    first, second = np.minimum(rows, others), np.maximum(rows, others)
    labels = found.codes
    wanted = (labels[first] != labels[second]) & (labels[first] != UNLABELLED) & (labels[second] != UNLABELLED)
    pairs = np.unique(np.stack([first[wanted], second[wanted]], axis=1), axis=0)
    if len(pairs) == 0:
        return []
    # The few that are near in the reduced space are compared with all their numbers.
    one, two = (there.projection.directions(vectors(pairs[:, side])) for side in (0, 1))
    apart = np.linalg.norm(one - two, axis=1)
    order = [number for number in np.argsort(apart, kind="stable") if apart[number] <= within]
    return [
        Duplicate(
            str(there.keys[a]),
            str(there.keys[b]),
            str(found.classes[labels[a]]),
            str(found.classes[labels[b]]),
            round(float(apart[number]), 4),
        )
        for number in order
        for a, b in [pairs[number]]
    ]


def _among(known: Suspects, classes: npt.NDArray[np.str_]) -> Suspects:
    """The same, its classes numbered among more of them. Both are sorted."""
    if len(known.classes) == len(classes):
        return known
    places = np.searchsorted(classes, known.classes)
    number = np.append(places, UNLABELLED).astype(np.int32)  # the last one, which is what UNLABELLED points at
    sums, sizes = np.zeros((len(classes), known.sums.shape[1])), np.zeros(len(classes), np.int64)
    sums[places], sizes[places] = known.sums, known.sizes
    codes, suggested = number[known.codes], number[known.suggested]
    return replace(known, classes=classes, codes=codes, suggested=suggested, sums=sums, sizes=sizes)


def _refreshed(known: Suspects, there: Space, codes: npt.NDArray[np.int32]) -> Suspects:
    rows = affected(there, known, codes)
    if len(rows) == 0:
        return known
    sums, sizes = known.sums.copy(), known.sizes.copy()
    changed = np.flatnonzero(known.codes != codes)
    for sign, side in ((-1, known.codes), (1, codes)):
        labelled = changed[side[changed] != UNLABELLED]
        np.add.at(sums, side[labelled], sign * there.reduced[labelled].astype(np.float64))
        np.add.at(sizes, side[labelled], sign)
    return _scored(replace(known, codes=codes, sums=sums, sizes=sizes), there, rows)


def _scored(before: Suspects, there: Space, rows: npt.NDArray[np.intp]) -> Suspects:
    """With scores and suggestions of these rows computed; all others keep theirs."""
    scores, suggested = before.scores.copy(), before.suggested.copy()
    for start in range(0, len(rows), 50_000):
        chunk = rows[start : start + 50_000]
        disagreement, suggested[chunk] = _votes(before, there.near, chunk)
        scores[chunk] = (disagreement + _margins(before, there.reduced, chunk)) / 2
        unknown = (before.codes[chunk] == UNLABELLED) | (before.sizes[before.codes[chunk]] < 2)
        scores[chunk[unknown]] = np.nan
        suggested[chunk[unknown]] = UNLABELLED
    return replace(before, scores=scores, suggested=suggested)


def _votes(
    found: Suspects, near: Neighbours, rows: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """The share of the votes against each row's label, and the class with most votes.

    A label that has no labelled neighbour at all is as likely wrong as right.
    """
    indices, distances = near.indices[rows, :VOTING], near.distances[rows, :VOTING]
    theirs = np.where(indices == NONE, UNLABELLED, found.codes[indices])
    own = found.codes[rows]
    # A class of three gives its members two neighbours: more could not agree.
    voters = np.minimum(VOTING, np.where(own == UNLABELLED, VOTING, found.sizes[own] - 1))
    turn = np.cumsum(theirs != UNLABELLED, axis=1)
    votes = (theirs != UNLABELLED) & (turn <= np.maximum(voters, 1)[:, None])
    weights = np.where(votes, 1 / np.maximum(distances, _LEAST), 0).astype(np.float64)
    total = weights.sum(axis=1)
    agreeing = np.where(theirs == own[:, None], weights, 0).sum(axis=1)
    against = np.where(total > 0, 1 - agreeing / np.where(total > 0, total, 1), 0.5)
    everybody = np.where(theirs != UNLABELLED, 1 / np.maximum(distances, _LEAST), 0).astype(np.float64)
    return against, _most_voted(theirs, everybody)


def _most_voted(theirs: npt.NDArray[np.int32], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Of each row the class whose votes weigh most; of equals that of the nearest neighbour."""
    support = np.stack([np.where(theirs == theirs[:, [k]], weights, 0).sum(axis=1) for k in range(theirs.shape[1])], 1)
    support = np.where(theirs == UNLABELLED, -1.0, support)
    best = support.argmax(axis=1)
    return np.asarray(theirs[np.arange(len(theirs)), best], np.int32)


def _margins(found: Suspects, reduced: Floats, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """How far the centre of its own class is (without the row itself) beside the nearest other centre: 0 to 1."""
    own = found.codes[rows]
    points = reduced[rows].astype(np.float64)
    centres = found.sums / np.maximum(found.sizes, 1)[:, None]
    squared = (points**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * points @ centres.T
    apart = np.sqrt(np.maximum(squared, 0))
    apart[:, found.sizes == 0] = np.inf
    apart[np.arange(len(rows)), own] = np.inf
    other = apart.min(axis=1, initial=np.inf)
    mine = (found.sums[own] - points) / np.maximum(found.sizes[own] - 1, 1)[:, None]
    distance = np.linalg.norm(points - mine, axis=1)
    margin = np.full(len(rows), 0.5)
    known = np.isfinite(other) & (distance + other > 0)
    margin[known] = distance[known] / (distance[known] + other[known])
    margin[np.isinf(other)] = 0.0  # there is one class alone
    return margin
