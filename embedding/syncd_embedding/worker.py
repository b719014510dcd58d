"""The work itself: files in, vectors out. One class, whether in this process, in a pool of processes or under Ray."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from syncd_embedding import pixels, runtimes
from syncd_embedding.errors import MediaError, OutOfMemory, RuntimeUnusable
from syncd_embedding.media import Media, digest
from syncd_embedding.model import Model, load
from syncd_embedding.pixels import Box, Image
from syncd_embedding.settings import ModelSettings, Runtime, fingerprint
from syncd_embedding.weights import Client, find

_CHECKED = 8
"""How many of the user's images a runtime's deviation is measured on."""

_CPU_TOKENS, _GPU_TOKENS = 2_400, 200_000
"""Tokens a batch: on a CPU more of them only leave its caches; on a GPU memory decides, by halving."""


@dataclass(frozen=True)
class Item:
    """One vector that is wanted: of an image, or of a box in it (relative x, y, width, height) with a margin.

    ``media``: the path of a file, or ``s3://bucket/key``.
    """

    key: str
    sample_id: str
    media: str
    box: Box | None = None
    margin: float = 0.0


@dataclass(frozen=True)
class Task:
    """One file, decoded once, and all that is wanted of it."""

    media: str
    items: tuple[Item, ...]


_Cut = tuple[Item, str, Image]
"""What is wanted, the digest of its file, and its pixels."""


@dataclass(frozen=True)
class Done:
    """What became of one item: its vector and the digest of the file's bytes, or why there is none."""

    item: Item
    digest: str = ""
    vector: npt.NDArray[np.float32] | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Told:
    """How vectors are computed: by what, where, and how far from float32 (the largest 1 − cosine that was found)."""

    runtime: str
    device: str
    deviation: float | None = None
    notes: tuple[str, ...] = ()


@dataclass
class Worker:
    """Embeds files with one model; loads it when it is first called, and measures its runtime on the first images.

    Picklable until then. ``decoders``: threads that read and decode ahead of the computation.
    """

    settings: ModelSettings
    downloads: Path | None = None
    s3: Client | None = None
    threads: int | None = None
    decoders: int = 2
    told: Told | None = None
    _model: Model | None = field(default=None, repr=False)
    _fingerprint: str | None = field(default=None, repr=False)
    _tokens: int = _CPU_TOKENS

    @property
    def fingerprint(self) -> str:
        """By which vectors of other weights or settings are told apart."""
        if self._fingerprint is None:
            found = find(self.settings.weights, sha256=self.settings.sha256, downloads=self.downloads, s3=self.s3)
            self._fingerprint = fingerprint(self.settings.described(found.digest))
        return self._fingerprint

    @property
    def model(self) -> Model:
        """The model, loaded, with its runtime."""
        if self._model is None:
            model = load(self.settings, downloads=self.downloads, s3=self.s3)
            used = runtimes.use(model, self.settings.runtime, self.settings.device, threads=self.threads)
            self.told = Told(used.runtime, used.device, notes=used.notes)
            self._tokens = _CPU_TOKENS if used.device == "cpu" else _GPU_TOKENS
            self._model = model
        return self._model

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Embed what another process sent: ``{"batch": [bytes]}``, each a pickled list of tasks.

        Gives ``{"done": [bytes]}``, each what became of one list: how it was computed (:class:`Told`), and each item.
        """
        found = np.empty(len(batch["batch"]), object)
        for place, sent in enumerate(batch["batch"]):
            done = list(self.embed(pickle.loads(sent)))  # noqa: S301 # of the process that started this one
            found[place] = pickle.dumps((self.told, done))
        return {"done": found}

    def embed(self, tasks: Iterable[Task]) -> Iterator[Done]:
        """What becomes of each item of these tasks, in the order in which batches are full.

        Raises OutOfMemory, RuntimeUnusable; what is wrong with one image is told in its place.
        """
        model = self.model
        waiting: dict[Hashable, list[_Cut]] = {}
        checked: list[Image] = []
        started: deque[tuple[list[_Cut], Any]] = deque()
        with pixels.without_warnings():
            for item, told, image in chain.from_iterable(self._decoded(tasks)):
                if isinstance(image, MediaError):
                    yield Done(item, told, failure=image.message)
                    continue
                if len(checked) < _CHECKED:
                    checked.append(image)
                group = model.group(image)
                waiting.setdefault(group, []).append((item, told, image))
                is_full = len(waiting[group]) >= max(1, self._tokens // model.tokens(image.shape))
                if is_full and self._check(checked, enough=_CHECKED):
                    started.append(self._started(waiting.pop(group)))
                    while len(started) > self._ahead:
                        yield from self._finished(*started.popleft())
            if waiting:
                self._check(checked, enough=1)
            started += map(self._started, waiting.values())
            while started:
                yield from self._finished(*started.popleft())

    def images(self, images: Sequence[bytes]) -> npt.NDArray[np.float32]:
        """Vectors (N, D) of encoded images, in their order. Raises MediaError for the first that is none."""
        found = [self._cut(content, [(None, 0.0)])[0] for content in images]
        for image in found:
            if isinstance(image, MediaError):
                raise image
        vectors = [self.model.vectors([image]) for image in found if not isinstance(image, MediaError)]
        return np.concatenate(vectors) if vectors else np.empty((0, self.model.dimension), np.float32)

    def _decoded(self, tasks: Iterable[Task]) -> Iterator[list[tuple[Item, str, Image | MediaError]]]:
        """Read and decoded ahead by threads, in the order given; never more than a few wait."""
        coming = iter(tasks)
        with ThreadPoolExecutor(self.decoders, thread_name_prefix="decode") as pool:
            ahead: list[Future[list[tuple[Item, str, Image | MediaError]]]] = []
            try:
                while True:
                    ahead += [
                        pool.submit(self._opened, task) for task in islice(coming, 8 * self.decoders - len(ahead))
                    ]
                    if not ahead:
                        return
                    yield ahead.pop(0).result()
            finally:
                for future in ahead:
                    future.cancel()

    def _opened(self, task: Task) -> list[tuple[Item, str, Image | MediaError]]:
        told = ""
        try:
            content = Media(self.s3).read(task.media)
            told = digest(content)
            found = self._cut(content, [(item.box, item.margin) for item in task.items])
        except MediaError as error:
            found = [error] * len(task.items)
        return [(item, told, image) for item, image in zip(task.items, found, strict=True)]

    def _cut(self, content: bytes, boxes: list[tuple[Box | None, float]]) -> list[Image | MediaError]:
        settings = self.settings
        return pixels.cuts(
            content,
            boxes,
            patch=self.model.patch,
            size=settings.size,
            max_side=settings.max_side,
            value_range=settings.value_range,
            background=settings.background,
        )

    @property
    def _ahead(self) -> int:
        """How many batches may be started before the first is waited for: a GPU computes while the next is prepared."""
        return 0 if self.model.device.type == "cpu" else 2

    def _started(self, batch: list[_Cut]) -> tuple[list[_Cut], list[Any]]:
        return batch, self._halving([image for _, _, image in batch])

    @staticmethod
    def _finished(batch: list[_Cut], parts: list[Any]) -> Iterator[Done]:
        vectors = np.concatenate([part.cpu().numpy() for part in parts])
        for (item, told, _), vector in zip(batch, vectors, strict=True):
            if np.isfinite(vector).all():
                yield Done(item, told, vector)
            else:
                yield Done(item, told, failure="its vector is not made of numbers")

    def _halving(self, images: list[Image]) -> list[Any]:
        """Vectors of one batch, as tensors; of its halves where memory does not suffice, which later ones keep to."""
        try:
            return [self.model.started(images)]
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            if len(images) == 1:
                raise OutOfMemory(
                    f"One image of {images[0].shape[1]} × {images[0].shape[0]} pixels does not fit the memory of "
                    f"{self.told.device if self.told else 'the device'}.",
                    remedy="Give a smaller max_side, or device: cpu.",
                ) from None
        _free()
        half = len(images) // 2
        self._tokens = max(1, half * self.model.tokens(images[0].shape))
        return [*self._halving(images[:half]), *self._halving(images[half:])]

    def _check(self, images: list[Image], *, enough: int) -> bool:
        """Measure the runtime on the first images, before anything is computed by it; whether there were enough.

        ``auto`` leaves a runtime that deviates too far. Raises RuntimeUnusable for 8-bit weights that do.
        """
        told, model = self.told, self.model
        if told is None or told.deviation is not None:
            return True
        if len(images) < enough:
            return False
        found = runtimes.deviation(model, images)
        if self.settings.runtime is Runtime.ONNX_INT8 and found > self.settings.int8_limit:
            raise RuntimeUnusable(
                f"8-bit weights change a vector of these images by 1 − cosine = {found:.2g}, over the limit of "
                f"{self.settings.int8_limit:.2g} (int8_limit; {len(images)} images).",
                remedy="Give runtime: auto; nothing was stored.",
            )
        self.told = replace(told, deviation=found)
        if self.settings.runtime is Runtime.AUTO and told.device == "cpu" and found > runtimes.DEVIATION_LIMIT:
            used = runtimes.use(model, Runtime.TORCH, "cpu", threads=self.threads)
            note = (
                f"{told.runtime} deviates by {found:.2g} from float32 on these images; {used.runtime} computes instead."
            )
            self.told = Told(used.runtime, used.device, 0.0, (*told.notes, note))
        return True


def tasks_of(items: Iterable[Item]) -> list[Task]:
    """Items by their files, in the order in which these are first named."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.media, []).append(item)
    return [Task(media, tuple(wanted)) for media, wanted in found.items()]


def _is_out_of_memory(error: Exception) -> bool:
    told = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in told or "can't allocate memory" in told


def _free() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
