"""Loading the same labels into a dataset: ``syncd ingest``, and FiftyOne's own ``Dataset.add_samples``.

The images are in place, one small file each. Both start without a dataset, and end with one that holds every label, its
id and its attributes; syncd has also looked at each image (width, height, type, whether it is whole) and has recorded
the baseline, which the other does not do at all. Importing FiftyOne's SDK (seconds, whatever the size) counts for
neither.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from benchmarks.data import Annotation, samples
from benchmarks.errors import BenchmarkError
from benchmarks.place import ID_ATTRIBUTE, LABEL_FIELD, TABLE, Place, Shape
from benchmarks.works.work import Trial, Work
from syncd.config import Config, load_config
from syncd.engine.options import Options
from syncd.engine.run import reconcile_binding
from syncd.ingest.run import IngestOptions, ingest

LOADED, BINDING = "bench-loaded", "ingest"
PREFIX = "/data/benchmark/"
SDK_MOST = 20_000
"""Labels that ``add_samples`` is given: its time per label does not depend on how many there are."""


@contextmanager
def _ingest(place: Place) -> Iterator[Trial]:
    import fiftyone  # noqa: F401 - so that it has been imported

    from syncd.demo.dataset import disconnect

    folder = _images(place, place.labels)
    config = _config(place, folder)

    def run() -> int:
        result = ingest(config, BINDING, IngestOptions())
        if (result.recorded, result.exit_code) != (place.labels, 0):
            raise BenchmarkError(f"{result.recorded:,} of {place.labels:,} labels were loaded: {result.fault_counts}")
        return place.labels

    try:
        yield Trial(run)
    finally:
        found = reconcile_binding(config, BINDING, Options(dry_run=True, full=True)).plan
        if found is None or not found.is_empty or found.conflicts or found.counts.first_met:
            raise BenchmarkError("a reconcile after the ingest found something to do")
        disconnect()
        shutil.rmtree(folder)


@contextmanager
def _nothing_new(place: Place) -> Iterator[Trial]:
    """An ingest when everything has been loaded already. The images are there, since they are looked for."""
    folder = _images(place, place.labels)
    config = _config(place, folder)

    def run() -> int:
        result = ingest(config, BINDING, IngestOptions())
        if (result.rows, result.new, result.exit_code) != (place.labels, 0, 0):
            raise BenchmarkError(f"expected nothing new of {place.labels:,} rows, found {result.new:,}")
        return place.labels

    yield Trial(run)
    shutil.rmtree(folder)


@contextmanager
def _add_samples(place: Place) -> Iterator[Trial]:
    """Making the samples is part of it: there is no adding without them."""
    import fiftyone as fo

    from syncd.demo.dataset import disconnect

    most = min(place.labels, SDK_MOST)
    name = "bench-sdk"
    folder = _images(place, most)

    def run() -> int:
        dataset = fo.Dataset(name, persistent=True)
        made = [_sample(fo, place.shape, folder, each) for each in samples(most, place.shape.per_sample)]
        dataset.add_samples(made, dynamic=True, progress=False)
        return most

    try:
        yield Trial(run, settle=lambda: fo.delete_dataset(name))
    finally:
        disconnect()
        shutil.rmtree(folder)


def _images(place: Place, labels: int) -> Path:
    """One small image for each sample."""
    folder = Path(place.folder) / "images"
    stream = io.BytesIO()
    Image.effect_noise((48, 48), 60).save(stream, "PNG")
    content = stream.getvalue()
    for each in samples(labels, place.shape.per_sample):
        path = folder / each[0].media.removeprefix(PREFIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def _config(place: Place, folder: Path) -> Config:
    """A binding of its own: the same table, with the media relative to the folder."""
    place.config()
    file = Path(place.folder) / "syncd.yaml"
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    [binding] = document["bindings"]
    binding["columns"] = binding["columns"] | {"media": "media_key"}
    read = f"SELECT a.*, substr(a.media_uri, {len(PREFIX) + 1}) AS media_key FROM {TABLE} a"
    own = {
        "name": BINDING,
        "dataset": LOADED,
        "read": read,
        "sample_key": "media_key",
        "ingest": {"media": str(folder)},
    }
    document["bindings"] = [binding | own]
    own_file = Path(place.folder) / "ingest.yaml"
    own_file.touch(mode=0o600)
    own_file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return load_config(own_file)


def _sample(fo: Any, shape: Shape, folder: Path, annotations: list[Annotation]) -> Any:
    path = str(folder / annotations[0].media.removeprefix(PREFIX))
    sample = fo.Sample(filepath=path, media_key=annotations[0].media.removeprefix(PREFIX))
    labels = [_label(fo, shape, each) for each in annotations]
    sample[LABEL_FIELD] = fo.Detections(detections=labels) if shape is Shape.DETECTIONS else labels[0]
    return sample


def _label(fo: Any, shape: Shape, annotation: Annotation) -> Any:
    values: dict[str, Any] = {"label": annotation.label, ID_ATTRIBUTE: annotation.annotation_id}
    if annotation.depth is not None:
        values["depth"] = float(annotation.depth)
    if annotation.verified is not None:
        values["verified"] = annotation.verified
    if shape is Shape.DETECTIONS:
        return fo.Detection(bounding_box=list(annotation.box), **values)
    return fo.Classification(**values)


WORKS = (
    Work(
        "ingest-sdk",
        f"Dataset.add_samples (of at most {SDK_MOST:,} labels)",
        _add_samples,
        basis="ingest-sdk",
        once=True,
    ),
    Work("ingest", "ingest: a dataset from a table and images in place", _ingest, basis="ingest-sdk", once=True),
    Work("ingest-nothing", "ingest, nothing new", _nothing_new, basis="bare-together"),
)
