"""The layout of a dataset, of a view, or of patches: made once, continued, and written as a brain run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.adapters.fiftyone.computed_fields import Of
from syncd.embedding_results import fields, runs
from syncd.embedding_results.names import Names
from syncd.embedding_results.workplace import Phase, Workplace
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd_embedding.layouts import Layout


@dataclass(frozen=True)
class LayoutMade:
    """A layout in FiftyOne; ``placed`` of its points came later than the others. ``written``: it was changed."""

    brain_key: str
    method: str
    points: int
    placed: int
    written: bool


def bring_layout(
    place: Workplace, names: Names, method: str, view: Any, tell: Phase, *, refit: bool = False
) -> tuple[LayoutMade, Layout]:
    """Brings the layout up to date: what is there stays where it is, what is new is placed.

    ``view``: a saved view's name or a view, of which alone the layout is.
    """
    from syncd_embedding.layouts import Layout, laid_out

    among, samples = _shown_in(place, view)
    file = place.folder / f"layout_{names.layout}.npz"
    known = None if refit else Layout.load(file)

    def progress(share: float) -> None:
        tell(f"laying out, {share:.0%}")

    tell("laying out")
    shown = laid_out(place.there, method=method, known=known, among=among, progress=progress)
    points = names.points if place.bearers.of is Of.SAMPLES else None
    same = known is not None and _same(known, shown)
    there = runs.has_results(place.dataset, names.layout)
    has_points = points is None or place.dataset.get_field(points) is not None
    made = LayoutMade(
        names.layout, shown.method.value, len(shown), int((~shown.fitted).sum()), not (same and there and has_points)
    )
    if not made.written:
        return made, shown
    if points is not None:
        tell("writing points")
        known_here = known if there and has_points else None
        rows = _moved(known_here, shown)
        fields.write_points(
            place.dataset, place.samples, place.bearers, points, shown.keys[rows].tolist(), shown.points[rows]
        )
    _write_run(place, names, shown, samples, points)
    shown.save(file)
    return made, shown


def _write_run(place: Workplace, names: Names, shown: Layout, samples: Any, points: str | None) -> None:
    keys = shown.keys.tolist()
    label_ids = None if place.bearers.of is Of.SAMPLES else keys
    sample_of = dict(place.frame.select("key", "sample_id").iter_rows())
    runs.write_layout(
        place.dataset,
        samples,
        names.layout,
        points=shown.points,
        sample_ids=[sample_of[key] for key in keys],
        label_ids=label_ids,
        patches_field=place.bearers.patches_field,
        points_field=points,
        mark={**place.mark, "layout": shown.method.value, "settings": shown.settings},
    )


def _shown_in(place: Workplace, view: Any) -> tuple[list[str] | None, Any]:
    """The keys that a view shows, ``None`` for all, and the samples that the layout is of."""
    if view is None:
        return None, place.dataset
    if isinstance(view, str):
        if not place.dataset.has_saved_view(view):
            there = ", ".join(map(repr, place.dataset.list_saved_views())) or "none"
            raise ConfigError(
                f"{place.dataset.name!r} has no saved view {view!r}; it has {there}.", remedy="Mend --view."
            )
        view = place.dataset.load_saved_view(view)
    if place.bearers.of is Of.SAMPLES:
        return [str(each) for each in view.values("id")], view
    return [str(each) for each in view.values(f"{place.bearers.labels}.id", unwind=True)], view


def _same(known: Layout, shown: Layout) -> bool:
    import numpy as np

    return np.array_equal(known.keys, shown.keys) and np.array_equal(known.points, shown.points)


def _moved(known: Layout | None, shown: Layout) -> Any:
    """The rows of a layout whose points are not the known ones."""
    import numpy as np

    if known is None:
        return np.arange(len(shown))
    at = dict(zip(known.keys.tolist(), map(tuple, known.points.tolist()), strict=True))
    rows = zip(shown.keys.tolist(), shown.points.tolist(), strict=True)
    return np.array([row for row, (key, point) in enumerate(rows) if at.get(key) != tuple(point)], np.intp)
