"""A reviewer's bulk edit with everything in it: relabelled, relabelled by tag, approved, and misspelt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pymongo import UpdateOne

from benchmarks.data import CLASSES
from benchmarks.edit import BATCH, Edit, Editor, editor
from benchmarks.errors import BenchmarkError
from benchmarks.place import BINDING, Place, Shape
from benchmarks.works.bare import edits_of
from benchmarks.works.unchanged import POLL, demand
from benchmarks.works.work import Phases, Trial, Work
from syncd.config import Config, load_config
from syncd.engine.options import Options
from syncd.engine.run import reconcile
from syncd.engine.session import open_session
from syncd.model import Side
from syncd.model.run import RunMode

TAGGED, MISSPELT = 4, 50
"""Every fourth edit is a class tag, every fiftieth a misspelt class; the label keeps its text in both cases."""


@contextmanager
def _reviewed(place: Place) -> Iterator[Trial]:
    phases = Phases()
    options = Options(pace=POLL, count_rows=False, progress=phases)
    count = edits_of(place.labels)
    with editor(place) as people, open_session(_with_vocabulary(place), BINDING) as session:
        # The vocabulary is new to this binding: everything is read once.
        demand(reconcile(session, Options(pace=POLL)), mode=RunMode.FULL)
        made: list[Edit] = []

        def prepare() -> None:
            made[:] = people.choose(Side.FIFTYONE, count)
            people.in_fiftyone([_typed(each, at) for at, each in enumerate(made) if at % TAGGED])
            _tag(people, [each for at, each in enumerate(made) if at % TAGGED == 0])
            phases.begun.clear()

        def run() -> int:
            result = reconcile(session, options)
            misspelt = sum(bool(at % TAGGED) and at % MISSPELT == 1 for at in range(count))
            tagged = -(-count // TAGGED)
            found = (result.mode, result.to_database, result.to_fiftyone, result.open_conflicts)
            wanted = (RunMode.INCREMENTAL, count - misspelt, tagged, misspelt)
            if found != wanted:
                raise BenchmarkError(f"expected (mode, to database, to FiftyOne, conflicts) {wanted}, got {found}")
            return result.to_database + result.to_fiftyone + misspelt

        def settle() -> None:
            typed = [(each, _typed(each, at)) for at, each in enumerate(made) if at % TAGGED]
            people.in_fiftyone([_back(each, old.old) for old, each in typed if each.new != old.new])
            demand(reconcile(session, Options(pace=POLL, full=True)), mode=RunMode.FULL)
            people.age()
            phases.begun.clear()

        yield Trial(run, prepare, settle, phases)
    with open_session(place.config(), BINDING) as session:
        demand(reconcile(session, Options(pace=POLL)), mode=RunMode.FULL)


def _typed(edit: Edit, position: int) -> Edit:
    """The edit as it was typed: now and then with a letter left out."""
    if position % MISSPELT != 1:
        return edit
    return Edit(edit.annotation_id, edit.sample_id, edit.label_id, edit.old, edit.new[:3] + edit.new[4:])


def _back(edit: Edit, label: str) -> Edit:
    return Edit(edit.annotation_id, edit.sample_id, edit.label_id, edit.new, label)


def _tag(people: Editor, edits: Sequence[Edit]) -> None:
    """Each label gets the class that it should be as a tag, as the App does it."""
    path, bump = people.place.shape.path, {"$currentDate": {"last_modified_at": True}}
    for start in range(0, len(edits), BATCH):
        operations = []
        for each in edits[start : start + BATCH]:
            if people.place.shape is Shape.CLASSIFICATION:
                operations.append(UpdateOne({"_id": each.sample_id}, {"$push": {f"{path}.tags": each.new}} | bump))
                continue
            change = {"$push": {f"{path}.$[label].tags": each.new}} | bump
            operations.append(UpdateOne({"_id": each.sample_id}, change, array_filters=[{"label._id": each.label_id}]))
        people.samples.bulk_write(operations, ordered=False)


def _with_vocabulary(place: Place) -> Config:
    place.config()
    document: dict[str, Any] = yaml.safe_load((Path(place.folder) / "syncd.yaml").read_text(encoding="utf-8"))
    document["bindings"][0]["vocabulary"] = {"classes": list(CLASSES)}
    file = Path(place.folder) / "reviewed.yaml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return load_config(file)


WORKS = (
    Work(
        "edits-reviewed",
        "a reviewer's bulk edit: relabelled, a quarter by tags, one in fifty misspelt",
        _reviewed,
        unit="changes",
        basis="bare-write-database",
    ),
)
