"""Checks a manifest and its images as a whole: every fault is found before anything is written."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from syncd.diff.vocabulary import nearest_terms
from syncd.ingest.context import Work
from syncd.ingest.inbox.faults import FAULTS, together
from syncd.ingest.inbox.judge import as_terms, judge, unknown_labels
from syncd.ingest.inbox.manifest import read_manifest
from syncd.ingest.inbox.table import Table
from syncd.ingest.inbox.values import IMAGE, Values, column_faults, values_of
from syncd.ingest.media.parallel import in_parallel
from syncd.ingest.media.probe import probe
from syncd.model import LABEL
from syncd.model.snapshot import column


@dataclass(frozen=True)
class Checked:
    """What a manifest holds. With faults it is not to be loaded; ``notes`` do no harm."""

    values: Values
    images: pl.DataFrame
    faults: pl.DataFrame
    notes: tuple[str, ...] = ()


def check(work: Work, table: Table, path: Path, folder: Path, progress: Callable[[int], None]) -> Checked:
    """Checks a manifest whose images are in ``folder``. ``OSError`` where the manifest itself cannot be read."""
    manifest = read_manifest(path)
    found = [manifest.faults, *column_faults(table.expected, manifest.columns)]
    values = values_of(table.expected, manifest)
    values = replace(values, rows=_with_plain_names(values.rows))
    found.append(values.faults)
    images = look_at(folder, values.rows[IMAGE].drop_nulls().unique(maintain_order=True), progress)
    if not manifest.columns:
        return Checked(values, images, together(found))
    found.append(_bad_images(values, images))
    refuse = work.binding.ingest.unknown_labels == "refuse"
    known = replace(values, rows=as_terms(values, work.vocabulary)) if LABEL in values.given else values
    if LABEL in values.given:
        found.append(judge(table.expected, known, work.vocabulary, refuse_unknown=refuse))
    return Checked(known, images, together(found), tuple(_notes(work, values, known, images)))


def _with_plain_names(rows: pl.DataFrame) -> pl.DataFrame:
    names = rows[IMAGE].drop_nulls().unique()
    shorter = {each: plain(each) for each in names if plain(each) != each and ".." not in each.split("/")}
    return rows.with_columns(pl.col(IMAGE).replace(shorter)) if shorter else rows


def _bad_images(values: Values, images: pl.DataFrame) -> pl.DataFrame:
    bad = values.rows.join(images.filter(pl.col("fault").is_not_null()), on=IMAGE, maintain_order="left")
    name = pl.lit(values.names.get(IMAGE, IMAGE)).alias("column")
    return bad.select("row", "line", name, pl.col(IMAGE).alias("value"), "fault", "expected").select(list(FAULTS))


def _notes(work: Work, values: Values, known: Values, images: pl.DataFrame) -> list[str]:
    odd = images.filter(pl.col("note").is_not_null())
    found = [f"{odd.height:,} images, such as {odd[IMAGE][0]}: {odd['note'][0]}"] if odd.height else []
    if LABEL not in values.given:
        return found
    name = column(LABEL)
    renamed = (values.rows[name] != known.rows[name]).sum()
    if renamed:
        found.append(f"{renamed:,} labels are aliases, and are loaded as the terms they stand for")
    unknown = unknown_labels(known.rows, work.vocabulary)
    if unknown and work.vocabulary is not None:
        near = nearest_terms(unknown, work.vocabulary)
        for label in unknown[:5]:
            hint = f" (near: {', '.join(near[label])})" if near[label] else ""
            found.append(f"the vocabulary has no term {label!r}{hint}")
        if len(unknown) > 5:
            found.append(f"and {len(unknown) - 5:,} more unknown labels: `syncd vocabulary check {work.binding.name}`")
    return found


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
