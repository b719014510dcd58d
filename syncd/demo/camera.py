"""From optical density to an 8-bit grey picture: uneven light, halo, dust, shot noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syncd.demo.canvas import Field, blur, cloud


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
