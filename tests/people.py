"""People who edit both sides at once, each in their own way, and note what they were told is saved.

Every label that they write begins with the mark of its annotation, so that one that lands on another object is seen;
nobody touches a box, which therefore tells which object an annotation is. Whoever saves by list position has images on
which nobody adds or removes labels: FiftyOne mixes those up by itself.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from accounts import DATABASE, FIFTYONE, Book, mark
from app_server import AppServer, new_label, stamp_of
from app_window import Window, open_window
from syncd.demo.lab import LABEL_FIELD
from worlds import LIST, World

PAUSE_S = 0.05
"""Between two turns, so that all of them get theirs."""

Turn = Callable[[int], None]


@dataclass
class Crowd:
    """Who edits what: each takes one of the lists of images, and SQL has some annotations of each."""

    world: World
    app: AppServer
    fiftyone: ModuleType
    book: Book = field(default_factory=Book)
    rounds: int = 0
    done: int = 0

    def __post_init__(self) -> None:
        images: dict[Path, list[str]] = {}
        for row in self.world.data.rows:
            images.setdefault(row.image, []).append(row.annotation_id)
        self.boxes = {row.annotation_id: list(row.box) for row in self.world.data.rows}
        chosen = [(image, self._three(image, ids)) for image, ids in list(images.items())[:12]]
        self.saved, self.bulk, self.patched, self.shown, self.changing, self.tagged = (
            chosen[start::6] for start in range(6)
        )
        self.world.until_quiet()
        self.places = {each["annotation_id"]: (each["sample"], each["_id"]) for each in self.world.raw_labels()}
        self.dataset = self.fiftyone.load_dataset(self.world.dataset)
        self.windows: list[Window] = []
        # Three of each image: one is edited here, one at home, one on both sides.
        groups = (self.saved, self.bulk, self.patched)
        self.contested = [ids[2] for group in groups for _, ids in group]
        self.home = [ids[1] for group in (*groups, self.shown, self.tagged) for _, ids in group]
        others = [ids[0] for image, ids in images.items() if image not in {image for image, _ in chosen}]
        self.disputed = {side: Random(side).sample(others, len(others)) for side in (FIFTYONE, DATABASE)}
        self.leaving = [ids[2] for _, ids in self.changing]
        self.going = [ids[0] for _, ids in self.changing]

    @property
    def people(self) -> dict[str, Turn]:
        """What each of them does in one turn."""
        return {
            "a notebook that saves samples": self.save_samples,
            "a notebook that sets many values": self.set_values,
            "a notebook that tags": self.tag_labels,
            "the App": self.patch,
            "a window that stays open": self.keep_open,
            "somebody who draws and deletes in the App": self.draw_and_delete,
            "one of two who disagree": self.dispute_in_the_app,
            "the other": self.dispute_at_home,
            "the curator": self.correct,
            "the curator's import": self.add_and_remove,
        }

    def save_samples(self, turn: int) -> None:
        for _, (mine, _, contested, *_) in self.saved:
            for each in (mine, contested):
                sample = self.dataset[str(self.places[each][0])]
                sample.reload()
                label = next(it for it in sample[LABEL_FIELD].detections if it.annotation_id == each)
                label.label = value = f"{mark(each)} saved {self.rounds}.{turn}"
                sample.save()
                self.book.note(FIFTYONE, each, "label", value)

    def set_values(self, turn: int) -> None:
        """Reads whole lists, and writes them back by position: what syncd wrote in between is overwritten."""
        view = self.dataset.select([str(self.places[ids[0]][0]) for _, ids in self.bulk], ordered=True)
        mine = {each for _, ids in self.bulk for each in (ids[0], ids[2])}
        known, labels = view.values([f"{LIST}.annotation_id", f"{LIST}.label"])
        values = {each: f"{mark(each)} set {self.rounds}.{turn}" for each in mine}
        changed = [
            [values.get(each, label) for each, label in zip(ids, now, strict=True)]
            for ids, now in zip(known, labels, strict=True)
        ]
        view.set_values(f"{LIST}.label", changed, progress=False)
        for each, value in values.items():
            self.book.note(FIFTYONE, each, "label", value)

    def tag_labels(self, turn: int) -> None:
        """A tag that means nothing to syncd comes and goes, on a label where an approving one was set before."""
        for _, (mine, _, approved, *_) in self.tagged:
            view = self.dataset.select_labels(ids=[str(self.places[mine][1])], fields=LABEL_FIELD)
            before, now = self.book.tags.get(mine), f"look {self.rounds} {turn}"
            view.tag_labels(now)
            if before is not None:
                view.untag_labels(before)
            self.book.tags[mine] = now
            if approved not in self.book.approved:
                self.dataset.select_labels(ids=[str(self.places[approved][1])], fields=LABEL_FIELD).tag_labels("ok")
                self.book.approved.add(approved)

    def patch(self, turn: int) -> None:
        """The App's requests, each on the sample as it was a moment ago."""
        for _, (mine, _, contested, *_) in self.patched:
            for each in (mine, contested):
                value = f"{mark(each)} patched {self.rounds}.{turn}"
                if self._relabel(each, value):
                    self.book.note(FIFTYONE, each, "label", value)

    def keep_open(self, turn: int) -> None:
        """An edit in a window that was opened a while ago and shows what was there then."""
        if turn % 10 == 0:
            self.windows = [open_window(self.app, self.world, ids[0]) for _, ids in self.shown]
        for window, (_, (mine, *_)) in zip(self.windows, self.shown, strict=True):
            value = f"{mark(mine)} shown {self.rounds}.{turn}"
            window.change(mine, label=value)
            self.book.note(FIFTYONE, mine, "label", value)
            self.book.sent_again += len(window.statuses) > 1

    def draw_and_delete(self, turn: int) -> None:
        for (image, _), going in zip(self.changing, self.going, strict=True):
            if len(self.book.drawn) < 40:
                drawn = new_label(f"drawn {self.rounds} {turn}", bounding_box=self._new_box())
                sample = self.world.samples.find_one({"filepath": str(image)})
                operation = {"op": "add", "path": f"/{LABEL_FIELD}/detections/-", "value": drawn}
                if self._answered(sample, operation):
                    self.boxes[drawn["_id"]["$oid"]] = drawn["bounding_box"]
                    self.book.drawn[drawn["_id"]["$oid"]] = drawn["label"]
            if (
                turn >= 3
                and going not in self.book.deleted
                and self._patch(going, lambda at: {"op": "remove", "path": at})
            ):
                self.book.deleted.add(going)

    def correct(self, turn: int) -> None:
        depth = round(self.rounds + turn / 1000, 2)
        for each in (*self.home, *self.contested):
            value = f"{mark(each)} corrected {self.rounds}.{turn}"
            self.world.correct(each, label=value, depth_m=depth)
            self.book.note(DATABASE, each, "label", value)
            self.book.note(DATABASE, each, "depth", depth)

    def dispute_in_the_app(self, turn: int) -> None:
        """Each label once, in an order of its own: no later edit makes up for one that was overwritten."""
        for each in self._next(FIFTYONE, turn):
            value = f"{mark(each)} disputed {self.rounds}"
            if self._relabel(each, value):
                self.book.note(FIFTYONE, each, "label", value)

    def dispute_at_home(self, turn: int) -> None:
        for each in self._next(DATABASE, turn):
            value = f"{mark(each)} settled {self.rounds}"
            self.world.correct(each, label=value)
            self.book.note(DATABASE, each, "label", value)

    def _next(self, side: str, turn: int) -> list[str]:
        return self.disputed[side][2 * turn : 2 * turn + 2]

    def agree(self) -> None:
        """After a round both sides settle what they disagreed about, and begin anew."""
        self.rounds += 1
        self.done += len(self.book.edits)
        self.book.edits.clear()
        for each in self.world.conflicts():
            name, depth = each["annotation_id"], 1000.0 + self.rounds
            if each["field"] == "depth":
                self.world.correct(name, depth_m=depth)
                self.world.review(name, depth=depth)
            else:
                self.world.correct(name, label=f"{mark(name)} agreed {self.rounds}")
                self.world.review(name, label=f"{mark(name)} agreed {self.rounds}")
        self.world.until_quiet()
        assert self.world.conflicts() == []

    def add_and_remove(self, turn: int) -> None:
        for (image, _), leaving in zip(self.changing, self.leaving, strict=True):
            if len(self.book.added) < 40:
                added = self.world.add_row(image, f"added {self.rounds} {turn}")
                self.book.added[added] = f"added {self.rounds} {turn}"
            if turn >= 2 and leaving not in self.book.removed:
                self.world.remove_row(leaving)
                self.book.removed.add(leaving)

    def _relabel(self, annotation_id: str, label: str) -> bool:
        """The App's request for another class; whether it was taken."""
        return self._patch(annotation_id, lambda at: {"op": "replace", "path": f"{at}/label", "value": label})

    def _patch(self, annotation_id: str, operation: Callable[[str], dict[str, Any]]) -> bool:
        """One request about one label; whether it was taken."""
        sample = self.world.samples.find_one({"_id": self.places[annotation_id][0]})
        ids = [each.get("annotation_id") for each in sample[LABEL_FIELD]["detections"]]
        return self._answered(sample, operation(f"/{LABEL_FIELD}/detections/{ids.index(annotation_id)}"))

    def _answered(self, sample: dict[str, Any], operation: dict[str, Any]) -> bool:
        answer = self.app.patch(sample["_dataset_id"], sample["_id"], [operation], stamp_of(sample))
        assert answer.status in (200, 412), answer
        self.book.refused += answer.status == 412
        return answer.status == 200

    def _three(self, image: Path, ids: list[str]) -> list[str]:
        """An image's annotations, of which there are three at least from now on."""
        added = []
        for _ in range(3 - len(ids)):
            own = self.world.add_row(image, "there before")
            box = self._new_box()
            self.world.correct(own, **dict(zip("xywh", box, strict=True)))
            self.boxes[own] = box
            added.append(own)
        return [*ids, *added]

    def _new_box(self) -> list[float]:
        return [round(0.001 * (1 + len(self.boxes)), 3), 0.25, 0.5, 0.25]


@contextmanager
def at_work(people: dict[str, Turn], failures: list[BaseException]) -> Iterator[Counter[str]]:
    """Everybody takes turn after turn for the length of the block, and ends the one that they are at.

    Given is how many turns each has had so far.
    """
    stop = threading.Event()
    turns = Counter(dict.fromkeys(people, 0))

    def work(name: str) -> None:
        try:
            while not stop.wait(PAUSE_S):
                people[name](turns[name])
                turns[name] += 1
        except BaseException as error:  # noqa: BLE001 - raised by the test, in the thread that pytest sees
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,), name=name) for name in people]
    for each in threads:
        each.start()
    try:
        yield turns
    finally:
        stop.set()
        for each in threads:
            each.join()
