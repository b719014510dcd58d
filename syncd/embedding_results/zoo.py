"""The configuration's models in FiftyOne's model zoo, beside the published ones."""

from __future__ import annotations

import json
from pathlib import Path

from syncd.config import Config
from syncd.embedding_results.library import library
from syncd.files import whole_file

FILE = "zoo.json"


def zoo_manifests(config: Config) -> list[Path]:
    """What ``FIFTYONE_MODEL_ZOO_MANIFEST_PATHS`` is set to: the manifest of the published models, and one of one's own.

    The latter is written into the folder of vectors. ``SetupError`` where the extra is missing.
    """
    with library():
        from syncd_embedding.settings import ModelSettings
        from syncd_embedding.zoo import MANIFEST, manifest, published

        models = {
            name: ModelSettings(weights=model.weights or name, **model.model_dump(exclude={"weights"}))
            for name, model in config.embedding.models.items()
        }
        text = json.dumps(manifest({name: each for name, each in models.items() if name not in published()}), indent=2)
    file = config.embedding.place / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as stream:
        stream.write(text.encode())
    return [MANIFEST, file]
