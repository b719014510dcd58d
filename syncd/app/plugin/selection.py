"""Which labels a request of the App means: what was selected there, and how many of what. Pure.

What the App sends differs with what was done and where:

* a label that was clicked in an open sample: ``selected_labels``; it stays selected after the sample is closed;
* a sample that was ticked: ``selected``, or ``selected_samples``; in a grid of patches these are ids of labels;
* points in a lasso: ``extended``, with the stage ``MatchLabels`` where the points are labels and the grid shows
  samples, else with ``Select``; the view that FiftyOne makes of it shows whole samples, with labels that nobody has
  selected;
* the sidebar's filters: ``filters``.

So what is selected is read from the request, and never from the view that is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from syncd.adapters.fiftyone.compat import CLASS, STAGES
from syncd.errors import ConfigError
from syncd.model.text_enum import TextEnum

MATCH_LABELS = f"{STAGES}MatchLabels"
SELECT = f"{STAGES}Select"
TO_PATCHES = f"{STAGES}ToPatches"
OTHER_PATCHES = (f"{STAGES}ToEvaluationPatches",)
NOT_SAMPLES = (f"{STAGES}ToClips", f"{STAGES}ToTrajectories", f"{STAGES}ToFrames")
"""Stages after which a sample of the view is none of the dataset's."""


class Source(TextEnum):
    """Where a selection comes from, in the words of the button."""

    NAMED = "named labels"
    LABELS = "selected labels"
    SAMPLES = "ticked samples"
    PATCHES = "ticked patches"
    LASSO = "lasso"
    FILTERS = "filtered view"
    VIEW = "whole view"
    DATASET = "whole dataset"


class Scope(str, Enum):
    """What an operator is asked to work on."""

    SELECTION = "selection"
    VIEW = "view"


@dataclass(frozen=True)
class Selection:
    """Labels, by their own ids or by those of their samples; neither where all that the view shows is meant.

    ``others`` counts selected labels that are of other fields. ``within_filters``: labels that the sidebar's filters
    leave out are not meant.
    """

    source: Source
    label_ids: tuple[str, ...] | None = None
    sample_ids: tuple[str, ...] | None = None
    others: int = 0
    within_filters: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether the labels are known without asking the dataset."""
        return self.label_ids is not None


class Unselected(ConfigError):
    """Nothing that can be worked on is selected."""


NOTHING = (
    "Nothing is selected. Tick samples or patches, select labels in an open sample, or draw a lasso in the embeddings; "
    "or choose the whole view."
)


def selected(
    request: Mapping[str, Any],
    label_field: str,
    *,
    label_ids: Sequence[str] | None = None,
    scope: Scope = Scope.SELECTION,
) -> Selection:
    """What a request means, for a binding of this label field; ``Unselected`` where it means nothing.

    ``label_ids`` names the labels, whatever is selected.
    """
    if label_ids is not None:
        if not label_ids:
            raise Unselected("No label is named: label_ids is empty.")
        return Selection(Source.NAMED, label_ids=_once(label_ids))
    stages = _stages(request)
    if scope is Scope.VIEW:
        return _view(request, stages)
    return (
        _clicked(request, label_field)
        or _ticked(request, stages, label_field)
        or _lassoed(request, stages, label_field)
        or _nothing()
    )


def _nothing() -> Selection:
    raise Unselected(NOTHING)


def _view(request: Mapping[str, Any], stages: Sequence[str]) -> Selection:
    _check_samples(stages)
    if request.get("filters"):
        return Selection(Source.FILTERS, within_filters=True)
    return Selection(Source.VIEW if stages or request.get("view_name") else Source.DATASET)


def _clicked(request: Mapping[str, Any], label_field: str) -> Selection | None:
    found = [each for each in request.get("selected_labels") or () if isinstance(each, Mapping)]
    if not found:
        return None
    mine = [each for each in found if _is_field(each.get("field"), label_field)]
    if not mine:
        fields = sorted({str(each.get("field")) for each in found})
        raise Unselected(f"The selected labels are of {_listed(fields)}, and syncd keeps {label_field!r} here.")
    return Selection(
        Source.LABELS, label_ids=_once(each.get("label_id") for each in mine), others=len(found) - len(mine)
    )


def _ticked(request: Mapping[str, Any], stages: Sequence[str], label_field: str) -> Selection | None:
    given = request.get("selected_samples") or request.get("selected") or ()
    ids = _once(each.get("id") if isinstance(each, Mapping) else each for each in given)
    return _items(ids, request, stages, label_field, Source.SAMPLES, Source.PATCHES) if ids else None


def _lassoed(request: Mapping[str, Any], stages: Sequence[str], label_field: str) -> Selection | None:
    extended = request.get("extended")
    if not isinstance(extended, Mapping) or not extended:
        return None
    labels = extended.get(MATCH_LABELS)
    if isinstance(labels, Mapping) and labels.get("ids"):
        fields = labels.get("fields")
        named = [fields] if isinstance(fields, str) else [str(each) for each in fields or ()]
        if named and not any(_is_field(each, label_field) for each in named):
            raise Unselected(f"The lasso is around labels of {_listed(named)}, and syncd keeps {label_field!r} here.")
        return Selection(Source.LASSO, label_ids=_once(labels["ids"]))
    items = extended.get(SELECT)
    ids = _once(items.get("sample_ids") or ()) if isinstance(items, Mapping) else ()
    return _items(ids, request, stages, label_field, Source.LASSO, Source.LASSO) if ids else None


def _items(
    ids: tuple[str, ...],
    request: Mapping[str, Any],
    stages: Sequence[str],
    label_field: str,
    samples: Source,
    patches: Source,
) -> Selection:
    """Items of a grid: in one of patches they are labels, in any other all labels of these samples are meant."""
    _check_samples(stages)
    if TO_PATCHES in stages:
        field = _patches_field(request)
        if field is not None and not _is_field(field, label_field):
            raise Unselected(f"The patches are of {field!r}, and syncd keeps {label_field!r} here.")
        return Selection(patches, label_ids=ids)
    source = patches if any(each in stages for each in OTHER_PATCHES) else samples
    return Selection(source, sample_ids=ids, within_filters=bool(request.get("filters")))


def _check_samples(stages: Sequence[str]) -> None:
    found = next((each for each in stages if each in NOT_SAMPLES), None)
    if found is not None:
        name = found.rpartition(".")[2].removeprefix("To").lower()
        raise Unselected(f"The grid shows {name}, and syncd works on labels of samples: leave that view first.")


def _stages(request: Mapping[str, Any]) -> list[str]:
    return [str(each.get(CLASS)) for each in request.get("view") or () if isinstance(each, Mapping)]


def _patches_field(request: Mapping[str, Any]) -> str | None:
    for stage in request.get("view") or ():
        if isinstance(stage, Mapping) and stage.get(CLASS) == TO_PATCHES:
            return next((str(value) for name, value in stage.get("kwargs") or () if name == "field" and value), None)
    return None


def _is_field(named: object, label_field: str) -> bool:
    """Whether the App means the field: it names a list within it too."""
    text = str(named)
    return text == label_field or text.startswith(f"{label_field}.")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


def _once(ids: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(each) for each in ids if each))
