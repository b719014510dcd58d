"""The models in FiftyOne's model zoo: wherever it offers models, it offers these.

FiftyOne reads a manifest that ``FIFTYONE_MODEL_ZOO_MANIFEST_PATHS`` names, and builds the class that an entry names.
The class is no torch model of FiftyOne's own kind, so that neither torchvision nor a DataLoader is needed: it is given
images, and embeds them as everywhere else, with the runtime that is fastest here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from syncd_embedding.settings import ModelSettings

MANIFEST = Path(__file__).with_name("zoo.json")
"""The manifest of the published models; ``python -m syncd_embedding.zoo`` writes it."""

PREFIX = "syncd-"
"""How the names in the zoo begin: some of the models are called there as others' are."""

VARIANTS: dict[str, dict[str, Any]] = {"": {}, "-96": {"max_side": 96}, "-square-224": {"size": 224}}
"""Settings that matter, as names of their own: FiftyOne's forms have no place for any."""


def manifest(models: Mapping[str, ModelSettings]) -> dict[str, Any]:
    """The manifest of these models, each under its name with :data:`PREFIX`."""
    return {"name": "syncd", "models": [_entry(name, settings) for name, settings in models.items()]}


def published() -> dict[str, ModelSettings]:
    """The published models, each in the settings that matter."""
    from syncd_embedding.weights import PUBLISHED

    return {
        f"{name}{suffix}": ModelSettings(name, **settings)
        for name in PUBLISHED
        for suffix, settings in VARIANTS.items()
    }


def _entry(name: str, settings: ModelSettings) -> dict[str, Any]:
    size = (
        f"native size, at most {settings.max_side} pixels"
        if settings.size == "native"
        else f"squares of {settings.size} pixels"
    )
    return {
        "base_name": f"{PREFIX}{name}",
        "base_filename": None,
        "version": None,
        "description": f"Embeddings of images by a vision transformer ({settings.weights}), {size}, made by syncd",
        "source": "https://github.com/facebookresearch/dino",
        "license": "Apache 2.0",
        "size_bytes": None,
        "default_deployment_config_dict": {
            "type": "syncd_embedding.zoo_model.ZooModel",
            "config": _plain(settings),
        },
        "requirements": {"packages": ["torch"], "cpu": {"support": True}, "gpu": {"support": True}},
        "tags": ["embeddings", "torch", "transformer", "dino", "syncd"],
        "date_added": "2026-12-01 00:00:00",
    }


def _plain(settings: ModelSettings) -> dict[str, Any]:
    """The settings that differ from the usual ones, as JSON has them."""
    usual = ModelSettings("")
    given = {each.name: getattr(settings, each.name) for each in fields(settings)}
    told = {name: value for name, value in given.items() if name == "weights" or value != getattr(usual, name)}
    return {name: getattr(value, "value", value) for name, value in told.items()}


def settings_of(config: Mapping[str, Any]) -> ModelSettings:
    """The settings that an entry, and whoever loads it, gives. Raises ``TypeError`` for one that there is not."""
    told = dict(config)
    if told.get("value_range") is not None:
        told["value_range"] = tuple(told["value_range"])
    return ModelSettings(**told)


if __name__ == "__main__":
    MANIFEST.write_text(json.dumps(manifest(published()), indent=2) + "\n", encoding="utf-8")
