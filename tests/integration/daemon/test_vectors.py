"""The daemon keeps vectors fresh, in a process of its own, and goes on reconciling whatever becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tiny_vit
from daemons import Daemon, until
from worlds import World

PATIENCE_S = 200.0
"""A process that loads torch and FiftyOne takes its time where other tests have the cores."""


def document(world: World, folder: Path, weights: Path) -> dict[str, Any]:
    found = world.document(embedding={"model": "tiny", "of": "patches", "layout": None, "similarity": False})
    model = {"weights": str(weights), "max_side": 16, "runtime": "torch", "device": "cpu"}
    found["embedding"] = {"models": {"tiny": model}, "folder": str(folder), "every": "1h"}
    return found


def scored(world: World) -> int:
    return sum("suspect_tiny_label" in each for each in world.raw_labels())


def test_vectors_are_kept_fresh_beside_the_reconciles(
    world: World, start: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = start(document(world, tmp_path / "vectors", tiny_vit.save_weights(tmp_path)))
    until(lambda: daemon.lines("the vectors are fresh"), daemon.text, PATIENCE_S)
    (first,) = daemon.lines("the vectors are fresh")
    assert first["embedded"] == len(world.raw_labels()) and first["failed"] == 0
    assert scored(world) == first["embedded"]
    annotation = next(iter(world.rows()))
    world.review(annotation, label="Ostracoda")
    until(lambda: world.rows()[annotation]["label"] == "Ostracoda", daemon.text)


def test_weights_that_are_missing_are_told_once_and_stop_nothing(
    world: World, start: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = start(document(world, tmp_path / "vectors", tmp_path / "nowhere.pth"))
    until(lambda: daemon.lines("the vectors cannot be made"), daemon.text, PATIENCE_S)
    (said,) = daemon.lines("the vectors cannot be made")
    assert "There are no weights at" in said["why"]
    annotation = next(iter(world.rows()))
    world.review(annotation, label="Ostracoda")
    until(lambda: world.rows()[annotation]["label"] == "Ostracoda", daemon.text)
