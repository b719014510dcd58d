"""Brings what FiftyOne shows of vectors up to date: suspects, layout, clusters, similarity, as far as they are wanted.

Everything is computed from the store of vectors and from the labels as they are now, and only what differs is written.
A second call does nothing. Nothing here is one of the mapped fields, and no reconcile reads it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import isnan
from typing import TYPE_CHECKING, Any

import polars as pl

from syncd.adapters.fiftyone.computed_fields import Of
from syncd.config import Config
from syncd.embedding_results import fields, runs
from syncd.embedding_results.app import refresh_app
from syncd.embedding_results.layout import LayoutMade, bring_layout
from syncd.embedding_results.names import Names
from syncd.embedding_results.saved_view import require_own_view, save_suspect_view
from syncd.embedding_results.similarity import bring_field, bring_similarity
from syncd.embedding_results.workplace import Phase, Workplace, judgement, workplace
from syncd.model.kinds import Json

if TYPE_CHECKING:
    from syncd_embedding.layouts import Layout
    from syncd_embedding.store import VectorStore


@dataclass(frozen=True)
class Wanted:
    """Which results are brought up to date.

    ``layout``: ``umap``, ``pacmap``, or none. ``view``: a saved view's name, or a view itself; then the layout is of
    what it shows. ``refit``: the layout is made anew, and every point moves. ``brain_key``: the layout's, and
    ``field``: that of the vectors, if not the usual ones; a field that is named has them even without similarity.
    """

    layout: str | None = "umap"
    similarity: bool = True
    suspects: bool = True
    clusters: bool = False
    view: Any = None
    refit: bool = False
    brain_key: str | None = None
    field: str | None = None


@dataclass(frozen=True)
class SuspectsMade:
    """Labels that were judged, are suspect, or could not be judged; ``written``: of how many the fields changed."""

    field: str
    judged: int
    suspects: int
    not_judged: int
    duplicates: int
    written: int


@dataclass(frozen=True)
class Results:
    """What was brought up to date, under which names; ``notes`` say what is left to a person."""

    binding: str
    model: str
    of: str
    vectors: int
    suspects: SuspectsMade | None = None
    layout: LayoutMade | None = None
    clusters: int | None = None
    similarity: str | None = None
    field: str | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """The document that a command prints."""
        return {**asdict(self), "notes": list(self.notes)}


def update_results(
    config: Config,
    name: str,
    store: VectorStore,
    *,
    model: str,
    of: Of,
    wanted: Wanted,
    phase: Phase | None = None,
) -> Results:
    """Brings the results of a model's vectors up to date, and has a running App show them.

    ``phase`` is told what is being done. Raises ``ConfigError`` for a view that there is not and for a brain key, field
    or saved view that is somebody else's, before anything is written.
    """
    tell = phase or (lambda _: None)
    names = names_for(model, wanted)
    with workplace(config, name, store, model=model, of=of, names=names, phase=tell) as place:
        _require_free(place, names, wanted)
        made = Results(name, model, of.value, int(place.there.usable.sum()))
        if len(place.there) == 0:
            return replace(made, notes=("There are no vectors yet: run `syncd embed` first.",))
        if wanted.suspects:
            made = replace(made, suspects=judge(place, names, tell))
        shown: Layout | None = None
        if wanted.layout is not None:
            layout, shown = bring_layout(place, names, wanted.layout, wanted.view, tell, refit=wanted.refit)
            made = replace(made, layout=layout)
        if wanted.clusters:
            made = replace(made, clusters=_clusters(place, names, shown, tell))
        changed = made.layout is not None and made.layout.written
        if wanted.similarity or wanted.field is not None:
            changed = bring_field(place, names, tell) > 0 or changed
            made = replace(made, field=place.bearers.path(names.vectors))
        if wanted.similarity:
            changed = bring_similarity(place, names, tell) or changed
            made = replace(made, similarity=names.similarity)
        told = None
        if changed:
            tell("telling the App")
            place.dataset.clear_cache()
            told = refresh_app(config, place.dataset.name)
        return replace(made, notes=tuple(_notes(made, told)))


def names_for(model: str, wanted: Wanted) -> Names:
    """The names of a model's results."""
    view = wanted.view if wanted.view is None or isinstance(wanted.view, str) else getattr(wanted.view, "name", None)
    view = "view" if wanted.view is not None and not view else view
    return Names(model, wanted.layout or "umap", wanted.brain_key, view, wanted.field)


def _require_free(place: Workplace, names: Names, wanted: Wanted) -> None:
    """``ConfigError`` where a key, a field or a view that would be written is somebody else's."""
    for key, asked in ((names.layout, wanted.layout is not None), (names.similarity, wanted.similarity)):
        if asked:
            runs.require_free(place.dataset, key, place.binding.name)
    has_vectors = wanted.similarity or wanted.field is not None
    has_points = wanted.layout is not None and place.bearers.of is Of.SAMPLES
    for field, kind, asked in (
        (names.suspect, "FloatField", wanted.suspects),
        (names.suspect_label, "StringField", wanted.suspects),
        (names.cluster, "StringField", wanted.clusters),
        (names.vectors, "VectorField", has_vectors),
        (names.points, "ListField", has_points),
    ):
        if asked:
            fields.require_kind(place.dataset, place.bearers, field, kind)
    if wanted.suspects:
        require_own_view(place.dataset)


def judge(place: Workplace, names: Names, tell: Phase) -> SuspectsMade:
    """Judges the labels as they are now, and brings their fields and the saved view up to date."""
    from syncd_embedding.suspicion import SUSPECT, duplicates

    tell("judging labels")
    found = judgement(place)
    for field, kind in ((names.suspect, "FloatField"), (names.suspect_label, "StringField")):
        fields.declare(place.dataset, place.bearers, field, kind)
    after = pl.DataFrame(
        {
            "key": found.keys.tolist(),
            names.suspect: [None if isnan(score) else round(score, 3) for score in found.scores.tolist()],
            names.suspect_label: [found.suggestion(row) for row in range(len(found))],
        },
        schema={"key": pl.String, names.suspect: pl.Float64, names.suspect_label: pl.String},
    )
    # Those without a vector lose what earlier vectors said of them.
    joined = place.frame.select("key", "sample_id").join(after, on="key", how="left")
    written = fields.write_differing(place.samples, place.bearers, place.frame, joined)
    save_suspect_view(place.dataset, place.bearers, names.suspect, SUSPECT, place.model)
    labelled = place.frame["label"].drop_nulls().len()
    judged = int(found.judged.sum())
    suspect = int((found.scores[found.judged] >= SUSPECT).sum())
    pairs = duplicates(place.there, place.rows, found)
    return SuspectsMade(names.suspect, judged, suspect, labelled - judged, len(pairs), written)


def _clusters(place: Workplace, names: Names, shown: Layout | None, tell: Phase) -> int:
    from syncd_embedding.clusters import clusters
    from syncd_embedding.layouts import laid_out

    tell("looking for clusters")
    layout = shown if shown is not None else laid_out(place.there, method="pca")
    before = dict(place.frame.select("key", names.cluster).iter_rows())
    found = clusters(layout, known=[before.get(key) for key in layout.keys.tolist()])
    fields.declare(place.dataset, place.bearers, names.cluster, "StringField")
    after = pl.DataFrame(
        {"key": layout.keys.tolist(), names.cluster: found}, schema={"key": pl.String, names.cluster: pl.String}
    )
    rows = place.frame.select("key", "sample_id").join(after, on="key", how="left")
    if names.view is not None:  # what a view does not show keeps its cluster
        rows = rows.filter(pl.col("key").is_in(after["key"].implode()))
    fields.write_differing(place.samples, place.bearers, place.frame, rows)
    return len({each for each in found if each is not None})


def _notes(made: Results, app: str | None) -> list[str]:
    notes = [] if app is None else [app]
    if made.layout is not None and made.layout.placed * 3 > made.layout.points:
        notes.append(
            f"{made.layout.placed:,} of {made.layout.points:,} points of {made.layout.brain_key} were placed after the "
            "layout was made; made anew (--refit) it may show more."
        )
    return notes
