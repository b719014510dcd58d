"""Drawing in optical density: how much light an organism takes away at each pixel.

Densities add up where things overlap and a camera sees ``background * exp(-density)``, so a transparent jelly
over a dark gut looks as it does under a microscope. Shapes are given in a unit frame (the organism is about 2
long, centred on 0) and turned by a random angle.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Field = NDArray[np.float32]
Points = NDArray[np.float64]

SCALE = 2  # drawn larger and shrunk, so that thin hairs get grey edges


def cloud(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> Field:
    """Smooth noise of mean 0 and deviation about 1, whose blobs are about ``grain`` pixels wide."""
    height, width = shape
    small = rng.standard_normal((max(2, round(height / grain) + 1), max(2, round(width / grain) + 1)))
    image = Image.fromarray(small.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float32)


def blur(field: Field, radius: float) -> Field:
    """Gaussian blur of a density field.

    Pillow blurs bytes only, so the field is scaled to 0..255 and back: less is lost than the sensor adds.
    """
    top = float(field.max(initial=0.0))
    if radius <= 0 or top <= 0:
        return field
    as_bytes = Image.fromarray((np.clip(field / top, 0, 1) * 255).astype(np.uint8))
    soft: Field = np.asarray(as_bytes.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)
    scaled: Field = soft * np.float32(top / 255)
    return scaled


def curve(*points: tuple[float, float], steps: int = 14) -> Points:
    """A Bézier curve through the first and last point, drawn towards those between."""
    t = np.linspace(0, 1, steps)[:, None]
    level = [np.tile(np.array(point, dtype=np.float64), (steps, 1)) for point in points]
    while len(level) > 1:
        level = [a * (1 - t) + b * t for a, b in itertools.pairwise(level)]
    return level[0]


def oval(x: float, y: float, rx: float, ry: float, *, wobble: Sequence[float] = (), steps: int = 48) -> Points:
    """An ellipse; ``wobble`` are the sizes of ever finer waves on its outline."""
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    radius = np.ones_like(angle)
    for order, size in enumerate(wobble, start=2):
        radius += size * np.sin(order * angle + 7.0 * order * size * 100)
    return np.stack([x + rx * radius * np.cos(angle), y + ry * radius * np.sin(angle)], axis=1)


class Canvas:
    """A square field of optical density with shapes drawn on it."""

    def __init__(self, length: float, rng: np.random.Generator, *, room: float = 1.5) -> None:
        self.rng = rng
        self.unit = length * SCALE / 2
        self.side = int(length * SCALE * room) + 8
        self.density: Field = np.zeros((self.side, self.side), dtype=np.float32)
        angle = rng.uniform(0, 2 * np.pi)
        self._turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def _place(self, points: Points) -> list[tuple[float, float]]:
        placed = points @ self._turn.T * self.unit + self.side / 2
        return [(float(x), float(y)) for x, y in placed]

    def _mask(self, paint: Callable[[ImageDraw.ImageDraw], None]) -> Field:
        image = Image.new("L", (self.side, self.side), 0)
        paint(ImageDraw.Draw(image))
        mask: Field = np.asarray(image, dtype=np.float32) / np.float32(255)
        return mask

    def mask(self, shapes: Iterable[Points]) -> Field:
        """1 inside any of the polygons, 0 outside."""
        outlines = [self._place(shape) for shape in shapes]

        def paint(draw: ImageDraw.ImageDraw) -> None:
            for outline in outlines:
                draw.polygon(outline, fill=255)

        return self._mask(paint)

    def fill(self, shapes: Iterable[Points], density: float, *, texture: float = 0.0, grain: float = 4.0) -> Field:
        """Adds filled polygons, modulated by smooth noise as strong as ``texture``. Returns their mask."""
        mask = self.mask(shapes)
        value: Field | np.float32 = np.float32(density)
        if texture:
            noise = cloud(self.rng, mask.shape, grain * SCALE)
            value = np.float32(density) * np.clip(1 + np.float32(texture) * noise, 0, 3)
        self.density += mask * value
        return mask

    def lines(self, paths: Iterable[Points], width: float, density: float) -> None:
        """Adds strokes; ``width`` in pixels of the finished image. Where strokes cross they don't add up."""
        placed = [self._place(path) for path in paths]
        thickness = max(1, round(width * SCALE))

        def paint(draw: ImageDraw.ImageDraw) -> None:
            for path in placed:
                draw.line(path, fill=255, width=thickness, joint="curve")

        self.density += self._mask(paint) * np.float32(density)

    def clear(self, shapes: Iterable[Points], share: float) -> None:
        """Takes ``share`` of the density away inside the polygons: vacuoles, gaps, oil drops."""
        self.density *= 1 - self.mask(shapes) * np.float32(share)

    def finish(self, focus: float) -> Field:
        """The field in final pixels, blurred by ``focus`` (pixels), cut to what is drawn plus a soft edge."""
        soft = blur(self.density, focus * SCALE + 0.6)
        side = self.side // SCALE
        small = np.asarray(Image.fromarray(soft).resize((side, side), Image.Resampling.BOX), dtype=np.float32)
        seen = small > 0.02
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        if not len(rows):
            return small
        return small[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@dataclass(frozen=True)
class Placed:
    """A specimen and where its upper left corner lies in the frame."""

    density: Field
    x: int
    y: int


def expose(shape: tuple[int, int], placed: list[Placed], rng: np.random.Generator) -> NDArray[np.uint8]:
    """One picture of ``shape`` (height, width) with the specimens in it."""
    density: Field = np.zeros(shape, dtype=np.float32)
    for item in placed:
        tall, wide = item.density.shape
        density[item.y : item.y + tall, item.x : item.x + wide] += item.density
    density += _specks(shape, rng)
    # light bends at an edge: a faint bright seam around everything dark
    density = density * np.float32(1.18) - blur(density, 2.2) * np.float32(0.22)
    light = _background(shape, rng)
    gain = rng.uniform(4, 12)  # electrons per grey level: short flashes make grainy pictures
    electrons = np.clip(light * np.exp(-density), 0, None) * gain
    noisy = rng.normal(electrons, np.sqrt(electrons + 1)) / gain + rng.normal(0, rng.uniform(1.2, 2.6), shape)
    # line readout: rows of a cheap sensor differ by a fraction of a grey level
    noisy += rng.normal(0, 0.7, (shape[0], 1))
    pixels: NDArray[np.uint8] = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return pixels


def _background(shape: tuple[int, int], rng: np.random.Generator) -> Field:
    """Water: a slope of light across the frame, darker corners, slow mottling."""
    height, width = shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(2, 14) * (x * np.cos(angle) + y * np.sin(angle))
    corners = rng.uniform(0, 9) * (x * x + y * y)
    mottle = 1.6 * cloud(rng, shape, max(shape) / 4)
    light: Field = (rng.uniform(168, 212) + slope - corners + mottle).astype(np.float32)
    return light


def _specks(shape: tuple[int, int], rng: np.random.Generator) -> Field:
    """Dust on the window and far particles: small, soft, pale."""
    height, width = shape
    field = np.zeros(shape, dtype=np.float32)
    count = int(rng.poisson(shape[0] * shape[1] / 9000))
    if count:
        field[rng.integers(0, height, count), rng.integers(0, width, count)] = rng.uniform(0.5, 1, count)
        soft = blur(field, float(rng.uniform(0.8, 1.8)))
        field = soft * np.float32(rng.uniform(0.08, 0.22) / max(float(soft.max()), 1e-6))
    return field
