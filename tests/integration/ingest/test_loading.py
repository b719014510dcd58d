"""What an ingest makes of a table and a folder of images."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingest_lab import IngestLab
from syncd.ingest.result import IngestError


def check_agreement(lab: IngestLab, **binding: Any) -> None:
    """The next reconcile reads everything and finds nothing to do."""
    result = lab.reconcile(lab.config(**binding), full=True)
    assert result.plan is not None
    assert (result.plan.is_empty, result.plan.conflicts, result.recorded) == (True, (), ())
    assert result.plan.counts.first_met == 0


def test_each_image_becomes_a_sample_with_its_labels_ids_attributes_and_metadata(lab: IngestLab) -> None:
    lab.image("a b.png", (30, 20))
    lab.row("id-1", "a b.png", "Copepoda", box=(0.1, 0.2, 0.3, 0.4), depth_m=Decimal("3.25"), verified=True)
    lab.row("id-2", "a b.png", "Diatom", box=(0.5, 0.5, 0.25, 0.25))
    result = lab.ingest()
    assert (result.created, result.rows, result.new, result.samples, result.recorded) == (True, 2, 2, 1, 2)
    assert result.exit_code == 0
    dataset = lab.loaded()
    assert (dataset.persistent, dataset.media_type, len(dataset)) == (True, "image", 1)
    sample = dataset.first()
    assert (sample.filepath, sample["media_uri"]) == (str(lab.folder / "a b.png"), "a b.png")
    metadata = sample.metadata
    assert (metadata.width, metadata.height, metadata.num_channels, metadata.mime_type) == (30, 20, 1, "image/png")
    assert metadata.size_bytes == (lab.folder / "a b.png").stat().st_size
    first, second = sorted(sample["ground_truth"].detections, key=lambda each: str(each["annotation_id"]))
    assert (first.label, first.bounding_box, first["annotation_id"]) == ("Copepoda", [0.1, 0.2, 0.3, 0.4], "id-1")
    assert (first["depth"], first["verified"]) == (3.25, True)
    assert (second.label, second["annotation_id"], second.has_attribute("depth")) == ("Diatom", "id-2", False)
    check_agreement(lab)


@pytest.mark.parametrize("key", ["media_uri", "filepath"])
def test_an_image_that_a_mac_has_named_is_loaded_for_the_composed_name_of_its_row(lab: IngestLab, key: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Größe.png") for form in ("NFC", "NFD"))
    lab.image(decomposed)
    lab.row("id-1", composed if key == "media_uri" else f"{lab.folder}/{composed}")
    result = lab.ingest(lab.config(sample_key=key))
    assert (result.samples, result.recorded, result.faults.height, result.removed) == (1, 1, 0, ())
    assert lab.loaded().first().filepath == f"{lab.folder}/{decomposed}"
    check_agreement(lab, sample_key=key)
    again = lab.ingest(lab.config(sample_key=key))
    assert (again.new, again.samples, again.removed) == (0, 0, ())


def test_boxes_that_are_pixels_are_named_and_the_others_loaded(lab: IngestLab) -> None:
    for name in ("a.png", "b.png", "c.png"):
        lab.image(name)
    lab.row("id-1", "a.png", box=(100, 50, 200, 100))
    lab.row("id-2", "b.png", box=(-0.1, 0.2, 1.3, 0.5))
    lab.row("id-3", "c.png")
    result = lab.ingest()
    assert (result.samples, result.recorded) == (2, 2)
    (fault,) = result.faults.rows(named=True)
    assert (fault["annotation_id"], fault["kind"]) == ("id-1", "pixels for a box")
    assert "the box (100, 50, 200, 100) is not relative to its image" in fault["reason"]
    check = lab.reconcile(full=True)
    assert check.plan is not None
    assert [(each.kind, each.annotation_id) for each in check.plan.conflicts] == []


def test_what_is_stored_is_what_the_sdk_itself_would_store(lab: IngestLab) -> None:
    import fiftyone as fo

    lab.image("a.png")
    lab.row("id-1", "a.png", depth_m=Decimal("1.5"), verified=False)
    lab.ingest()
    [ours] = lab.documents()
    label = fo.Detection(
        label="Copepoda", bounding_box=[0.0, 0.0, 1.0, 1.0], annotation_id="id-1", depth=1.5, verified=False
    )
    dataset = lab.loaded()
    dataset.add_sample(
        fo.Sample(filepath=str(lab.image("b.png")), media_uri="b.png", ground_truth=fo.Detections(detections=[label]))
    )
    dataset.compute_metadata()
    theirs = lab.documents()[1]

    def shape(document: Any) -> Any:
        if isinstance(document, dict):
            return {name: shape(value) for name, value in document.items()}
        return [shape(each) for each in document] if isinstance(document, list) else type(document)

    assert shape(ours) == shape(theirs)
    assert {key: ours["metadata"][key] for key in ("width", "height", "num_channels", "mime_type")} == {
        key: theirs["metadata"][key] for key in ("width", "height", "num_channels", "mime_type")
    }


def test_the_dataset_has_the_indexes_and_fields_that_syncd_and_the_app_need(lab: IngestLab) -> None:
    lab.image("a.png")
    lab.row("id-1", "a.png")
    lab.ingest()
    dataset = lab.loaded()
    assert {"ground_truth.detections.annotation_id", "media_uri", "last_modified_at"} <= set(dataset.list_indexes())
    schema = dataset.get_field_schema(flat=True)
    for path in ("ground_truth.detections.annotation_id", "ground_truth.detections.depth", "metadata.width"):
        assert path in schema


def test_one_label_per_image_without_a_box_makes_classifications(lab: IngestLab) -> None:
    lab.fill(3)
    binding: dict[str, Any] = {"columns": {"box": None}}
    result = lab.ingest(lab.config(**binding))
    assert result.recorded == 3
    sample = lab.loaded().match({"media_uri": "image 0001.png"}).first()
    assert (type(sample["ground_truth"]).__name__, sample["ground_truth"].label) == ("Classification", "Diatom")
    assert sample["ground_truth"]["annotation_id"] == "a-0001-0"
    check_agreement(lab, **binding)


def test_several_labels_per_image_without_boxes_are_classifications_where_the_binding_says_so(lab: IngestLab) -> None:
    lab.fill(2, each=2)
    binding: dict[str, Any] = {"columns": {"box": None}, "ingest": {"label_type": "Classifications"}}
    assert lab.ingest(lab.config(**binding)).recorded == 4
    assert [len(each["ground_truth"].classifications) for each in lab.loaded()] == [2, 2]
    check_agreement(lab, **binding)


def test_a_second_ingest_adds_nothing_and_writes_nothing(lab: IngestLab) -> None:
    lab.fill(5, each=2)
    lab.ingest()
    before = lab.documents()
    again = lab.ingest()
    assert (again.created, again.new, again.samples, again.recorded) == (False, 0, 0, 0)
    assert lab.documents() == before


def test_new_rows_appear_on_the_next_ingest_on_new_and_on_known_images(lab: IngestLab) -> None:
    lab.fill(3)
    lab.ingest()
    lab.image("new.png")
    lab.row("n-1", "new.png")
    lab.row("n-2", "image 0000.png", "Ciliate", box=(0.5, 0.5, 0.2, 0.2))
    result = lab.ingest()
    assert (result.new, result.samples, result.recorded) == (2, 1, 2)
    known = lab.loaded().match({"media_uri": "image 0000.png"}).first()
    assert sorted(each["annotation_id"] for each in known["ground_truth"].detections) == ["a-0000-0", "n-2"]
    check_agreement(lab)


def test_small_batches_load_the_same_as_one_large_one(lab: IngestLab) -> None:
    lab.fill(7, each=2)
    result = lab.ingest(batch=2)
    assert (result.samples, result.recorded) == (7, 14)
    check_agreement(lab)


def test_a_limit_adds_so_many_images_and_the_next_call_goes_on(lab: IngestLab) -> None:
    lab.fill(5, each=2)
    first = lab.ingest(limit=2)
    assert (first.samples, first.recorded, first.waiting) == (2, 4, 6)
    rest = lab.ingest()
    assert (rest.new, rest.samples, rest.recorded) == (6, 3, 6)
    check_agreement(lab)


def test_a_dry_run_says_what_would_be_loaded_and_makes_nothing(lab: IngestLab) -> None:
    import fiftyone as fo

    lab.fill(3, each=2)
    lab.row("bad", "absent.png")
    result = lab.ingest(dry_run=True)
    assert (result.new, result.samples, result.recorded, result.fault_counts) == (7, 3, 6, {"missing media": 1})
    assert lab.dataset not in fo.list_datasets()
    assert lab.sql("SELECT * FROM syncd.run") == lab.sql("SELECT * FROM syncd.baseline") == []


def test_labels_that_were_there_before_are_met_and_not_added_again(lab: IngestLab) -> None:
    import fiftyone as fo

    lab.fill(2)
    dataset = fo.Dataset(lab.dataset, persistent=True)
    label = fo.Detection(label="Copepoda", bounding_box=[0.0, 0.0, 1.0, 1.0], annotation_id="a-0000-0")
    image = str(lab.folder / "image 0000.png")
    sample = fo.Sample(filepath=image, media_uri="image 0000.png", ground_truth=fo.Detections(detections=[label]))
    dataset.add_sample(sample, dynamic=True)
    result = lab.ingest()
    assert (result.created, result.samples, result.recorded) == (False, 1, 2)
    assert [len(each["ground_truth"].detections) for each in lab.loaded()] == [1, 1]
    check_agreement(lab)


def test_media_that_are_gone_are_reported_and_nothing_is_deleted(lab: IngestLab) -> None:
    lab.fill(3)
    lab.ingest()
    (lab.folder / "image 0001.png").unlink()
    lab.image("nobody.png")
    result = lab.ingest()
    assert result.removed == (str(lab.folder / "image 0001.png"),)
    assert (result.unnamed, result.exit_code, len(lab.loaded())) == (1, 3, 3)


def test_absolute_paths_need_no_media_root_and_can_be_the_samples_own(lab: IngestLab) -> None:
    path = lab.image("a.png")
    lab.row("id-1", str(path))
    binding: dict[str, Any] = {"sample_key": "filepath", "ingest": {"media": None}}
    assert lab.ingest(lab.config(**binding)).recorded == 1
    assert lab.loaded().first().filepath == str(path)
    check_agreement(lab, **binding)


@pytest.mark.parametrize("name", ["Grüße & Küsse #1.png", "日本語 %20.png", "e\u0301.png", "'; DROP TABLE x.png"])
def test_odd_names_are_loaded_as_they_are(lab: IngestLab, name: str) -> None:
    lab.image(name)
    lab.row("id-1", name)
    assert lab.ingest().recorded == 1
    assert Path(lab.loaded().first().filepath).exists()
    check_agreement(lab)


def test_an_edit_after_an_ingest_is_an_edit_like_any_other(lab: IngestLab) -> None:
    lab.fill(3)
    lab.ingest()
    sample = lab.loaded().first()
    sample["ground_truth"].detections[0].label = "Krill"
    sample.save()
    annotation_id = sample["ground_truth"].detections[0]["annotation_id"]
    result = lab.reconcile()
    assert (result.to_database, result.to_fiftyone) == (1, 0)
    assert lab.sql("SELECT label FROM annotation WHERE annotation_id = :id", id=annotation_id) == [{"label": "Krill"}]


def test_a_label_field_that_an_existing_dataset_lacks_is_added_to_it(lab: IngestLab) -> None:
    import fiftyone as fo

    lab.fill(2)
    dataset = fo.Dataset(lab.dataset, persistent=True)
    dataset.add_sample(fo.Sample(filepath=str(lab.folder / "image 0000.png"), media_uri="image 0000.png"))
    result = lab.ingest()
    assert (result.samples, result.recorded) == (1, 2)
    assert [len(each["ground_truth"].detections) for each in lab.loaded()] == [1, 1]
    check_agreement(lab)


def test_a_dataset_that_was_dropped_is_made_again_only_on_demand(lab: IngestLab) -> None:
    import fiftyone as fo

    lab.fill(3, each=2)
    lab.ingest()
    lab.reconcile()
    fo.delete_dataset(lab.dataset)
    with pytest.raises(IngestError, match="6 annotations are known") as refused:
        lab.ingest()
    assert "--anew" in str(refused.value.remedy)
    assert lab.dataset not in fo.list_datasets()
    result = lab.ingest(anew=True)
    assert (result.created, result.samples, result.recorded) == (True, 3, 6)
    check_agreement(lab)
    assert lab.reconcile().held is None


def test_samples_that_were_there_before_get_the_metadata_that_they_lack(lab: IngestLab) -> None:
    import fiftyone as fo

    lab.fill(2)
    dataset = fo.Dataset(lab.dataset, persistent=True)
    dataset.add_sample(fo.Sample(filepath=str(lab.folder / "image 0000.png"), media_uri="image 0000.png"))
    assert lab.ingest().metadata == 1
    assert [(each.metadata.width, each.metadata.height) for each in lab.loaded()] == [(12, 8), (12, 8)]
    assert lab.ingest().metadata == 0
