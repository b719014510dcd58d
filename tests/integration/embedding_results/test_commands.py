"""``syncd suspects`` and ``syncd similar``, from images on disk to a page with pictures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import tiny_vit
from syncd.cli.main import app
from worlds import BINDING, World


@dataclass(frozen=True)
class Lab:
    """A world with a model, and its configuration as a file."""

    world: World
    file: Path

    def syncd(self, *arguments: str, exit_code: int = 0) -> str:
        """Calls a command; gives what it printed, and on failure what it said."""
        done = CliRunner().invoke(app, [*arguments, "--config", str(self.file)], env={"COLUMNS": "200"})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == exit_code, done.stderr
        return done.stderr if exit_code else done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.syncd(*arguments, "--json"))


@pytest.fixture
def lab(world: World, fiftyone: ModuleType, tmp_path: Path) -> Lab:
    """A world whose boxes can be embedded by a tiny network of seeded weights."""
    document = world.document(embedding={"model": "tiny", "of": "patches", "layout": None, "similarity": False})
    model = {"weights": str(tiny_vit.save_weights(tmp_path)), "max_side": 32, "runtime": "torch", "device": "cpu"}
    document["embedding"] = {"models": {"tiny": model}, "folder": str(tmp_path / "vectors")}
    file = tmp_path / "syncd.yaml"
    file.write_text(yaml.safe_dump(document))
    return Lab(world, file)


def test_without_vectors_both_commands_say_what_to_run(lab: Lab) -> None:
    said = lab.syncd("suspects", BINDING, exit_code=1)
    assert "There are no vectors of tiny" in said and f"syncd embed {BINDING}" in said
    assert "There are no vectors" in lab.syncd("similar", BINDING, "x", exit_code=1)


def test_suspects_and_what_looks_alike_are_listed_with_pictures(lab: Lab, tmp_path: Path) -> None:
    lab.syncd("embed", BINDING, "--no-suspects")
    page = tmp_path / "suspects.html"
    printed = lab.syncd("suspects", BINDING, "--top", "5", "-o", str(page))
    assert "labels disagree clearly with what looks alike" in printed
    found = lab.json("suspects", BINDING, "--top", "5")
    assert [each["score"] for each in found["rows"]] == sorted((each["score"] for each in found["rows"]), reverse=True)
    assert len(found["rows"]) == 5 and found["field"] == "suspect_tiny" and found["of"] == "patches"
    labels = lab.world.labels()
    assert all(labels[each["annotation_id"]]["label"] == each["label"] for each in found["rows"])
    text = page.read_text()
    assert text.count("data:image/webp;base64,") >= 5 and "<script" not in text
    assert page.stat().st_mode & 0o077 == 0

    first = found["rows"][0]
    alike = lab.json("similar", BINDING, first["annotation_id"], "--top", "3")
    assert len(alike["rows"]) == 3
    assert first["annotation_id"] not in [each["annotation_id"] for each in alike["rows"]]
    assert [each["similarity"] for each in alike["rows"]] == sorted(
        (each["similarity"] for each in alike["rows"]), reverse=True
    )
    printed = lab.syncd("similar", BINDING, first["label_id"], "--top", "3", "-o", str(tmp_path / "alike.html"))
    assert alike["rows"][0]["annotation_id"] in printed
    assert (tmp_path / "alike.html").read_text().count("data:image/webp;base64,") == 3

    # A picture of one of them alone is most like that one.
    sample = lab.world.samples.find_one({"ground_truth.detections._id": lab.world.place(first["annotation_id"])[1]})
    whole = lab.json("similar", BINDING, str(sample["filepath"]), "--top", "2")
    assert len(whole["rows"]) == 2 and whole["asked"] == sample["filepath"]


def test_what_is_neither_an_id_nor_an_image_is_said(lab: Lab, tmp_path: Path) -> None:
    lab.syncd("embed", BINDING, "--no-suspects")
    assert "is no annotation, sample or label" in lab.syncd("similar", BINDING, "nobody", exit_code=2)
    (tmp_path / "text.png").write_text("no image")
    assert "is no image" in lab.syncd("similar", BINDING, str(tmp_path / "text.png"), exit_code=1)
    assert "--of 'boxes' is nothing that has vectors" in lab.syncd("suspects", BINDING, "--of", "boxes", exit_code=2)
    assert "cannot be written" in lab.syncd("suspects", BINDING, "-o", str(tmp_path / "no" / "page.html"), exit_code=2)


def test_a_picture_is_not_compared_with_vectors_of_other_settings(lab: Lab) -> None:
    lab.syncd("embed", BINDING, "--no-suspects")
    document = yaml.safe_load(lab.file.read_text())
    document["embedding"]["models"]["tiny"]["max_side"] = 48
    lab.file.write_text(yaml.safe_dump(document))
    image = str(lab.world.samples.find_one()["filepath"])
    said = lab.syncd("similar", BINDING, image, exit_code=2)
    assert "made with other weights or settings" in said and "syncd embed" in said
