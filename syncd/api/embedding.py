"""Vectors of a binding's images, and what is made of them, as methods of :class:`syncd.api.binding.Binding`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.api.calls import Calls
from syncd.api.progress import Counting, Progress

if TYPE_CHECKING:
    from syncd.api.embed import Embedded
    from syncd.api.embedding_results import AlikeList, SuspectList


class Embedding(Calls):
    """Methods of a binding for whoever looks at what looks alike."""

    def embed(
        self,
        *,
        model: str | None = None,
        view: Any = None,
        tag: str | None = None,
        of: str | None = None,
        only_new: bool = False,
        layout: bool | None = None,
        similarity: bool | None = None,
        suspects: bool | None = None,
        clusters: bool = False,
        refit: bool = False,
        device: str | None = None,
        ray: str | None = None,
        dry_run: bool = False,
        progress: Progress | Counting | None = None,
    ) -> Embedded:
        """Makes vectors of what is new or changed, and brings what the App shows of them up to date.

        ``view`` (a saved view's name, or a view) and ``tag`` choose; ``of`` is ``"samples"`` or ``"patches"``. What is
        not given is as the configuration has it. ``dry_run`` says how many there are, and how long they take.
        """
        from syncd.api.embed import EmbedOptions, embed

        options = EmbedOptions(
            model=model,
            of=of,
            view=view,
            tag=tag,
            only_new=only_new,
            layout=layout,
            similarity=similarity,
            suspects=suspects,
            clusters=clusters,
            refit=refit,
            device=device,
            ray=ray,
            dry_run=dry_run,
        )
        with self._call(progress) as phase:
            return embed(self._config, self.name, options, report=phase.counted)

    def suspects(
        self,
        *,
        top: int = 50,
        model: str | None = None,
        of: str | None = None,
        output: str | Path | None = None,
        progress: Progress | Counting | None = None,
    ) -> SuspectList:
        """The labels that disagree most with what looks alike, judged as they are now; no label is changed.

        ``output`` is a page to write, with pictures. ``model`` and ``of`` are as the configuration has them.
        """
        from syncd.api import embedding_results

        with self._call(progress) as phase:
            found = embedding_results.suspects(self._config, self.name, model=model, of=of, top=top, phase=phase)
            if output is not None:
                embedding_results.write_list(self._config, found, output)
            return found

    def similar(
        self,
        asked: str | Path,
        *,
        top: int = 50,
        model: str | None = None,
        of: str | None = None,
        output: str | Path | None = None,
        progress: Progress | Counting | None = None,
    ) -> AlikeList:
        """What looks most like an annotation, a sample or a label (its id), or like an image file.

        Options as of :meth:`suspects`.
        """
        from syncd.api import embedding_results

        with self._call(progress) as phase:
            name = str(asked)
            found = embedding_results.similar(self._config, self.name, name, model=model, of=of, top=top, phase=phase)
            if output is not None:
                embedding_results.write_list(self._config, found, output)
            return found
