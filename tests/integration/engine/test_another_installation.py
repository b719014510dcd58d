"""A binding whose dataset moves to another FiftyOne (open source to Enterprise): same ids, new dataset, new paths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

from integration.engine.answers import both, ids
from worlds import World


def moved(world: World, fiftyone: ModuleType, folder: Path) -> World:
    """The dataset after an export and an import: another one, with the same ids, whose images are elsewhere."""
    old = fiftyone.load_dataset(world.dataset)
    old.export(export_dir=str(folder), dataset_type=fiftyone.types.FiftyOneDataset, export_media=False)
    new = fiftyone.Dataset.from_dir(
        dataset_dir=str(folder), dataset_type=fiftyone.types.FiftyOneDataset, name=f"{world.dataset}_moved"
    )
    assert new.values("id") == old.values("id")
    new.set_values("media_uri", old.values("filepath"))
    new.set_values("filepath", [f"/elsewhere/{each}.png" for each in new.values("id")])
    return replace(world, dataset=new.name, overrides=dict(world.overrides) | {"sample_key": "media_uri"})


def test_a_binding_moves_with_its_dataset_and_keeps_its_baseline_and_its_log(
    world: World, fiftyone: ModuleType, tmp_path: Path
) -> None:
    one, two = ids(world)[:2]
    world.review(one, label="Before")
    world.reconcile()
    baseline, log = world.baseline(), world.log()
    there = moved(world, fiftyone, tmp_path)
    try:
        held = there.reconcile()
        assert held.held is not None and "made anew" in held.held, "nobody is asked to take it for the old one"
        taken = there.reconcile(force=True)
        assert (taken.held, taken.recorded, taken.opened) == (None, (), 0)
        assert there.baseline() == baseline
        assert there.log() == log
        there.review(two, label="After")
        there.correct(one, label="Corrected")
        there.reconcile()
        assert both(there, two)[1]["label"] == "After"
        assert both(there, one)[0]["label"] == "Corrected"
        assert there.conflicts() == []
    finally:
        fiftyone.delete_dataset(there.dataset)
