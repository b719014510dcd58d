"""Plays a review: people who edit the dataset in FiftyOne while the curator edits the database.

FiftyOne's side goes through the SDK and the database's through SQL, as people do it; syncd's own writers are not
used, so that the demo and its tests show what syncd makes of edits that it had no hand in.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from syncd.demo import lab
from syncd.demo.data import WHOLE, Box, DemoData, DemoRow, Organism, notice
from syncd.demo.dataset import fiftyone
from syncd.demo.lab import ID_ATTRIBUTE, LABEL_FIELD
from syncd.errors import SetupError

__all__ = ["MINIMUM_ROWS", "Kind", "Side", "Step", "check", "notice", "play_review"]


def play_review(dataset_name: str, postgres_url: str, data: DemoData, seed: int) -> tuple[Step, ...]:
    """Makes the edits and returns them in the order in which they were made."""
    steps = write(data, seed)
    dataset = fiftyone().load_dataset(dataset_name)
    # this process may have loaded samples before syncd wrote to them; a save from such a copy would revert that
    dataset.reload()
    reviewers = _Reviewers(dataset)
    return (
        *reviewers.play([step for step in steps if step.side == "fiftyone"]),
        *_play_curator(postgres_url, [step for step in steps if step.side == "database"]),
    )


class _Reviewers:
    """Makes edits in FiftyOne: some one by one in a sample, some in bulk."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        path = f"{LABEL_FIELD}.detections"
        samples, labels, ids = dataset.values(["id", f"{path}.id", f"{path}.{ID_ATTRIBUTE}"])
        self.places = {
            annotation_id: (sample_id, label_id)
            for sample_id, label_ids, annotation_ids in zip(samples, labels, ids, strict=True)
            for label_id, annotation_id in zip(label_ids or [], annotation_ids or [], strict=True)
        }

    def play(self, steps: list[Step]) -> list[Step]:
        """Makes the edits: relabelling first, every other one of it in bulk; then the rest, one by one."""
        relabelled = [step for step in steps if step.kind == "label"]
        others = [step for step in steps if step.kind != "label"]
        bulk = relabelled[1::2]
        single = relabelled[0::2]
        for step in single:
            self._edit(step)
        if bulk:
            # what "select, then set the label of all" does in the App and in notebooks
            self.dataset.set_label_values(
                f"{LABEL_FIELD}.detections.label",
                [{"sample_id": s, "label_id": k, "value": step.after} for step in bulk for s, k in [self._place(step)]],
            )
        for step in others:
            if step.kind == "draw":
                self._draw(step)
            elif step.kind == "delete":
                self.dataset.delete_labels(ids=[self._place(step)[1]], fields=LABEL_FIELD)
            else:
                self._edit(step)
        return [*single, *bulk, *others]

    def _place(self, step: Step) -> tuple[str, str]:
        """Sample id and label id of the annotation."""
        if step.annotation_id is None or step.annotation_id not in self.places:
            raise SetupError(f"The dataset has no label {step.annotation_id}: it was changed since it was made.")
        sample_id, label_id = self.places[step.annotation_id]
        return sample_id, label_id

    def _edit(self, step: Step) -> None:
        """Opens the sample, changes one attribute of one label, saves."""
        sample_id, label_id = self._place(step)
        sample = self.dataset[sample_id]
        label = next(one for one in sample[LABEL_FIELD].detections if one.id == label_id)
        if step.kind == "box" and isinstance(step.after, tuple):
            label.bounding_box = list(step.after)
        elif step.kind == "verify":
            label["verified"] = step.after
        else:
            label.label = step.after
        sample.save()

    def _draw(self, step: Step) -> None:
        """Draws a label as the App does: class and box, no annotation id."""
        sample = self.dataset[str(step.image)]
        box = list(step.box or ())
        sample[LABEL_FIELD].detections.append(fiftyone().Detection(label=step.after, bounding_box=box))
        sample.save()


def _play_curator(url: str, steps: list[Step]) -> list[Step]:
    """Makes the edits in the database: relabelling in one transaction, everything else on its own."""
    labels = {step.annotation_id: str(step.after) for step in steps if step.kind == "label" and step.annotation_id}
    lab.correct_labels(url, labels)
    done = [step for step in steps if step.kind == "label"]
    for step in steps:
        if step.kind == "depth" and step.annotation_id:
            lab.correct_depths(url, {step.annotation_id: step.after if isinstance(step.after, float) else None})
            done.append(step)
        elif step.kind == "delete" and step.annotation_id:
            lab.delete_annotations(url, [step.annotation_id])
            done.append(step)
        elif step.kind == "insert" and step.box is not None:
            new_id = lab.add_annotation(url, step.image, str(step.after), step.box, step.depth_m)
            done.append(dataclasses.replace(step, annotation_id=new_id))
    return done


MINIMUM_ROWS = 60
"""Below this one deletion and one edit of each sort would already trip a brake."""
MINIMUM_CLASSES = 3
"""A disagreement needs the label, what one side makes of it, and what the other does."""

Side = Literal["fiftyone", "database"]
Kind = Literal["label", "delete", "box", "draw", "verify", "depth", "insert"]
Value = str | float | bool | Box | None

_FIXED = 11  # annotations touched by the shortest script
_MORE_IN_FIFTYONE, _MORE_IN_DATABASE, _MORE_DELETIONS = 5, 3, 2
_NOT_A_CLASS = {"unknown", "noise"}
_FAVOURITES = 8  # a person who relabels thinks of the common classes


@dataclass(frozen=True)
class Step:
    """One edit by one person."""

    side: Side
    kind: Kind
    annotation_id: str | None
    """None for a label that was drawn without an id, and for a new row until the database has given it one."""
    before: Value
    after: Value
    sentence: str
    expected: str
    """What the diff makes of it under the demo's configuration: a direction, ``converged``, or a conflict kind."""
    image: Path
    box: Box | None = None
    """Where a new label or row lies."""
    depth_m: float | None = None
    """The depth of a new row."""


def check(data: DemoData) -> None:
    """Refuses a set that is too small or too uniform for a review."""
    if len(data.rows) < MINIMUM_ROWS:
        raise SetupError(
            f"The demo's review needs at least {MINIMUM_ROWS} annotations; this set has {len(data.rows)}.",
            remedy=f"Give --size {MINIMUM_ROWS} or more, or a larger pack.",
        )
    if len(data.classes) < MINIMUM_CLASSES:
        raise SetupError(
            f"The demo's review needs at least {MINIMUM_CLASSES} classes; this set has {len(data.classes)}.",
            remedy="Use a pack with more labels, or leave --pack out.",
        )


def write(data: DemoData, seed: int) -> tuple[Step, ...]:
    """The whole review: FiftyOne's edits first, then the database's."""
    check(data)
    author = _Author(data, seed)
    steps = author.write()
    return tuple(sorted(steps, key=lambda step: step.side != "fiftyone"))


class _Author:
    """Chooses rows so that no annotation, and where possible no image, is taken twice."""

    def __init__(self, data: DemoData, seed: int) -> None:
        self.rng = np.random.default_rng([seed, len(data.rows), 2])
        self.free = [data.rows[int(i)] for i in self.rng.permutation(len(data.rows))]
        self.images: set[Path] = set()
        self.into: Counter[str] = Counter()
        self.cap = (len(data.rows) - 1) // 10  # strictly below a tenth
        counts = Counter(row.label for row in data.rows if row.label.casefold() not in _NOT_A_CLASS)
        ranked = sorted(counts, key=lambda name: (-counts[name], name))
        # a set with one or two real classes has to make do with "unknown" as well
        self.classes = ranked[:_FAVOURITES] if len(ranked) >= MINIMUM_CLASSES else list(data.classes)
        self.unlabelled = list(data.unlabelled)
        self.size = len(data.rows)

    def write(self) -> list[Step]:
        """All steps; those with the narrowest choice are chosen first."""
        spare = (self.size - 1) // 5 - _FIXED
        more_deletions = max(0, min((2 * self.size - 1) // 100 - 1, spare, _MORE_DELETIONS))
        spare -= more_deletions
        in_fiftyone = 1 + min((5 * spare + 7) // 8, _MORE_IN_FIFTYONE)
        in_database = 1 + max(0, min(spare - (in_fiftyone - 1), _MORE_IN_DATABASE))
        steps = [self._new("fiftyone"), self._new("database"), self._box()]
        steps += [self._relabel("fiftyone") for _ in range(in_fiftyone)]
        steps += [self._relabel("database") for _ in range(in_database)]
        steps += self._same()
        steps += self._disagree()
        steps += self._two_fields()
        steps.append(self._verify())
        steps.append(self._depth(self._pick(lambda row: row.depth_m is not None)))
        for number in range(1 + more_deletions):  # the first in FiftyOne, the second in the database, and so on
            steps.append(self._delete("database" if number == 1 else "fiftyone"))
        return steps

    def _pick(self, *wishes: Callable[[DemoRow], bool]) -> DemoRow:
        """A row that nobody has touched; an untouched image matters more than the wishes do."""

        def rank(row: DemoRow) -> tuple[int, ...]:
            return (row.image in self.images, *(not wish(row) for wish in wishes))

        row = min(self.free, key=rank)
        self.free.remove(row)
        self.images.add(row.image)
        return row

    def _open(self, label: str) -> bool:
        return self.into[label] < self.cap

    def _wrong(self) -> DemoRow:
        """A row whose label deserves a correction: one that is known to be wrong where anything is known."""
        return self._pick(lambda row: row.truth is not None and row.truth != row.label and self._open(row.truth))

    def _target(self, row: DemoRow, *taken: str) -> str:
        """The label that a reviewer gives: the truth where it is known, else a common class in turn."""
        known = [row.truth] if row.truth else []
        names = [name for name in [*known, *self._in_turn()] if name not in (row.label, *taken)]
        chosen = next((name for name in names if self._open(name)), names[0])
        self.into[chosen] += 1
        return chosen

    def _in_turn(self) -> list[str]:
        return sorted(self.classes, key=lambda name: (self.into[name], self.classes.index(name)))

    def _relabel(self, side: Side) -> Step:
        row = self._wrong()
        return _label(side, row, self._target(row), "to_database" if side == "fiftyone" else "to_fiftyone")

    def _same(self) -> list[Step]:
        row = self._wrong()
        label = self._target(row)
        return [_label(side, row, label, "converged") for side in ("fiftyone", "database")]

    def _disagree(self) -> list[Step]:
        row = self._wrong()
        first = self._target(row)
        second = self._target(row, first)
        return [_label("fiftyone", row, first, "edit_edit"), _label("database", row, second, "edit_edit")]

    def _two_fields(self) -> list[Step]:
        row = self._wrong()
        return [_label("fiftyone", row, self._target(row), "to_database"), self._depth(row)]

    def _verify(self) -> Step:
        row = self._pick(
            lambda row: row.verified is not True,
            lambda row: row.truth in (None, row.label) and row.label.casefold() not in _NOT_A_CLASS,
        )
        return _step("fiftyone", "verify", row, row.verified, True, "looked at {image} and marked it verified")

    def _depth(self, row: DemoRow) -> Step:
        change = float(self.rng.choice((-1, 1)) * self.rng.uniform(0.6, 1.9))
        after = round((row.depth_m or 10.0) + change, 2)
        return _step(
            "database", "depth", row, row.depth_m, after, "corrected the depth of {image}: {before} → {after} m"
        )

    def _delete(self, side: Side) -> Step:
        row = self._pick(lambda row: row.label.casefold() in {"detritus", "unknown"})
        expected = "deleted_in_fiftyone" if side == "fiftyone" else "to_fiftyone"
        what = "the label" if side == "fiftyone" else "the row"
        return _step(side, "delete", row, row.label, None, f"deleted {what} “{{before}}” of {{image}}", expected)

    def _box(self) -> Step:
        """Tightens a sloppy box, or one that covers the whole image; pushes any other a little to the side."""
        row = self._pick(lambda row: row.true_box not in (None, row.box))
        x, y, w, h = row.box
        after: Box
        if row.true_box is not None and row.true_box != row.box:
            after = row.true_box
        elif row.box == WHOLE:
            after = (0.08, 0.06, 0.84, 0.88)
        else:
            after = (round(x + 0.1 * w, 6), round(y + 0.1 * h, 6), round(0.8 * w, 6), round(0.8 * h, 6))
        return _step("fiftyone", "box", row, row.box, after, "moved the box of {image}", "box_changed")

    def _new(self, side: Side) -> Step:
        """A label for something that nobody had labelled: seen in a generated frame, else in a corner of an image."""
        found = next((one for one in self.unlabelled if one.image not in self.images), None)
        if found is None:
            row = self._pick()
            found = Organism(row.image, self._in_turn()[0], (0.55, 0.1, 0.3, 0.35), row.depth_m)
        self.images.add(found.image)
        self.into[found.label] += 1
        if side == "fiftyone":
            text = f"drew a box labelled “{found.label}” in {found.image.name}, without an annotation id"
        else:
            text = f"added a row “{found.label}” for {found.image.name}"
        return Step(
            side=side,
            kind="draw" if side == "fiftyone" else "insert",
            annotation_id=None,
            before=None,
            after=found.label,
            sentence=_sentence(side, text),
            expected="to_database" if side == "fiftyone" else "to_fiftyone",
            image=found.image,
            box=found.box,
            depth_m=found.depth_m,
        )


def _label(side: Side, row: DemoRow, after: str, expected: str) -> Step:
    return _step(side, "label", row, row.label, after, "relabelled {image}: “{before}” → “{after}”", expected)


def _step(
    side: Side, kind: Kind, row: DemoRow, before: Value, after: Value, text: str, expected: str | None = None
) -> Step:
    shown = text.format(image=row.image.name, before="none" if before is None else before, after=after)
    return Step(
        side=side,
        kind=kind,
        annotation_id=row.annotation_id,
        before=before,
        after=after,
        sentence=_sentence(side, shown),
        image=row.image,
        expected=expected or ("to_database" if side == "fiftyone" else "to_fiftyone"),
    )


def _sentence(side: Side, text: str) -> str:
    return f"{'A reviewer' if side == 'fiftyone' else 'The curator'} {text}."
