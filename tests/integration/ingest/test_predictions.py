"""Predictions beside the labels: loaded with new samples, and kept up to date for those that are there."""

from __future__ import annotations

from typing import Any

import pytest

from ingest_lab import IngestLab
from syncd.errors import MappingError

FULL = {
    "field": "predicted",
    "label": "guess",
    "confidence": "score",
    "second_label": "second",
    "second_confidence": "second_score",
}
BOXES: dict[str, Any] = {"predictions": [FULL]}
SINGLE: dict[str, Any] = {"predictions": [FULL], "columns": {"box": None}}
LISTED: dict[str, Any] = {
    "predictions": [FULL],
    "columns": {"box": None},
    "ingest": {"label_type": "Classifications"},
}
SHAPES = pytest.mark.parametrize("binding", [BOXES, SINGLE, LISTED], ids=["boxes", "single", "listed"])


def guess(lab: IngestLab, annotation_id: str, **columns: Any) -> None:
    """The model says something else about an annotation."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    lab.sql(f"UPDATE annotation SET {sets} WHERE annotation_id = :id", id=annotation_id, **columns)


def predictions(lab: IngestLab, field: str = "predicted") -> dict[str, tuple[Any, ...]]:
    """{annotation id: (label, confidence, second-best, its confidence, box)} as the SDK loads them."""
    found = {}
    for sample in lab.loaded():
        held = sample[field]
        names = [name for name in ("detections", "classifications") if held is not None and held.has_field(name)]
        for each in held[names[0]] if names else [held] if held is not None else []:
            box = tuple(each.bounding_box) if each.has_field("bounding_box") else None
            rest = [each[name] if each.has_attribute(name) else None for name in ("second_label", "second_confidence")]
            found[each["annotation_id"]] = (each.label, each.confidence, *rest, box)
    return found


def stamps(lab: IngestLab) -> dict[str, Any]:
    """{media: last_modified_at}."""
    return {each["media_uri"]: each["last_modified_at"] for each in lab.documents()}


@SHAPES
def test_new_samples_come_with_their_predictions(lab: IngestLab, binding: dict[str, Any]) -> None:
    lab.fill(3)
    guess(lab, "a-0000-0", guess="Krill", score=0.75, second="Diatom", second_score=0.25)
    guess(lab, "a-0001-0", guess="Diatom")
    result = lab.ingest(lab.config(**binding))
    box = (0.0, 0.0, 1.0, 1.0) if binding is BOXES else None
    assert predictions(lab) == {
        "a-0000-0": ("Krill", 0.75, "Diatom", 0.25, box),
        "a-0001-0": ("Diatom", None, None, None, box),
    }
    [field] = result.predictions
    assert (field.total, field.added, field.updated, field.removed) == (2, 0, 0, 0)
    assert result.as_json()["predictions"] == {"predicted": {"total": 2, "added": 0, "updated": 0, "removed": 0}}


@SHAPES
def test_what_the_model_says_anew_is_brought_up_to_date(lab: IngestLab, binding: dict[str, Any]) -> None:
    lab.fill(5)
    for number in range(4):
        guess(lab, f"a-{number:04}-0", guess="Krill", score=0.5, second="Diatom", second_score=0.25)
    lab.ingest(lab.config(**binding))
    before = stamps(lab)
    guess(lab, "a-0000-0", guess="Ciliate", score=0.875)
    guess(lab, "a-0001-0", second=None, second_score=None)
    guess(lab, "a-0002-0", guess=None)
    guess(lab, "a-0004-0", guess="Diatom", score=1.0)
    result = lab.ingest(lab.config(**binding))
    [field] = result.predictions
    assert (field.total, field.added, field.updated, field.removed) == (4, 1, 2, 1)
    box = (0.0, 0.0, 1.0, 1.0) if binding is BOXES else None
    assert predictions(lab) == {
        "a-0000-0": ("Ciliate", 0.875, "Diatom", 0.25, box),
        "a-0001-0": ("Krill", 0.5, None, None, box),
        "a-0003-0": ("Krill", 0.5, "Diatom", 0.25, box),
        "a-0004-0": ("Diatom", 1.0, None, None, box),
    }
    after = stamps(lab)
    assert [name for name in before if after[name] == before[name]] == ["image 0003.png"]


@SHAPES
def test_predictions_that_are_as_they_were_are_not_written(lab: IngestLab, binding: dict[str, Any]) -> None:
    lab.fill(3)
    guess(lab, "a-0000-0", guess="Krill", score=1 / 3, second="Diatom", second_score=0.1)
    lab.ingest(lab.config(**binding))
    before = lab.documents()
    [field] = lab.ingest(lab.config(**binding)).predictions
    assert (field.total, field.added, field.updated, field.removed) == (1, 0, 0, 0)
    assert lab.documents() == before


@SHAPES
def test_predictions_that_are_mapped_later_are_added_to_the_samples_that_are_there(
    lab: IngestLab, binding: dict[str, Any]
) -> None:
    lab.fill(3)
    plain = {name: value for name, value in binding.items() if name != "predictions"}
    lab.ingest(lab.config(**plain))
    guess(lab, "a-0002-0", guess="Krill", score=0.5)
    [field] = lab.ingest(lab.config(**binding)).predictions
    assert (field.total, field.added) == (1, 1)
    box = (0.0, 0.0, 1.0, 1.0) if binding is BOXES else None
    assert predictions(lab) == {"a-0002-0": ("Krill", 0.5, None, None, box)}
    assert "predicted" in lab.loaded().get_field_schema()


def test_many_predictions_on_one_sample_are_told_apart_by_their_annotations(lab: IngestLab) -> None:
    lab.fill(2, each=3)
    for index in range(3):
        guess(lab, f"a-0001-{index}", guess=f"class {index}", score=index / 4)
    lab.ingest(lab.config(**BOXES))
    guess(lab, "a-0001-1", guess="changed")
    guess(lab, "a-0001-0", guess=None)
    guess(lab, "a-0000-2", guess="first")
    [field] = lab.ingest(lab.config(**BOXES)).predictions
    assert (field.total, field.added, field.updated, field.removed) == (3, 1, 1, 1)
    found = {key: (value[0], value[1], value[4]) for key, value in predictions(lab).items()}
    assert found == {
        "a-0000-2": ("first", None, (0.2, 0.0, 0.1, 1.0)),
        "a-0001-1": ("changed", 0.25, (0.1, 0.0, 0.1, 1.0)),
        "a-0001-2": ("class 2", 0.5, (0.2, 0.0, 0.1, 1.0)),
    }


def test_what_is_added_to_a_sample_is_what_a_new_sample_gets(lab: IngestLab) -> None:
    lab.fill(2)
    guess(lab, "a-0000-0", guess="Krill", score=0.5, second="Diatom", second_score=0.25)
    lab.ingest(lab.config(**BOXES))
    [new] = lab.documents()[0]["predicted"]["detections"]
    guess(lab, "a-0001-0", guess="Krill", score=0.5, second="Diatom", second_score=0.25)
    lab.ingest(lab.config(**BOXES))
    [later] = lab.documents()[1]["predicted"]["detections"]
    different = {"_id", "annotation_id"}
    assert {name: value for name, value in later.items() if name not in different} == {
        name: value for name, value in new.items() if name not in different
    }


def test_a_box_of_its_own_is_the_predictions_box(lab: IngestLab) -> None:
    lab.sql("ALTER TABLE annotation ADD px float8, ADD py float8, ADD pw float8, ADD ph float8")
    lab.fill(3)
    guess(lab, "a-0000-0", guess="Krill", px=0.25, py=0.25, pw=0.5, ph=0.5)
    guess(lab, "a-0001-0", guess="Diatom", px=0.25)
    binding = {"predictions": [{"field": "predicted", "label": "guess", "box": ["px", "py", "pw", "ph"]}]}
    result = lab.ingest(lab.config(**binding))
    assert predictions(lab) == {"a-0000-0": ("Krill", None, None, None, (0.25, 0.25, 0.5, 0.5))}
    assert result.notes == ("predicted: left out for want of a box: 1, such as that of a-0001-0",)
    guess(lab, "a-0000-0", px=0.125)
    guess(lab, "a-0001-0", py=0.25, pw=0.5, ph=0.5)
    [field] = lab.ingest(lab.config(**binding)).predictions
    assert (field.added, field.updated) == (1, 1)
    assert predictions(lab)["a-0000-0"][4] == (0.125, 0.25, 0.5, 0.5)


def test_a_confidence_beyond_one_is_loaded_and_noted(lab: IngestLab) -> None:
    lab.fill(3)
    guess(lab, "a-0000-0", guess="Krill", score=87.5)
    guess(lab, "a-0001-0", guess="Krill", score=float("nan"))
    guess(lab, "a-0002-0", guess="Krill", score=float("inf"))
    result = lab.ingest(lab.config(**SINGLE))
    assert result.notes == ("predicted: the confidence of 1 is not between 0 and 1, such as 87.5 of a-0000-0",)
    found = {key: value[1] for key, value in predictions(lab).items()}
    assert found == {"a-0000-0": 87.5, "a-0001-0": None, "a-0002-0": None}
    assert (result.recorded, result.exit_code) == (3, 0)


def test_decimal_and_single_precision_confidences_are_equal_to_themselves(lab: IngestLab) -> None:
    lab.sql("ALTER TABLE annotation ALTER score TYPE numeric(6, 4), ALTER second_score TYPE real")
    lab.fill(1)
    guess(lab, "a-0000-0", guess="Krill", score=0.8125, second="Diatom", second_score=0.1)
    lab.ingest(lab.config(**SINGLE))
    assert predictions(lab)["a-0000-0"][:2] == ("Krill", 0.8125)
    [field] = lab.ingest(lab.config(**SINGLE)).predictions
    assert field.updated == 0


def test_a_confidence_that_is_no_number_is_refused_before_anything_is_made(lab: IngestLab) -> None:
    import fiftyone as fo

    lab.fill(1)
    wrong = {"predictions": [{"field": "predicted", "label": "guess", "confidence": "second"}]}
    with pytest.raises(MappingError, match="'second' is text, expected numbers from 0 to 1"):
        lab.ingest(lab.config(**wrong))
    lab.ingest(lab.config())
    with pytest.raises(MappingError, match="'second' is text"):
        lab.ingest(lab.config(**wrong))
    assert fo.dataset_exists(lab.dataset)


def test_a_dry_run_counts_what_would_be_refreshed_and_writes_nothing(lab: IngestLab) -> None:
    lab.fill(3)
    guess(lab, "a-0000-0", guess="Krill")
    guess(lab, "a-0001-0", guess="Krill")
    lab.ingest(lab.config(**BOXES))
    before = lab.documents()
    guess(lab, "a-0000-0", guess="Diatom")
    guess(lab, "a-0001-0", guess=None)
    guess(lab, "a-0002-0", guess="Ciliate")
    [field] = lab.ingest(lab.config(**BOXES), dry_run=True).predictions
    assert (field.added, field.updated, field.removed) == (1, 1, 1)
    assert lab.documents() == before


def test_the_prediction_of_a_removed_row_goes_when_its_annotation_has_gone(lab: IngestLab) -> None:
    lab.fill(60)
    guess(lab, "a-0000-0", guess="Krill")
    config = lab.config(**BOXES)
    lab.ingest(config)
    lab.sql("DELETE FROM annotation WHERE annotation_id = 'a-0000-0'")
    [field] = lab.ingest(config).predictions
    assert (field.removed, set(predictions(lab))) == (0, {"a-0000-0"})
    lab.reconcile(config, full=True)
    [field] = lab.ingest(config).predictions
    assert (field.removed, predictions(lab)) == (1, {})


def test_labels_of_others_in_the_prediction_field_are_left_alone(lab: IngestLab) -> None:
    import fiftyone as fo

    lab.fill(2)
    lab.ingest(lab.config(**SINGLE))
    sample = lab.loaded().match({"media_uri": "image 0000.png"}).first()
    sample["predicted"] = fo.Classification(label="by hand")
    sample.save()
    guess(lab, "a-0000-0", guess="Krill")
    guess(lab, "a-0001-0", guess="Diatom")
    result = lab.ingest(lab.config(**SINGLE))
    [field] = result.predictions
    assert (field.total, field.added) == (1, 1)
    assert result.notes == ("predicted: not added, since the sample is gone or holds another label in this field: 1",)
    assert [each["predicted"].label for each in lab.loaded()] == ["by hand", "Diatom"]


def test_predictions_are_no_annotations(lab: IngestLab) -> None:
    lab.fill(3)
    config = lab.config(**BOXES)
    lab.ingest(config)
    guess(lab, "a-0000-0", guess="Krill")
    lab.ingest(config)
    result = lab.reconcile(config, full=True)
    assert result.plan is not None
    assert (result.plan.is_empty, result.plan.conflicts, lab.sql("SELECT * FROM syncd.change")) == (True, (), [])


def test_a_part_that_is_mapped_later_is_declared_and_filled(lab: IngestLab) -> None:
    lab.fill(1)
    guess(lab, "a-0000-0", guess="Krill", second="Diatom")
    lab.ingest(lab.config(predictions=[{"field": "predicted", "label": "guess"}]))
    lab.ingest(lab.config(predictions=[{"field": "predicted", "label": "guess", "second_label": "second"}]))
    assert predictions(lab)["a-0000-0"][:3] == ("Krill", None, "Diatom")
    assert "predicted.detections.second_label" in lab.loaded().get_field_schema(flat=True)


def test_several_models_each_have_a_field(lab: IngestLab) -> None:
    lab.fill(1)
    guess(lab, "a-0000-0", guess="Krill", second="Diatom")
    both = [{"field": "one", "label": "guess"}, {"field": "two", "label": "second"}]
    result = lab.ingest(lab.config(predictions=both))
    assert [each.field for each in result.predictions] == ["one", "two"]
    assert [predictions(lab, name)["a-0000-0"][0] for name in ("one", "two")] == ["Krill", "Diatom"]


def test_crops_have_their_predictions_too(lab: IngestLab) -> None:
    lab.fill(2, each=2)
    guess(lab, "a-0001-1", guess="Krill", score=0.5)
    config = lab.config(predictions=[FULL])
    lab.ingest(config, crops=True)
    assert predictions(lab) == {"a-0001-1": ("Krill", 0.5, None, None, None)}
    guess(lab, "a-0001-1", guess="Diatom")
    guess(lab, "a-0000-0", guess="Ciliate")
    [field] = lab.ingest(config).predictions
    assert (field.total, field.added, field.updated) == (2, 1, 1)
    assert {key: value[0] for key, value in predictions(lab).items()} == {"a-0001-1": "Diatom", "a-0000-0": "Ciliate"}


def test_a_field_that_holds_something_else_is_refused_and_left_as_it_is(lab: IngestLab) -> None:
    import fiftyone as fo

    lab.fill(1)
    lab.ingest()
    dataset = lab.loaded()
    dataset.add_sample_field("predicted", fo.EmbeddedDocumentField, embedded_doc_type=fo.Polylines)
    with pytest.raises(MappingError, match=r"'predicted' of .* holds Polylines, expected Detections"):
        lab.ingest(lab.config(**BOXES))
    assert dataset.values("predicted") == [None]


def test_an_annotation_whose_id_two_rows_share_keeps_its_prediction(lab: IngestLab) -> None:
    lab.fill(2)
    lab.sql("UPDATE annotation SET guess = 'Krill'")
    lab.ingest(lab.config(**BOXES))
    lab.sql("ALTER TABLE annotation DROP CONSTRAINT annotation_pkey")
    lab.row("a-0000-0", "image 0000.png", guess="Diatom")
    result = lab.ingest(lab.config(**BOXES))
    assert result.fault_counts == {"duplicate id": 2}
    assert {key: value[0] for key, value in predictions(lab).items()} == {"a-0000-0": "Krill", "a-0001-0": "Krill"}
