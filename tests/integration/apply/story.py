"""A bit of everything that people do on both sides, and what it must come to, however often syncd dies over it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from bson import ObjectId

from syncd.adapters.connect import open_database
from syncd.config import Config
from syncd.errors import Busy
from syncd.store.changes import verify
from syncd.store.tables import tables_for
from worlds import BINDING, NO_BRAKES, World

T = TypeVar("T")

OVERRIDES = {"brakes": NO_BRAKES, "policy": {"on_fiftyone_delete": "delete"}}
DRAWN = (ObjectId("a" * 24), ObjectId("b" * 24), ObjectId("c" * 24))
ADDED = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")


def play(world: World) -> None:
    """Edits of every kind, on annotations chosen by their place in the data."""
    ids = [row.annotation_id for row in world.data.rows]
    for each in ids[0:6]:
        world.review(each, label="Reviewed")
    world.review(ids[6], verified=True)
    world.review(ids[7], verified=None)
    for each in ids[10:16]:
        world.correct(each, label="Corrected", depth_m=12.5)
    world.correct(ids[16], depth_m=None)
    world.correct(ids[17], x=0.25, y=0.25, w=0.5, h=0.5)
    # The same annotation in different fields; the same correction on both sides; a disagreement; a moved box.
    world.review(ids[20], label="Reviewed")
    world.correct(ids[20], depth_m=99)
    world.review(ids[21], label="Same")
    world.correct(ids[21], label="Same")
    world.review(ids[22], label="One")
    world.correct(ids[22], label="Other")
    world.review(ids[23], bounding_box=[0.3, 0.3, 0.3, 0.3])
    # Drawn, added, deleted on either side, gone from both, an id lost.
    for drawn, row in zip(DRAWN, world.data.rows[30:33], strict=True):
        world.draw(row.image, "Drawn", label_id=drawn)
    for added, row in zip(ADDED, world.data.rows[33:35], strict=True):
        world.add_row(row.image, "Added", added)
    world.erase(ids[40])
    world.remove_row(ids[41])
    world.erase(ids[42])
    world.remove_row(ids[42])
    world.review(ids[43], annotation_id=None)
    # A field that was never agreed on, equal and not.
    for each in ids[50:52]:
        world.sql("DELETE FROM syncd.baseline WHERE annotation_id = :id", id=each)
    world.correct(ids[51], label="Unmet")


def names(world: World) -> dict[str, str]:
    """{annotation id: how copies of a world agree to call it}: ids of drawn labels are made up in each of them."""
    drawn = {each["annotation_id"]: str(each["_id"]) for each in world.raw_labels() if each["_id"] in DRAWN}
    assert len(set(drawn)) == len(drawn)
    return drawn


def outcome(world: World) -> dict[str, Any]:
    """Everything that must be the same, whatever happened on the way."""
    called = names(world)

    def keyed(found: dict[str, Any]) -> dict[str, Any]:
        return {called.get(key, key): value for key, value in found.items()}

    applied = Counter(
        (
            called.get(each["annotation_id"], each["annotation_id"]),
            each["direction"],
            each["action"],
            each["field"],
            json.dumps(each["old"], sort_keys=True),
            json.dumps(each["new"], sort_keys=True),
            each["reason"],
        )
        for each in world.log("applied")
    )
    return {
        "labels": keyed(world.labels()),
        "rows": keyed(world.rows()),
        "baseline": keyed(world.baseline()),
        "applied": applied,
        "conflicts": sorted(
            (each["annotation_id"], each["kind"], each["field"], json.dumps([each["fiftyone"], each["database"]]))
            for each in world.conflicts()
        ),
    }


def check_the_books(world: World) -> None:
    """What must hold at rest: nothing pending, nothing logged twice, an unbroken chain, no run left open."""
    assert world.log("pending") == []
    assert "running" not in {each["status"] for each in world.runs()}
    assert max(outcome(world)["applied"].values()) == 1
    inserted = [each["label_id"] for each in world.log("applied") if each["reason"] == "drawn_in_fiftyone"]
    assert sorted(inserted) == sorted(map(str, DRAWN))
    assert len(world.raw_labels()) == len(world.labels()), "an annotation id stands on two labels"
    with open_database(world.url) as connection:
        found = verify(connection, tables_for(connection, "syncd"), BINDING)
    connection.engine.dispose()
    assert found.is_sound, found


def patiently(act: Callable[[], T]) -> T:
    """Does what needs the lock; that of a killed run goes when the server sees that its client is gone."""
    for _ in range(100):
        try:
            return act()
        except Busy:
            time.sleep(0.05)
    raise AssertionError("the lock of a dead run was never freed")


def finish(world: World, config: Config | None = None) -> None:
    """Runs until quiet."""
    patiently(lambda: world.until_quiet(config=config))


def check(world: World, undisturbed: dict[str, Any]) -> None:
    """The world is as it would be had nothing happened to syncd."""
    check_the_books(world)
    assert outcome(world) == undisturbed


def expected_differences(world: World) -> set[str]:
    """The annotations about which a person has to decide."""
    ids = [row.annotation_id for row in world.data.rows]
    return {ids[22], ids[23], ids[51]}
