"""What people do outside of the App that these tests look at, and what is written down of what they do in it."""

from __future__ import annotations

from typing import Any

from lab import Lab

from chromium import Page, expect

VOCABULARY: dict[str, Any] = {"table": "public.taxon", "column": "name", "parent": "parent_name"}
NO_BRAKES: dict[str, Any] = {"min_rows": 1_000_000}


def disagree(lab: Lab, *ids: str, here: str, there: str) -> None:
    """The reviewer and the curator give each of these another class, and a run finds it out."""
    dataset = lab.dataset()
    view = dataset.match({"ground_truth.detections.annotation_id": {"$in": list(ids)}})
    for sample in view.iter_samples(autosave=True):
        for label in sample["ground_truth"].detections:
            if label["annotation_id"] in ids:
                label.label = here
    for each in ids:
        lab.sql("UPDATE annotation SET label = :there WHERE annotation_id = :id", there=there, id=each)
    lab.syncd("reconcile")


def both(lab: Lab, annotation_id: str) -> tuple[str, str]:
    """The class in FiftyOne, and the one in the database."""
    return lab.labels()[annotation_id]["label"], lab.rows()[annotation_id]["label"]


def log(lab: Lab) -> list[dict[str, Any]]:
    """What was applied, in order."""
    return lab.sql("SELECT * FROM syncd.change WHERE status = 'applied' ORDER BY seq")


def told(page: Page, text: str) -> None:
    """The App says it, at the bottom of the window."""
    expect(page.get_by_text(text).first).to_be_visible()
