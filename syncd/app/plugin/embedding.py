"""Embed the view or the selection, list suspect labels, show a new layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from syncd.app.plugin import background
from syncd.app.plugin.answers import INFO, SUCCESS, WARNING, Reply
from syncd.app.plugin.asked import check_may_write
from syncd.app.plugin.enterprise import is_worker
from syncd.app.plugin.operator import Act, Form, Work, chosen, plural, text_of, wants_thread, writing
from syncd.app.plugin.running import output_table
from syncd.app.plugin.selection import Scope, Unselected
from syncd.config import BindingConfig

AT_ONCE = 300
"""Images that are embedded while the browser waits; more go on in the background."""

LISTED = 50
"""Suspect labels in an answer."""


class Embed(Act):
    """Brings the vectors of the selection, or of the view, up to date."""

    word, title, icon = "embed", "embed", "scatter_plot"
    about = "Computes the vectors of what is selected, or of the view: only what is new or has changed"
    delegable = True

    def ask(self, form: Form) -> None:
        """Of what, and whether it goes on in the background."""
        if (found := form.binding()) is None:
            return
        check_may_write(form.ctx)
        config, binding = found
        if not config.embedding.models:
            form.notice("models", "No model is configured: name one in `embedding.models`.", warning=True)
        form.scope()
        _, what = _meant(form.ctx, form.params, binding)
        form.inputs.bool("background", label="In the background", default=False)
        form.submit = f"Embed {what}"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Embeds; much of it, or what is asked so, goes on in the background."""
        work = writing(ctx, params, named=False)
        view, what = _meant(ctx, params, work.binding)
        size = view.count()

        def run(progress: Callable[[str, float], None]) -> Reply:
            return _embedded(work, view, progress)

        if is_worker(ctx) or (size <= AT_ONCE and not wants_thread(ctx, params)):
            return run(lambda phase, part: ctx.set_progress(part, phase))
        name = work.binding.name
        if not background.start(name, run):
            return Reply(f"A run of {name!r} is at work in the background already.", {"binding": name}, WARNING)
        said = f"Embedding {what} in the background: the syncd panel shows how far it is."
        return Reply(said, {"binding": name}, INFO)


def _meant(ctx: Any, params: Mapping[str, Any], binding: BindingConfig) -> tuple[Any, str]:
    """The view of what is to be embedded, and its name: the selection where there is one, and otherwise the view."""
    if params.get("scope") != Scope.VIEW.value:
        try:
            labels = chosen(ctx, params, binding)
        except Unselected:
            if params.get("label_ids"):
                raise
        else:
            view = ctx.dataset.select_labels(ids=list(labels.label_ids), fields=[binding.label_field])
            return view, labels.words
    return ctx.view, "the view"


def _embedded(work: Work, view: Any, progress: Callable[[str, float], None]) -> Reply:
    # A layout is of the whole dataset: what is made of a part of it would take its place.
    made = work.opened().embed(view=view, layout=False, similarity=False, progress=progress)
    vectors = made.vectors
    said = f"{plural(vectors.embedded, 'vector')} computed, {vectors.unchanged:,} were there"
    if vectors.failed:
        said += f"; {plural(len(vectors.failed), 'image')} failed, the first: {vectors.failed[0].reason}"
    document = made.as_json() | {"exit_code": made.exit_code}
    # The points and fields of the new vectors show after a reload alone.
    touched = frozenset[str]() if made.results is not None else None
    return Reply(f"{said}.", document, WARNING if vectors.failed else SUCCESS, touched)


class Suspects(Act):
    """Lists the labels that disagree most with what looks alike."""

    word, title, icon = "suspects", "suspect labels", "report_problem"
    about = "The labels that disagree most with what looks alike; their fields and the saved view follow"

    def ask(self, form: Form) -> None:
        """Of which binding."""
        if form.binding() is None:
            return
        check_may_write(form.ctx)
        form.submit = "List them"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Judges the labels as they are now."""
        work = writing(ctx, params, named=False)
        found = work.opened().suspects(model=text_of(params, "model"), top=LISTED)
        document = found.as_json()
        document["shown"] = [
            {
                "annotation": each.annotation_id or each.label_id,
                "label": each.label or "",
                "suggestion": each.suggestion or "",
                "score": f"{each.score:.2f}",
            }
            for each in found
        ]
        said = f"{found.suspects:,} of {plural(found.judged, 'label')} are suspect"
        return Reply(f"{said}: the saved view suspect-labels has them.", document, INFO, frozenset())

    def resolve_output(self, ctx: Any) -> Any:
        """The most suspect first, as a table."""
        columns = {"annotation": "Annotation", "label": "Label", "suggestion": "Neighbours say", "score": "Suspect"}
        return output_table(ctx, "shown", columns)


class RefreshEmbeddings(Act):
    """Has this server show the layout as it is now."""

    word, title, icon = "refresh_embeddings", "refresh the embeddings panel", "refresh"
    about = "Has this server forget the layout that it has read, so that the Embeddings panel shows the new one"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Forgets what the server keeps of the dataset; nothing is written."""
        del params
        from syncd.api.embedding_results import forget

        forget(ctx.dataset)
        return Reply("The Embeddings panel shows the layout as it is now.", {"dataset": ctx.dataset_name}, INFO)
