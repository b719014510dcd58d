"""The generated set: always the same, always valid, wrong only on purpose."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from syncd.demo.data import DemoData, order_taxa
from syncd.demo.images import generate
from syncd.demo.organisms import KINDS, draw
from syncd.errors import SetupError


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return generate(tmp_path_factory.mktemp("images"), 120, seed=5)


def test_draws_as_many_images_as_asked_for(data: DemoData) -> None:
    assert len(data.images) == 120
    assert len(data.rows) > 120  # some are frames with several organisms
    assert data.generated
    assert "no real organism" in data.source


def test_the_same_seed_gives_the_same_set(tmp_path: Path) -> None:
    first, second = generate(tmp_path / "a", 20, seed=9), generate(tmp_path / "b", 20, seed=9)
    for one, other in zip(first.rows, second.rows, strict=True):
        assert (one.annotation_id, one.label, one.box, one.depth_m) == (
            other.annotation_id, other.label, other.box, other.depth_m,
        )  # fmt: skip
        assert one.image.read_bytes() == other.image.read_bytes()


def test_another_seed_gives_another_set(tmp_path: Path) -> None:
    first, second = generate(tmp_path / "a", 8, seed=1), generate(tmp_path / "b", 8, seed=2)
    assert not {row.annotation_id for row in first.rows} & {row.annotation_id for row in second.rows}
    assert first.images[0].read_bytes() != second.images[0].read_bytes()


def test_a_smaller_set_holds_the_same_images(tmp_path: Path) -> None:
    large, small = generate(tmp_path / "a", 12, seed=4), generate(tmp_path / "b", 6, seed=4)
    for one, other in zip(small.images, large.images, strict=False):
        assert one.read_bytes() == other.read_bytes()


def test_images_are_small_grey_and_grainy(data: DemoData) -> None:
    for path in data.images:
        with Image.open(path) as image:
            assert image.mode == "L"
            assert min(image.size) >= 24
            assert max(image.size) <= 260
            pixels = np.asarray(image, dtype=float)
        assert np.abs(np.diff(pixels, axis=1)).mean() > 1.5  # sensor noise, even in the water
        assert pixels.min() < 0.9 * np.median(pixels)  # and something in it


def test_boxes_lie_inside_and_hold_what_is_dark(data: DemoData) -> None:
    for row in data.rows:
        x, y, w, h = row.box
        assert x >= 0
        assert y >= 0
        assert w > 0
        assert h > 0
        assert x + w <= 1
        assert y + h <= 1
        with Image.open(row.image) as image:
            assert image.size == (row.width, row.height)


def test_every_class_is_there_and_ids_are_unique(data: DemoData) -> None:
    assert {row.truth for row in data.rows} == {kind.name for kind in KINDS}
    assert set(data.classes) == {kind.name for kind in KINDS}
    assert len({row.annotation_id for row in data.rows}) == len(data.rows)
    assert {uuid.UUID(row.annotation_id).version for row in data.rows} == {5}


def test_some_rows_are_wrong_on_purpose_and_said_to_be(data: DemoData) -> None:
    wrong = [row for row in data.rows if row.label != row.truth]
    assert 0.05 < len(wrong) / len(data.rows) < 0.2
    assert f"{len(wrong)} of {len(data.rows)} labels are wrong" in data.source
    assert not any(row.verified for row in wrong)
    assert any(row.box != row.true_box for row in data.rows)
    assert len(data.unlabelled) >= 2
    assert {one.image for one in data.unlabelled} <= set(data.images)


def test_depths_have_two_decimals_or_are_missing(data: DemoData) -> None:
    depths = [row.depth_m for row in data.rows]
    assert None in depths
    assert all(depth == round(depth, 2) for depth in depths if depth is not None)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_leaves_a_mark(kind: object) -> None:
    assert isinstance(kind, type(KINDS[0]))
    for seed in range(10):
        field = draw(kind, np.random.default_rng(seed))
        assert min(field.shape) >= 8
        assert float(field.max()) > 0.1


def test_an_empty_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="0 images"):
        generate(tmp_path, 0, seed=1)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SetupError, match="file"):
        generate(tmp_path / "file", 3, seed=1)


def test_a_vocabulary_is_ordered_parents_first_and_loops_are_cut() -> None:
    ordered = order_taxa({"Copepoda": "Crustacea", "Crustacea": "Animalia", "a": "b", "b": "a", "unknown": None})
    assert dict(ordered)["Copepoda"] == "Crustacea"
    assert dict(ordered)["Animalia"] is None
    seen: set[str | None] = {None}
    for name, parent in ordered:
        assert parent in seen
        seen.add(name)
    assert len(seen) == len(ordered) + 1
