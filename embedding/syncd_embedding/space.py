"""The space in which vectors are compared: of equal length, centred, reduced to a few principal components.

Centring takes away what all images have in common, which in features of grey plankton is most of them; it finds
shuffled labels better than the raw cosine does (docs/embedding-results.md). 32 components hold what neighbours are made
of, and make neighbours and layout several times cheaper than all numbers of a vector would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from syncd_embedding.arrays import load_arrays, save_arrays
from syncd_embedding.neighbours import Floats, Mask, Neighbours, Progress, neighbours, updated

COMPONENTS = 32
NEIGHBOURS = 15
"""How many neighbours of each point are known: as many as UMAP asks for."""

_BLOCK = 16_384
_SEED = 51


@dataclass(frozen=True)
class Projection:
    """From a vector of D numbers to R components. ``mean``: (D,), ``components``: (R, D), ``offset``: (R,)."""

    mean: Floats
    components: Floats
    offset: Floats

    @classmethod
    def fitted(cls, vectors: npt.NDArray[Any], components: int = COMPONENTS) -> Projection:
        """The projection of these vectors, read block by block; rows that are not finite are left out."""
        usable = _usable(vectors)
        if len(usable) == 0:
            width = vectors.shape[1]
            return cls(np.zeros(width, np.float32), np.zeros((0, width), np.float32), np.zeros(0, np.float32))
        total = sum(_unit(vectors[rows]).sum(axis=0, dtype=np.float64) for rows in _blocks(usable))
        mean = np.asarray(total / len(usable), np.float32)
        # The covariance adds up exactly, in whatever order vectors come; an incremental PCA would only come near it.
        width = vectors.shape[1]
        moment, product = np.zeros(width), np.zeros((width, width))
        for rows in _blocks(usable):
            block = _directions(vectors[rows], mean)
            moment += block.sum(axis=0, dtype=np.float64)
            product += block.T @ block
        centre = moment / len(usable)
        variances, axes = np.linalg.eigh(product / len(usable) - np.outer(centre, centre))
        largest = np.argsort(-variances, kind="stable")[: min(components, len(usable))]
        principal = axes[:, largest].T
        # An axis has no sense of its own: the largest number points forward, so that the same vectors look the same.
        forward = np.sign(principal[np.arange(len(principal)), np.abs(principal).argmax(axis=1)])
        principal = (principal * forward[:, None]).astype(np.float32)
        return cls(mean, principal, (principal @ centre).astype(np.float32))

    def __call__(self, vectors: npt.NDArray[Any]) -> Floats:
        """(N, D) to (N, R); rows that are not finite stay so."""
        reduced = np.empty((len(vectors), len(self.components)), np.float32)
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK]
            reduced[start : start + _BLOCK] = _directions(block, self.mean) @ self.components.T - self.offset
        return reduced

    def directions(self, vectors: npt.NDArray[Any]) -> Floats:
        """(N, D): the vectors centred and of length one, with all their numbers."""
        return _directions(vectors, self.mean)


@dataclass(frozen=True)
class Space:
    """Vectors of one model and one way of computing them, reduced, with the neighbours of each.

    ``keys``: N ids of samples or labels, which may include some that are gone; those have no neighbours and are none.
    ``digests``: (N,) what each vector was computed from, to find out which have changed. ``settings``: the fingerprint
    of what all vectors have in common.
    """

    keys: npt.NDArray[np.str_]
    digests: npt.NDArray[np.uint64]
    reduced: Floats
    near: Neighbours
    projection: Projection
    settings: str

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def usable(self) -> Mask:
        """(N,): which rows have a vector, one that is finite."""
        return np.asarray(np.isfinite(self.reduced).all(axis=1))

    @property
    def fingerprint(self) -> str:
        """Changes with every vector that is new, gone or other than it was."""
        whole = hashlib.blake2b(self.settings.encode(), digest_size=16)
        for part in (self.keys, self.digests, self.usable):
            whole.update(np.ascontiguousarray(part).data)
        return whole.hexdigest()

    def save(self, file: Path) -> None:
        """Write it, completely or not at all."""
        save_arrays(
            file,
            keys=self.keys,
            digests=self.digests,
            reduced=self.reduced,
            indices=self.near.indices,
            distances=self.near.distances,
            mean=self.projection.mean,
            components=self.projection.components,
            offset=self.projection.offset,
            settings=np.array(self.settings),
        )

    @classmethod
    def load(cls, file: Path) -> Space | None:
        """What was saved there; ``None`` where there is nothing, or nothing that can be read."""
        found = load_arrays(file)
        if found is None:
            return None
        try:
            return cls(
                found["keys"],
                found["digests"],
                found["reduced"],
                Neighbours(found["indices"], found["distances"]),
                Projection(found["mean"], found["components"], found["offset"]),
                str(found["settings"]),
            )
        except KeyError:
            return None


def space(
    keys: Sequence[str],
    vectors: npt.NDArray[Any],
    *,
    settings: str = "",
    digests: Sequence[str] | None = None,
    known: Space | None = None,
    progress: Progress | None = None,
) -> Space:
    """The space of these vectors, (N, D); what ``known`` knows of them already is not computed again.

    ``digests``: N, what each vector was computed from; without them the vectors themselves are compared. A known space
    of other settings, or of which most has changed, is no help.
    """
    given = np.asarray(keys, np.str_)
    digest = _digests(digests, vectors)
    if known is not None and known.settings == settings and len(known):
        grown = _grown(known, given, digest, vectors, progress)
        if grown is not None:
            return grown
    projection = Projection.fitted(vectors)
    reduced = projection(vectors)
    return Space(given, digest, reduced, neighbours(reduced, NEIGHBOURS, progress=progress), projection, settings)


def _grown(
    known: Space,
    keys: npt.NDArray[np.str_],
    digests: npt.NDArray[np.uint64],
    vectors: npt.NDArray[Any],
    progress: Progress | None,
) -> Space | None:
    """The known space with what is new, changed and gone; ``None`` where that is so much that it is better built anew.

    Rows keep their places, new ones follow, so that nothing that refers to rows has to be renumbered.
    """
    row_of = {key: row for row, key in enumerate(known.keys.tolist())}
    places = np.array([row_of.get(key, -1) for key in keys.tolist()], np.intp)
    old, new = np.flatnonzero(places >= 0), np.flatnonzero(places < 0)
    total = len(known) + len(new)
    gone = np.ones(len(known), bool)
    gone[places[old]] = False
    was_usable = known.usable
    differs = old[(known.digests[places[old]] != digests[old]) | ~was_usable[places[old]]]
    touched = np.concatenate([differs, new])
    changed = np.zeros(total, bool)
    changed[places[differs]] = True
    changed[len(known) :] = True
    changed[: len(known)] |= gone & was_usable
    places[new] = np.arange(len(known), total)
    # Most of it new: the directions that mattered among the old ones need not be those that matter now.
    if len(new) > len(old) or gone.sum() > len(old):
        return None
    reduced = np.full((total, known.reduced.shape[1]), np.nan, np.float32)
    reduced[: len(known)] = known.reduced
    reduced[: len(known)][gone] = np.nan
    reduced[places[touched]] = known.projection(vectors[touched])
    everything = np.empty(total, np.promote_types(known.keys.dtype, keys.dtype))
    everything[: len(known)], everything[places[new]] = known.keys, keys[new]
    stamps = np.zeros(total, np.uint64)
    stamps[: len(known)] = known.digests
    stamps[places] = digests
    if not changed.any():
        return known
    near = updated(known.near, reduced, changed, progress=progress)
    return Space(everything, stamps, reduced, near, known.projection, known.settings)


def _digests(given: Sequence[str] | None, vectors: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    parts = (each.encode() for each in given) if given is not None else (row.tobytes() for row in vectors)
    joined = b"".join(hashlib.blake2b(part, digest_size=8).digest() for part in parts)
    return np.frombuffer(joined, np.uint64)


def _usable(vectors: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    finite = [np.isfinite(vectors[start : start + _BLOCK]).all(axis=1) for start in range(0, len(vectors), _BLOCK)]
    return np.flatnonzero(np.concatenate(finite)) if finite else np.empty(0, np.intp)


def _blocks(rows: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    return np.array_split(rows, -(-len(rows) // _BLOCK))


def _directions(vectors: npt.NDArray[Any], mean: Floats) -> Floats:
    """Vectors of length one, centred, and of length one again."""
    return _unit(_unit(vectors) - mean)


def _unit(vectors: npt.NDArray[Any]) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):  # rows that are not finite stay so
        single = vectors.astype(np.float32)
        length = np.linalg.norm(single, axis=1, keepdims=True)
        return np.asarray(single / np.maximum(length, np.float32(1e-12)), np.float32)
