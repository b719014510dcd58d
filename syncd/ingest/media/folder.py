"""Media in a local or mounted folder."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

from syncd.errors import SyncdError
from syncd.ingest.media.parallel import in_parallel
from syncd.ingest.media.probe import Row, fetched, probe

TOGETHER = 128
"""Files per piece of work; a single one takes less time than handing it over."""

THREADS = 8
"""For network file systems, where a file takes a round trip. On a disk one thread is twice as fast as several, which
get in each other's way in Python."""

SLOW_S = 0.0005
"""A file that takes longer than this is far away."""

Inode = tuple[int, int]

_PASSED_OVER = (FileNotFoundError, NotADirectoryError, PermissionError)


@dataclass
class Listing:
    """The files that were found, and the folders that may not be read: of files in these, `lacks` knows."""

    progress: Callable[[int], None]
    files: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def below(self, folder: str) -> None:
        """Adds every file below the folder, links followed. SyncdError where it is missing or may not be read."""
        todo: list[tuple[str, frozenset[Inode]]] = [(folder, frozenset())]
        while todo:
            here, above = todo.pop()
            try:
                found = os.stat(here)  # noqa: PTH116  # of every folder
                inode = found.st_dev, found.st_ino
                if inode in above:  # a link to a folder above it would never end
                    continue
                todo.extend((each, above | {inode}) for each in self._add(here))
            except OSError as error:
                if here == folder or not isinstance(error, _PASSED_OVER):
                    raise _unreadable(here, error) from error
                self._pass_over(here, error)

    def within(self, folder: str) -> None:
        """Adds the files of one folder; none where it is missing."""
        try:
            self._add(folder)
        except _PASSED_OVER as error:
            self._pass_over(folder, error)
        except OSError as error:
            raise _unreadable(folder, error) from error

    def _add(self, folder: str) -> list[str]:
        """Adds the files of a folder and gives its folders; a link is what it leads to, one to nothing is not there."""
        folders, before = [], len(self.files)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders.append(entry.path)
                elif entry.is_file():
                    self.files.append(entry.path)
        self.progress(len(self.files) - before)
        return folders

    def _pass_over(self, folder: str, error: OSError) -> None:
        if isinstance(error, PermissionError):
            self.unreadable.append(folder)

    def lacks(self, path: str) -> bool:
        """Whether a file that was not found is not there. SyncdError where that cannot be known."""
        if not any(path.startswith(f"{folder}/") for folder in self.unreadable):
            return True
        try:
            return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116  # Path.is_file would say no without knowing
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            raise _unreadable(path, error) from error


def check_folder(folder: str) -> None:
    """SyncdError where the folder is not there or may not be listed."""
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise _unreadable(folder, error) from error


def fetch_files(locations: Sequence[str], progress: Callable[[int], None]) -> pl.DataFrame:
    """Reads the headers of the files; `columns.FETCHED`, one row per location, in order."""
    pieces = [locations[start : start + TOGETHER] for start in range(0, len(locations), TOGETHER)]
    begun = time.perf_counter()
    rows = in_parallel(_probe_all, pieces[:1], workers=1, progress=progress, weight=len)
    far = time.perf_counter() - begun > SLOW_S * len(locations[:TOGETHER])
    rows += in_parallel(_probe_all, pieces[1:], workers=THREADS if far else 1, progress=progress, weight=len)
    return fetched(row for piece in rows for row in piece)


def _probe_all(paths: Sequence[str], stopped: Callable[[], bool]) -> list[Row]:
    return [] if stopped() else [_row(path) for path in paths]


def _row(path: str) -> Row:
    facts = probe(path)
    if isinstance(facts, str):
        return {"location": path, "fault": facts}
    return {"location": path, "path": path} | vars(facts)


def _unreadable(path: str, error: OSError) -> SyncdError:
    return SyncdError(
        f"The media folder {path} cannot be read: {error.strerror or error}.",
        remedy="Check `ingest.media` of the binding, that it is mounted, and the rights of the user who runs syncd.",
    )
