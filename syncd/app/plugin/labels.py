"""The labels of a selection, by asking the dataset as little as needed.

``dataset`` and views are FiftyOne's own objects, of the request that is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.adapters.fiftyone.compat import Private, private
from syncd.app.plugin.selection import Selection, Source, Unselected

MOST = 100_000
"""Labels that one operator takes: what is more belongs into a plan, which can be looked at before it is applied."""


@dataclass(frozen=True)
class Chosen:
    """The labels that are meant, by FiftyOne's own ids. ``others``: selected, and of other fields."""

    source: Source
    label_ids: tuple[str, ...]
    others: int = 0

    def as_json(self) -> dict[str, Any]:
        """For the answer of an operator."""
        return {"source": str(self.source), "labels": len(self.label_ids), "other_fields": self.others}

    @property
    def words(self) -> str:
        """For buttons and sentences: ``312 labels (lasso)``."""
        count = len(self.label_ids)
        return f"{count:,} label{'' if count == 1 else 's'} ({self.source})"


def labels_of(selection: Selection, request: Mapping[str, Any], dataset: Any, label_field: str) -> Chosen:
    """The ids of the labels; ``Unselected`` where there is none, or more than :data:`MOST`."""
    ids = selection.label_ids
    if ids is None:
        view = _base(request, dataset, filtered=selection.within_filters)
        if selection.sample_ids is not None:
            view = view.select(list(selection.sample_ids))
        found = view.values(f"{path_of(view, label_field)}.id", unwind=True)
        ids = tuple(dict.fromkeys(str(each) for each in found if each))
    if not ids:
        raise Unselected(f"The {selection.source} hold{_s(selection.source)} no label of {label_field!r}.")
    if len(ids) > MOST:
        raise Unselected(
            f"{len(ids):,} labels are meant, and one step takes at most {MOST:,}: narrow the selection, or give the "
            "class in the database and let syncd carry it."
        )
    return Chosen(selection.source, ids, selection.others)


def path_of(view: Any, label_field: str) -> str:
    """Where the labels stand in the view's samples: a view of patches holds each on its own, under the same name."""
    schema = view.get_field_schema()
    field = schema.get(label_field)
    if field is None:
        raise Unselected(f"The view has no field {label_field!r}: it was left out, or is of another dataset.")
    inner: dict[str, Any] = getattr(field, "get_field_schema", dict)()
    listed = next((name for name in ("detections", "classifications") if name in inner), None)
    return f"{label_field}.{listed}" if listed else label_field


def _base(request: Mapping[str, Any], dataset: Any, *, filtered: bool) -> Any:
    """The view that the App shows, without the lasso: that one shows whole samples."""
    fosv = private(Private.SERVER_VIEWS)
    name = request.get("view_name")
    stages = request.get("view")
    view = fosv.get_view(dataset, stages=stages) if name is None else dataset.load_saved_view(name)
    filters = request.get("filters") if filtered else None
    return fosv.get_extended_view(view, filters) if filters else view


def _s(source: Source) -> str:
    return "" if str(source).endswith("s") else "s"
