"""Bad rows and bad images: each named, none of them in the way of the others."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ingest_lab import IngestLab
from syncd.errors import SyncdError
from syncd.ingest.result import write_rejected


def reasons(result: Any) -> dict[str, str]:
    return dict(result.faults.select("annotation_id", "reason").iter_rows())


def test_files_that_are_no_whole_images_are_named_and_the_rest_is_loaded(lab: IngestLab) -> None:
    lab.image("good.png")
    for name, mode in (("cut.png", "L"), ("cut.jpg", "RGB")):
        whole = lab.image(name, (64, 64), mode).read_bytes()
        (lab.folder / name).write_bytes(whole[: len(whole) // 2])
    (lab.folder / "text.png").write_text("no image at all")
    (lab.folder / "empty.png").touch()
    for index, name in enumerate(["good.png", "cut.png", "cut.jpg", "text.png", "empty.png", "absent.png"]):
        lab.row(f"id-{index}", name)
    result = lab.ingest()
    assert (result.samples, result.recorded, result.exit_code) == (1, 1, 3)
    assert result.fault_counts == {"unusable media": 4, "missing media": 1}
    assert set(reasons(result)) == {"id-1", "id-2", "id-3", "id-4", "id-5"}


def test_a_jpeg_called_png_is_loaded_as_what_it_is_and_said(lab: IngestLab) -> None:
    Image.new("RGB", (20, 10)).save(lab.folder / "a.png", format="JPEG")
    lab.row("id-1", "a.png")
    result = lab.ingest()
    assert (result.recorded, result.fault_counts) == (1, {})
    assert lab.loaded().first().metadata.mime_type == "image/jpeg"
    assert any("a.png" in note for note in result.notes)


@pytest.mark.parametrize("path", ["../outside.png", "sub/../../outside.png", "/etc/hostname", "gs://bucket/a.png"])
def test_a_path_outside_the_media_root_is_refused(lab: IngestLab, path: str) -> None:
    Image.new("L", (4, 4)).save(lab.folder.parent / "outside.png")
    lab.row("id-1", path)
    lab.image("good.png")
    lab.row("id-2", "good.png")
    result = lab.ingest()
    assert (result.recorded, result.fault_counts) == (1, {"misplaced media": 1})


def test_rows_that_say_different_sizes_of_one_image_are_refused(lab: IngestLab) -> None:
    for name in ("same.png", "apart.png", "wrong.png"):
        lab.image(name, (12, 8))
    lab.row("s-1", "same.png", width_px=12, height_px=8)
    lab.row("s-2", "same.png", width_px=12, height_px=8)
    lab.row("a-1", "apart.png", width_px=12, height_px=8)
    lab.row("a-2", "apart.png", width_px=24, height_px=8)
    lab.row("w-1", "wrong.png", width_px=99, height_px=8)
    result = lab.ingest(lab.config(ingest={"size": ["width_px", "height_px"]}))
    assert (result.samples, result.recorded, result.fault_counts) == (1, 2, {"different sizes": 3})
    assert reasons(result)["w-1"] == "the row says 99 × 8 pixels, the image has 12 × 8"


def test_values_that_would_break_the_dataset_are_refused(lab: IngestLab) -> None:
    for index, label in enumerate(["20240101", "2024-W01", "2024", "Copepoda"]):
        lab.image(f"{index}.png")
        lab.row(f"id-{index}", f"{index}.png", label)
    lab.image("boxless.png")
    lab.row("boxless", "boxless.png", box=(None, 0.1, 0.1, 0.1))
    result = lab.ingest()
    assert (result.recorded, result.fault_counts) == (2, {"unusable value": 3})
    assert "date" in reasons(result)["id-0"]
    assert len(list(lab.loaded())) == 2


def test_two_rows_of_an_image_that_holds_one_label_are_both_refused(lab: IngestLab) -> None:
    lab.image("a.png")
    lab.image("b.png")
    lab.row("a-1", "a.png")
    lab.row("b-1", "b.png")
    lab.row("b-2", "b.png", "Diatom")
    result = lab.ingest(lab.config(columns={"box": None}))
    assert (result.recorded, result.fault_counts) == (1, {"several labels": 2})


def test_rows_without_media_or_with_a_shared_id_are_refused(lab: IngestLab) -> None:
    lab.sql("ALTER TABLE annotation DROP CONSTRAINT annotation_pkey, ALTER annotation_id DROP NOT NULL")
    lab.image("a.png")
    lab.row("good", "a.png")
    lab.row("bare", None)
    lab.row("twice", "a.png")
    lab.row("twice", "a.png")
    lab.rows([{"annotation_id": None, "media_uri": "a.png", "label": "x"}])
    result = lab.ingest()
    assert (result.recorded, result.fault_counts) == (1, {"duplicate id": 2, "no id": 1, "no media": 1})


def test_a_hundred_bad_rows_of_many_are_listed_in_a_file(lab: IngestLab, tmp_path: Path) -> None:
    lab.fill(300)
    lab.sql("UPDATE annotation SET media_uri = '../' || media_uri WHERE annotation_id < 'a-0100'")
    result = write_rejected(lab.ingest(batch=50), tmp_path / "rejected.csv")
    assert (result.recorded, result.faults.height) == (200, 100)
    with (tmp_path / "rejected.csv").open(newline="") as stream:
        listed = list(csv.DictReader(stream))
    assert {row["annotation_id"] for row in listed} == {f"a-{number:04}-0" for number in range(100)}
    assert all(row["kind"] == "misplaced media" and row["reason"] for row in listed)
    assert result.as_json()["faults"]["file"] == str(tmp_path / "rejected.csv")  # type: ignore[index,call-overload]


def test_rows_that_were_mended_are_loaded_by_the_next_call(lab: IngestLab) -> None:
    lab.row("id-1", "late.png")
    assert lab.ingest().fault_counts == {"missing media": 1}
    lab.image("late.png")
    assert (lab.ingest().recorded, lab.reconcile(full=True).exit_code) == (1, 0)


def test_labels_outside_the_vocabulary_are_loaded_and_reported_with_the_nearest_terms(lab: IngestLab) -> None:
    lab.fill(3)
    lab.image("t.png")
    lab.row("typo", "t.png", "Copepda")
    result = lab.ingest(lab.config(vocabulary={"classes": ["Copepoda", "Diatom", "Ciliate"]}))
    assert result.recorded == 4
    assert [(each.label, each.rows, each.nearest[0]) for each in result.unknown] == [("Copepda", 1, "Copepoda")]


def test_labels_outside_the_vocabulary_are_refused_where_the_binding_says_so(lab: IngestLab) -> None:
    lab.fill(3)
    lab.image("t.png")
    lab.row("typo", "t.png", "Copepda")
    strict: dict[str, Any] = {
        "vocabulary": {"classes": ["Copepoda", "Diatom", "Ciliate"]},
        "ingest": {"unknown_labels": "refuse"},
    }
    result = lab.ingest(lab.config(**strict))
    assert (result.recorded, result.fault_counts) == (3, {"unknown label": 1})
    assert "Copepoda" in reasons(result)["typo"]


def test_a_media_root_that_is_not_there_stops_the_ingest_before_anything_is_made(lab: IngestLab) -> None:
    import fiftyone as fo

    lab.row("id-1", "a.png")
    with pytest.raises(SyncdError, match="nowhere"):
        lab.ingest(lab.config(ingest={"media": str(lab.folder / "nowhere")}))
    assert lab.dataset not in fo.list_datasets()
