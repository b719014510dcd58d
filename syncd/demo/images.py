"""A generated demo set: grainy grey ROI images of plankton-like shapes, with the mistakes that labs make.

Nothing in it is real, and ``DemoData.source`` says so. A share of the rows is mislabelled, a few boxes are sloppy
and some organisms in the frames carry no label: that is what the played review then finds and mends.
"""

from __future__ import annotations

import dataclasses
import math
import uuid
from pathlib import Path

import numpy as np
from PIL import Image

from syncd.demo.canvas import Field, Placed, expose
from syncd.demo.data import Box, DemoData, DemoRow, Organism, order_taxa
from syncd.demo.organisms import KINDS, draw
from syncd.errors import SetupError

FRAME_SHARE = 0.16  # images that are frames with two or three organisms
FRAME_LENGTH = 0.62  # organisms in frames are drawn smaller, so that three fit


@dataclasses.dataclass(frozen=True)
class _Seen:
    """One organism in one picture, before it is decided what the lab wrote about it."""

    key: str
    image: Path
    kind: int
    box: Box
    depth_m: float | None
    verified: bool
    width: int
    height: int
    framed: bool


def generate(folder: Path, size: int, seed: int) -> DemoData:
    """Draws ``size`` images into ``folder`` and returns their rows; the same seed gives the same set.

    Image number *n* depends on the seed and *n* alone; which rows are wrong depends on the size as well.
    """
    if size < 1:
        raise SetupError(f"A demo set of {size} images can't be drawn.", remedy="Give --size a number above 0.")
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        seen = [one for number in range(size) for one in _picture(folder, number, seed)]
    except OSError as error:
        raise SetupError(f"The demo images can't be written to {folder}: {error}") from error
    return _describe(seen, size, seed)


def _picture(folder: Path, number: int, seed: int) -> list[_Seen]:
    """Draws and saves image ``number``; returns what is in it, the first of them the one it was taken of."""
    rng = np.random.default_rng([seed, number])
    framed = rng.random() < FRAME_SHARE
    shares = np.array([kind.share for kind in KINDS])
    kinds = rng.choice(len(KINDS), size=int(rng.integers(2, 4)) if framed else 1, p=shares / shares.sum())
    if number < len(KINDS):
        kinds[0] = number  # however small the set, every class is in it
    fields = [draw(KINDS[kind], rng, FRAME_LENGTH if framed else 1.0) for kind in kinds]
    shape, corners = _arrange(fields, rng)
    pixels = expose(shape, [Placed(f, x, y) for f, (x, y) in zip(fields, corners, strict=True)], rng)
    path = folder / f"roi_{number:06d}.png"
    Image.fromarray(pixels).save(path, compress_level=3)
    height, width = shape
    depth = round(float(rng.gamma(2.2, 22.0)) + 2.0, 2) if rng.random() < 0.85 else None
    return [
        _Seen(
            key=f"{number}#{place}",
            image=path,
            kind=int(kind),
            box=_box(field, corner, shape),
            depth_m=depth,
            verified=bool(rng.random() < 0.3),
            width=width,
            height=height,
            framed=framed,
        )
        for place, (kind, field, corner) in enumerate(zip(kinds, fields, corners, strict=True))
    ]


def _arrange(fields: list[Field], rng: np.random.Generator) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """Lays the specimens out in a row or a column without overlap: (height, width) and each (x, y)."""
    margin = int(rng.integers(5, 15))
    column = sum(f.shape[1] for f in fields) > sum(f.shape[0] for f in fields)
    along, across = (0, 1) if column else (1, 0)
    breadth = max(f.shape[across] for f in fields) + 2 * margin + int(rng.integers(0, 10))
    position = margin
    corners: list[tuple[int, int]] = []
    for field in fields:
        loose = breadth - 2 * margin - field.shape[across]
        offset = margin + (int(rng.integers(0, loose + 1)) if loose > 0 else 0)
        corners.append((offset, position) if column else (position, offset))
        position += field.shape[along] + int(rng.integers(3, 12))
    length = position + margin
    return ((length, breadth) if column else (breadth, length)), corners


def _box(field: Field, corner: tuple[int, int], shape: tuple[int, int]) -> Box:
    """The box a careful annotator would draw: round what can be seen, one pixel of air."""
    height, width = shape
    seen = field > 0.07
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):  # a specimen too pale for the threshold: its whole tile
        rows, columns = np.arange(field.shape[0]), np.arange(field.shape[1])
    left, top = max(corner[0] + int(columns[0]) - 1, 0), max(corner[1] + int(rows[0]) - 1, 0)
    right = min(corner[0] + int(columns[-1]) + 2, width)
    bottom = min(corner[1] + int(rows[-1]) + 2, height)
    return fit((left / width, top / height, (right - left) / width, (bottom - top) / height))


def fit(box: Box) -> Box:
    """The box rounded to six decimals, and kept inside the image whatever the rounding did."""
    x, y = (min(max(round(v, 6), 0.0), 0.999) for v in box[:2])
    w = min(max(round(box[2], 6), 0.000001), round(1 - x, 6))
    h = min(max(round(box[3], 6), 0.000001), round(1 - y, 6))
    return (x, y, w, h)


def _describe(seen: list[_Seen], size: int, seed: int) -> DemoData:
    """What the lab's table says about the organisms: mostly the truth."""
    rng = np.random.default_rng([seed, size, 1])
    framed = [n for n, one in enumerate(seen) if one.framed and one.key.endswith("#1")]  # at most one a frame
    missed = set(_some(rng, framed, max(2, math.ceil(0.01 * len(seen)))))
    rest = [n for n in range(len(seen)) if n not in missed]
    wrong = set(_some(rng, rest, max(8, min(math.ceil(0.15 * len(rest)), 20), math.ceil(0.03 * len(rest)))))
    sloppy = set(_some(rng, [n for n in rest if n not in wrong], max(1, math.ceil(0.01 * len(rest)))))
    rows: list[DemoRow] = []
    unlabelled: list[Organism] = []
    for number, one in enumerate(seen):
        kind = KINDS[one.kind]
        if number in missed:
            unlabelled.append(Organism(one.image, kind.name, one.box, one.depth_m))
            continue
        label = str(rng.choice(kind.mistaken_for)) if number in wrong else kind.name
        rows.append(
            DemoRow(
                annotation_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:syncd:demo:{seed}/{one.key}")),
                image=one.image,
                label=label,
                box=_slip(one.box, rng) if number in sloppy else one.box,
                depth_m=one.depth_m,
                verified=one.verified and number not in wrong | sloppy,
                width=one.width,
                height=one.height,
                truth=kind.name,
                true_box=one.box,
            )
        )
    parents: dict[str, str | None] = {kind.name: kind.parent for kind in KINDS}
    return DemoData(
        rows=tuple(rows),
        classes=tuple(sorted({row.label for row in rows} | {kind.name for kind in KINDS})),
        generated=True,
        source=(
            f"{size} images drawn by syncd with seed {seed}: no real organism, camera or position; "
            f"{len(wrong)} of {len(rows)} labels are wrong on purpose"
        ),
        taxa=order_taxa({**parents, "unknown": None}),
        unlabelled=tuple(unlabelled),
    )


def _some(rng: np.random.Generator, numbers: list[int], count: int) -> list[int]:
    """``count`` of the numbers, or all where there are fewer."""
    if not numbers:
        return []
    return [int(n) for n in rng.choice(numbers, size=min(count, len(numbers)), replace=False)]


def _slip(box: Box, rng: np.random.Generator) -> Box:
    """The box as drawn in a hurry: shifted by a fifth of its size, cut off at the edge of the image."""
    x, y, w, h = box
    moved_x = min(max(x + float(rng.choice((-0.22, 0.22))) * w, 0.0), 1 - 0.7 * w)
    moved_y = min(max(y + float(rng.choice((-0.18, 0.18))) * h, 0.0), 1 - 0.7 * h)
    return fit((moved_x, moved_y, w, h))
