"""Reads a data pack: ``annotations.csv`` beside the images that it names.

Needed columns: ``annotation_id`` (UUID), ``image`` (relative to the pack), ``label``, ``x``, ``y``, ``w``,
``h`` (shares of the image). Used where present: ``depth_m`` or ``depth_min_m`` and ``depth_max_m``, ``status``. A
``vocabulary.csv`` with ``label`` and ``parent`` is taken as the lab's vocabulary.

A file that is wrong is refused with all its faults at once, since a person mends a file in one go.
"""

from __future__ import annotations

import csv
import math
import uuid
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from syncd.demo.data import Box, DemoData, DemoRow, order_taxa
from syncd.errors import SetupError

ANNOTATIONS = "annotations.csv"
VOCABULARY = "vocabulary.csv"
COLUMNS = ("annotation_id", "image", "label", "x", "y", "w", "h")
DEPTH_LIMIT = 1_000_000.0  # numeric(8, 2) in the lab's table holds no more
SHOWN_FAULTS = 25
BOX_SLACK = 1e-6  # what rounding in the file may add to x + w

Cells = dict[str, str]


def load(folder: Path, limit: int | None) -> DemoData:
    """The pack in ``folder``, or the first ``limit`` rows of it."""
    folder = folder.resolve()
    if limit is not None and limit < 1:
        raise SetupError(f"A pack of {limit} rows is no use.", remedy="Leave --size out to take all.")
    if not folder.is_dir():
        raise SetupError(
            f"The pack {folder} is not a folder.", remedy="Give --pack a folder that holds annotations.csv."
        )
    path = folder / ANNOTATIONS
    lines = _read(path, COLUMNS)
    if not lines:
        raise SetupError(f"{path} holds no annotations, only a header.")
    chosen = lines[:limit]
    faults: list[str] = []
    rows: list[DemoRow] = []
    first_line: dict[str, int] = {}
    for number, cells in chosen:
        row, found = _row(folder, cells)
        if row is not None:
            earlier = first_line.setdefault(row.annotation_id, number)
            if earlier != number:
                found.append(f"annotation_id {row.annotation_id} is already on line {earlier}")
            rows.append(row)
        faults += [f"line {number}: {fault}" for fault in found]
    if faults:
        raise _refusal(path, faults)
    part = f"{len(rows)} annotations"
    if len(rows) < len(lines):
        part = f"the first {len(rows)} of {len(lines)} annotations"
    return DemoData(
        rows=tuple(rows),
        classes=tuple(sorted({row.label for row in rows})),
        generated=False,
        source=f"{part} of the pack {folder}",
        taxa=_taxa(folder, rows),
    )


def _refusal(path: Path, faults: list[str]) -> SetupError:
    """One error that names every fault, up to as many as a screen holds."""
    shown = "\n".join(f"  {fault}" for fault in faults[:SHOWN_FAULTS])
    more = f"\n  and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return SetupError(f"{path} has {count}:\n{shown}{more}", remedy="Mend the file and run the demo again.")


def _read(path: Path, needed: tuple[str, ...]) -> list[tuple[int, Cells]]:
    """The rows of a CSV file with the line each ends on; a file without the needed columns is refused."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            header = reader.fieldnames or []
            missing = [name for name in needed if name not in header]
            if missing:
                raise _refusal(path, [f"line 1: the column {name} is missing" for name in missing])
            lines: list[tuple[int, Cells]] = []
            faults: list[str] = []
            for raw in reader:
                # DictReader keeps surplus cells under None, and None as the value of absent ones
                cells = {k: v.strip() for k, v in raw.items() if k is not None and v is not None}
                if len(cells) != len(header) or None in raw:
                    faults.append(f"line {reader.line_num}: not as many cells as the header's {len(header)}")
                lines.append((reader.line_num, cells))
    except FileNotFoundError as error:
        remedy = f"A pack is a folder with {path.name} and its images."
        raise SetupError(f"{path} is missing.", remedy=remedy) from error
    except OSError as error:
        raise SetupError(f"{path} can't be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SetupError(f"{path} is not a CSV file in UTF-8: {error}") from error
    if faults:
        raise _refusal(path, faults)
    return lines


def _row(folder: Path, cells: Cells) -> tuple[DemoRow | None, list[str]]:
    """The row, and what is wrong with it; without a usable id there is no row, only faults."""
    faults: list[str] = []
    annotation_id = _uuid(cells["annotation_id"], faults)
    if not cells["label"]:
        faults.append("label is empty")
    box = _box(cells, faults)
    depth = _depth(cells, faults)
    image, width, height = _image(folder, cells["image"], faults)
    if annotation_id is None:
        return None, faults
    return (
        DemoRow(
            annotation_id=annotation_id,
            image=image,
            label=cells["label"],
            box=box,
            depth_m=depth,
            verified={"validated": True, "predicted": False, "dubious": False}.get(cells.get("status", "")),
            width=width,
            height=height,
        ),
        faults,
    )


def _uuid(text: str, faults: list[str]) -> str | None:
    """The id as PostgreSQL writes it back: lower case, with hyphens."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        faults.append(f"annotation_id is {text!r}, expected a UUID" if text else "annotation_id is empty")
        return None


def _number(cells: Cells, name: str, faults: list[str]) -> float | None:
    """A finite number; None where the cell is empty or wrong."""
    text = cells.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        faults.append(f"{name} is {text!r}, expected a number")
        return None
    return value


def _box(cells: Cells, faults: list[str]) -> Box:
    """The box; anything outside the image is a fault, since FiftyOne would draw it there without a word."""
    before = len(faults)
    values = {name: _number(cells, name, faults) for name in ("x", "y", "w", "h")}
    faults += [f"{name} is empty, expected a number" for name in values if not cells[name]]
    if len(faults) > before:
        return (0.0, 0.0, 1.0, 1.0)
    x, y, w, h = (value if value is not None else 0.0 for value in values.values())
    if min(x, y) < 0 or min(w, h) <= 0 or x + w > 1 + BOX_SLACK or y + h > 1 + BOX_SLACK:
        faults.append(f"the box {x:g}, {y:g}, {w:g}, {h:g} is not inside the image, expected shares from 0 to 1")
    return (x, y, w, h)


def _depth(cells: Cells, faults: list[str]) -> float | None:
    """The depth to the centimetre: given, or the middle of the range that a net was towed through."""
    given = [_number(cells, name, faults) for name in ("depth_m", "depth_min_m", "depth_max_m")]
    exact, limits = given[:1], given[1:]
    known = [v for v in exact if v is not None] or [v for v in limits if v is not None]
    if not known:
        return None
    depth = round(sum(known) / len(known), 2)
    if abs(depth) >= DEPTH_LIMIT:
        faults.append(f"the depth {depth:g} m is more than the table can hold")
        return None
    return depth


def _image(folder: Path, name: str, faults: list[str]) -> tuple[Path, int, int]:
    """The absolute path and the size; only the header is decoded, so that a large pack stays quick."""
    path = folder / name
    if not name:
        faults.append("image is empty")
    elif Path(name).is_absolute() or ".." in Path(name).parts:
        faults.append(f"the image {name} lies outside the pack")
    elif not path.is_file():
        faults.append(f"the image {name} is missing")
    else:
        try:
            with Image.open(path) as image:
                return path, image.width, image.height
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            faults.append(f"the image {name} can't be read: {error}")
    return path, 0, 0


def _taxa(folder: Path, rows: list[DemoRow]) -> tuple[tuple[str, str | None], ...]:
    """The pack's vocabulary, and every label in use that is not in it."""
    pairs: dict[str, str | None] = {}
    path = folder / VOCABULARY
    if path.exists():
        entries = [cells for _, cells in _read(path, ("label", "parent"))]
        pairs = {cells["label"]: cells["parent"] or None for cells in entries if cells["label"]}
    for row in rows:
        pairs.setdefault(row.label, None)
    return order_taxa(pairs)
