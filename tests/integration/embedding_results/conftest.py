"""A world whose labels, or samples, have vectors: those of one class look alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from syncd.adapters.fiftyone.computed_fields import Of
from syncd.embedding_results.update import Results, Wanted, update_results
from syncd_embedding.store import Row, VectorStore
from worlds import BINDING, World

MODEL = "small"
WIDTH = 24


@dataclass(frozen=True)
class Borne:
    """Who bears a vector (a label or a sample), its sample, and its class."""

    key: str
    sample: str
    label: str


@dataclass(frozen=True)
class Bench:
    """A world, its dataset, and the vectors of its labels or of its samples."""

    world: World
    dataset: Any
    store: VectorStore
    of: Of

    def all(self) -> list[Borne]:
        """Everything that can have a vector; a sample is of its first label's class."""
        found = []
        for sample in self.world.samples.find().sort("_id"):
            labels = sample["ground_truth"]["detections"]
            if self.of is Of.SAMPLES and labels:
                found.append(Borne(str(sample["_id"]), str(sample["_id"]), labels[0]["label"]))
            elif self.of is Of.PATCHES:
                found += [Borne(str(label["_id"]), str(sample["_id"]), label["label"]) for label in labels]
        return found

    def embed(self, borne: Iterable[Borne], *, settings: str = "s", seed: int = 0, like: str | None = None) -> None:
        """Stores vectors of these, as images of their class, or of the class ``like``, would have."""
        rows = list(borne)
        random = np.random.default_rng(seed)
        vectors = [_centre(like or each.label) + 0.1 * random.normal(size=WIDTH) for each in rows]
        described = [Row(each.key, each.sample, digest=f"{each.key}-{seed}") for each in rows]
        self.store.append(np.asarray(vectors, np.float32), described, settings=settings)

    def update(self, **wanted: Any) -> Results:
        """Brings the results up to date, and looks at the dataset anew; the layout is quick."""
        asked = replace(Wanted(layout="pca"), **wanted)
        made = update_results(self.world.config(), BINDING, self.store, model=MODEL, of=self.of, wanted=asked)
        self.dataset.clear_cache()
        self.dataset.reload()
        return made

    def stamps(self) -> dict[str, Any]:
        """When each sample was changed last."""
        return {str(each["_id"]): each["last_modified_at"] for each in self.world.samples.find()}


def _centre(label: str) -> Any:
    return np.random.default_rng(sum(label.encode())).normal(size=WIDTH)


@pytest.fixture
def patches(world: World, fiftyone: ModuleType, tmp_path: Path) -> Bench:
    """All labels of a world have vectors."""
    made = Bench(world, fiftyone.load_dataset(world.dataset), VectorStore(tmp_path / MODEL), Of.PATCHES)
    made.embed(made.all())
    return made


@pytest.fixture
def samples(world: World, fiftyone: ModuleType, tmp_path: Path) -> Bench:
    """All samples of a world that have a label have vectors."""
    made = Bench(world, fiftyone.load_dataset(world.dataset), VectorStore(tmp_path / MODEL), Of.SAMPLES)
    made.embed(made.all())
    return made
