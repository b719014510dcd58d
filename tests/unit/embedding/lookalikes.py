"""Vectors in groups that look alike, for tests: what shows in them is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def groups(sizes: list[int], width: int = 24, spread: float = 0.25, seed: int = 1) -> tuple[Floats, list[str]]:
    """Vectors, (N, width), of groups of these sizes, and the names of their groups: ``g0``, ``g1`` …"""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(len(sizes), width))
    parts = [centre + spread * random.normal(size=(size, width)) for centre, size in zip(centres, sizes, strict=True)]
    labels = [f"g{number}" for number, size in enumerate(sizes) for _ in range(size)]
    return np.concatenate(parts).astype(np.float32), labels


def shuffled(labels: list[str], share: float, seed: int) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The labels with a share of them replaced by another class each, and which those are."""
    random = np.random.default_rng(seed)
    classes = sorted(set(labels))
    rows = random.choice(len(labels), max(1, round(share * len(labels))), replace=False)
    wrong = list(labels)
    for row in rows:
        wrong[row] = str(random.choice([each for each in classes if each != labels[row]]))
    return wrong, rows


def share_in_top(scores: npt.NDArray[Any], rows: npt.NDArray[np.int64], share: float) -> float:
    """What share of ``rows`` is among the highest scores, of which there are a ``share`` of all."""
    number = max(len(rows), int(np.ceil(share * len(scores))))
    highest = np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")[:number]
    return float(np.isin(rows, highest).mean())
