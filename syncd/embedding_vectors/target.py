"""What a command means by a binding and a model: whose vectors, made how, kept where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.adapters.fiftyone.computed_fields import Of
from syncd.adapters.s3.client import s3_client
from syncd.config import BindingConfig, BindingEmbeddingConfig, Config, EmbeddingModelConfig
from syncd.embedding_results.library import library
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd_embedding.embedder import Embedder
    from syncd_embedding.store import VectorStore

DOCUMENTATION = "docs/embedding.md has an example."


@dataclass(frozen=True)
class Target:
    """Vectors of one model for one binding: of samples, or of patches with a margin."""

    config: Config
    binding: BindingConfig
    model: str
    of: Of
    margin: float
    settings: EmbeddingModelConfig

    @property
    def folder(self) -> Path:
        """The folder in which the vectors of this binding and model are kept."""
        return self.config.embedding.place / self.binding.name / self.model / self.of.value

    @property
    def wanted(self) -> BindingEmbeddingConfig:
        """What is to be made of them."""
        return self.binding.embedding or BindingEmbeddingConfig()

    def store(self) -> VectorStore:
        """The vectors. ``SetupError`` where the extra is missing."""
        with library():
            from syncd_embedding.store import VectorStore

            return VectorStore(self.folder)

    def embedder(self, *, device: str | None = None, ray: str | None = None) -> Embedder:
        """What makes them. ``SetupError`` where the extra is missing; nothing is loaded yet."""
        with library():
            from syncd_embedding import Embedder, ModelSettings

            settings = ModelSettings(
                weights=self.settings.weights or self.model,
                **self.settings.model_dump(exclude={"weights", "device"}),
                device=device or self.settings.device,
            )
            return Embedder(
                settings,
                self.store(),
                ray=ray,
                downloads=self.config.embedding.place / "weights",
                s3=_s3(self.config),
            )


def target(config: Config, name: str, *, model: str | None = None, of: Of | str | None = None) -> Target:
    """What is meant; a model or kind that is not given is the binding's. ``ConfigError`` where that says nothing."""
    binding = config.binding(name)
    told = binding.embedding or BindingEmbeddingConfig()
    models = config.embedding.models
    chosen = model or told.model or (next(iter(models)) if len(models) == 1 else None)
    if chosen is None:
        raise ConfigError(
            f"No model is named for {name!r}.",
            remedy=f"Give --model: {', '.join(models)}."
            if models
            else f"Give --model dino_vits8, or name one under `embedding.models`; {DOCUMENTATION}",
        )
    settings = models.get(chosen)
    if settings is None:
        if chosen not in _published():
            known = ", ".join([*models, *(each for each in _published() if each not in models)])
            raise ConfigError(f"There is no model {chosen!r}; known are {known}.", remedy=DOCUMENTATION)
        settings = EmbeddingModelConfig()
    kind = Of(of) if of is not None else Of(told.of)
    return Target(config, binding, chosen, kind, told.margin, settings)


def _published() -> list[str]:
    with library():
        from syncd_embedding.weights import PUBLISHED

        return list(PUBLISHED)


def _s3(config: Config) -> Callable[[], Any]:
    return partial(s3_client, config.s3)
