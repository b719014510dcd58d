"""What other tools do, on the same data: compare everything with everything, the last one wins, no trace.

``naive`` is a lab's script that goes through samples and rows as the tutorials do; ``careful`` one that reads and
writes in bulk. Both compare label, box, depth and whether a label was verified, as syncd does. ``nearest`` works as
the nearest existing tool does: it goes by times alone, sample by sample, and needs two calls for every label that it
sends home. Here a call is a statement on the same machine; that tool's are requests to a web server. None of the three
can see a disagreement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2.extras
import sqlalchemy as sa

from benchmarks.edit import editor
from benchmarks.errors import BenchmarkError
from benchmarks.place import DATASET, ID_ATTRIBUTE, LABEL_FIELD, Place, Shape
from benchmarks.works.edited import percent
from benchmarks.works.work import Trial, Work
from syncd.model import Side

VALUES = ("label", "bounding_box", "depth", "verified")
SELECT = "SELECT annotation_id::text AS id, label, x, y, w, h, depth_m, verified FROM public.annotation"
SELECT_TIMES = "SELECT annotation_id::text AS id, label, updated_at FROM public.annotation"
UPDATE = (
    "UPDATE public.annotation SET label = %s, updated_at = clock_timestamp(), updated_by = 'script' "
    "WHERE annotation_id = %s::uuid"
)
PAGE = 1_000
SETTLING = timedelta(seconds=5)
"""A sample that was modified so long after it was made counts as edited."""


@dataclass(frozen=True)
class Script:
    """A script's two servers, opened as a lab opens them; and when each row was changed, as it was last seen."""

    shape: Shape
    dataset: Any
    database: sa.Connection
    seen: dict[str, datetime] = field(default_factory=dict)

    @property
    def has_boxes(self) -> bool:
        """Whether the labels have boxes to compare."""
        return self.shape is Shape.DETECTIONS

    def held_by(self, row: Any) -> tuple[Any, ...]:
        """A row's values as a label would have them."""
        depth = float(row.depth_m) if isinstance(row.depth_m, Decimal) else None
        return (row.label, [row.x, row.y, row.w, row.h] if self.has_boxes else None, depth, row.verified)


def naive(script: Script, winner: Side) -> int:
    """Iterates samples; one UPDATE, or one ``sample.save()``, for each that differs."""
    rows = {row.id: row for row in script.database.execute(sa.text(SELECT))}
    update = sa.text(
        "UPDATE public.annotation SET label = :label, updated_at = clock_timestamp(), updated_by = 'script' "
        "WHERE annotation_id = CAST(:id AS uuid)"
    )
    changed = 0
    for sample in script.dataset.iter_samples():
        held = sample[LABEL_FIELD]
        touched = False
        for label in held.detections if script.has_boxes else [held]:
            row = rows[label[ID_ATTRIBUTE]]
            box = list(label.bounding_box) if script.has_boxes else None
            if (label.label, box, getattr(label, "depth", None), getattr(label, "verified", None)) == script.held_by(
                row
            ):
                continue
            changed += 1
            if winner is Side.FIFTYONE:
                script.database.execute(update, {"label": label.label, "id": row.id})
            else:
                label.label = row.label
                touched = True
        if touched:
            sample.save()
    script.database.commit()
    return changed


def careful(script: Script, winner: Side) -> int:
    """One ``values()`` and one SELECT, compared in memory; ``set_values()`` or a batched UPDATE for what differs."""
    names = [name for name in VALUES if script.has_boxes or name != "bounding_box"]
    paths = [f"{script.shape.path}.{name}" for name in (ID_ATTRIBUTE, *names)]
    columns = script.dataset.values(["id", *paths])
    rows = {row.id: script.held_by(row) for row in script.database.execute(sa.text(SELECT))}
    updates: list[tuple[str, str]] = []
    corrected: dict[str, Any] = {}
    changed = 0
    for sample_id, *held in zip(*columns, strict=True):
        labels = list(zip(*held, strict=True)) if script.has_boxes else [tuple(held)]
        new = []
        for label in labels:
            annotation_id, values = label[0], label[1:]
            stored = rows[annotation_id]
            wanted = stored if script.has_boxes else (stored[0], *stored[2:])
            new.append(stored[0])
            if values != wanted:
                changed += 1
                updates.append((values[0], annotation_id))
                corrected[sample_id] = new
    if winner is Side.FIFTYONE:
        cursor = script.database.connection.cursor()
        psycopg2.extras.execute_batch(cursor, UPDATE, updates, page_size=PAGE)
        script.database.commit()
    elif corrected:
        values_by_id = corrected if script.has_boxes else {key: new[0] for key, new in corrected.items()}
        script.dataset.set_values(f"{script.shape.path}.label", values_by_id, key_field="id")
    return changed


def nearest(script: Script, winner: Side) -> int:
    """Times tell what changed: a row's against the one last seen, a sample's against its making."""
    if winner is Side.DATABASE:
        return _pull(script)
    find = sa.text("SELECT annotation_id::text AS id FROM public.annotation WHERE annotation_id = CAST(:id AS uuid)")
    send = sa.text(
        "UPDATE public.annotation SET label = :label, updated_at = clock_timestamp(), updated_by = 'script' "
        "WHERE annotation_id = CAST(:id AS uuid)"
    )
    sent = 0
    for sample in script.dataset.iter_samples():
        if sample.last_modified_at - sample.created_at <= SETTLING:
            continue
        for label in sample[LABEL_FIELD].detections if script.has_boxes else [sample[LABEL_FIELD]]:
            found = script.database.execute(find, {"id": label[ID_ATTRIBUTE]}).scalar_one()
            script.database.commit()
            script.database.execute(send, {"id": found, "label": label.label})
            script.database.commit()
            sent += 1
    return sent


def _pull(script: Script) -> int:
    rows = {row.id: row for row in script.database.execute(sa.text(SELECT_TIMES))}
    changed = 0
    for sample in script.dataset.iter_samples():
        touched = False
        for label in sample[LABEL_FIELD].detections if script.has_boxes else [sample[LABEL_FIELD]]:
            row = rows[label[ID_ATTRIBUTE]]
            if row.updated_at != script.seen[row.id]:
                label.label = row.label
                touched = True
                changed += 1
        if touched:
            sample.save()
    return changed


@contextmanager
def _script(place: Place) -> Iterator[Script]:
    import fiftyone as fo

    from syncd.demo.dataset import disconnect

    engine = sa.create_engine(place.postgres_url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            seen = {row.id: row.updated_at for row in connection.execute(sa.text(SELECT_TIMES))}
            connection.rollback()
            yield Script(place.shape, fo.load_dataset(DATASET), connection, seen)
    finally:
        disconnect()


def _work(
    name: str, title: str, run_script: Callable[[Script, Side], int], source: Side | None, *, by_sample: bool = False
) -> Work:
    """The script on labels of which one in a hundred was edited on the side of ``source`` (``None``: none was).

    ``by_sample``: with an edited label it takes those beside it for edited too.
    """

    @contextmanager
    def opened(place: Place) -> Iterator[Trial]:
        edited = percent(place.labels) if source is not None else 0
        with editor(place) as people, _script(place) as script:

            def prepare() -> None:
                if source is Side.FIFTYONE:
                    people.in_fiftyone(people.choose(source, edited))
                elif source is Side.DATABASE:
                    people.in_database(people.choose(source, edited))

            def run() -> int:
                changed = run_script(script, source or Side.DATABASE)
                if changed < edited or (changed > edited and not by_sample):
                    raise BenchmarkError(f"{name} found {changed:,} differences, expected {edited:,}")
                return place.labels

            yield Trial(run, prepare, people.age)

    return Work(name, title, opened, script=True)


WORKS = (
    _work("naive", "naive script, nothing changed", naive, None),
    _work("naive-to-database", "naive script, 1 % edited in FiftyOne", naive, Side.FIFTYONE),
    _work("naive-to-fiftyone", "naive script, 1 % edited in the database", naive, Side.DATABASE),
    _work("nearest", "the nearest tool's way, nothing changed", nearest, None),
    _work(
        "nearest-to-database", "the nearest tool's way, 1 % edited in FiftyOne", nearest, Side.FIFTYONE, by_sample=True
    ),
    _work("nearest-to-fiftyone", "the nearest tool's way, 1 % edited in the database", nearest, Side.DATABASE),
    _work("careful", "careful script, nothing changed", careful, None),
    _work("careful-to-database", "careful script, 1 % edited in FiftyOne", careful, Side.FIFTYONE),
    _work("careful-to-fiftyone", "careful script, 1 % edited in the database", careful, Side.DATABASE),
)
