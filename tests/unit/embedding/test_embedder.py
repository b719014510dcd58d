"""Embedding what is new or outdated, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import tiny_vit
from syncd_embedding import Embedder, Item, ModelSettings, VectorStore, pixels, pools
from syncd_embedding import runtimes as runtimes_module
from syncd_embedding.embedder import Plan
from syncd_embedding.errors import EmbeddingError, ExtraMissing, MediaError, OutOfMemory, RuntimeUnusable
from syncd_embedding.model import Model
from syncd_embedding.worker import Worker, tasks_of

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vit.save_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def settings(weights: Path) -> ModelSettings:
    return ModelSettings(str(weights), runtime="torch", device="cpu")  # type: ignore[arg-type] # as from a configuration


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    paths = tiny_vit.save_images(tmp_path / "images", 7)
    return [Item(f"k{n}", f"s{n}", str(path)) for n, path in enumerate(paths)]


def counts(plan: Plan) -> dict[str, int]:
    return {"new": plan.new, "changed": plan.changed, "moved": plan.moved, "touched": len(plan.touched)}


def test_a_repeated_call_computes_only_what_changed(settings: ModelSettings, items: list[Item], tmp_path: Path) -> None:
    embedder = Embedder(settings, tmp_path / "vectors")
    seen: list[tuple[int, int]] = []
    first = embedder.run(items, progress=lambda *done: seen.append(done))
    assert (first.embedded, first.failures, seen[-1]) == (7, (), (7, 7))
    again = Embedder(settings, tmp_path / "vectors").run(items)
    assert (again.embedded, counts(again.plan), again.plan.unchanged) == (0, dict.fromkeys(counts(again.plan), 0), 7)
    before = dict(zip(*VectorStore(tmp_path / "vectors").vectors(), strict=True))

    os.utime(items[0].media, (1, 1))  # another time, the same bytes
    Image.fromarray(tiny_vit.pixels(64, 64, seed=99)).save(items[1].media)
    moved = replace(items[2], box=(0.1, 0.1, 0.5, 0.5))
    now = [items[0], items[1], moved, *items[3:], Item("new", "new", items[3].media, (0.0, 0.0, 0.5, 0.5))]
    plan = embedder.plan(now)
    assert counts(plan) == {"new": 1, "changed": 1, "moved": 1, "touched": 1}
    assert plan.unchanged == 4
    assert {item.key for item in plan.todo} == {"k1", "k2", "new"}
    assert embedder.run(plan).embedded == 3
    assert counts(embedder.plan(now)) == dict.fromkeys(counts(plan), 0)
    after = dict(zip(*VectorStore(tmp_path / "vectors").vectors(), strict=True))
    assert {key for key in after if key not in before or not np.array_equal(before[key], after[key])} == {
        "k1",
        "k2",
        "new",
    }
    rows = {row["key"]: row for row in VectorStore(tmp_path / "vectors").rows().to_pylist()}
    assert rows["k2"]["box"] == [0.1, 0.1, 0.5, 0.5]

    widened = [replace(item, margin=0.2) for item in now]
    assert embedder.plan(widened).moved == 2  # a margin is of boxes alone
    pruned = embedder.run(now[:4], prune=True)
    assert pruned.plan.gone == 4
    assert sorted(VectorStore(tmp_path / "vectors").keys()) == ["k0", "k1", "k2", "k3"]


def test_vectors_of_other_settings_or_weights_are_outdated(
    settings: ModelSettings, items: list[Item], tmp_path: Path
) -> None:
    Embedder(settings, tmp_path / "vectors").run(items)
    other = tiny_vit.save_weights(tmp_path, seed=5)
    for changed in ({"max_side": 32}, {"pool": "mean"}, {"size": 64}, {"normalize": False}, {"weights": str(other)}):
        assert Embedder(replace(settings, **changed), tmp_path / "vectors").plan(items).new == 7
    for same in ({"runtime": "openvino"}, {"device": "auto"}):
        assert Embedder(replace(settings, **same), tmp_path / "vectors").plan(items).new == 0


def test_what_cannot_be_embedded_is_told_one_by_one(settings: ModelSettings, items: list[Item], tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(Path(items[0].media).read_bytes()[:50])
    bad = [
        Item("missing", "s", str(tmp_path / "nowhere.png")),
        Item("folder", "s", str(tmp_path)),
        Item("broken", "s", str(tmp_path / "broken.png")),
        Item("empty box", "s", items[1].media, (0.1, 0.1, 0.0, 0.0)),
        Item("outside", "s", items[1].media, (2.0, 0.1, 0.1, 0.1)),
    ]
    result = Embedder(settings, tmp_path / "vectors").run([*bad, *items])
    assert result.embedded == 7
    told = {failure.key: failure.reason for failure in result.failures}
    assert told["missing"] == "is not there"
    assert "Is a directory" in told["folder"]
    assert "is damaged" in told["broken"]
    assert told["empty box"] == "its box has no size"
    assert told["outside"] == "its box lies outside of the image"


def test_a_frame_is_decoded_once_for_all_its_boxes(
    settings: ModelSettings, items: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    decode = pixels.decode
    monkeypatch.setattr(
        pixels, "decode", lambda content, **how: (decoded.append(len(content)), decode(content, **how))[1]
    )
    boxes = [replace(items[2], key=str(n), box=(n / 10, 0.1, 0.5, 0.5)) for n in range(5)]
    assert Embedder(settings, tmp_path / "vectors").run([*boxes, items[0]]).embedded == 6
    assert len(decoded) == 2


def test_images_are_embedded_without_a_store(settings: ModelSettings, items: list[Item], tmp_path: Path) -> None:
    Embedder(settings, tmp_path / "vectors").run(items)
    embedder = Embedder(settings)
    vectors = embedder.images([items[3].media, Path(items[0].media).read_bytes()])
    keys, stored = VectorStore(tmp_path / "vectors", dtype="float32").vectors(["k3", "k0"])
    assert keys == ["k3", "k0"]
    assert vectors == pytest.approx(stored.astype(np.float32), abs=1e-3)
    with pytest.raises(MediaError, match="is no image"):
        embedder.images([b"none"])
    with pytest.raises(EmbeddingError, match="has no store"):
        embedder.run(items)


KILLED = """
import sys, time
from syncd_embedding import Embedder, Item, ModelSettings, embedder
embedder._SHARD_ROWS = 20
items = [Item(path, path, path) for path in sys.argv[3:]]
slow = lambda done, total: time.sleep(0.01)
Embedder(ModelSettings(sys.argv[1], runtime="torch"), sys.argv[2]).run(items, progress=slow)
"""


def test_a_killed_run_goes_on_at_the_last_finished_shard(settings: ModelSettings, tmp_path: Path) -> None:
    paths = [str(path) for path in tiny_vit.save_images(tmp_path / "images", 150)]
    folder = tmp_path / "vectors"
    running = subprocess.Popen([sys.executable, "-c", KILLED, settings.weights, str(folder), *paths])
    while len(list(folder.glob("*.arrow"))) < 2:
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = len(VectorStore(folder))
    assert 40 <= kept < 150
    rest = Embedder(settings, folder).run([Item(path, path, path) for path in paths])
    assert rest.embedded == 150 - kept
    assert len(VectorStore(folder)) == 150


def test_how_it_was_computed_is_kept_with_the_vectors(weights: Path, items: list[Item], tmp_path: Path) -> None:
    result = Embedder(ModelSettings(str(weights), device="cpu"), tmp_path / "vectors").run(items)
    assert result.told is not None
    described = VectorStore(tmp_path / "vectors").description
    assert described["model"] == "ViT-128/8 (2 blocks)"
    assert (
        described["runtime"]
        == result.told.runtime
        == ("openvino-bf16" if runtimes_module.cpu_has_bf16() else "openvino")
    )
    assert described["deviation"] == result.told.deviation
    assert 0 <= described["deviation"] < 1e-4
    assert described["pool"] == "cls"


def test_a_runtime_that_deviates_too_far_is_left_or_refused(
    settings: ModelSettings, items: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def coarse(model: Model, runtime: Any, device: str = "auto", *, threads: int | None = None) -> runtimes_module.Used:
        exact = model.exact.encode
        model.encode = exact if runtime == "torch" else lambda tokens: exact(tokens.round())
        return runtimes_module.Used(runtime.value, "cpu")

    monkeypatch.setattr(runtimes_module, "use", coarse)
    with pytest.raises(RuntimeUnusable, match=r"over the limit of 0.002 \(int8_limit; 7 images\)"):
        Embedder(replace(settings, runtime="onnx-int8"), tmp_path / "refused").run(items)
    assert len(VectorStore(tmp_path / "refused")) == 0
    result = Embedder(replace(settings, runtime="auto"), tmp_path / "left").run(items)
    assert result.told is not None
    assert (result.told.runtime, result.told.deviation) == ("torch", 0.0)
    assert "deviates by" in result.told.notes[0]
    exact = Embedder(settings, tmp_path / "exact")
    exact.run(items)
    assert np.array_equal(*(VectorStore(tmp_path / name).vectors(["k0"])[1] for name in ("left", "exact")))


def _with_little_memory(model: Model, most: int) -> None:
    encode = model.encode

    def computed(tokens: torch.Tensor) -> torch.Tensor:
        if len(tokens) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return encode(tokens)

    model.encode = computed


def test_batches_are_halved_until_they_fit_the_memory(settings: ModelSettings, items: list[Item]) -> None:
    tasks = tasks_of(items * 4)
    exact = {done.item.key: done.vector for done in Worker(settings).embed(tasks)}
    worker = Worker(settings)
    _with_little_memory(worker.model, 1)
    assert {done.item.key: done.vector for done in worker.embed(tasks)}.keys() == exact.keys()
    _with_little_memory(worker.model, 0)
    with pytest.raises(OutOfMemory, match="does not fit the memory of cpu") as caught:
        list(worker.embed(tasks))
    assert "smaller max_side" in str(caught.value)


def test_a_vector_that_is_not_made_of_numbers_is_never_stored(
    settings: ModelSettings, items: list[Item], tmp_path: Path
) -> None:
    embedder = Embedder(settings, tmp_path / "vectors")
    model = embedder._worker.model
    encode = model.encode
    model.encode = lambda tokens: torch.where(encode(tokens) > 0, torch.nan, 1.0)
    result = embedder.run(items)
    assert result.embedded == 0
    assert {failure.reason for failure in result.failures} == {"its vector is not made of numbers"}


def _local(worker: Worker, items: list[Item]) -> dict[str, bytes]:
    found = {}
    for batch in pools._batches(tasks_of(items)):
        found |= {done.item.key: done.vector.tobytes() for done in worker.embed(batch) if done.vector is not None}
    return found


def _bits(computed: Iterator[Any]) -> dict[str, bytes]:
    return {done.item.key: done.vector.tobytes() for _, done in computed}


def test_processes_give_bit_for_bit_what_one_gives(
    settings: ModelSettings, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "BATCH", 4)
    assert _bits(pools.in_processes(Worker(settings), tasks_of(items), 2)) == _local(Worker(settings), items)


def test_ray_gives_bit_for_bit_what_one_process_gives(
    settings: ModelSettings, items: list[Item], tmp_path: Path
) -> None:
    if find_spec("ray") is None:
        with pytest.raises(ExtraMissing, match=r"\.\[embedding-ray\]"):
            Embedder(settings, tmp_path / "vectors", ray="local").run(items)
        return
    assert _bits(pools.under_ray(Worker(settings), tasks_of(items), "local")) == _local(Worker(settings), items)


def test_an_estimate_is_of_what_is_to_do(settings: ModelSettings, items: list[Item], tmp_path: Path) -> None:
    embedder = Embedder(settings, tmp_path / "vectors")
    assert 0 < embedder.estimate(embedder.plan(items)) < 60
    embedder.run(items)
    assert embedder.estimate(embedder.plan(items)) == 0
