"""The real App, open while the database is corrected: the correction stands, and the person's own edit goes through."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

import trust
from app_page import Annotating
from browser import browser
from daemons import until, write_config
from served_app import served_app
from syncd.demo.lab import LABEL_FIELD
from worlds import World


@pytest.mark.skipif(not trust.FULL, reason="a minute with a browser: make trust")
def test_in_a_window_that_is_behind_each_correction_stands_and_each_own_edit_goes_through(
    world: World, fiftyone: ModuleType, tmp_path: Path
) -> None:
    images = [row.image for row in world.data.rows]
    image = next(each for each in images if images.count(each) > 1)
    mine, theirs = [row.annotation_id for row in world.data.rows if row.image == image][:2]
    dataset = fiftyone.load_dataset(world.dataset)
    classes = sorted({each["label"] for each in world.labels().values()})
    dataset.update_label_schema(LABEL_FIELD, {"type": "detections", "component": "dropdown", "classes": classes})
    dataset.activate_label_schemas([LABEL_FIELD])
    old = world.labels()[theirs]["label"]
    config = world.config(directions={"label": "both", "box": "both"})
    file = write_config(tmp_path / "syncd.yaml", world.document(directions={"label": "both", "box": "both"}))
    with (
        served_app(file, tmp_path, "--as", "ada") as app,
        Image.open(image) as picture,
        browser(tmp_path / "profile") as page,
    ):
        window = Annotating(page, app, world.dataset, world.place(mine)[0], picture.size)
        window.choose(world.labels()[mine]["label"])
        world.correct(theirs, label="Corrected")
        assert world.reconcile(config=config).to_fiftyone == 1
        for _ in range(2):
            home = world.rows()[mine]["box"]
            # The App sends what it has when it sees fit: at times only with the next drag.
            until(lambda: dragged(window, world, mine, theirs, old), lambda: str(world.labels()), 180)
            while world.reconcile(config=config, full=True).recorded:
                pass
            assert world.rows()[theirs]["label"] == world.labels()[theirs]["label"] == "Corrected"
            assert world.rows()[mine]["box"] != home
            assert world.conflicts() == []
    carried = [each for each in world.log("applied") if each["direction"] == "to_database"]
    assert {(each["annotation_id"], each["field"], each["actor"]) for each in carried} == {(mine, "box", "ada")}


def dragged(window: Annotating, world: World, mine: str, theirs: str, old: str) -> bool:
    """Drags the box of one label; whether the other one's old value has come with it."""
    window.drag(world.labels()[mine]["box"], (24, 16))
    end = time.monotonic() + 10
    while world.labels()[theirs]["label"] != old and time.monotonic() < end:
        time.sleep(0.1)
    return bool(world.labels()[theirs]["label"] == old)
