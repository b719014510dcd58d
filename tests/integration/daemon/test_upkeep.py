"""The daemon keeps saved views up to date, whoever made the change, and makes none."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from daemons import Daemon, until
from syncd import open_binding
from worlds import BINDING, LIST, World

NAME = "syncd: changed this week"


def test_a_view_follows_what_the_daemon_and_what_others_change(
    world: World, start: Callable[..., Daemon], fiftyone: ModuleType
) -> None:
    dataset = fiftyone.load_dataset(world.dataset)
    nothing = dataset.select_labels(ids=[], fields=["ground_truth"])
    dataset.save_view(NAME, nothing, description="Made by syncd: what changed.")

    def shown() -> set[Any]:
        dataset.reload()
        return set(dataset.load_saved_view(NAME).values(f"{LIST}.annotation_id", unwind=True))

    assert shown() == set()
    daemon = start()
    one, two = list(world.rows())[:2]
    world.review(one, label="Ostracoda")
    until(lambda: shown() == {one}, daemon.text)
    with open_binding(BINDING, world.config()) as b, b.actor("ada"):
        b.relabel("Diatom", annotation_ids=[two])
    until(lambda: shown() == {one, two}, daemon.text)
    assert dataset.list_saved_views() == [NAME]
    assert not [each for each in daemon.lines() if each.get("level") in ("warning", "error")], daemon.text()
