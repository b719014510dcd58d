"""``syncd embed``: which of a binding's images get vectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

import tiny_vit
from syncd.adapters.fiftyone.fast_decode import fetch
from syncd.api.embed import Embedded, EmbedOptions, embed
from syncd.cli.main import app
from syncd.embedding_vectors.target import target
from syncd.engine.session import open_session
from syncd.errors import ConfigError, MappingError
from worlds import BINDING, IMAGES, World

VECTORS_ALONE = {"model": "tiny", "of": "patches", "layout": None, "similarity": False, "suspects": False}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vit.save_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def document(world: World, weights: Path, tmp_path: Path) -> dict[str, Any]:
    model = {"weights": str(weights), "runtime": "torch", "device": "cpu", "max_side": 32}
    return world.document(embedding=VECTORS_ALONE) | {
        "embedding": {"models": {"tiny": model}, "folder": str(tmp_path / "vectors")}
    }


@pytest.fixture
def call(world: World, document: dict[str, Any]) -> Callable[..., Embedded]:
    def run(**options: Any) -> Embedded:
        return embed(world.parse(document), BINDING, EmbedOptions(**options))

    return run


@pytest.fixture
def syncd(document: dict[str, Any], tmp_path: Path) -> Callable[..., Result]:
    def run(*arguments: str, **changed: Any) -> Result:
        file = tmp_path / "syncd.yaml"
        file.write_text(yaml.safe_dump({**document, **changed}))
        return CliRunner().invoke(app, [*arguments, "--config", str(file)], env={"COLUMNS": "200"})

    return run


def test_a_moved_box_is_embedded_again_and_nothing_else(
    world: World, call: Callable[..., Embedded], document: dict[str, Any]
) -> None:
    first = call().vectors
    assert (first.new, first.embedded, first.failed) == (len(world.labels()), len(world.labels()), ())
    again = call().vectors
    assert (again.to_do, again.embedded, again.unchanged) == (0, 0, len(world.labels()))
    moved, erased, *_ = world.labels()
    world.review(moved, bounding_box=[0.1, 0.2, 0.3, 0.4])
    world.erase(erased)
    now = call().vectors
    assert (now.moved, now.embedded, now.gone, now.unchanged) == (1, 1, 1, len(world.labels()) - 1)
    stored = target(world.parse(document), BINDING).store().rows().to_pylist()
    assert {row["key"] for row in stored} == {str(label["_id"]) for label in world.raw_labels()}
    assert [row["box"] for row in stored if row["key"] == str(world.place(moved)[1])] == [[0.1, 0.2, 0.3, 0.4]]


def test_views_tags_and_what_is_new(world: World, call: Callable[..., Embedded], fiftyone: ModuleType) -> None:
    dataset = fiftyone.load_dataset(world.dataset)
    dataset.save_view("three", dataset[:3])
    labels = dataset[:3].values("ground_truth.detections.id", unwind=True)
    assert call(view="three").vectors.embedded == len(labels)
    some = dataset.select_labels(ids=labels[:2])
    assert call(view=some).vectors.unchanged == 2
    assert call(view="three", of="samples").vectors.embedded == 3
    world.samples.update_many({"_id": {"$in": [each._id for each in dataset[3:5]]}}, {"$set": {"tags": ["wanted"]}})
    assert call(tag="wanted", of="samples").vectors.embedded == 2
    assert call(of="samples", only_new=True).vectors.embedded == IMAGES - 5
    with pytest.raises(ConfigError, match="has no saved view 'four'") as caught:
        call(view="four")
    assert "It has 'three'" in str(caught.value)
    other = fiftyone.Dataset(f"{world.dataset}-other")
    try:
        with pytest.raises(MappingError, match="The view is of"):
            call(view=other.view())
    finally:
        other.delete()


def test_what_cannot_be_embedded_is_named_and_costs_nothing_else(
    world: World, syncd: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    first, second = world.samples.find({}, {"_id": 1}).sort("_id").limit(2)
    world.samples.update_one({"_id": first["_id"]}, {"$set": {"filepath": str(tmp_path / "broken.png")}})
    world.samples.update_one({"_id": second["_id"]}, {"$set": {"filepath": str(tmp_path / "nowhere.png")}})
    done = syncd("embed", BINDING, "--of", "samples", "--json")
    assert done.exit_code == 0
    made = json.loads(done.stdout)["vectors"]
    assert made["embedded"] == IMAGES - 2
    assert sorted(each["reason"].split(":")[0] for each in made["failed"]) == [
        "is no image, or of a kind that Pillow does not read",
        "is not there",
    ]
    assert (made["runtime"], made["device"], made["deviation"]) == ("torch", "cpu", 0.0)
    shown = syncd("embed", BINDING, "--of", "samples")
    assert "nothing to embed" not in shown.stdout
    assert "2 samples could not be embedded" in shown.stdout


def test_a_dry_run_says_how_many_and_how_long_and_stores_nothing(
    world: World, syncd: Callable[..., Result], tmp_path: Path
) -> None:
    done = syncd("embed", BINDING, "--dry-run")
    assert done.exit_code == 0
    assert f"{len(world.labels())} patches to embed ({len(world.labels())} new), about " in done.stdout
    assert "Nothing was changed." in done.stdout
    assert not list((tmp_path / "vectors").rglob("*.arrow"))


@pytest.mark.parametrize(
    ("arguments", "changed", "says"),
    [
        (("--model", "tinny"), {}, "There is no model 'tinny'; known are tiny, dino_vits8"),
        (("--of", "frames"), {}, "--of 'frames' is nothing that has vectors."),
        ((), {"embedding": {"models": {"tiny": {"weights": "nowhere.pth"}}}}, "There are no weights at nowhere.pth"),
        ((), {"embedding": {"models": {"other": {}}}}, "the name of a model in embedding.models"),
        (("--device", "cuda:7"), {}, "The device cuda:7 does not work"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_sentence(
    syncd: Callable[..., Result], arguments: tuple[str, ...], changed: dict[str, Any], says: str
) -> None:
    done = syncd("embed", BINDING, *arguments, **changed)
    assert done.exit_code in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_poll_does_not_read_vectors(world: World, call: Callable[..., Embedded], document: dict[str, Any]) -> None:
    document["bindings"][0]["embedding"]["similarity"] = True
    sizes = []
    for _ in range(2):
        with open_session(world.parse(document), BINDING) as session:
            labels = session.fiftyone.labels
            sizes.append(sum(map(len, fetch(world.samples, labels, {}, None, checked=False))))
        call()
    assert "embedding_tiny" in world.raw_labels()[0]
    assert sizes[0] == sizes[1]
    assert not world.reconcile().recorded
