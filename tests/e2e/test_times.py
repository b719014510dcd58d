"""Times look alike in every document: ISO 8601, in UTC, with a Z."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab import Lab

A_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
ALIKE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{3}|\d{6})Z")


def texts(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for each in document.values():
            yield from texts(each)
    elif isinstance(document, list):
        for each in document:
            yield from texts(each)
    elif isinstance(document, str):
        yield document


def test_times_look_alike_in_every_document(lab: Lab, tmp_path: Path) -> None:
    lab.syncd("reconcile")
    one, other = sorted(lab.rows())[:2]
    lab.sql("UPDATE annotation SET label = 'at home' WHERE annotation_id = CAST(:id AS uuid)", id=one)
    lab.sql("UPDATE annotation SET label = 'moved' WHERE annotation_id = CAST(:id AS uuid)", id=other)
    for sample in lab.dataset():
        for each in sample["ground_truth"].detections:
            if each["annotation_id"] == one:
                each.label = "in review"
                sample.save()
    documents = {"reconcile": lab.syncd("reconcile", json=True).json}
    (conflict,) = lab.syncd("conflicts", "list", json=True).json["conflicts"]
    documents["conflicts show"] = lab.syncd("conflicts", "show", str(conflict["id"]), json=True).json
    for command in (["status"], ["log"], ["conflicts", "list"], ["review", "list"], ["report"], ["doctor"]):
        documents[" ".join(command)] = lab.syncd(*command, json=True).json
    plan = tmp_path / "plan.json"
    lab.syncd("reconcile", "--full", "--dry-run", "-o", str(plan))
    documents["plan"] = json.loads(plan.read_text())
    seen = {name: [each for each in texts(document) if A_TIME.match(each)] for name, document in documents.items()}
    assert {name for name, found in seen.items() if found} >= {"status", "log", "conflicts list", "report", "plan"}
    odd = {name: [each for each in found if not ALIKE.fullmatch(each)] for name, found in seen.items()}
    assert not any(odd.values()), odd
