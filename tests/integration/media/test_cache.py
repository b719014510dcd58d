"""The cache: bounded, shared by processes, and never without what samples use."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import unicodedata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import s3
import servers
from media_stores import Fill, fetched, image, located, nothing, open_store, surveyed
from syncd.adapters.fiftyone.media import paths_under
from syncd.ingest.media.cache import Cache
from syncd.ingest.media.quota import CacheFull, Room
from syncd.ingest.media.store import MediaStore

DAY = 86_400


def cache_at(folder: Path) -> Cache:
    return Cache(folder, Room(folder, 1_000_000, lambda _: frozenset()))


def content(seed: int) -> bytes:
    """An image of some 10 000 bytes."""
    return image(seed=seed) + bytes(10_000)


def age(path: str, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def files_in(folder: Path) -> set[str]:
    return {str(each) for each in folder.rglob("*") if each.is_file() and each.name != ".room.lock"}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a.png", "bucket/a.*.png"),
        ("m 106/ü.JPG", "bucket/m 106/ü.*.JPG"),
        ("x//100%#?+.png", "bucket/x/100____.*.png"),
        ("no_ending", "bucket/no_ending.*"),
        (".hidden", "bucket/.hidden.*"),
        ("a.tar.not an ending", "bucket/a.tar.not an ending.*"),
        ("./a.png", "bucket/_/a.*.png"),
        ("/", "bucket/object.*"),
    ],
)
def test_names_stay_readable(tmp_path: Path, key: str, name: str) -> None:
    found = cache_at(tmp_path).path_of("", "bucket", key, "etag")
    assert found.match(str(tmp_path / name))
    assert len(found.name) - len(name.rpartition("/")[2]) == 15


def test_every_version_of_every_object_has_a_name_of_its_own(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "ü.png") for form in ("NFC", "NFD"))
    known = [
        *(("", "bucket", key, "1") for key in ("a.png", "A.png", "a#.png", "a?.png", "x/a.png", "x//a.png")),
        *(("", "bucket", key, "1") for key in (composed, decomposed, "n" * 900 + ".png", "n" * 901 + ".png")),
        *(("", "bucket", "a.png", "2"), ("", "other-bucket", "a.png", "1"), ("http://else", "bucket", "a.png", "1")),
    ]
    paths = [cache_at(tmp_path).path_of(*each) for each in known]
    assert len(set(paths)) == len(known)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name + ".part").touch()


def test_a_full_cache_loses_what_is_old_and_unused_the_longest_unused_first(
    put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path
) -> None:
    put(**{f"{number}.png": content(number) for number in range(8)})
    used: set[str] = set()

    def store() -> MediaStore:
        return open_store(
            f"s3://{s3_bucket}",
            tmp_path / "cache",
            endpoint_url=gate.url,
            cache_size=60_000,
            in_use=lambda folder: frozenset(used),
        )

    first = [row["path"] for row in fetched(store(), *(f"{number}.png" for number in range(5)))]
    for path, days in zip(first, (9, 8, 7, 2, 0.5), strict=True):
        age(path, days)
    used.add(first[0])
    (new,) = fetched(store(), "5.png")
    assert files_in(tmp_path / "cache") == {first[0], *first[2:], new["path"]}, (
        "5 of 10 000 bytes are below nine tenths"
    )
    (newer,) = fetched(store(), "6.png")
    assert files_in(tmp_path / "cache") == {first[0], first[3], first[4], new["path"], newer["path"]}


def test_a_cache_of_which_all_is_needed_says_so_and_loses_nothing(
    put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path
) -> None:
    put(**{f"{number}.png": content(number) for number in range(3)})
    used: set[str] = set()
    store = open_store(
        f"s3://{s3_bucket}",
        tmp_path / "cache",
        endpoint_url=gate.url,
        cache_size=25_000,
        in_use=lambda folder: frozenset(used),
    )
    rows = fetched(store, "0.png", "1.png")
    age(rows[0]["path"], 9)
    used.add(rows[0]["path"])
    with pytest.raises(
        CacheFull, match=r"is full: it holds 2\d,\d{3} of 25,000 bytes, 1\d,\d{3} more are needed"
    ) as full:
        fetched(store, "2.png")
    assert "s3.cache_size" in str(full.value.remedy)
    assert {row["path"] for row in rows} <= files_in(tmp_path / "cache")
    used.clear()
    assert fetched(store, "2.png")[0]["fault"] is None


def test_an_object_larger_than_the_cache_is_not_begun(put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path) -> None:
    put(**{"a.png": content(1)})
    store = open_store(f"s3://{s3_bucket}", tmp_path / "cache", endpoint_url=gate.url, cache_size=5_000)
    surveyed(store, "a.png")
    gate.forget()
    with pytest.raises(CacheFull):
        fetched(store, "a.png")
    assert gate.requests == []


def test_the_cache_leaves_files_alone_that_it_did_not_name(
    put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path
) -> None:
    put(**{"a.png": content(1)})
    mine = tmp_path / "cache" / "holiday.png"
    mine.parent.mkdir()
    mine.write_bytes(bytes(50_000))
    age(str(mine), 400)
    store = open_store(f"s3://{s3_bucket}", tmp_path / "cache", endpoint_url=gate.url, cache_size=25_000)
    assert fetched(store, "a.png")[0]["fault"] is None
    assert mine.exists()


def test_what_is_asked_for_counts_as_used(put: Fill, store: MediaStore) -> None:
    put(**{"cruise/a.png": image()})
    (row,) = fetched(store, "a.png")
    age(row["path"], 30)
    fetched(store, "a.png")
    assert time.time() - Path(row["path"]).stat().st_mtime < 60


def test_a_file_that_was_cut_short_is_fetched_again(put: Fill, store: MediaStore) -> None:
    put(**{"cruise/a.png": image()})
    (row,) = fetched(store, "a.png")
    Path(row["path"]).write_bytes(b"")
    assert fetched(store, "a.png") == [row]
    assert Path(row["path"]).read_bytes() == image()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_is_named(put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path) -> None:
    from syncd.errors import SyncdError

    put(**{"a.png": image()})
    (tmp_path / "cache").mkdir(mode=0o500)
    store = open_store(f"s3://{s3_bucket}", tmp_path / "cache", endpoint_url=gate.url)
    with pytest.raises(SyncdError, match=r"media cache .* cannot be written: Permission denied"):
        fetched(store, "a.png")


def test_the_samples_of_every_dataset_are_asked(fiftyone: ModuleType, mongo_uri: str, tmp_path: Path) -> None:
    one, two = fiftyone.Dataset("uses_one"), fiftyone.Dataset("uses_two")
    one.add_samples([fiftyone.Sample(filepath=f"/cache/bucket/{name}") for name in ("a.png", "ü ß.png")])
    two.add_samples(
        [fiftyone.Sample(filepath=path) for path in ("/cache/b.png", "/cached/c.png", "/cache.png", "/d.png")]
    )
    with servers.mongo_client(mongo_uri) as client:
        found = paths_under(client[os.environ["FIFTYONE_DATABASE_NAME"]], Path("/cache"))
    assert found == {"/cache/bucket/a.png", "/cache/bucket/ü ß.png", "/cache/b.png"}


def test_what_samples_use_is_asked_of_fiftyone_unless_the_caller_knows_better(
    put: Fill, gate: s3.Gate, s3_bucket: str, fiftyone: ModuleType, tmp_path: Path
) -> None:
    put(**{f"{number}.png": content(number) for number in range(3)})
    store = open_store(f"s3://{s3_bucket}", tmp_path / "cache", endpoint_url=gate.url, cache_size=25_000, in_use=None)
    rows = fetched(store, "0.png", "1.png")
    for row in rows:
        age(row["path"], 9)
    dataset = fiftyone.Dataset("uses_the_cache")
    dataset.add_sample(fiftyone.Sample(filepath=rows[0]["path"]))
    assert fetched(store, "2.png")[0]["fault"] is None
    assert [Path(row["path"]).exists() for row in rows] == [True, False]


def test_samples_that_spell_the_cache_by_another_way_keep_their_files(
    put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path
) -> None:
    put(**{f"{number}.png": content(number) for number in range(3)})
    (tmp_path / "disk").mkdir()
    (tmp_path / "cache").symlink_to(tmp_path / "disk")
    rows: list[dict[str, Any]] = []

    def in_use(folder: Path) -> frozenset[str]:
        paths = {row["path"].replace(str(tmp_path / "cache"), str(tmp_path / "disk")) for row in rows}
        return frozenset(path for path in paths if path.startswith(f"{folder}/"))

    store = open_store(f"s3://{s3_bucket}", tmp_path / "cache", endpoint_url=gate.url, cache_size=25_000, in_use=in_use)
    rows += fetched(store, "0.png", "1.png")
    for row in rows:
        age(row["path"], 9)
    with pytest.raises(CacheFull):
        fetched(store, "2.png")
    assert all(Path(row["path"]).exists() for row in rows)


def fill(folder: str, bucket: str, endpoint: str, keys: list[str], ready: Any, results: Any) -> None:
    store = open_store(f"s3://{bucket}", Path(folder), endpoint_url=endpoint)
    surveyed(store, *keys)
    ready.wait()
    results.put([(row["path"], row["fault"]) for row in fetched(store, *keys)])


def test_two_processes_fill_one_cache_and_transfer_everything_once(
    put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path
) -> None:
    keys = [f"{number}.png" for number in range(60)]
    put(**{key: content(number) for number, key in enumerate(keys)})
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(2), context.Queue()
    arguments = (str(tmp_path / "cache"), s3_bucket, gate.url, keys, ready, results)
    children = [context.Process(target=fill, args=arguments, daemon=True) for _ in range(2)]
    for child in children:
        child.start()
    first, second = results.get(timeout=120), results.get(timeout=120)
    for child in children:
        child.join(60)
    assert first == second
    assert all(fault is None for _, fault in first)
    assert files_in(tmp_path / "cache") == {path for path, _ in first}
    assert len(gate.gets()) == len(keys)


SCRIPT = """
import sys
from pathlib import Path
from media_stores import fetched, open_store
store = open_store(sys.argv[1], Path(sys.argv[2]), endpoint_url=sys.argv[3], connections=4)
print("ready", flush=True)
try:
    fetched(store, *[f"{number}.png" for number in range(40)])
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def test_ctrl_c_stops_at_once_and_the_next_call_goes_on(
    put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path
) -> None:
    put(**{f"{number}.png": content(number) for number in range(40)})
    stuck, free = threading.Event(), threading.Event()

    def stall(request: s3.Request) -> None:
        if request.path.endswith("/20.png"):
            stuck.set()
            free.wait(60)

    gate.refuse = stall
    cache = tmp_path / "cache"
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parents[3])])
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, f"s3://{s3_bucket}", str(cache), gate.url],
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert stuck.wait(60)
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=30)
    took = time.monotonic() - began
    free.set()
    assert said.split() == ["ready", "stopped"]
    assert child.returncode == 0
    assert took < 5
    whole = {each for each in files_in(cache) if not each.endswith(".part")}
    assert len(whole) >= 16
    gate.forget()
    again = open_store(f"s3://{s3_bucket}", cache, endpoint_url=gate.url)
    surveyed(again)
    rows = again.fetch(located(again, *(f"{number}.png" for number in range(40))), nothing).to_dicts()
    assert all(row["fault"] is None for row in rows)
    assert len(gate.gets()) == 40 - len(whole)
    assert files_in(cache) == {row["path"] for row in rows}
