"""The models in FiftyOne's zoo: listed, loaded and used there, without torchvision."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tiny_vit
from syncd_embedding import Embedder, ModelSettings, zoo
from syncd_embedding.errors import ModelError


@pytest.fixture
def manifest(fiftyone: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSettings:
    """A manifest with a tiny model, which FiftyOne is told of; gives its settings."""
    weights = str(tiny_vit.save_weights(tmp_path))
    settings = ModelSettings(weights, max_side=40, runtime="torch", device="cpu")
    file = tmp_path / "zoo.json"
    file.write_text(json.dumps(zoo.manifest({"tiny": settings})))
    monkeypatch.setattr(fiftyone.config, "model_zoo_manifest_paths", [str(zoo.MANIFEST), str(file)])
    return settings


def test_the_manifest_in_the_package_is_that_of_the_published_models() -> None:
    assert json.loads(zoo.MANIFEST.read_text()) == zoo.manifest(zoo.published())


def test_they_are_listed_where_embeddings_are_made_of(manifest: ModelSettings) -> None:
    import fiftyone.zoo as foz

    names = foz.list_zoo_models(tags="embeddings")
    assert {"syncd-tiny", "syncd-dino_vits8", "syncd-dino_vits8-96", "syncd-dino_vitb8-square-224"} <= set(names)


def test_fiftyone_makes_the_vectors_that_syncd_makes(
    manifest: ModelSettings, fiftyone: ModuleType, tmp_path: Path
) -> None:
    import fiftyone.zoo as foz

    images = tiny_vit.save_images(tmp_path / "images", 7)
    dataset = fiftyone.Dataset()
    dataset.add_samples([fiftyone.Sample(str(path)) for path in images])
    dataset.compute_embeddings(foz.load_zoo_model("syncd-tiny"), embeddings_field="made", batch_size=4)
    made = np.stack(dataset.values("made"))
    assert made.dtype == np.float32
    assert np.allclose(made, Embedder(manifest).images(images), atol=1e-4)
    assert "torchvision" not in sys.modules


def test_settings_may_be_given_when_it_is_loaded(manifest: ModelSettings) -> None:
    import fiftyone.zoo as foz

    model = foz.load_zoo_model("syncd-tiny", max_side=16, pool="both")
    assert model.config.settings.max_side == 16
    assert model.embed(tiny_vit.pixels(30, 50)[:, :, None].repeat(3, axis=2)).shape == (256,)


def test_weights_that_are_not_there_are_told_in_a_sentence(manifest: ModelSettings) -> None:
    import fiftyone.zoo as foz

    with pytest.raises(ModelError, match="weights of dino_vits8 are not on this machine"):
        foz.load_zoo_model("syncd-dino_vits8")
