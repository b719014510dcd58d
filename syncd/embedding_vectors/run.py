"""Brings the vectors of a binding up to date: those of new images and boxes, and of those that changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import nan
from typing import TYPE_CHECKING, Any

from syncd.adapters.connect import fiftyone_database
from syncd.adapters.fiftyone.computed_fields import Bearers, Of
from syncd.adapters.fiftyone.dataset import describe
from syncd.adapters.fiftyone.embeddable import chosen_by, read_embeddable
from syncd.adapters.fiftyone.sdk import fiftyone_for
from syncd.embedding_results.library import library
from syncd.embedding_results.workplace import bearers_of
from syncd.embedding_vectors.target import Target
from syncd.model.kinds import Json

if TYPE_CHECKING:
    import polars as pl

    from syncd_embedding.embedder import Plan, Result
    from syncd_embedding.worker import Item

Report = Callable[[str, int, int], None]
"""Told of the phase, how much of it is done, and how much there is (0: nobody knows)."""


@dataclass(frozen=True)
class Which:
    """Which of a binding's images: those that a view shows (its name, or itself), that bear a tag, without a vector."""

    view: Any = None
    tag: str | None = None
    only_new: bool = False

    @property
    def everything(self) -> bool:
        """Whether no image is left out."""
        return self.view is None and self.tag is None


@dataclass(frozen=True)
class NotEmbedded:
    """An image or a box without a vector, and why."""

    key: str
    media: str
    reason: str

    def __str__(self) -> str:
        return f"{self.media} {self.reason}"


@dataclass(frozen=True)
class Vectors:
    """What was done, or would be (``dry_run``: then ``seconds`` are an estimate).

    ``unchanged`` includes files with another time and the same bytes. ``gone``: vectors of what is no longer in the
    dataset. ``deviation``: the largest 1 − cosine to float32 that was found on the first images.
    """

    binding: str
    model: str
    of: str
    dry_run: bool
    asked: int
    new: int
    changed: int
    moved: int
    unchanged: int
    gone: int
    embedded: int
    failed: tuple[NotEmbedded, ...]
    seconds: float | None
    runtime: str | None = None
    device: str | None = None
    deviation: float | None = None
    folder: str = ""
    notes: tuple[str, ...] = ()

    @property
    def to_do(self) -> int:
        """How many vectors were, or are, to be computed."""
        return self.new + self.changed + self.moved

    def as_json(self) -> dict[str, Json]:
        """The document that the command prints."""
        return {**asdict(self), "failed": [asdict(each) for each in self.failed], "notes": list(self.notes)}


def bring_vectors(
    target: Target,
    which: Which | None = None,
    *,
    device: str | None = None,
    ray: str | None = None,
    dry_run: bool = False,
    report: Report | None = None,
) -> Vectors:
    """Embed what is new or outdated, and nothing else; a run that was killed goes on where it was.

    ``device``: auto, cpu, cuda or cuda:N. ``ray``: the address of a cluster, or ``local``. Raises SyncdError.
    """
    which, tell = which or Which(), report or (lambda *_: None)
    tell("reading samples", 0, 0)
    frame = _asked(target, which)
    with library():
        embedder = target.embedder(device=device, ray=ray)
        tell("looking for what changed", 0, 0)
        plan = embedder.plan(_items(target, frame), only_new=which.only_new)
        if dry_run:
            tell("timing a few images", 0, 0)
            return _told(target, which, plan, seconds=embedder.estimate(plan))
        if plan.todo:
            tell("loading the model", 0, 0)
        result = embedder.run(
            plan,
            progress=lambda done, total: tell("embedding", done, total),
            prune=which.everything and not which.only_new,
        )
    return _told(target, which, plan, result=result, seconds=result.seconds)


def _asked(target: Target, which: Which) -> pl.DataFrame:
    config, binding = target.config, target.binding
    with fiftyone_database(config) as mongo:
        info = describe(mongo, binding.dataset, binding.label_field)
        bearers: Bearers = bearers_of(binding, info, target.of)
        samples, labels = None, None
        if which.view is not None:
            dataset = fiftyone_for(config).load_dataset(binding.dataset)
            samples, labels = chosen_by(which.view, dataset, bearers)
        return read_embeddable(mongo[info.collection], bearers, tag=which.tag, sample_ids=samples, label_ids=labels)


def _items(target: Target, frame: pl.DataFrame) -> list[Item]:
    from syncd_embedding.worker import Item

    if target.of is Of.SAMPLES:
        return [Item(key, sample, media or "") for key, sample, media, _ in frame.iter_rows()]
    return [Item(key, sample, media or "", _box(box), target.margin) for key, sample, media, box in frame.iter_rows()]


def _box(numbers: list[float | None] | None) -> tuple[float, float, float, float]:
    """A label's box; of a label without one that is told, and not the whole image embedded in its place."""
    if numbers is None or len(numbers) != 4:
        return nan, nan, nan, nan
    x, y, w, h = (nan if each is None else each for each in numbers)
    return x, y, w, h


def _told(target: Target, which: Which, plan: Plan, *, result: Result | None = None, seconds: float | None) -> Vectors:
    told = result.told if result is not None else None
    failed = result.failures if result is not None else plan.failures
    return Vectors(
        binding=target.binding.name,
        model=target.model,
        of=target.of.value,
        dry_run=result is None,
        asked=len(plan.keys),
        new=plan.new,
        changed=plan.changed,
        moved=plan.moved,
        unchanged=plan.unchanged + len(plan.touched),
        gone=plan.gone if which.everything else 0,
        embedded=result.embedded if result is not None else 0,
        failed=tuple(NotEmbedded(each.key, each.media, each.reason) for each in failed),
        seconds=seconds,
        runtime=told.runtime if told else None,
        device=told.device if told else None,
        deviation=told.deviation if told else None,
        folder=str(target.folder),
        notes=told.notes if told else (),
    )
