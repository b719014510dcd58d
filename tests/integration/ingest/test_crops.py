"""Crops: one sample per annotation, cut from its frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from ingest_lab import IngestLab
from syncd.ingest.crops import pixels


def binding(tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {"ingest": {"crops": True} | more, "sample_key": "filepath", "s3": {"cache": str(tmp_path / "cache")}}


def frame_of(lab: IngestLab) -> None:
    """A frame of four quarters, each of its own grey."""
    frame = Image.new("L", (40, 20))
    for index, grey in enumerate((10, 60, 110, 160)):
        frame.paste(grey, ((index % 2) * 20, (index // 2) * 10, (index % 2) * 20 + 20, (index // 2) * 10 + 10))
    frame.save(lab.folder / "frame.png")


def test_each_annotation_becomes_a_sample_that_shows_its_box_and_keeps_its_id(lab: IngestLab, tmp_path: Path) -> None:
    frame_of(lab)
    for index in range(4):
        box = (0.5 * (index % 2), 0.5 * (index // 2), 0.5, 0.5)
        lab.row(f"id {index}", "frame.png", "Diatom", box=box)
    config = lab.config(**binding(tmp_path))
    result = lab.ingest(config)
    assert (result.samples, result.recorded, result.exit_code) == (4, 4, 0)
    for sample in lab.loaded():
        index = int(sample["annotation_id"][-1])
        with Image.open(sample.filepath) as crop:
            assert (crop.size, crop.getextrema()) == ((20, 10), ((10 + 50 * index,) * 2))
        assert (sample.metadata.width, sample.metadata.height, sample["frame"]) == (20, 10, "frame.png")
        assert sample["frame_box"] == [0.5 * (index % 2), 0.5 * (index // 2), 0.5, 0.5]
        assert (sample["ground_truth"].label, sample["ground_truth"]["annotation_id"]) == ("Diatom", f"id {index}")
    again = lab.reconcile(config, full=True)
    assert again.plan is not None
    assert (again.plan.is_empty, again.plan.conflicts, again.plan.counts.first_met) == (True, (), 0)


def test_the_flag_alone_makes_crops_and_reconcile_knows_them_for_what_they_are(lab: IngestLab, tmp_path: Path) -> None:
    frame_of(lab)
    lab.row("one", "frame.png", box=(0.0, 0.0, 0.5, 0.5))
    plain = lab.config(sample_key="filepath", s3={"cache": str(tmp_path / "cache")})
    assert lab.ingest(plain, crops=True).recorded == 1
    lab.row("two", "frame.png", box=(0.5, 0.0, 0.5, 0.5))
    waiting = lab.reconcile(plain, full=True)
    assert waiting.plan is not None
    assert (waiting.plan.counts.not_ingested, waiting.plan.conflicts) == (1, ())
    assert lab.ingest(plain).recorded == 1
    sample = lab.loaded().match({"annotation_id": "two"}).first()
    sample["ground_truth"].label = "Krill"
    sample.save()
    assert lab.reconcile(plain).to_database == 1
    assert lab.sql("SELECT label FROM annotation WHERE annotation_id = 'two'") == [{"label": "Krill"}]


def test_a_box_without_area_and_a_broken_frame_are_faults_of_their_rows_alone(lab: IngestLab, tmp_path: Path) -> None:
    frame_of(lab)
    (lab.folder / "broken.png").write_bytes((lab.folder / "frame.png").read_bytes()[:60])
    lab.row("good", "frame.png", box=(0.1, 0.1, 0.1, 0.1))
    lab.row("flat", "frame.png", box=(0.1, 0.1, 0.0, 0.1))
    lab.row("outside", "frame.png", box=(1.5, 0.1, 0.1, 0.1))
    lab.row("lost", "broken.png", box=(0.1, 0.1, 0.1, 0.1))
    result = lab.ingest(lab.config(**binding(tmp_path)))
    assert (result.recorded, result.fault_counts) == (1, {"no box": 2, "unusable media": 1})
    named = dict(result.faults.select("annotation_id", "media").iter_rows())
    assert named == {"flat": "frame.png", "outside": "frame.png", "lost": "broken.png"}


def test_pixels_are_whole_grown_by_the_margin_and_within_the_frame() -> None:
    assert pixels([0.25, 0.5, 0.5, 0.25], (40, 20), 0.0) == (10, 10, 30, 15)
    assert pixels([0.25, 0.5, 0.5, 0.25], (40, 20), 0.1) == (8, 8, 32, 17)
    assert pixels([-0.1, 0.9, 1.5, 0.5], (40, 20), 0.0) == (0, 18, 40, 20)
    assert pixels([0.3, 0.3, 0.00001, 0.00001], (10, 10), 0.0) == (3, 3, 4, 4)


def test_a_box_that_was_changed_in_the_table_is_cut_again_in_the_same_sample(lab: IngestLab, tmp_path: Path) -> None:
    frame_of(lab)
    lab.row("one", "frame.png", box=(0.0, 0.0, 0.5, 0.5))
    lab.row("two", "frame.png", box=(0.5, 0.0, 0.5, 0.5))
    config = lab.config(**binding(tmp_path))
    assert lab.ingest(config).recut == 0
    before = {str(each["annotation_id"]): str(each.id) for each in lab.loaded()}
    lab.sql("UPDATE annotation SET x = 0.5, y = 0.5 WHERE annotation_id = 'one'")
    assert lab.ingest(config, dry_run=True).recut == 1
    assert lab.ingest(config).recut == 1
    sample = lab.loaded().match({"annotation_id": "one"}).first()
    with Image.open(sample.filepath) as crop:
        assert crop.getextrema() == (160, 160)
    assert (sample["frame_box"], str(sample.id)) == ([0.5, 0.5, 0.5, 0.5], before["one"])
    assert (lab.ingest(config).recut, len(lab.loaded())) == (0, 2)
    assert lab.reconcile(config, full=True).exit_code == 0


def test_a_crop_whose_row_names_another_frame_is_named_until_it_is_cut_anew(lab: IngestLab, tmp_path: Path) -> None:
    frame_of(lab)
    Image.new("L", (40, 20), 200).save(lab.folder / "other.png")
    for index in range(2):
        lab.row(f"id {index}", "frame.png", "Diatom", box=(0.5 * index, 0.0, 0.5, 0.5))
    config = lab.config(**binding(tmp_path))
    assert lab.ingest(config).recorded == 2
    lab.sql("UPDATE annotation SET media_uri = 'other.png' WHERE annotation_id = 'id 1'")

    for full in (False, True):
        found = lab.reconcile(config, full=full).plan
        assert found is not None
        assert [(each.kind, each.annotation_id) for each in found.conflicts] == [("moved", "id 1")]
        assert found.is_empty

    lab.ingest(config)
    sample = lab.loaded().match({"annotation_id": "id 1"}).first()
    with Image.open(sample.filepath) as crop:
        assert (sample["frame"], crop.getextrema()) == ("other.png", (200, 200))
    again = lab.reconcile(config, full=True)
    assert again.plan is not None
    assert (again.plan.is_empty, again.plan.conflicts, again.open_conflicts) == (True, (), 0)
