"""Vectors of a binding's images, and what FiftyOne shows of them: layout, similarity, suspects, clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from syncd.adapters.fiftyone.computed_fields import Of
from syncd.config import Config
from syncd.embedding_results.update import Results, Wanted, update_results
from syncd.embedding_vectors.run import Report, Vectors, Which, bring_vectors
from syncd.embedding_vectors.target import target
from syncd.model import Json


@dataclass(frozen=True)
class EmbedOptions:
    """What `syncd embed` is told; ``None`` leaves it to the binding's configuration.

    ``view``: the name of a saved view, or a view; ``tag``: of samples, or of labels. ``device``: auto, cpu, cuda or
    cuda:N. ``ray``: the address of a cluster, or ``local``. ``refit``: the layout is made anew, and its points move.
    """

    model: str | None = None
    of: Of | str | None = None
    view: Any = None
    tag: str | None = None
    only_new: bool = False
    layout: bool | None = None
    similarity: bool | None = None
    suspects: bool | None = None
    clusters: bool = False
    refit: bool = False
    device: str | None = None
    ray: str | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Embedded:
    """What became of the vectors, and of what is made of them (``None`` where nothing was asked for)."""

    vectors: Vectors
    results: Results | None = None

    @property
    def exit_code(self) -> int:
        """1 where there is something to embed, and none of it could be."""
        made = self.vectors
        return int(bool(made.failed) and not (made.embedded or made.unchanged or made.to_do * made.dry_run))

    def as_json(self) -> dict[str, Json]:
        """The document that the command prints."""
        return {"vectors": self.vectors.as_json(), "results": self.results.as_json() if self.results else None}


def embed(config: Config, name: str, options: EmbedOptions | None = None, *, report: Report | None = None) -> Embedded:
    """Bring vectors up to date, then what is made of them; a second call does nothing. ``dry_run`` changes nothing.

    ``report`` is told of the phase, how much of it is done, and how much there is (0: nobody knows).
    Raises SyncdError: among others ``SetupError`` where the extra is missing, ``ConfigError`` for a model or a view
    that there is not.
    """
    asked, tell = options or EmbedOptions(), report or (lambda *_: None)
    meant = target(config, name, model=asked.model, of=asked.of)
    which = Which(asked.view, asked.tag, asked.only_new)
    vectors = bring_vectors(meant, which, device=asked.device, ray=asked.ray, dry_run=asked.dry_run, report=tell)
    told = meant.wanted
    wanted = Wanted(
        layout=(told.layout or "umap") if _either(asked.layout, told.layout is not None) else None,
        similarity=_either(asked.similarity, told.similarity),
        suspects=_either(asked.suspects, told.suspects),
        clusters=asked.clusters,
        view=asked.view,
        refit=asked.refit,
        brain_key=told.brain_key,
        field=told.field,
    )
    nothing = not (wanted.layout or wanted.similarity or wanted.suspects or wanted.clusters or wanted.field)
    if asked.dry_run or nothing:
        return Embedded(vectors)
    results = update_results(
        config,
        name,
        meant.store(),
        model=meant.model,
        of=meant.of,
        wanted=wanted,
        phase=lambda phase: tell(phase, 0, 0),
    )
    return Embedded(vectors, results)


def _either(given: bool | None, configured: bool) -> bool:
    return configured if given is None else given
