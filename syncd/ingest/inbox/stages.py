"""The folders of an inbox, and the moves between them.

A manifest is claimed by one rename, into a folder of its own under ``.working``; whoever is second finds it gone. With
a report beside it, it is on its way to ``rejected``; without one its rows are in the table, and it is on its way to
``done``. A process that dies leaves it there, and the next one continues with it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from syncd.ingest.inbox.faults import REPORT, InboxError
from syncd.ingest.inbox.manifest import SUFFIXES

DONE, REJECTED, WORKING = "done", "rejected", ".working"
ORIGIN = ".origin.json"
UNFINISHED = (".part", ".tmp", ".partial", ".filepart", ".crdownload")
"""Endings that programs give to files which they are still writing; names that begin with a dot or ``~`` likewise."""


@dataclass(frozen=True)
class Claimed:
    """A manifest in its folder under ``.working``; its images are still in ``origin``, the folder it came from."""

    folder: Path
    manifest: Path
    origin: Path

    @property
    def rejected(self) -> bool:
        """Whether it is to be rejected, rather than done."""
        return (self.folder / REPORT).exists()


def manifests(inbox: Path) -> list[Path]:
    """The manifests in the inbox and in the folders directly in it, the oldest first.

    ``InboxError`` where the inbox is not there.
    """
    try:
        entries = sorted(inbox.iterdir())
    except OSError as error:
        raise InboxError(
            f"The inbox {inbox} cannot be read: {error.strerror}.",
            remedy="Make the folder, or mount it; `ingest.inbox` of the binding names it.",
        ) from error
    folders = [each for each in entries if _is_folder(each) and each.name not in (DONE, REJECTED)]
    found = [each for each in entries if _is_manifest(each)]
    for folder in folders:
        found += _manifests_in(folder)
    return sorted(found, key=lambda each: (_modified(each), str(each)))


def _manifests_in(folder: Path) -> list[Path]:
    try:
        return [each for each in sorted(folder.iterdir()) if _is_manifest(each)]
    except OSError:
        # It was removed, or is not for us.
        return []


def _is_folder(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_dir() and not path.is_symlink()


def _is_manifest(path: Path) -> bool:
    if path.suffix.lower() not in SUFFIXES or path.stem.lower().endswith(UNFINISHED):
        return False
    return not path.name.startswith((".", "~")) and path.is_file() and not path.is_symlink()


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def name_of(inbox: Path, manifest: Path) -> str:
    """A manifest's name for people, and of its folder below the media root: its path without the suffix."""
    return manifest.relative_to(inbox).with_suffix("").as_posix()


def claim(inbox: Path, manifest: Path, at: datetime, files: Iterable[tuple[str, str]] = ()) -> Claimed | None:
    """Takes a manifest out of the inbox; ``files`` (name, text) are written beside it first.

    ``None`` where somebody else has taken it.
    """
    origin = manifest.parent.relative_to(inbox).as_posix()
    folder = _new_folder(inbox / WORKING, f"{manifest.stem}-{at:%Y%m%dT%H%M%SZ}")
    (folder / ORIGIN).write_text(json.dumps({"folder": origin, "manifest": manifest.name}), encoding="utf-8")
    for name, text in files:
        (folder / name).write_text(text, encoding="utf-8")
    try:
        taken = manifest.rename(folder / manifest.name)
    except FileNotFoundError:
        shutil.rmtree(folder)
        return None
    return Claimed(folder, taken, manifest.parent)


def claimed(inbox: Path) -> Iterator[Claimed]:
    """What is under way, or was when a process died."""
    working = inbox / WORKING
    if not working.is_dir():
        return
    for folder in sorted(working.iterdir()):
        try:
            origin = json.loads((folder / ORIGIN).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        manifest = folder / origin["manifest"]
        # Without its manifest somebody is about to claim one, or died before.
        if manifest.is_file():
            yield Claimed(folder, manifest, inbox / origin["folder"])


def finish(inbox: Path, one: Claimed, images: Iterable[str], shared: Collection[str]) -> Path | None:
    """Moves the images to their manifest, and all of it to where it belongs.

    ``shared`` images are named by another manifest too, and stay for it: this one gets copies. ``None`` where another
    process was faster.
    """
    for name in images:
        _bring(one.origin / name, one.folder / name, keep=name in shared)
        reached(Step.IMAGES_MOVED)
    target = inbox / (REJECTED if one.rejected else DONE)
    target.mkdir(exist_ok=True)
    try:
        moved = one.folder.rename(_free(target, one.folder.name))
    except FileNotFoundError:
        return None
    reached(Step.FINISHED)
    (moved / ORIGIN).unlink(missing_ok=True)
    _remove_if_empty(inbox, one.origin)
    return moved


def _bring(source: Path, target: Path, *, keep: bool) -> None:
    """An image that is gone was brought earlier, or never there."""
    try:
        if source.is_symlink() or not source.is_file():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if keep:
            shutil.copy2(source, target)
        else:
            source.rename(target)
    except FileNotFoundError:
        return


def _remove_if_empty(inbox: Path, origin: Path) -> None:
    """A folder that was dropped, and of which nothing is left, has nothing to say any more."""
    if origin == inbox or not origin.is_dir():
        return
    for folder in sorted((each for each in origin.rglob("*") if each.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    if not any(origin.iterdir()):
        origin.rmdir()


def _new_folder(parent: Path, name: str) -> Path:
    parent.mkdir(exist_ok=True)
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def _free(parent: Path, name: str) -> Path:
    target, number = parent / name, 1
    while target.exists():
        number += 1
        target = parent / f"{name}-{number}"
    return target


class Step(Enum):
    """A step that has just been reached."""

    IMAGES_PLACED = "images placed"
    ROWS_INSERTED = "rows inserted"
    ROWS_WRITTEN = "rows written"
    CLAIMED = "claimed"
    INGESTED = "ingested"
    IMAGES_MOVED = "images moved"
    FINISHED = "finished"


_observers: list[Callable[[Step], None]] = []


@contextmanager
def observed(observer: Callable[[Step], None]) -> Iterator[None]:
    """Has the observer called at every step, for the length of a block."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def reached(step: Step) -> None:
    """Tells the observers, of which there are none outside of tests."""
    for each in tuple(_observers):
        each(step)
