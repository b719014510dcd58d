"""What is made of vectors, for people: the most suspect labels, what looks like a picture, and pages of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from syncd.adapters.fiftyone.computed_fields import Of
from syncd.config import Config
from syncd.embedding_results.app import forget
from syncd.embedding_results.listing import AlikeList, Pair, Shown, Suspect, SuspectList, list_alike, list_suspects
from syncd.embedding_results.page import write_page
from syncd.embedding_results.stored import StoredSuspects
from syncd.embedding_results.stored import stored_suspects as read_stored
from syncd.embedding_results.workplace import Phase
from syncd.embedding_results.zoo import zoo_manifests
from syncd.embedding_vectors.target import Target, target
from syncd.errors import ConfigError
from syncd.files import whole_file

TOP = 50
"""How many are listed, if nobody says how many."""

__all__ = [
    "AlikeList",
    "Pair",
    "Shown",
    "StoredSuspects",
    "Suspect",
    "SuspectList",
    "forget",
    "similar",
    "stored_suspects",
    "suspects",
    "write_list",
    "zoo_manifests",
]


def suspects(
    config: Config,
    name: str,
    *,
    model: str | None = None,
    of: Of | str | None = None,
    top: int = TOP,
    phase: Phase | None = None,
) -> SuspectList:
    """The labels that disagree most with what looks alike, judged as they are now; fields and saved view follow.

    ``model`` and ``of`` are the binding's, if they are not given. ``SyncdError`` where there are no vectors yet.
    """
    meant = target(config, name, model=model, of=of)
    return list_suspects(config, name, meant.store(), model=meant.model, of=meant.of, top=top, phase=phase)


def stored_suspects(config: Config, name: str, *, model: str | None, limit: int, offset: int) -> StoredSuspects:
    """One page of suspect labels as they were judged last; empty where none was. ``ConfigError`` without a model."""
    meant = target(config, name, model=model)
    return read_stored(config, name, model=meant.model, of=meant.of, limit=limit, offset=offset)


def similar(
    config: Config,
    name: str,
    asked: str,
    *,
    model: str | None = None,
    of: Of | str | None = None,
    top: int = TOP,
    phase: Phase | None = None,
) -> AlikeList:
    """What looks most like an annotation, a sample or a label (its id), or like an image file.

    ``ConfigError`` where ``asked`` is none of these.
    """
    meant = target(config, name, model=model, of=of)
    return list_alike(
        config,
        name,
        meant.store(),
        model=meant.model,
        of=meant.of,
        asked=asked,
        top=top,
        vector=lambda image: _vector(meant, image),
        phase=phase,
    )


def write_list(config: Config, found: SuspectList | AlikeList, path: Path | str) -> None:
    """Writes a list with pictures as one HTML page, readable by its owner alone. ``OSError`` where it cannot."""
    with whole_file(Path(path), private=True) as file:
        write_page(config, found, file)


def _vector(meant: Target, image: Path) -> Any:
    """The vector of an image, computed as the stored ones were."""
    embedder = meant.embedder()
    if embedder.fingerprint != meant.store().settings:
        raise ConfigError(
            f"The vectors of {meant.model} were made with other weights or settings than are configured now.",
            remedy=f"Run: syncd embed {meant.binding.name} --model {meant.model}",
        )
    return embedder.images([image])[0]
