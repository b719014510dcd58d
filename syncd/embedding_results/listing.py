"""Lists for people: the most suspect labels, and what looks like a given image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from syncd.adapters.fiftyone.computed_fields import Of
from syncd.config import Config
from syncd.embedding_results.update import Wanted, judge, names_for
from syncd.embedding_results.workplace import Phase, Workplace, judgement, require_vectors, workplace
from syncd.errors import ConfigError
from syncd.model.kinds import Json
from syncd.report.pictures import PlacedLabel, of_labels

if TYPE_CHECKING:
    from syncd_embedding.store import VectorStore

Vector = Callable[[Path], Any]
"""Gives the vector, (D,), of an image file, as the stored ones were computed."""


@dataclass(frozen=True)
class Shown:
    """An annotation in a list: who it is, and its label. ``label_id`` is null where samples bear the vectors."""

    sample_id: str
    label_id: str | None
    annotation_id: str | None
    label: str | None

    @property
    def placed(self) -> PlacedLabel:
        """As a picture of it is asked for."""
        return PlacedLabel(self.sample_id, self.label_id)


@dataclass(frozen=True)
class Suspect(Shown):
    """A label that may be wrong: how much so (0 to 1), and what its neighbours say."""

    score: float
    suggestion: str | None


@dataclass(frozen=True)
class Alike(Shown):
    """An annotation that looks like what was asked for; ``similarity`` is 1 for the same and about 0 for unlike."""

    similarity: float


@dataclass(frozen=True)
class Pair:
    """Two annotations that show nearly the same and bear different labels."""

    first: Shown
    second: Shown
    similarity: float


@dataclass(frozen=True)
class SuspectList:
    """The most suspect labels, the most suspect first. ``suspects``: how many are worth a look (0.6 and more)."""

    binding: str
    model: str
    of: str
    field: str
    judged: int
    not_judged: int
    suspects: int
    rows: tuple[Suspect, ...]
    duplicates: tuple[Pair, ...]

    def __iter__(self) -> Iterator[Suspect]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def as_json(self) -> dict[str, Json]:
        """The document that the command prints."""
        return asdict(self)


@dataclass(frozen=True)
class AlikeList:
    """What looks like ``asked``, the most similar first."""

    binding: str
    model: str
    of: str
    asked: str
    rows: tuple[Alike, ...]

    def __iter__(self) -> Iterator[Alike]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def as_json(self) -> dict[str, Json]:
        """The document that the command prints."""
        return asdict(self)


def list_suspects(
    config: Config, name: str, store: VectorStore, *, model: str, of: Of, top: int, phase: Phase | None = None
) -> SuspectList:
    """Judges the labels as they are now, brings the fields and the saved view up to date, and lists the ``top``.

    Only what a correction touches is judged again. ``SyncdError`` where there are no vectors.
    """
    from syncd_embedding.suspicion import duplicates

    names = names_for(model, Wanted())
    with workplace(config, name, store, model=model, of=of, names=names, phase=phase) as place:
        require_vectors(place)
        made = judge(place, names, phase or (lambda _: None))
        found = judgement(place)
        shown = _shown(place)
        ranked = found.ranked(top).tolist()
        keys = found.keys.tolist()
        rows = tuple(
            Suspect(*shown(keys[row]), score=round(float(found.scores[row]), 3), suggestion=found.suggestion(row))
            for row in ranked
        )
        pairs = duplicates(place.there, place.rows, found)[:top]
        same = [Pair(Shown(*shown(one.first)), Shown(*shown(one.second)), _similarity(one.distance)) for one in pairs]
        return SuspectList(
            binding=name,
            model=model,
            of=of.value,
            field=names.suspect,
            judged=made.judged,
            not_judged=made.not_judged,
            suspects=made.suspects,
            rows=rows,
            duplicates=tuple(same),
        )


def list_alike(
    config: Config,
    name: str,
    store: VectorStore,
    *,
    model: str,
    of: Of,
    asked: str,
    top: int,
    vector: Vector,
    phase: Phase | None = None,
) -> AlikeList:
    """What looks most like ``asked``: an annotation id, a sample's or label's id, or an image file.

    The thing itself is not in the list. ``vector`` embeds the image where a file is asked for; ``ConfigError`` where
    ``asked`` is none of these.
    """
    names = names_for(model, Wanted())
    with workplace(config, name, store, model=model, of=of, names=names, phase=phase) as place:
        require_vectors(place)
        key = _key_of(place, asked)
        if key is not None:
            query = store.vectors([key])[1]
        elif Path(asked).is_file():
            query = vector(Path(asked)).reshape(1, -1)
        else:
            raise ConfigError(
                f"{asked!r} is no annotation, sample or label of {name!r} that has a vector, and no file.",
                remedy=f"Give an id, or the path of an image. Embed what is new: syncd embed {name}",
            )
        shown = _shown(place)
        found = _nearest(place, query, top + 1)
        rows = [Alike(*shown(each), similarity=similarity) for each, similarity in found if each != key][:top]
        return AlikeList(name, model, of.value, asked, tuple(rows))


def pictures(config: Config, name: str, shown: Sequence[Shown]) -> dict[Shown, str]:
    """Small pictures of these annotations, as addresses that need no network; one that cannot be had is left out."""
    found = of_labels(config, name, {each.placed for each in shown})
    return {each: found[each.placed] for each in shown if each.placed in found}


def _nearest(place: Workplace, query: Any, top: int) -> list[tuple[str, float]]:
    """The keys nearest to a vector, (1, D), with their similarity in all of its numbers."""
    import numpy as np

    from syncd_embedding.neighbours import NONE, nearest

    there = place.there
    rows = nearest(there.reduced, there.projection(query), min(4 * top, len(there))).indices[0]
    rows = rows[rows != NONE]
    apart = np.linalg.norm(there.projection.directions(place.rows(rows)) - there.projection.directions(query), axis=1)
    order = np.argsort(apart, kind="stable")[:top]
    return [(str(there.keys[rows[each]]), _similarity(float(apart[each]))) for each in order]


def _similarity(distance: float) -> float:
    """The cosine of two vectors of length one from their distance."""
    return round(1 - distance * distance / 2, 4)


def _key_of(place: Workplace, asked: str) -> str | None:
    """The key of what an id names; of several annotations with one id, the first."""
    named = place.frame.filter(
        (pl.col("annotation_id") == asked) | (pl.col("key") == asked) | (pl.col("sample_id") == asked)
    )
    with_vector = named.filter(pl.col("key").is_in(place.there.keys[place.there.usable].tolist()))
    return None if with_vector.is_empty() else str(with_vector["key"][0])


def _shown(place: Workplace) -> Callable[[str], tuple[str, str | None, str | None, str | None]]:
    """Gives what a list shows of a key: sample, label, annotation, and class."""
    frame = place.frame.select("key", "sample_id", "annotation_id", "label")
    about = {row[0]: row[1:] for row in frame.iter_rows()}

    def of(key: str) -> tuple[str, str | None, str | None, str | None]:
        sample, annotation, label = about[key]
        return sample, key if place.bearers.of is Of.PATCHES else None, annotation, label

    return of
