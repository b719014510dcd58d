"""An Annotate window of the App that stays open: what it sends is decided by what it still shows.

After a 412, and after a save that returns another sample than the window shows, the App sends the difference between
its own labels of the edited field and the server's: it puts its old values back, adds labels that are gone, and
removes those that it never saw. What it does not show (keys that its copy of a label has not got) it leaves alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from bson import json_util

from app_server import Answer, AppServer, stamp_of
from syncd.demo.lab import LABEL_FIELD
from worlds import World

LIST = f"/{LABEL_FIELD}/detections"
MOST = 10
"""Requests for one edit; a window and a server that never agree would be no replay of the App."""

Label = dict[str, Any]


@dataclass
class Window:
    """One sample in an open window. ``answers`` are those to the last edit's requests."""

    app: AppServer
    world: World
    sample: Any
    labels: list[Label]
    etag: str
    answers: list[Answer] = field(default_factory=list)

    def change(self, annotation_id: str, **values: Any) -> None:
        """The user changes a label: its class, or its box."""
        index, label = self._find(annotation_id)
        operations = [
            {"op": "replace", "path": f"{LIST}/{index}/{name}", "value": value} for name, value in values.items()
        ]
        label.update(values)
        self._save(operations)

    def draw(self, label: Label) -> None:
        """The user draws a label."""
        self.labels.append(label)
        self._save([{"op": "add", "path": f"{LIST}/-", "value": label}])

    def delete(self, label: Label) -> None:
        """The user deletes a label; drawing the same one again is what the App's undo does."""
        index = self.labels.index(label)
        self.labels.remove(label)
        self._save([{"op": "remove", "path": f"{LIST}/{index}"}])

    @property
    def statuses(self) -> list[int]:
        """What the server said to the last edit and to what the window sent of its own accord after it."""
        return [each.status for each in self.answers]

    def _find(self, annotation_id: str) -> tuple[int, Label]:
        return next(
            (index, label) for index, label in enumerate(self.labels) if label.get("annotation_id") == annotation_id
        )

    def _save(self, operations: list[dict[str, Any]]) -> None:
        self.answers = []
        while operations:
            assert len(self.answers) < MOST, self.statuses
            dataset = self.world.mongo["datasets"].find_one({"name": self.world.dataset}, {"_id": 1})
            assert dataset is not None
            answer = self.app.patch(dataset["_id"], self.sample, operations, self.etag)
            assert answer.status in (200, 412), answer
            assert answer.etag is not None
            self.answers.append(answer)
            self.etag = answer.etag
            operations = self._differences(_shown(answer.body))

    def _differences(self, there: list[Label]) -> list[dict[str, Any]]:
        """What makes the server's list show what the window shows; removals last, from the end."""
        own = {each["_id"]["$oid"]: each for each in self.labels}
        known = {each["_id"]["$oid"] for each in there}
        operations: list[dict[str, Any]] = []
        for index, label in enumerate(there):
            for name, value in own.get(label["_id"]["$oid"], {}).items():
                if label.get(name) != value:
                    operations.append({"op": "replace", "path": f"{LIST}/{index}/{name}", "value": value})
        operations += [{"op": "add", "path": f"{LIST}/-", "value": own[each]} for each in own if each not in known]
        strange = [index for index, label in enumerate(there) if label["_id"]["$oid"] not in own]
        return operations + [{"op": "remove", "path": f"{LIST}/{index}"} for index in reversed(strange)]


def open_window(app: AppServer, world: World, annotation_id: str) -> Window:
    """Opens the sample of an annotation: the window shows it as it is now, and goes on showing that."""
    sample = world.samples.find_one({"_id": world.place(annotation_id)[0]})
    assert sample is not None
    return Window(app, world, sample["_id"], _shown(json.loads(json_util.dumps(sample))), stamp_of(sample))


def _shown(sample: Any) -> list[Label]:
    labels: list[Label] = (sample.get(LABEL_FIELD) or {}).get("detections") or []
    return labels
