"""A vision transformer small enough for tests, with seeded weights; and images for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from syncd_embedding.vit import Architecture, VisionTransformer

torch.set_num_threads(1)  # two would wait for each other longer than they compute
SHAPE = Architecture(width=128, depth=2, heads=2, hidden=512, patch=8, grid=7)


def weights(seed: int = 0, shape: Architecture = SHAPE) -> dict[str, torch.Tensor]:
    """Seeded tensors, in the order of a checkpoint's keys, by numpy's frozen generator.

    Positions are ten times as large as the rest, so that a difference in their interpolation shows.
    """
    random = np.random.RandomState(seed)
    found = {}
    for name, tensor in VisionTransformer(shape).state_dict().items():
        values = 0.08 * random.standard_normal(tuple(tensor.shape))
        if "norm" in name and name.endswith("weight"):
            values += 1
        found[name] = torch.from_numpy((values * (10 if name == "pos_embed" else 1)).astype(np.float32))
    return found


def save_weights(folder: Path, **how: Any) -> Path:
    """A file of weights in torch's format."""
    path = folder / "tiny.pth"
    torch.save(weights(**how), path)
    return path


def pixels(height: int, width: int, seed: int = 1) -> np.ndarray:
    """Seeded grey pixels."""
    return np.random.RandomState(seed).randint(0, 256, (height, width)).astype(np.uint8)


def save_images(folder: Path, number: int) -> list[Path]:
    """Grey images of several sizes and shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [(40, 72), (72, 40), (64, 64), (24, 120), (33, 50)]
    paths = []
    for n in range(number):
        paths.append(folder / f"{n:04}.png")
        Image.fromarray(pixels(*sizes[n % len(sizes)], seed=n)).save(paths[-1])
    return paths
