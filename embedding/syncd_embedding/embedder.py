"""Embedding what is new or outdated, and nothing else, into a store.

A vector is outdated where other settings, another box or margin, or other bytes are behind it. Size and time of a file
(S3: its ETag) say cheaply that it may have changed; whether it has, its bytes decide. Finished vectors are stored shard
by shard, so that a run that is killed loses a minute at most, and the next one goes on from there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from syncd_embedding import pools
from syncd_embedding.errors import EmbeddingError, MediaError
from syncd_embedding.media import Media
from syncd_embedding.pixels import fault_of_box
from syncd_embedding.runtimes import usable_cores
from syncd_embedding.settings import ModelSettings
from syncd_embedding.store import Row, VectorStore
from syncd_embedding.weights import Client
from syncd_embedding.worker import Done, Item, Told, Worker, tasks_of

Progress = Callable[[int, int], None]
"""Told how many vectors are done, and of how many."""

_SHARD_ROWS = 2_048
_SHARD_SECONDS = 60.0
_FILES = 16
"""So many shards, and they are put together at the end of a run."""

_TIMED = 24
"""Images on which an estimate rests."""


@dataclass(frozen=True)
class Failure:
    """An item that could not be embedded, and why, in words that follow the name of its file."""

    key: str
    media: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a run would do. ``todo``: items to compute, each for one of the first three reasons.

    ``touched``: rows whose files have another time and the same bytes; their vectors stay. ``gone``: stored keys that
    were not among the items, all of which ``keys`` names.
    """

    todo: tuple[Item, ...]
    new: int
    changed: int
    moved: int
    touched: tuple[Row, ...]
    unchanged: int
    failures: tuple[Failure, ...]
    gone: int
    stamps: dict[str, str] = field(repr=False)
    keys: frozenset[str] = field(repr=False)


@dataclass(frozen=True)
class Result:
    """What a run did: ``embedded`` vectors were stored, in ``seconds``; ``told`` says by what they were computed."""

    plan: Plan
    embedded: int
    failures: tuple[Failure, ...]
    seconds: float
    told: Told | None

    @property
    def per_second(self) -> float | None:
        """Vectors a second, with reading, decoding and storing."""
        return self.embedded / self.seconds if self.embedded and self.seconds else None


class Embedder:
    """Embeds images, or boxes in them, with one model into one store.

    ``model``: settings, or the weights alone. ``store``: where vectors go, or its folder; without one nothing is kept
    (:meth:`images`). ``workers``: threads that decode ahead. ``processes``: more than one works in that many processes,
    each with a thread or a GPU of its own; ``ray`` is the address of a cluster (``local`` for this machine) and works
    there. ``s3``: makes a client of boto3, picklable where there are several processes.

    Raises what loading a model raises, when something is to be computed: ModelError, ExtraMissing, RuntimeUnusable.
    """

    def __init__(
        self,
        model: ModelSettings | str,
        store: VectorStore | str | os.PathLike[str] | None = None,
        *,
        workers: int | None = None,
        processes: int = 1,
        ray: str | None = None,
        downloads: Path | None = None,
        s3: Client | None = None,
    ) -> None:
        self.settings = model if isinstance(model, ModelSettings) else ModelSettings(model)
        self.store = store if isinstance(store, VectorStore) or store is None else VectorStore(store)
        self.processes = processes
        self.ray = ray
        self._media = Media(s3)
        self._worker = Worker(self.settings, downloads, s3, decoders=workers or max(2, min(8, usable_cores())))

    @property
    def fingerprint(self) -> str:
        """Under which this model's vectors are stored; the weights are read for it, and nothing is loaded."""
        return self._worker.fingerprint

    @property
    def model_name(self) -> str:
        """The architecture, in words."""
        return self._worker.model.name

    def images(self, images: Sequence[bytes | str | os.PathLike[str]]) -> npt.NDArray[np.float32]:
        """Vectors (N, D) of images, encoded or by path, in their order. Raises MediaError for one that is none."""
        return self._worker.images(
            [each if isinstance(each, bytes) else self._media.read(str(each)) for each in images]
        )

    def plan(self, items: Iterable[Item], *, only_new: bool = False) -> Plan:
        """What a run over these items would do; reads only files that may have changed. Keys must be unique.

        ``only_new``: what has a vector of these settings is left as it is, outdated or not.
        """
        items = list(items)
        keys = frozenset(item.key for item in items)
        stored = self._stored()
        kept = [item for item in items if item.key in stored] if only_new else []
        items = [item for item in items if item.key not in stored] if only_new else items
        stamps = self._media.stamps(item.media for item in items)
        nominated = {
            item.media
            for item in items
            if item.key in stored
            and isinstance(stamps[item.media], str)
            and _same_place(stored[item.key], item)
            and stored[item.key].stamp != stamps[item.media]
        }
        digests = self._media.digests(nominated)
        todo: list[Item] = []
        touched: list[Row] = []
        failures: list[Failure] = []
        counts = {"new": 0, "changed": 0, "moved": 0, "unchanged": len(kept)}
        for item in items:
            stamp, row = stamps[item.media], stored.get(item.key)
            if isinstance(stamp, MediaError):
                failures.append(Failure(item.key, item.media, stamp.message))
                continue
            if (fault := fault_of_box(item.box, item.margin)) is not None:
                failures.append(Failure(item.key, item.media, fault))
                continue
            verdict = "unchanged"
            if row is None:
                verdict = "new"
            elif not _same_place(row, item):
                verdict = "moved"
            elif row.stamp != stamp:
                told = digests[item.media]
                if isinstance(told, MediaError):
                    failures.append(Failure(item.key, item.media, told.message))
                    continue
                if told == row.digest:
                    touched.append(replace(row, stamp=stamp))
                    continue
                verdict = "changed"
            counts[verdict] += 1
            if verdict != "unchanged":
                todo.append(item)
        return Plan(
            todo=tuple(todo),
            touched=tuple(touched),
            failures=tuple(failures),
            gone=len(stored.keys() - keys),
            keys=keys,
            stamps={place: stamp for place, stamp in stamps.items() if isinstance(stamp, str)},
            **counts,
        )

    def estimate(self, plan: Plan) -> float:
        """Seconds that a run of this plan would take here, from a few of its images that are embedded for it."""
        if not plan.todo:
            return 0.0
        every = max(1, len(plan.todo) // _TIMED)
        some = tasks_of(islice(plan.todo[::every], _TIMED))
        list(self._worker.embed(some[:1]))  # what comes once: the model, and the first batch
        begun = time.perf_counter()
        timed = sum(1 for _ in self._worker.embed(some))
        return (time.perf_counter() - begun) / timed * len(plan.todo)

    def run(self, items: Iterable[Item] | Plan, *, progress: Progress | None = None, prune: bool = False) -> Result:
        """Embed what is new or outdated. ``prune``: vectors of keys that are not among the items are dropped.

        Raises OutOfMemory, RuntimeUnusable; what was stored until then stays.
        """
        begun = time.perf_counter()
        plan = items if isinstance(items, Plan) else self.plan(items)
        store = self._kept()
        self._store_touched(store, plan)
        failures = list(plan.failures)
        embedded = 0
        told: Told | None = None
        for shard in _shards(self._computed(plan.todo), len(plan.todo), progress):
            told = next((each for each, _ in reversed(shard) if each is not None), told)
            done = [done for _, done in shard]
            failures += [
                Failure(each.item.key, each.item.media, each.failure) for each in done if each.failure is not None
            ]
            embedded += self._store(store, done, plan, told)
        if prune and plan.gone:
            store.compact(keep=plan.keys)
        elif store.files > _FILES:
            store.compact()
        return Result(plan, embedded, tuple(failures), time.perf_counter() - begun, told)

    def _kept(self) -> VectorStore:
        if self.store is None:
            raise EmbeddingError("This Embedder has no store.", remedy="Give it one: Embedder(model, store=FOLDER).")
        return self.store

    def _stored(self) -> dict[str, Row]:
        """What is known of each vector of this model and these settings."""
        store = self._kept()
        store.refresh()
        columns = store.rows(self.fingerprint).drop_columns(["settings"]).to_pydict()
        boxes = [None if box is None else tuple(box) for box in columns["box"]]
        names = ("key", "sample_id", "stamp", "digest")
        rows = zip(*(columns[name] for name in names), boxes, columns["margin"], strict=True)
        return {row[0]: Row(*row) for row in rows}

    def _store_touched(self, store: VectorStore, plan: Plan) -> None:
        """Note the new time of files whose bytes are the same, beside the vectors that they have."""
        if plan.touched:
            rows = {row.key: row for row in plan.touched}
            keys, vectors = store.vectors(rows, self.fingerprint)
            store.append(vectors, [rows[key] for key in keys], settings=self.fingerprint, description=store.description)

    def _store(self, store: VectorStore, done: list[Done], plan: Plan, told: Told | None) -> int:
        finished = [(each, each.vector) for each in done if each.vector is not None]
        if not finished:
            return 0
        rows = [
            Row(
                key=each.item.key,
                sample_id=each.item.sample_id,
                stamp=plan.stamps[each.item.media],
                digest=each.digest,
                box=each.item.box,
                margin=each.item.margin,
            )
            for each, _ in finished
        ]
        model = self._worker.model
        description = {**model.described, "model": model.name, "weights_from": self.settings.weights}
        if told is not None:
            description |= {"runtime": told.runtime, "device": told.device, "deviation": told.deviation}
        vectors = np.stack([vector for _, vector in finished])
        store.append(vectors, rows, settings=self.fingerprint, description=description)
        return len(rows)

    def _computed(self, items: Sequence[Item]) -> Iterator[tuple[Told | None, Done]]:
        tasks = tasks_of(items)
        if not tasks:
            return
        if self.ray is not None:
            yield from pools.under_ray(self._worker, tasks, self.ray, processes=self.processes)
        elif (processes := max(self.processes, pools.gpus(self.settings.device))) > 1:
            yield from pools.in_processes(self._worker, tasks, processes)
        else:
            for done in self._worker.embed(tasks):
                yield self._worker.told, done


def _same_place(row: Row, item: Item) -> bool:
    box = None if item.box is None else tuple(map(float, item.box))
    return row.box == box and row.margin == float(item.margin if box is not None else row.margin)


_Computed = tuple[Told | None, Done]


def _shards(computed: Iterable[_Computed], total: int, progress: Progress | None) -> Iterator[list[_Computed]]:
    """What is computed, in parts that are worth a file: after so many vectors, or so many seconds."""
    part: list[_Computed] = []
    begun = time.monotonic()
    for count, each in enumerate(computed, start=1):
        part.append(each)
        if len(part) >= _SHARD_ROWS or time.monotonic() - begun > _SHARD_SECONDS:
            yield part
            part, begun = [], time.monotonic()
        if progress is not None:
            progress(count, total)
    if part:
        yield part
