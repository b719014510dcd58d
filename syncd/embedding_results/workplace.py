"""A model's vectors for a binding, opened with the dataset that they belong to: what every result is made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
from filelock import FileLock

from syncd.adapters.connect import fiftyone_database
from syncd.adapters.fiftyone.computed_fields import Bearers, Of, read_bearers
from syncd.adapters.fiftyone.dataset import DatasetInfo, describe
from syncd.adapters.fiftyone.sdk import fiftyone_for
from syncd.config import BindingConfig, Config
from syncd.embedding_results.library import library
from syncd.embedding_results.names import Names
from syncd.errors import ConfigError, SyncdError
from syncd.model import LabelType

if TYPE_CHECKING:
    from syncd_embedding.space import Space
    from syncd_embedding.store import VectorStore
    from syncd_embedding.suspicion import Suspects

Phase = Callable[[str], None]

SPACE, SUSPECTS = "space.npz", "suspects.npz"
"""Files beside the vectors: the space that they are compared in, and the last judgement of the labels."""


@dataclass(frozen=True)
class Workplace:
    """A model's vectors for a binding, opened with the dataset that they belong to.

    ``frame`` has a row for each bearer that is in the dataset now (see
    :func:`syncd.adapters.fiftyone.computed_fields.read_bearers`), ``there`` the space of their vectors.
    """

    binding: BindingConfig
    model: str
    folder: Path
    store: VectorStore
    dataset: Any
    info: DatasetInfo
    samples: Any
    bearers: Bearers
    frame: pl.DataFrame
    there: Space

    @property
    def mark(self) -> dict[str, Any]:
        """What marks brain runs as the binding's own."""
        return {"binding": self.binding.name, "model": self.model}

    def labels(self) -> list[str | None]:
        """The label of each row of the space, ``None`` where there is none that names a class.

        Labels that are allowed beside the vocabulary (unknown, noise) say that nobody knows: they are not judged, and
        have no say.
        """
        no_class = set(self.binding.extra_labels)
        rows = self.frame.select("key", "label").iter_rows()
        label_of = {key: label for key, label in rows if label is not None and label not in no_class}
        return [label_of.get(key) for key in self.there.keys.tolist()]

    def rows(self, rows: Any) -> Any:
        """The vectors, (N, D), of these rows of the space."""
        return self.store.vectors(self.there.keys[rows].tolist())[1]


@contextmanager
def workplace(
    config: Config,
    name: str,
    store: VectorStore,
    *,
    model: str,
    of: Of,
    names: Names,
    phase: Phase | None = None,
) -> Iterator[Workplace]:
    """Opens a model's vectors for a binding; one process at a time is at work on them, the next one waits."""
    tell = phase or (lambda _: None)
    binding = config.binding(name)
    store.folder.mkdir(parents=True, exist_ok=True)
    with library(), FileLock(store.folder / ".results.lock"), fiftyone_database(config) as mongo:
        dataset = fiftyone_for(config).load_dataset(binding.dataset)
        info = describe(mongo, binding.dataset, binding.label_field)
        bearers = bearers_of(binding, info, of)
        tell("reading labels")
        samples = mongo[info.collection]
        there = {field: kind for field, kind in _computed(names).items() if dataset.get_field(bearers.path(field))}
        frame = read_bearers(samples, bearers, there)
        tell("comparing vectors")
        yield Workplace(
            binding,
            model,
            store.folder,
            store,
            dataset,
            info,
            samples,
            bearers,
            _with_all(frame, names),
            _space(store, frame),
        )


def bearers_of(binding: BindingConfig, info: DatasetInfo, of: Of) -> Bearers:
    """Whose vectors they are. ``ConfigError`` where patches are asked for of labels that have no box."""
    if of is Of.PATCHES and info.label_type is not LabelType.DETECTIONS:
        raise ConfigError(
            f"{info.name}.{info.label_field} holds {info.label_type.value}, whose labels have no box to cut out.",
            remedy="Set `embedding.of` of the binding to samples, or give --of samples.",
        )
    return Bearers(info.label_field, info.label_type, binding.annotation_id, of)


def _computed(names: Names) -> dict[str, pa.DataType]:
    return {names.suspect: pa.float64(), names.suspect_label: pa.string(), names.cluster: pa.string()}


def _with_all(frame: pl.DataFrame, names: Names) -> pl.DataFrame:
    """With a column of nulls for what is not in the dataset yet."""
    kinds = {names.suspect: pl.Float64, names.suspect_label: pl.String, names.cluster: pl.String}
    missing = [pl.lit(None, kind).alias(name) for name, kind in kinds.items() if name not in frame.columns]
    return frame.with_columns(missing)


def _space(store: VectorStore, frame: pl.DataFrame) -> Space:
    """The space of the vectors whose bearers are in the dataset, as far as possible from the one that was saved."""
    from syncd_embedding.space import Space, space

    store.refresh()
    rows = pl.DataFrame(store.rows().select(["key", "digest", "box", "margin"]))
    present = rows["key"].is_in(frame["key"].implode())
    keys, vectors = store.vectors()
    if not present.all():
        keys, vectors = rows["key"].filter(present).to_list(), vectors[present.to_numpy()]
        rows = rows.filter(present)
    # What a vector was computed from, within the settings that all of them share.
    box = pl.col("box").cast(pl.List(pl.String)).list.join(",")
    computed_from = rows.select(pl.concat_str("digest", box, "margin", separator=" ", ignore_nulls=True)).to_series()
    file = store.folder / SPACE
    known = Space.load(file)
    there = space(keys, vectors, settings=store.settings or "", digests=computed_from.to_list(), known=known)
    if there is not known:
        there.save(file)
    return there


def judgement(place: Workplace) -> Suspects:
    """How suspect each label is now; what did not change since the last time is not judged again."""
    from syncd_embedding.suspicion import Suspects, judged

    file = place.folder / SUSPECTS
    known = Suspects.load(file)
    found = judged(place.there, place.labels(), known=known)
    if found is not known:
        found.save(file)
    return found


def require_vectors(place: Workplace) -> None:
    """``SyncdError`` where there are no vectors yet."""
    if len(place.there) == 0:
        raise SyncdError(
            f"There are no vectors of {place.model} for {place.binding.name!r} yet.",
            remedy=f"Run: syncd embed {place.binding.name} --model {place.model}",
        )
