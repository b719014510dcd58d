"""The script of the review: every sort of edit, on different annotations, below the brakes."""

from __future__ import annotations

import uuid
from collections import Counter
from pathlib import Path

import pytest

from syncd.demo.data import WHOLE, DemoData, DemoRow, notice
from syncd.demo.images import generate
from syncd.demo.lab import demo_config
from syncd.demo.review import MINIMUM_ROWS, Step, write
from syncd.errors import SetupError


def _like_the_pack(size: int, classes: int = 9) -> DemoData:
    """One whole-image box per image, more than half of the rows ``unknown``, depths on a few."""
    rows = [
        DemoRow(
            annotation_id=str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))),
            image=Path(f"/pack/{n}.png"),
            label="unknown" if n % 5 < 3 or classes == 1 else f"class {n % (classes - 1)}",
            box=WHOLE,
            depth_m=400.0 if n % 10 == 0 else None,
            verified=None,
            width=80,
            height=60,
        )
        for n in range(size)
    ]
    return DemoData(tuple(rows), tuple(sorted({row.label for row in rows})), generated=False, source="a pack")


def _generated(folder: Path, size: int) -> DemoData:
    return generate(folder, size, seed=2)


def _touched(steps: tuple[Step, ...]) -> set[object]:
    return {step.annotation_id or step.sentence for step in steps}


def _check(data: DemoData, steps: tuple[Step, ...]) -> None:
    rows = {row.annotation_id: row for row in data.rows}
    kinds = Counter((step.side, step.kind) for step in steps)
    for wanted in (
        ("fiftyone", "label"), ("fiftyone", "delete"), ("fiftyone", "box"), ("fiftyone", "draw"),
        ("fiftyone", "verify"), ("database", "label"), ("database", "depth"), ("database", "insert"),
    ):  # fmt: skip
        assert kinds[wanted] >= 1, wanted
    expected = Counter(step.expected for step in steps)
    assert expected["converged"] == expected["edit_edit"] == 2
    assert expected["box_changed"] == 1
    # the default brakes
    assert len(_touched(steps)) < 0.2 * len(data.rows)
    deleted = [step for step in steps if step.kind == "delete"]
    assert len(deleted) < 0.02 * len(data.rows)
    into = Counter(
        (step.annotation_id or step.sentence, step.after) for step in steps if step.kind in {"label", "draw", "insert"}
    )
    assert max(Counter(label for _, label in into).values()) < 0.1 * len(data.rows)
    # each annotation has one story
    by_id: dict[str, list[Step]] = {}
    for step in steps:
        if step.annotation_id is not None:
            by_id.setdefault(step.annotation_id, []).append(step)
    pairs = sorted(sorted(one.kind for one in story) for story in by_id.values() if len(story) > 1)
    assert pairs == [["depth", "label"], ["label", "label"], ["label", "label"]]
    assert all({one.side for one in story} == {"fiftyone", "database"} for story in by_id.values() if len(story) > 1)
    images = Counter(image for image, _ in {(step.image, step.annotation_id) for step in steps})
    assert max(images.values()) == 1
    for annotation_id, story in by_id.items():
        row = rows[annotation_id]
        held = {"label": row.label, "delete": row.label, "box": row.box, "verify": row.verified, "depth": row.depth_m}
        for step in story:
            assert step.before == held[step.kind]
            assert step.after != step.before
            assert step.image == row.image
            assert step.sentence.endswith(".")


@pytest.mark.parametrize("size", [MINIMUM_ROWS, 85, 100, 101, 151, 193, 400])
def test_a_pack_of_any_size(size: int) -> None:
    data = _like_the_pack(size)
    _check(data, write(data, seed=3))


@pytest.mark.parametrize("size", [60, 90, 240])
def test_a_generated_set_of_any_size(tmp_path: Path, size: int) -> None:
    data = _generated(tmp_path, size)
    steps = write(data, seed=3)
    _check(data, steps)
    truth = {row.annotation_id: row.truth for row in data.rows}
    for step in steps:
        # a correction is one: only the curator's half of the disagreement is wrong
        if step.kind == "label" and not (step.side == "database" and step.expected == "edit_edit"):
            assert step.after == truth[step.annotation_id or ""]
        if step.kind == "box":
            assert step.after in {row.true_box for row in data.rows}
        if step.kind in {"draw", "insert"}:
            assert (step.image, step.after, step.box) in {(o.image, o.label, o.box) for o in data.unlabelled}


def test_a_large_set_gets_the_whole_script() -> None:
    steps = write(_like_the_pack(193), seed=0)
    kinds = Counter((step.side, step.kind) for step in steps)
    assert kinds["fiftyone", "label"] == 6 + 3  # and once the same, once against, once beside the curator
    assert kinds["database", "label"] == 4 + 2
    assert kinds["fiftyone", "delete"] == 2
    assert kinds["database", "delete"] == 1


def test_the_same_seed_gives_the_same_script() -> None:
    data = _like_the_pack(120)
    assert write(data, seed=1) == write(data, seed=1)
    assert write(data, seed=1) != write(data, seed=2)


def test_a_small_set_is_refused_with_the_minimum() -> None:
    with pytest.raises(SetupError, match=f"at least {MINIMUM_ROWS} annotations; this set has 59"):
        write(_like_the_pack(59), seed=1)


def test_a_set_of_one_class_is_refused() -> None:
    with pytest.raises(SetupError, match="at least 3 classes"):
        write(_like_the_pack(80, classes=1), seed=1)


def test_many_rows_on_few_images_still_work() -> None:
    data = _like_the_pack(80)
    crowded = DemoData(
        tuple(DemoRow(**{**vars(row), "image": Path("/pack/one.png")}) for row in data.rows),
        data.classes, generated=False, source="one frame",
    )  # fmt: skip
    assert len(_touched(write(crowded, seed=1))) == len(_touched(write(data, seed=1)))


def test_the_notice_says_what_is_made_up(tmp_path: Path) -> None:
    assert "made up" in notice(_like_the_pack(60))
    assert "generated" in notice(_generated(tmp_path, 9))


def test_the_configuration_is_that_of_the_tables() -> None:
    config = demo_config("postgresql://x/y", "mongodb://z", "demo", "plankton")
    (binding,) = config["bindings"]
    assert binding["name"] == "demo"
    assert binding["dataset"] == "plankton"
    assert binding["columns"]["media"] == "media_uri"
    assert config["fiftyone"] == {"database_uri": "mongodb://z", "database_name": "demo"}
