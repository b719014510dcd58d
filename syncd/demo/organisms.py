"""Seven kinds of plankton and one of dirt, drawn from a handful of random numbers each.

They are caricatures, good enough that a person tells them apart at 60 pixels and that an embedding clusters
them, and meant for nothing else. No image of a real organism went into them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from syncd.demo.canvas import Canvas, Field, Points, cloud, curve, oval

Pair = tuple[float, float]


def _copepod(canvas: Canvas) -> None:
    """A torpedo with a forked tail, two long antennae swept back, legs folded below."""
    rng = canvas.rng
    girth = rng.uniform(0.2, 0.29)
    body = oval(-0.12, 0, 0.56, girth, wobble=(0.05, 0.03))
    canvas.fill([body], rng.uniform(0.5, 0.8), texture=0.25, grain=3)
    tail = np.array([(0.38, -0.08), (0.86, -0.045), (0.86, 0.045), (0.38, 0.08)])
    canvas.fill([tail], 0.55)
    canvas.fill([oval(-0.1, 0.02, 0.3, girth * 0.4, wobble=(0.1, 0.08))], 0.6, texture=0.5, grain=2)
    reach = rng.uniform(0.75, 1.0)
    antennae = [
        curve((-0.58, side * 0.08), (-0.75, side * 0.55), (rng.uniform(-0.3, 0.1), side * reach)) for side in (-1, 1)
    ]
    forks = [curve((0.84, side * 0.03), (0.98, side * 0.05), (1.1, side * rng.uniform(0.1, 0.2))) for side in (-1, 1)]
    canvas.lines([*antennae, *forks], 1.2, 0.75)
    below = rng.choice((-1, 1))
    legs = [
        curve((x, below * girth * 0.8), (x + 0.1, below * (girth + 0.12)), (x + 0.2, below * (girth + 0.14)))
        for x in np.linspace(-0.4, 0.1, 5)
    ]
    joints = [np.array([(x, -girth * 0.8), (x + 0.02, 0), (x, girth * 0.8)]) for x in (0.0, 0.12, 0.24)]
    canvas.lines([*legs, *joints], 0.9, 0.4)
    canvas.fill([oval(-0.6, 0, 0.05, 0.05)], 1.2)


def _centric(canvas: Canvas) -> None:
    """A disc with a thick rim, fine spokes and a paler middle: Coscinodiscus lying flat."""
    rng = canvas.rng
    radius, squash = 0.8, rng.uniform(0.86, 1.0)
    disc = oval(0, 0, radius, radius * squash)
    canvas.fill([disc], 0.35, texture=0.35, grain=2.2)
    rim = canvas.mask([disc]) - canvas.mask([oval(0, 0, radius * 0.9, radius * squash * 0.9)])
    canvas.density += rim * np.float32(rng.uniform(0.6, 0.9))
    spokes = int(rng.integers(22, 36))
    turns = np.linspace(0, 2 * np.pi, spokes, endpoint=False) + rng.normal(0, 0.02, spokes)
    inner = rng.uniform(0.22, 0.32)
    canvas.lines(
        [
            np.array([(inner * np.cos(t), inner * squash * np.sin(t)), (0.74 * np.cos(t), 0.74 * squash * np.sin(t))])
            for t in turns
        ],
        0.6,
        0.42,
    )
    canvas.clear([oval(0, 0, inner, inner * squash)], 0.45)
    canvas.lines([oval(0, 0, inner, inner * squash)], 0.8, 0.3)
    plastids = rng.uniform(-0.5, 0.5, (int(rng.integers(6, 16)), 2))
    canvas.fill([oval(x, y * squash, 0.05, 0.05) for x, y in plastids], 0.45)


def _pennate_chain(canvas: Canvas) -> None:
    """A ribbon of narrow cells lying side by side, slightly bent, each with a dark plastid."""
    rng = canvas.rng
    cells = int(rng.integers(6, 12))
    tall, bend = rng.uniform(0.2, 0.34), rng.uniform(-0.35, 0.35)
    step = 1.9 / cells
    outlines: list[Points] = []
    plastids: list[Points] = []
    for number in range(cells):
        x = -0.95 + (number + 0.5) * step
        y, tilt = bend * (x * x - 0.4), np.arctan(2 * bend * x) + rng.normal(0, 0.05)
        turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
        half, height = step * 0.42, tall * rng.uniform(0.92, 1.05)
        cell = np.array(
            [
                (-half, -height * 0.8),
                (0, -height),
                (half, -height * 0.8),
                (half, height * 0.8),
                (0, height),
                (-half, height * 0.8),
            ]
        )
        outlines.append(cell @ turn + (x, y))
        plastids.append(oval(0, rng.uniform(-0.3, 0.3) * height, half * 0.7, height * 0.35) @ turn + (x, y))
    canvas.fill(outlines, 0.28, texture=0.3, grain=2)
    canvas.lines([np.vstack([cell, cell[:1]]) for cell in outlines], 0.9, 0.6)
    canvas.fill(plastids, rng.uniform(0.55, 0.9), texture=0.3, grain=2)


def _ceratium(canvas: Canvas) -> None:
    """A small armoured body with one long horn forward and two curved ones back: an anchor."""
    rng = canvas.rng
    belly = np.array(
        [(-0.2, 0.0), (-0.1, -0.22), (0.1, -0.28), (0.26, -0.2), (0.3, 0.0), (0.26, 0.2), (0.1, 0.28), (-0.1, 0.22)]
    )
    canvas.fill([belly], rng.uniform(0.7, 1.0), texture=0.3, grain=2.5)
    length = rng.uniform(0.8, 1.0)
    canvas.fill([np.array([(-0.15, -0.1), (-length, -0.015), (-length, 0.015), (-0.15, 0.1)])], 0.75)
    spread = rng.uniform(0.55, 0.8)
    back = rng.uniform(-0.25, 0.25)
    horns = [
        curve((0.22, side * 0.16), (0.55, side * spread * 0.95), (back + 0.05 * side, side * spread))
        for side in (-1, 1)
    ]
    canvas.lines(horns, 2.0, 0.75)
    canvas.lines(
        [curve((0.06, -0.27), (0.0, 0), (0.06, 0.27)), curve((0.12, -0.27), (0.06, 0), (0.12, 0.27))], 0.7, 0.4
    )


def _ciliate(canvas: Canvas) -> None:
    """A cone, broad end forward, with a wreath of long cilia: Strombidium in a flow cytometer."""
    rng = canvas.rng
    width = rng.uniform(0.36, 0.46)
    cone = np.vstack(
        [
            curve((0.72, 0), (0.5, -width * 0.9), (0.0, -width * 1.25), (-0.35, -width)),
            curve((-0.35, -width), (-0.52, -width * 0.4), (-0.52, width * 0.4), (-0.35, width)),
            curve((-0.35, width), (0.0, width * 1.25), (0.5, width * 0.9), (0.72, 0)),
        ]
    )
    canvas.fill([cone], rng.uniform(0.55, 0.8), texture=0.5, grain=3)
    canvas.lines([cone], 1.3, 0.7)
    drops = rng.uniform((-0.3, -0.2), (0.35, 0.2), (int(rng.integers(3, 7)), 2))
    canvas.clear([oval(x, y, 0.07, 0.07) for x, y in drops], 0.75)
    cilia = []
    for start in np.linspace(-width, width, int(rng.integers(12, 18))):
        end = (-0.85 + rng.normal(0, 0.06), start * 1.8 + rng.normal(0, 0.08))
        cilia.append(curve((-0.42, float(start)), (-0.7, float(start) * 1.2), end, steps=8))
    canvas.lines(cilia, 0.8, 0.45)


def _gelatinous(canvas: Canvas) -> None:
    """A pale bell, hardly darker than water, with a bright outline, a gut and trailing tentacles."""
    rng = canvas.rng
    tall = rng.uniform(0.6, 0.78)
    left, right, rim = rng.uniform(0.5, 0.95, 2), rng.uniform(0.5, 0.95, 2), rng.normal(0.02, 0.12)
    bell = np.vstack(
        [
            curve((0.15, -0.6), (-tall * 2 * left[0], -left[1]), (-tall * 2 * right[0], right[1]), (0.15, 0.6)),
            curve((0.15, 0.6), (rim, 0.3), (rim, -0.3), (0.15, -0.6)),
        ]
    )
    canvas.fill([bell], rng.uniform(0.1, 0.17), texture=0.5, grain=9)
    canvas.lines([np.vstack([bell, bell[:1]])], 1.2, 0.26)
    canals = [curve((0.05, y), (-tall * 0.6, y * 1.5), (-tall * 0.8, 0.0)) for y in np.linspace(-0.42, 0.42, 4)]
    canvas.lines(canals, 0.8, 0.16)
    canvas.fill([oval(-0.25, 0, 0.2, 0.1, wobble=(0.12, 0.1))], 0.32, texture=0.5, grain=3)
    tentacles = []
    for y in np.linspace(-0.5, 0.5, int(rng.integers(5, 10))):
        sway = rng.normal(0, 0.18, 2)
        tentacles.append(
            curve(
                (0.1, float(y)),
                (0.5, float(y + sway[0])),
                (0.7, float(y - sway[0])),
                (rng.uniform(0.75, 1.15), float(y + sway[1])),
            )
        )
    canvas.lines(tentacles, 0.8, 0.22)


def _acantharia(canvas: Canvas) -> None:
    """A granular ball with long straight spines in all directions."""
    rng = canvas.rng
    core = rng.uniform(0.26, 0.36)
    canvas.fill([oval(0, 0, core * 1.5, core * 1.5, wobble=(0.05, 0.05))], 0.16, texture=0.4, grain=5)
    canvas.fill([oval(0, 0, core, core, wobble=(0.04, 0.04, 0.03))], rng.uniform(0.7, 1.0), texture=0.45, grain=2.5)
    spines = int(rng.integers(9, 15))
    turns = np.linspace(0, 2 * np.pi, spines, endpoint=False) + rng.normal(0, 0.08, spines)
    reach = rng.uniform(0.7, 1.0, spines)
    canvas.lines(
        [
            np.array([(0.1 * np.cos(t), 0.1 * np.sin(t)), (r * np.cos(t), r * np.sin(t))])
            for t, r in zip(turns, reach, strict=True)
        ],
        1.1,
        0.6,
    )


def _detritus(canvas: Canvas) -> None:
    """Marine snow: flakes of any shape, clumped, with loose crumbs and a thread or two."""
    rng = canvas.rng
    side = canvas.side
    axis = (np.arange(side, dtype=np.float32) - side / 2) / np.float32(canvas.unit)
    angle, stretch = rng.uniform(0, np.pi), rng.uniform(0.5, 1.0)
    u = axis[None, :] * np.cos(angle) + axis[:, None] * np.sin(angle)
    v = (axis[:, None] * np.cos(angle) - axis[None, :] * np.sin(angle)) / stretch
    falloff = np.sqrt(u * u + v * v)
    lumps = cloud(rng, (side, side), side / 7) * 0.6 + cloud(rng, (side, side), side / 18) * 0.35
    body = np.clip(0.75 - 1.15 * falloff + 0.42 * lumps, 0, None)
    fine = np.clip(1 + 0.5 * cloud(rng, (side, side), 5), 0.1, 2.5)
    canvas.density += (np.clip(body * 2.2, 0, rng.uniform(0.7, 1.3)) * fine).astype(np.float32)
    crumbs = rng.normal(0, 0.45, (int(rng.integers(4, 12)), 2))
    canvas.fill([oval(x, y, rng.uniform(0.02, 0.07), rng.uniform(0.02, 0.05)) for x, y in crumbs], 0.5)
    threads = [curve(*[(float(x), float(y)) for x, y in rng.normal(0, 0.5, (4, 2))]) for _ in range(rng.integers(0, 3))]
    canvas.lines(threads, 0.8, 0.35)


@dataclass(frozen=True)
class Kind:
    """One class of the generated set."""

    name: str
    parent: str
    length: Pair
    """Its longest side in pixels, from and to."""
    share: float
    """How common it is."""
    mistaken_for: tuple[str, ...]
    """What a hurried annotator calls it."""
    paint: Callable[[Canvas], None]


KINDS: tuple[Kind, ...] = (
    Kind("Copepoda", "Crustacea", (52, 112), 0.17, ("Detritus", "Ceratium"), _copepod),
    Kind("Centric diatom", "Diatoms", (30, 84), 0.15, ("Acantharia", "Gelatinous"), _centric),
    Kind("Pennate chain", "Diatoms", (44, 112), 0.13, ("Copepoda", "Detritus"), _pennate_chain),
    Kind("Ceratium", "Dinoflagellates", (46, 96), 0.12, ("Copepoda", "Acantharia"), _ceratium),
    Kind("Ciliate", "Ciliophora", (34, 76), 0.12, ("Detritus", "Centric diatom"), _ciliate),
    Kind("Acantharia", "Radiolaria", (40, 90), 0.08, ("Centric diatom", "Ceratium"), _acantharia),
    Kind("Gelatinous", "Zooplankton", (64, 118), 0.08, ("Detritus", "Ciliate"), _gelatinous),
    Kind("Detritus", "Non-living", (28, 90), 0.15, ("Ciliate", "Gelatinous"), _detritus),
)


def draw(kind: Kind, rng: np.random.Generator, scale: float = 1.0) -> Field:
    """The optical density of one specimen, in pixels, cut to what can be seen of it."""
    canvas = Canvas(rng.uniform(*kind.length) * scale, rng)
    kind.paint(canvas)
    strength = np.float32(rng.uniform(0.8, 1.25))
    # most specimens sit near the focal plane, a few well outside it
    focus = float(np.clip(rng.gamma(2.0, 0.22), 0.1, 1.6))
    seen: Field = canvas.finish(focus) * strength
    return seen
