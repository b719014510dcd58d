"""A demo set, drawn by syncd or read from a data pack.

The lab's table, the dataset and the played review are all made from one ``DemoData``, so that both sides start
from the same rows and every later difference is somebody's edit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

Box = tuple[float, float, float, float]
"""x, y, width, height as shares of the image, as FiftyOne has them."""

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class DemoRow:
    """One annotation as both sides hold it at the start."""

    annotation_id: str
    image: Path
    label: str
    box: Box
    depth_m: float | None
    verified: bool | None
    width: int
    height: int
    truth: str | None = None
    """What the image really shows; known for generated images only, where some rows are wrong on purpose."""
    true_box: Box | None = None
    """Where it really is; as ``box`` except on the few generated rows whose box is drawn badly on purpose."""


@dataclass(frozen=True)
class Organism:
    """Something that can be seen in an image and that no row describes yet: work for a reviewer."""

    image: Path
    label: str
    box: Box
    depth_m: float | None


@dataclass(frozen=True)
class DemoData:
    """A demo set: its rows, and what is known about where they come from."""

    rows: tuple[DemoRow, ...]
    classes: tuple[str, ...]
    generated: bool
    source: str
    """One sentence for the user: drawn by a program, or the folder that was read."""
    taxa: tuple[tuple[str, str | None], ...] = ()
    """The lab's vocabulary: each name with its parent; a parent comes before its children."""
    unlabelled: tuple[Organism, ...] = ()

    @property
    def images(self) -> tuple[Path, ...]:
        """Every image once, in the order of the rows."""
        return tuple(dict.fromkeys(row.image for row in self.rows))


def notice(data: DemoData) -> str:
    """What has to be said about the set, so that nobody takes the demo for data."""
    if data.generated:
        return f"Everything here is generated: {data.source}. The people who edit it are played by this program."
    return (
        f"The images and labels are those of {data.source}. The review is played by this program: "
        "its corrections are made up and say nothing about these images."
    )


def order_taxa(pairs: dict[str, str | None]) -> tuple[tuple[str, str | None], ...]:
    """The vocabulary with each parent before its children, as a foreign key wants it.

    A parent that is no entry of its own becomes one. A name that is its own ancestor loses that parent: a loop
    has no beginning, and a vocabulary in a demo is not worth a refusal.
    """
    done: dict[str, str | None] = {}
    for name in pairs:
        path: list[str] = []
        current: str | None = name
        while current is not None and current not in done and current not in path:
            path.append(current)
            current = pairs.get(current)
        for step in reversed(path):
            parent = pairs.get(step)
            done[step] = parent if parent in done else None
    return tuple(done.items())
