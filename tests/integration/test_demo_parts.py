"""The demo's lab and dataset agree row by row, and the review really changes both."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa

from syncd.demo import lab
from syncd.demo.data import DemoData
from syncd.demo.dataset import create_dataset
from syncd.demo.images import generate
from syncd.demo.review import play_review
from syncd.errors import DatabaseUnavailable, SetupError

SIZE, SEED = 150, 11
Known = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return generate(tmp_path_factory.mktemp("images"), SIZE, SEED)


@pytest.fixture
def dataset_name() -> str:
    return f"demo-{uuid.uuid4().hex[:8]}"


def _fetch(url: str, query: str) -> list[dict[str, Any]]:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(query)).mappings()]
    finally:
        engine.dispose()


def _lab_rows(url: str) -> Known:
    rows = _fetch(url, "SELECT * FROM public.annotation")
    return {
        str(row["annotation_id"]): {
            "media": row["media_uri"],
            "label": row["label"],
            "box": tuple(row[name] for name in "xywh"),
            "depth": None if row["depth_m"] is None else float(row["depth_m"]),
            "verified": row["verified"],
            "by": row["updated_by"],
            "at": row["updated_at"],
        }
        for row in rows
    }


def _labels(dataset: Any) -> list[tuple[str | None, dict[str, Any]]]:
    dataset.reload()
    return [
        (
            label["annotation_id"] if label.has_field("annotation_id") else None,
            {
                "media": sample.filepath,
                "label": label.label,
                "box": tuple(label.bounding_box),
                "depth": label["depth"] if label.has_field("depth") else None,
                "verified": label["verified"] if label.has_field("verified") else None,
            },
        )
        for sample in dataset
        for label in sample["ground_truth"].detections
    ]


def _known(dataset: Any) -> Known:
    return {key: value for key, value in _labels(dataset) if key is not None}


def _same(rows: Known) -> Known:
    return {key: {name: row[name] for name in row if name not in {"by", "at"}} for key, row in rows.items()}


def test_both_sides_start_equal(database_url: str, fiftyone: ModuleType, data: DemoData, dataset_name: str) -> None:
    lab.create_lab(database_url, data)
    create_dataset(dataset_name, data)
    rows, labels = _lab_rows(database_url), _known(fiftyone.load_dataset(dataset_name))
    assert len(rows) == len(data.rows)
    assert _same(rows) == labels
    assert {row["by"] for row in rows.values()} == {"import"}
    assert {row["media"] for row in rows.values()} == {str(image) for image in data.images}


def test_the_dataset_shows_its_attributes(fiftyone: ModuleType, data: DemoData, dataset_name: str) -> None:
    create_dataset(dataset_name, data)
    dataset = fiftyone.load_dataset(dataset_name)
    schema = dataset.get_field_schema(flat=True)
    for name, field in (
        ("annotation_id", fiftyone.StringField),
        ("depth", fiftyone.FloatField),
        ("verified", fiftyone.BooleanField),
    ):
        assert isinstance(schema[f"ground_truth.detections.{name}"], field)
    assert "ground_truth.detections.annotation_id" in dataset.list_indexes()
    assert dataset.persistent
    assert dataset.info["generated"] is True
    sample = dataset.first()
    assert (sample.metadata.width, sample.metadata.height) == (data.rows[0].width, data.rows[0].height)


def test_the_lab_stamps_each_update_itself(database_url: str, data: DemoData) -> None:
    lab.create_lab(database_url, data)
    before = _lab_rows(database_url)
    key = data.rows[0].annotation_id
    lab.correct_labels(database_url, {key: "Something else"})
    lab.correct_depths(database_url, {key: None})
    after = _lab_rows(database_url)
    assert after[key]["label"] == "Something else"
    assert after[key]["depth"] is None
    assert after[key]["by"] == "curator"
    assert after[key]["at"] > max(row["at"] for row in before.values())
    assert {k: v for k, v in after.items() if k != key} == {k: v for k, v in before.items() if k != key}


def test_an_edit_of_an_unknown_row_changes_nothing(database_url: str, data: DemoData) -> None:
    lab.create_lab(database_url, data)
    before = _lab_rows(database_url)
    with pytest.raises(SetupError, match="no row"):
        lab.correct_labels(database_url, {data.rows[0].annotation_id: "x", str(uuid.uuid4()): "y"})
    with pytest.raises(SetupError, match="no row"):
        lab.delete_annotations(database_url, [str(uuid.uuid4())])
    assert _lab_rows(database_url) == before


def test_the_vocabulary_is_a_tree(database_url: str, data: DemoData) -> None:
    lab.create_lab(database_url, data)
    taxa = {row["name"]: row["parent_name"] for row in _fetch(database_url, "SELECT * FROM public.taxon")}
    assert taxa["Copepoda"] == "Crustacea"
    assert set(data.classes) <= set(taxa)


def test_what_exists_is_left_alone(database_url: str, fiftyone: ModuleType, data: DemoData, dataset_name: str) -> None:
    lab.create_lab(database_url, data)
    with pytest.raises(SetupError, match=r"public\.annotation"):
        lab.create_lab(database_url, data)
    fiftyone.Dataset(dataset_name)
    with pytest.raises(SetupError, match="already exists"):
        create_dataset(dataset_name, data)
    assert len(fiftyone.load_dataset(dataset_name)) == 0


def test_half_a_dataset_is_not_left_behind(
    fiftyone: ModuleType, data: DemoData, dataset_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fiftyone.Dataset, "create_index", interrupt)
    with pytest.raises(KeyboardInterrupt):
        create_dataset(dataset_name, data)
    assert not fiftyone.dataset_exists(dataset_name)


def test_a_database_that_is_not_there_is_named(data: DemoData, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        lab.create_lab(f"postgresql+psycopg2:///x?host={tmp_path}", data)


def test_the_review_is_what_it_says(database_url: str, fiftyone: ModuleType, data: DemoData, dataset_name: str) -> None:
    lab.create_lab(database_url, data)
    create_dataset(dataset_name, data)
    dataset = fiftyone.load_dataset(dataset_name)
    start = _same(_lab_rows(database_url))
    steps = play_review(dataset_name, database_url, data, SEED)
    rows, labels = _lab_rows(database_url), _known(dataset)

    wanted = {"fiftyone": dict(start), "database": dict(start)}
    for step in steps:
        side, key = wanted[step.side], step.annotation_id
        if step.kind == "draw":
            continue
        assert key is not None
        if step.kind == "delete":
            del side[key]
        elif step.kind == "insert":
            side[key] = {
                "media": str(step.image), "label": step.after, "box": step.box,
                "depth": step.depth_m, "verified": True,
            }  # fmt: skip
        else:
            name = "verified" if step.kind == "verify" else step.kind
            side[key] = {**side[key], name: step.after}
    assert _same(rows) == wanted["database"]
    assert labels == wanted["fiftyone"]

    drawn = [step for step in steps if step.kind == "draw"]
    nameless = [value for key, value in _labels(dataset) if key is None]
    assert [(one["media"], one["label"], one["box"]) for one in nameless] == [
        (str(step.image), step.after, step.box) for step in drawn
    ]
    edited = {step.annotation_id for step in steps if step.side == "database" and step.kind != "delete"}
    assert {key for key, row in rows.items() if row["by"] == "curator"} == edited


def test_a_review_of_a_dataset_that_lacks_a_label_says_so(
    database_url: str, fiftyone: ModuleType, data: DemoData, dataset_name: str
) -> None:
    lab.create_lab(database_url, data)
    create_dataset(dataset_name, data)
    fiftyone.load_dataset(dataset_name).clear()
    with pytest.raises(SetupError, match="has no label"):
        play_review(dataset_name, database_url, data, SEED)
