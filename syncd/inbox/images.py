"""The images that a manifest names: within its folder, there, complete, and which bytes they are."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import polars as pl

from syncd.media.parallel import in_parallel
from syncd.media.probe import probe

IMAGES: dict[str, pl.DataType] = {
    "image": pl.String(),
    "path": pl.String(),
    "sha256": pl.String(),
    "size_bytes": pl.Int64(),
    "note": pl.String(),
    "fault": pl.String(),
    "expected": pl.String(),
}
"""One row per image that a manifest names, as it names it (`plain`); with a ``fault`` the rest is null."""

THREADS, TOGETHER, PIECE = 4, 64, 1 << 20
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
BESIDE = "a path below the manifest's folder, such as images/a.png"


def plain(name: str) -> str:
    """A path in its shortest form, so that ``./a.png`` and ``a.png`` are one image."""
    return posixpath.normpath(name)


def why_outside(name: str) -> str | None:
    """Why a name, by its letters alone, is no path below the manifest's folder."""
    if "\x00" in name:
        return "the path holds a NUL character"
    if _SCHEME.match(name):
        return "the image is an address, not a file"
    if name.startswith("/"):
        return "the path is absolute"
    if ".." in name.split("/"):
        return "the path leads out of the manifest's folder (..)"
    if plain(name) == ".":
        return "the path is that of the folder itself"
    return None


def look_at(folder: Path, names: Iterable[str], progress: Callable[[int], None] = lambda _: None) -> pl.DataFrame:
    """Reads the images (`plain` names) in the folder: their bytes are hashed, their headers and ends checked."""
    wanted = list(names)
    root = os.path.realpath(folder).rstrip("/") + "/"
    pieces = [wanted[start : start + TOGETHER] for start in range(0, len(wanted), TOGETHER)]

    def look(piece: Sequence[str], stopped: Callable[[], bool]) -> list[dict[str, object]]:
        return [] if stopped() else [_image(folder, root, each) for each in piece]

    rows = in_parallel(look, pieces, workers=THREADS, progress=progress, weight=len)
    found = [row for piece in rows for row in piece]
    return pl.DataFrame({name: [row.get(name) for row in found] for name in IMAGES}, schema=IMAGES)


def _image(folder: Path, root: str, name: str) -> dict[str, object]:
    outside = why_outside(name)
    if outside is not None:
        return {"image": name, "fault": outside, "expected": BESIDE}
    path = folder / name
    real = os.path.realpath(path)
    if not real.startswith(root):
        return {"image": name, "fault": "a link leads out of the manifest's folder", "expected": BESIDE}
    try:
        if not path.exists():
            return {"image": name, "fault": "there is no such file", "expected": _meant(folder, name)}
        if not path.is_file():
            return {"image": name, "fault": "this is no file", "expected": "an image file"}
        facts = probe(str(path))
        if isinstance(facts, str):
            return {"image": name, "fault": facts.replace(str(path), "the file"), "expected": "a whole image file"}
        digest = sha256_of(path)
    except OSError as error:
        return {"image": name, "fault": f"the file cannot be read: {error.strerror}", "expected": "a readable file"}
    return {"image": name, "path": real, "sha256": digest, "size_bytes": facts.size_bytes, "note": facts.note}


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits. Raises ``OSError``."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _meant(folder: Path, name: str) -> str:
    """What was expected of a file that is not there; other spellings of its name are looked for."""
    other = {name.replace("\\", "/"), *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))} - {name}
    for each in sorted(other):
        if why_outside(each) is None and (folder / each).is_file():
            how = "with / between folders" if "\\" in name else "with its accents spelt in the other way (Unicode)"
            return f"a file beside the manifest; there is one {how}"
    return "a file beside the manifest"
