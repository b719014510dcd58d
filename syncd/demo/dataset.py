"""The FiftyOne side of the demo: one sample per image, one Detection per row.

FiftyOne is imported inside the functions, since that takes seconds and connects to MongoDB: the caller sets
``FIFTYONE_DATABASE_URI`` and ``FIFTYONE_DATABASE_NAME`` first.
"""

from __future__ import annotations

import mimetypes
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from syncd.adapters.fiftyone.compat import Private, disconnect_from, keep_datasets_at_exit
from syncd.demo.data import DemoData, DemoRow
from syncd.demo.lab import ID_ATTRIBUTE, LABEL_FIELD
from syncd.errors import SetupError


def fiftyone() -> Any:
    """FiftyOne itself, imported at the first use."""
    import fiftyone as fo

    return fo


def create_dataset(name: str, data: DemoData) -> None:
    """Creates the persistent dataset ``name``; one that exists is left as it is."""
    fo = fiftyone()
    if fo.dataset_exists(name):
        raise SetupError(
            f"The dataset {name} already exists.",
            remedy="The demo leaves datasets alone that it didn't make: choose another name or a new folder.",
        )
    dataset = fo.Dataset(name, persistent=True)
    try:
        _declare(dataset)
        by_image: dict[Path, list[DemoRow]] = defaultdict(list)
        for row in data.rows:
            by_image[row.image].append(row)
        # nothing to validate: the fields are declared above and the values made below
        dataset.add_samples(
            [_sample(image, rows) for image, rows in by_image.items()],
            dynamic=False,
            expand_schema=False,
            validate=False,
            progress=False,
        )
        dataset.create_index(f"{LABEL_FIELD}.detections.{ID_ATTRIBUTE}")
    except BaseException:
        # Ctrl-C included: half a dataset would look like deleted annotations to the next run
        dataset.delete()
        raise
    dataset.default_classes = list(data.classes)
    dataset.tags = ["syncd demo", "generated" if data.generated else "pack"]
    dataset.info = {"source": data.source, "generated": data.generated}
    dataset.description = f"Demo of syncd: {data.source}."
    dataset.save()


def _declare(dataset: Any) -> None:
    """Declares the label field and its attributes, so that the App shows them and edits keep their types."""
    fo = fiftyone()
    dataset.add_sample_field(LABEL_FIELD, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    for attribute, field, description in (
        (ID_ATTRIBUTE, fo.StringField, "the row of public.annotation that this is; don't edit it"),
        ("depth", fo.FloatField, "depth in metres"),
        ("verified", fo.BooleanField, "an expert has looked at it"),
    ):
        dataset.add_sample_field(f"{LABEL_FIELD}.detections.{attribute}", field, description=description)


def _sample(image: Path, rows: list[DemoRow]) -> Any:
    fo = fiftyone()
    sample = fo.Sample(filepath=str(image))
    sample["metadata"] = fo.ImageMetadata(
        size_bytes=image.stat().st_size,
        mime_type=mimetypes.guess_type(image.name)[0],
        width=rows[0].width,
        height=rows[0].height,
    )
    sample[LABEL_FIELD] = fo.Detections(detections=[_detection(row) for row in rows])
    return sample


def _detection(row: DemoRow) -> Any:
    """The label; what the row does not know is left out, and not stored as a null."""
    fo = fiftyone()
    known = {"depth": row.depth_m, "verified": row.verified}
    return fo.Detection(
        label=row.label,
        bounding_box=list(row.box),
        **{ID_ATTRIBUTE: row.annotation_id},
        **{key: value for key, value in known.items() if value is not None},
    )


def disconnect() -> None:
    """Lets go of MongoDB before it stops; FiftyOne must not be used afterwards.

    Without this FiftyOne's own clean-up at exit waits half a minute for a server that is gone.
    """
    database = sys.modules.get(Private.CONNECTION.value)
    if database is None:
        return
    keep_datasets_at_exit(database)
    disconnect_from(database)
