"""What a space, a layout and a judgement of many vectors cost: ``python -m benchmarks.layouts --vectors 500000``.

The vectors are clustered Gaussians of 384 numbers in half precision, mapped from a file as the store maps them. Told
are CPU seconds of this process and the most memory that it had, and how many of the true neighbours the cells found.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from syncd_embedding.layouts import laid_out
from syncd_embedding.neighbours import nearest
from syncd_embedding.space import Space, space
from syncd_embedding.suspicion import judged

WIDTH, CLASSES, ASKED, NEW = 384, 100, 500, 1_000
BLOCK = 20_000


def main(
    vectors: Annotated[int, typer.Option("--vectors", min=1_000)] = 100_000,
    method: Annotated[str, typer.Option("--method", help="umap, pacmap or pca.")] = "umap",
) -> None:
    """Measure it, step by step."""
    with tempfile.TemporaryDirectory(prefix="syncd-layouts-") as folder:
        mapped, labels = made(Path(folder) / "vectors.npy", vectors)
        keys = [f"{number:024x}" for number in range(vectors)]
        there = timed("space (components, neighbours)", lambda: space(keys, mapped, digests=keys))
        typer.echo(f"  of the true {there.near.indices.shape[1]} neighbours found: {recall(there):.4f}")
        suspects = timed("judgement of all labels", lambda: judged(there, labels))
        changed = [labels[1] if row == 0 else each for row, each in enumerate(labels)]
        timed("judgement after a correction", lambda: judged(there, changed, known=suspects))
        layout = timed(f"layout by {method}", lambda: laid_out(there, method=method))
        newer = [*keys, *(f"n{number}" for number in range(NEW))]
        both = np.concatenate([mapped, mapped[:NEW] + np.float16(0.01)])
        grown = timed(f"space with {NEW:,} new ones", lambda: space(newer, both, digests=newer, known=there))
        placed = timed(f"placing {NEW:,} new ones", lambda: laid_out(grown, method=method, known=layout))
        moved = float(np.abs(placed.points[:vectors] - layout.points).max())
        typer.echo(f"  the others moved by {moved}; beside their own class: {beside(placed.points, labels):.3f}")


def made(file: Path, number: int) -> tuple[npt.NDArray[np.float16], list[str | None]]:
    """Vectors, mapped from a file that is written block by block, and their classes; 2 % of them are wrong."""
    random = np.random.default_rng(1)
    centres = random.normal(size=(CLASSES, WIDTH)).astype(np.float32)
    array = np.lib.format.open_memmap(file, "w+", np.float16, (number, WIDTH))
    classes = random.integers(0, CLASSES, number)
    for start in range(0, number, BLOCK):
        rows = classes[start : start + BLOCK]
        array[start : start + BLOCK] = centres[rows] + 0.9 * random.normal(size=(len(rows), WIDTH))
    array.flush()
    wrong = random.random(number) < 0.02
    classes[wrong] = random.integers(0, CLASSES, int(wrong.sum()))
    return np.load(file, mmap_mode="r"), [f"class {each}" for each in classes]


def recall(there: Space) -> float:
    """The share of the true neighbours, of some rows, that are known."""
    rows = np.random.default_rng(2).choice(len(there), ASKED, replace=False)
    true = nearest(there.reduced, there.reduced[rows], there.near.indices.shape[1] + 1).indices[:, 1:]
    known = there.near.indices[rows]
    return float(np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(true.tolist(), known.tolist(), strict=True)]))


def beside(points: npt.NDArray[np.float32], labels: list[str | None]) -> float:
    """The share of the neighbours of new points, among the others, that bear their label."""
    count = len(labels)
    near = nearest(points[:count], points[count:], 5).indices
    classes = np.array(labels)
    return float((classes[near] == classes[: len(near)][:, None]).mean())


def timed(what: str, work: Any) -> Any:
    """Does the work, and tells what it cost."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    typer.echo(
        f"{what:36} {time.process_time() - cpu:9.1f} s CPU {time.perf_counter() - wall:9.1f} s wall, peak {peak:.2f} GB"
    )
    return result


if __name__ == "__main__":
    typer.run(main)
