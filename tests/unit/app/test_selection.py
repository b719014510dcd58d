"""Which labels a request of the App means, told from requests as the App sends them."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.app.plugin.selection import NOTHING, Scope, Source, Unselected, selected

FIELD = "ground_truth"
L1, L2, L3 = ("6b03b0790000000000000001", "6b03b0790000000000000002", "6b03b0790000000000000003")
S1, S2 = ("6b03b0790000000000000011", "6b03b0790000000000000012")
EMPTY: dict[str, Any] = {
    "view": [],
    "filters": {},
    "extended": None,
    "selected": [],
    "selected_samples": [],
    "selected_labels": [],
    "extended_selection": {"selection": None},
    "current_sample": None,
}
PATCHES = [
    {
        "_cls": "fiftyone.core.stages.ToPatches",
        "kwargs": [["field", FIELD], ["_state", {"name": "2026.12.01.00.00.00"}]],
        "_uuid": "c0ffee",
    }
]
LASSO_OF_LABELS = {
    "fiftyone.core.stages.MatchLabels": {
        "ids": [L1, L2],
        "fields": [FIELD],
        "bool": True,
        "filter": None,
        "labels": None,
        "tags": None,
    }
}


def lasso(*ids: str) -> dict[str, Any]:
    return {"fiftyone.core.stages.Select": {"sample_ids": list(ids), "ordered": False}}


def clicked(label: str, field: str = FIELD) -> dict[str, Any]:
    return {"field": field, "label_id": label, "sample_id": S1, "instance": None}


def test_labels_clicked_in_an_open_sample_are_those() -> None:
    found = selected(EMPTY | {"selected_labels": [clicked(L1), clicked(L2), clicked(L1)]}, FIELD)
    assert (found.source, found.label_ids, found.others) == (Source.LABELS, (L1, L2), 0)


def test_a_lasso_of_labels_over_a_grid_of_samples_means_the_labels_and_not_their_samples() -> None:
    found = selected(EMPTY | {"extended": LASSO_OF_LABELS}, FIELD)
    assert (found.source, found.label_ids, found.sample_ids) == (Source.LASSO, (L1, L2), None)


def test_a_lasso_over_a_grid_of_patches_names_labels_although_it_says_samples() -> None:
    found = selected(EMPTY | {"view": PATCHES, "extended": lasso(L1, L3)}, FIELD)
    assert (found.source, found.label_ids) == (Source.LASSO, (L1, L3))


def test_a_lasso_of_samples_means_all_their_labels_that_the_filters_leave() -> None:
    found = selected(EMPTY | {"extended": lasso(S1, S2)}, FIELD)
    assert (found.source, found.label_ids, found.sample_ids) == (Source.LASSO, None, (S1, S2))
    assert not found.within_filters
    assert selected(EMPTY | {"extended": lasso(S1), "filters": {"ground_truth.label": {}}}, FIELD).within_filters


@pytest.mark.parametrize(
    "ticked", [{"selected": [S1, S2]}, {"selected_samples": [{"id": S1, "type": "default"}, {"id": S2, "type": "alt"}]}]
)
def test_ticked_samples_mean_their_labels(ticked: dict[str, Any]) -> None:
    found = selected(EMPTY | ticked, FIELD)
    assert (found.source, found.sample_ids) == (Source.SAMPLES, (S1, S2))


def test_ticked_patches_are_labels() -> None:
    found = selected(EMPTY | {"view": PATCHES, "selected": [L2]}, FIELD)
    assert (found.source, found.label_ids) == (Source.PATCHES, (L2,))


def test_the_view_is_meant_by_choice_alone() -> None:
    with pytest.raises(Unselected, match="Nothing is selected") as caught:
        selected(EMPTY | {"filters": {"ground_truth.label": {"values": ["Copepoda"]}}}, FIELD)
    assert caught.value.message == NOTHING
    whole = selected(EMPTY | {"extended": LASSO_OF_LABELS}, FIELD, scope=Scope.VIEW)
    assert (whole.source, whole.label_ids, whole.sample_ids) == (Source.DATASET, None, None)
    filtered = selected(EMPTY | {"filters": {"ground_truth.label": {}}}, FIELD, scope=Scope.VIEW)
    assert (filtered.source, filtered.within_filters) == (Source.FILTERS, True)
    view = [{"_cls": "fiftyone.core.stages.MatchTags", "kwargs": []}]
    assert selected(EMPTY | {"view": view}, FIELD, scope=Scope.VIEW).source is Source.VIEW


def test_what_is_nearer_to_the_hand_comes_first() -> None:
    request = EMPTY | {"selected_labels": [clicked(L3)], "selected": [S1], "extended": LASSO_OF_LABELS}
    assert selected(request, FIELD).source is Source.LABELS
    assert selected(request | {"selected_labels": []}, FIELD).source is Source.SAMPLES
    assert selected(request | {"selected_labels": [], "selected": []}, FIELD).source is Source.LASSO
    assert selected(request, FIELD, label_ids=[L1, L1]).label_ids == (L1,)


def test_labels_of_other_fields_are_counted_and_left_out_and_of_other_fields_alone_refused() -> None:
    found = selected(EMPTY | {"selected_labels": [clicked(L1), clicked(L2, "predictions")]}, FIELD)
    assert (found.label_ids, found.others) == ((L1,), 1)
    with pytest.raises(Unselected, match="'predictions'"):
        selected(EMPTY | {"selected_labels": [clicked(L2, "predictions")]}, FIELD)
    other = {"fiftyone.core.stages.MatchLabels": {"ids": [L1], "fields": ["predictions"]}}
    with pytest.raises(Unselected, match="lasso is around labels of 'predictions'"):
        selected(EMPTY | {"extended": other}, FIELD)
    patches = [PATCHES[0] | {"kwargs": [["field", "predictions"]]}]
    with pytest.raises(Unselected, match="patches are of 'predictions'"):
        selected(EMPTY | {"view": patches, "selected": [L1]}, FIELD)


@pytest.mark.parametrize("stage", ["ToFrames", "ToClips"])
def test_a_grid_of_what_is_no_sample_is_refused(stage: str) -> None:
    view = [{"_cls": f"fiftyone.core.stages.{stage}", "kwargs": []}]
    with pytest.raises(Unselected, match="leave that view first"):
        selected(EMPTY | {"view": view, "selected": [S1]}, FIELD)
    with pytest.raises(Unselected, match="leave that view first"):
        selected(EMPTY | {"view": view}, FIELD, scope=Scope.VIEW)


def test_a_list_of_no_labels_is_refused_and_means_nothing_else() -> None:
    with pytest.raises(Unselected, match="label_ids is empty"):
        selected(EMPTY | {"selected": [S1]}, FIELD, label_ids=[])
