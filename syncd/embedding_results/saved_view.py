"""The saved view of suspect labels."""

from __future__ import annotations

from typing import Any

from syncd.adapters.fiftyone.computed_fields import Bearers, Of
from syncd.embedding_results.names import SUSPECT_VIEW
from syncd.errors import ConfigError

MADE_BY = "Made by syncd"
"""How the description of a view of syncd's begins; one that begins otherwise is somebody else's."""


def require_own_view(dataset: Any) -> None:
    """``ConfigError`` where a view of this name is somebody else's."""
    if not dataset.has_saved_view(SUSPECT_VIEW):
        return
    described = dataset.get_saved_view_info(SUSPECT_VIEW).get("description") or ""
    if not described.startswith(MADE_BY):
        raise ConfigError(
            f"{dataset.name!r} has a saved view {SUSPECT_VIEW!r} that syncd did not make.",
            remedy=f"Rename it: dataset.update_saved_view_info({SUSPECT_VIEW!r}, {{'name': …}})",
        )


def save_suspect_view(dataset: Any, bearers: Bearers, field: str, least: float, model: str) -> None:
    """Saves the view of the labels whose score is ``least`` or more, the most suspect first.

    ``ConfigError`` where a view of this name is somebody else's.
    """
    from fiftyone import ViewField

    require_own_view(dataset)
    if bearers.of is Of.SAMPLES:
        view = dataset.match(ViewField(field) >= least).sort_by(field, reverse=True)
    else:
        view = dataset.filter_labels(bearers.label_field, ViewField(field) >= least)
        view = view.sort_by(ViewField(bearers.path(field)).max(), reverse=True)
    description = f"{MADE_BY}: labels that disagree with what looks alike to {model} ({field} of {least} and more)"
    dataset.save_view(SUSPECT_VIEW, view, description=description, overwrite=True)
