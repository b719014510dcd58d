"""Vectors on disk: newest per key, nothing half, many writers, nothing copied."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from syncd_embedding.errors import StoreError
from syncd_embedding.store import Row, VectorStore


def rows(*keys: str) -> list[Row]:
    return [Row(key, f"sample-{key}", stamp="1:2", digest="d") for key in keys]


def numbered(*values: float) -> np.ndarray:
    return np.array([[value, 1.0, 2.0] for value in values])


def test_the_newest_vector_of_a_key_is_in_force(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "made when needed")
    assert (len(store), store.keys(), store.vectors()[0], store.settings) == (0, [], [], None)
    store.append(numbered(1, 2), rows("a", "b"), settings="s")
    store.append(numbered(3, 4), rows("b", "c"), settings="s", description={"model": "m"})
    keys, vectors = store.vectors()
    assert keys == ["a", "b", "c"]
    assert vectors[:, 0].tolist() == [1, 3, 4]
    assert vectors.dtype == np.float16
    assert store.vectors(["c", "unknown", "a", "c"])[0] == ["c", "a", "c"]
    assert store.vectors(["c", "unknown", "a", "c"])[1][:, 0].tolist() == [4, 1, 4]
    assert store.description == {"model": "m"}
    assert VectorStore(store.folder).rows().to_pylist()[0]["sample_id"] == "sample-a"


def test_vectors_of_other_settings_are_never_mixed(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    store.append(numbered(1, 2), rows("a", "b"), settings="old")
    store.append(np.ones((1, 5)), rows("a"), settings="new")
    assert store.keys() == ["a"]
    assert store.keys("old") == ["a", "b"]
    assert store.vectors(settings="old")[1].shape == (2, 3)
    assert store.compact()
    assert (store.keys("old"), store.keys()) == ([], ["a"])


def test_after_compaction_the_array_is_mapped_from_the_file(tmp_path: Path) -> None:
    store = VectorStore(tmp_path, dtype="float32")
    for number in range(4):
        store.append(numbered(number), rows("changed"), settings="s", description={"n": number})
        store.append(numbered(10 + number), rows(f"k{number}"), settings="s", description={"n": number})
    before = dict(zip(*store.vectors(), strict=True))
    assert store.compact()
    keys, vectors = store.vectors()
    assert store.files == len(list(tmp_path.glob("*.arrow"))) == 1
    assert {key: vector.tolist() for key, vector in zip(keys, vectors, strict=True)} == {
        key: vector.tolist() for key, vector in before.items()
    }
    assert not vectors.flags.owndata
    assert not vectors.flags.writeable
    assert store.description == {"n": 3}
    assert not store.compact()
    assert store.compact(keep=["k1", "k3"])
    assert store.keys() == ["k1", "k3"]
    store.append(numbered(99), rows("k1"), settings="s")
    assert store.vectors(["k1"])[1][0, 0] == 99


def test_a_reader_goes_on_while_another_process_compacts(tmp_path: Path) -> None:
    writer, reader = VectorStore(tmp_path), VectorStore(tmp_path)
    writer.append(numbered(1), rows("a"), settings="s")
    writer.append(numbered(2), rows("b"), settings="s")
    mapped = reader.vectors(["a"])[1]
    writer.compact()
    assert reader.vectors()[1][:, 0].tolist() == [1, 2]
    reader.refresh()
    assert reader.vectors()[1][:, 0].tolist() == [1, 2]
    assert mapped[0, 0] == 1


def test_what_a_killed_compaction_leaves_behind_changes_nothing(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    first = store.append(numbered(1), rows("a"), settings="s")
    kept = first.read_bytes()
    store.append(numbered(2), rows("a"), settings="s")
    store.compact()
    first.write_bytes(kept)  # killed before it removed this one
    (tmp_path / ".0123.part").write_bytes(b"half")
    os.utime(tmp_path / ".0123.part", (1, 1))
    store.refresh()
    assert store.vectors()[1][:, 0].tolist() == [2]
    store.append(numbered(3), rows("b"), settings="s")
    store.compact()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".lock") == ["00000001-00000003.arrow"]


def _append_many(folder: Path, name: str) -> None:
    store = VectorStore(folder)
    for number in range(10):
        store.append(numbered(number), rows(f"{name}{number}"), settings="s")
        if number % 4 == 3:
            store.compact()


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(tmp_path, name)) for name in "xyz"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert sorted(VectorStore(tmp_path).keys()) == sorted(f"{name}{number}" for name in "xyz" for number in range(10))


def _append_until_killed(folder: Path) -> None:
    store = VectorStore(folder)
    number = 0
    while True:
        store.append(np.full((50, 384), number), rows(*(f"{number}-{n}" for n in range(50))), settings="s")
        number += 1


def test_a_killed_writer_leaves_only_complete_shards(tmp_path: Path) -> None:
    writer = multiprocessing.get_context("fork").Process(target=_append_until_killed, args=(tmp_path,))
    writer.start()
    while len(list(tmp_path.glob("*.arrow"))) < 5:
        assert writer.is_alive()
    os.kill(writer.pid or 0, signal.SIGKILL)
    writer.join()
    store = VectorStore(tmp_path)
    keys, vectors = store.vectors()
    assert len(keys) == 50 * store.files
    assert all(key.startswith(f"{vector[0]:.0f}-") for key, vector in zip(keys, vectors, strict=True))


@pytest.mark.parametrize(
    ("vectors", "says"),
    [
        (np.array([[1.0, np.nan, 0.0]]), "'a' is not finite"),
        (np.array([[1.0, 70_000.0, 0.0]]), "not finite as float16"),
        (np.ones((2, 3)), "shape"),
        (np.ones((1, 4)), "holds vectors of 3 numbers"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_nothing_is_written(
    tmp_path: Path, vectors: np.ndarray, says: str
) -> None:
    store = VectorStore(tmp_path)
    store.append(numbered(1), rows("b"), settings="s")
    with pytest.raises(StoreError, match=says):
        store.append(vectors, rows("a"), settings="s")
    assert VectorStore(tmp_path).keys() == ["b"]


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    shard = VectorStore(tmp_path).append(numbered(1), rows("b"), settings="s")
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(StoreError, match=f"{shard.name} is damaged") as caught:
        VectorStore(tmp_path).keys()
    assert "Remove the file" in str(caught.value)
