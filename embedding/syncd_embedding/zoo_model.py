"""The class that FiftyOne builds for an entry of the zoo; it is imported by FiftyOne alone."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import fiftyone.core.config as foc
import fiftyone.core.models as fom
import numpy as np
import numpy.typing as npt
from PIL import Image

from syncd_embedding.pixels import cut
from syncd_embedding.worker import Worker
from syncd_embedding.zoo import settings_of

BATCH = 32


class ZooModelConfig(foc.Config):  # type: ignore[misc] # FiftyOne has no types
    """The settings of an entry of the manifest, with what :func:`fiftyone.zoo.load_zoo_model` was given beside them."""

    def __init__(self, d: dict[str, Any]) -> None:
        self.settings = settings_of({name: value for name, value in d.items() if value is not None})


class ZooModel(fom.Model, fom.EmbeddingsMixin):  # type: ignore[misc] # FiftyOne has no types
    """One model, loaded: images in, one vector each out. Raises what loading a model raises, when it is built."""

    def __init__(self, config: ZooModelConfig) -> None:
        self.config = config
        self._worker = Worker(config.settings)
        self._model = self._worker.model

    @property
    def media_type(self) -> str:
        """What it is given."""
        return "image"

    @property
    def has_embeddings(self) -> bool:
        """That is all it has."""
        return True

    @property
    def ragged_batches(self) -> bool:
        """Images of any shapes may come together: it sorts them itself."""
        return False

    @property
    def transforms(self) -> None:
        """It takes images as they are."""
        return

    @property
    def preprocess(self) -> bool:
        """As above."""
        return False

    @preprocess.setter
    def preprocess(self, value: bool) -> None:
        del value

    def predict(self, arg: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The vector, (D,), of an image; it predicts no label."""
        return self.embed(arg)

    def get_embeddings(self) -> npt.NDArray[np.float32]:
        """Vectors, (N, D), of the last images."""
        return self._last

    def embed(self, arg: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The vector, (D,), of an image: height × width × 3, RGB, 8 bits."""
        vector: npt.NDArray[np.float32] = self.embed_all([arg])[0]
        return vector

    def embed_all(self, args: Iterable[npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """Vectors, (N, D), of images as in :meth:`embed`, of whatever shapes."""
        settings, model = self.config.settings, self._model
        groups: dict[Hashable, list[tuple[int, Any]]] = {}
        count = 0
        for count, each in enumerate(args, start=1):
            image = Image.fromarray(np.asarray(each, np.uint8))
            pixels = cut(image, None, size=settings.size, max_side=settings.max_side, patch=model.patch)
            groups.setdefault(model.group(pixels), []).append((count - 1, pixels))
        self._last = np.empty((count, model.dimension), np.float32)
        for members in groups.values():
            for start in range(0, len(members), BATCH):
                part = members[start : start + BATCH]
                self._last[[place for place, _ in part]] = model.vectors([pixels for _, pixels in part])
        return self._last
