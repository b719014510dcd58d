"""The annotations of a run: a function of their number and nothing else, so that every run has the same."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

CLASSES = (
    "acantharia",
    "amphipod",
    "appendicularian",
    "barnacle",
    "chaetognath",
    "cladoceran",
    "copepod",
    "ctenophore",
    "cyprid",
    "decapod",
    "diatom",
    "dinoflagellate",
    "echinoderm",
    "euphausiid",
    "foraminifera",
    "hydromedusa",
    "ostracod",
    "polychaete",
    "pteropod",
    "siphonophore",
)

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Annotation:
    """One annotation as both sides hold it at the start. Some have no depth, and some nobody has verified."""

    annotation_id: str
    media: str
    label: str
    box: Box
    depth: str | None
    verified: bool | None


def annotation_id(number: int) -> str:
    """The id of an annotation by its number: UUIDs come in no order, as in a real table."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"loc-{number}"))


def annotation(number: int, per_sample: int) -> Annotation:
    """An annotation by its number."""
    spread = number * 7919 % 10_000
    return Annotation(
        annotation_id=annotation_id(number),
        media=f"/data/benchmark/{number // per_sample // 1000:05d}/image-{number // per_sample:09d}.png",
        label=CLASSES[number % len(CLASSES)],
        box=(
            round(spread / 20_000, 6),
            round(number * 104_729 % 9_973 / 20_000, 6),
            round(0.05 + number * 31 % 997 / 3_000, 6),
            round(0.05 + number * 37 % 991 / 3_000, 6),
        ),
        depth=None if number % 23 == 0 else f"{spread / 50:.2f}",
        verified=(None, False, True)[number % 3],
    )


def samples(labels: int, per_sample: int) -> Iterator[list[Annotation]]:
    """The annotations, one list per sample; the last sample may have fewer."""
    for start in range(0, labels, per_sample):
        yield [annotation(number, per_sample) for number in range(start, min(start + per_sample, labels))]
