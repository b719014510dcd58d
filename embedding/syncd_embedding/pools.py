"""The same worker in several processes: of this machine, one for each GPU or so many as are asked for, or under Ray.

Files go out in batches of a fixed size. A batch is computed by one worker, alone, so that its vectors do not depend on
which one that is: they are bit for bit those that a worker in this process gives for the same batch.
"""

from __future__ import annotations

import os
import pickle
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from syncd_embedding.errors import EmbeddingError, ExtraMissing, first_line, install
from syncd_embedding.worker import Done, Task, Told, Worker

BATCH = 128
"""Files that go to a worker at once."""


def gpus(device: str) -> int:
    """How many GPUs there are to work on, where the device is left open."""
    if device != "auto":
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def in_processes(worker: Worker, tasks: Sequence[Task], processes: int) -> Iterator[tuple[Told | None, Done]]:
    """Embed in so many processes of this machine, each with one thread, or with the next GPU."""
    context = get_context("spawn")
    counter = context.Value("i", 0)
    number = gpus(worker.settings.device)
    sent = (replace(worker, threads=1, decoders=1, told=None, _model=None), number, counter)
    with ProcessPoolExecutor(processes, context, initializer=_begin, initargs=sent) as pool:
        ahead: deque[Future[list[bytes]]] = deque()
        coming = iter(_batches(tasks))
        try:
            while True:
                ahead += [pool.submit(_work, batch) for batch in islice(coming, 2 * processes - len(ahead))]
                if not ahead:
                    return
                yield from _unpacked(ahead.popleft().result())
        finally:
            for future in ahead:
                future.cancel()


def under_ray(
    worker: Worker, tasks: Sequence[Task], address: str, *, processes: int = 1
) -> Iterator[tuple[Told | None, Done]]:
    """Embed with Ray Data: ``address`` is a cluster's, or ``local`` for this machine alone. Files must be there, too.

    Raises ExtraMissing; EmbeddingError where the cluster does not answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError:
        raise ExtraMissing("Ray is not installed.", remedy=install("embedding-ray")) from None
    begun_here = not ray.is_initialized()
    if begun_here:
        try:
            where = None if address == "local" else address
            ray.init(address=where, include_dashboard=False if where is None else None, log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise EmbeddingError(
                f"Ray does not answer at {address}: {first_line(error)}",
                remedy="Give the address of a running cluster (ray://host:10001), or local.",
            ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray warns of its own defaults
            ray.data.DataContext.get_current().enable_progress_bars = False
        kept = {"settings": worker.settings, "downloads": worker.downloads, "s3": worker.s3, "threads": worker.threads}
        rows = ray.data.from_items([{"batch": pickle.dumps(batch)} for batch in _batches(tasks)])
        done = rows.map_batches(
            Worker,
            fn_constructor_kwargs={**kept, "decoders": worker.decoders},
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=processes),
            num_gpus=1 if gpus(worker.settings.device) else None,
        )
        for row in done.iter_rows():
            yield from _unpacked([row["done"]])
    finally:
        if begun_here:
            ray.shutdown()


_worker: Worker | None = None


def _begin(worker: Worker, number: int, counter: Synchronized[int]) -> None:
    """In a process of the pool: take the next GPU, and no more threads than are meant."""
    global _worker  # noqa: PLW0603 # what an initializer leaves for the calls after it
    if number:
        with counter.get_lock():
            mine = counter.value
            counter.value += 1
        worker = replace(worker, settings=replace(worker.settings, device=f"cuda:{mine % number}"))
    if worker.threads is not None:
        import torch

        torch.set_num_threads(worker.threads)
    _worker = worker


def _work(batch: list[Task]) -> list[bytes]:
    if _worker is None:
        raise RuntimeError("a process of the pool that was not begun")
    done: Any = _worker({"batch": [pickle.dumps(batch)]})["done"]
    return list(done)


def _batches(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    coming = iter(tasks)
    while batch := list(islice(coming, BATCH)):
        yield batch


def _unpacked(done: Iterable[bytes]) -> Iterator[tuple[Told | None, Done]]:
    for each in done:
        told, found = pickle.loads(each)  # noqa: S301 # of a worker that this process started
        for one in found:
            yield told, one
