"""Plays a review: people who edit the dataset in FiftyOne while the curator edits the database.

FiftyOne's side goes through the SDK and the database's through SQL, as people do it; syncd's own writers are not
used, so that the demo and its tests show what syncd makes of edits that it had no hand in.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from syncd.demo import lab
from syncd.demo.data import DemoData, notice
from syncd.demo.dataset import fiftyone
from syncd.demo.lab import ID_ATTRIBUTE, LABEL_FIELD
from syncd.demo.script import MINIMUM_ROWS, Kind, Side, Step, check, write
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
