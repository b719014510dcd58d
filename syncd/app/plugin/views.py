"""Saved views and workspaces to share: what needs a person, what waits, what changed, and a place to review in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from syncd.adapters.fiftyone.compat import Private, private
from syncd.api.views import MADE_BY, KeptView
from syncd.app.plugin.answers import SUCCESS, WARNING, Reply
from syncd.app.plugin.labels import path_of
from syncd.app.plugin.operator import Act, Form, Work, plural, writing

REVIEW, DASHBOARD = "review", "dashboard"


class SetupViews(Act):
    """Makes the saved views and workspaces."""

    word, title, icon = "setup_views", "set up views", "view_quilt"
    about = "Makes saved views and workspaces: needs a person, unknown labels, waiting for review, changed this week"

    def ask(self, form: Form) -> None:
        """What will be made."""
        if form.binding() is None:
            return
        form.notice("views", "Saved views: needs a person, unknown labels, waiting for review, changed this week.")
        form.notice("workspaces", f"Workspaces: “{REVIEW}” (grid, embeddings, syncd) and “{DASHBOARD}”.")
        form.submit = "Make them"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Makes them, or makes them again."""
        work = writing(ctx, params, named=False)
        return set_up(ctx.dataset, work)


def set_up(dataset: Any, work: Work) -> Reply:
    """Makes views and workspaces on the dataset."""
    made, left, links = [], [], {}
    b = work.opened()
    for wanted in b.kept_views():
        name = wanted.name
        if _save(dataset, wanted, work.binding.label_field):
            made.append(name)
            links[name] = link_of(dataset.name, view=name)
        else:
            left.append(name)
    for name, space in workspaces(work.binding.name).items():
        if _save_workspace(dataset, name, space):
            made.append(name)
            links[name] = link_of(dataset.name, workspace=b.address_workspace(name))
        else:
            left.append(name)
    document = {"binding": work.binding.name, "made": made, "left": left, "links": links}
    said = f"{plural(len(made), 'view and workspace', 'views and workspaces')} made; choose them in the App's menus."
    if left:
        said += f" Left alone, because somebody else made them: {', '.join(left)}."
    return Reply(said, document, WARNING if left else SUCCESS, touched=None)


def link_of(dataset: str, *, view: str | None = None, workspace: str | None = None) -> str:
    """The App's address of a view (its name), a workspace (its address), or both, below its own."""
    slug = private(Private.TEXTS).to_slug
    parts = [f"{name}={slug(value)}" for name, value in (("view", view), ("workspace", workspace)) if value]
    return f"/datasets/{quote(dataset, safe='')}?{'&'.join(parts)}"


def _save(dataset: Any, wanted: KeptView, field: str) -> bool:
    name = wanted.name
    if name in dataset.list_saved_views() and not _is_ours(dataset.get_saved_view_info(name)):
        return False
    dataset.save_view(name, _view(dataset, wanted, field), description=f"{MADE_BY}: {wanted.says}.", overwrite=True)
    return True


def _view(dataset: Any, wanted: KeptView, field: str) -> Any:
    """By tag where syncd sets one, so that the view follows; else by the labels that there are now, or none."""
    from fiftyone import ViewField

    path_of(dataset, field)
    if wanted.tags:
        return dataset.filter_labels(field, ViewField("tags").contains(list(wanted.tags)))
    return dataset.select_labels(ids=list(wanted.label_ids), fields=[field])


def workspaces(binding: str) -> dict[str, Any]:
    """The workspaces, as FiftyOne takes them; without a chosen child a space would be blank."""
    import fiftyone as fo

    def panel(kind: str, **state: Any) -> Any:
        return fo.Panel(type=kind, state={"state": state} if state else {})

    samples, embeddings, review = (
        panel("Samples"),
        panel("Embeddings"),
        panel("syncd", tab="Conflicts", binding=binding),
    )
    right = fo.Space(children=[embeddings, review], active_child=review.component_id)
    left = fo.Space(children=[samples], active_child=samples.component_id)
    first = fo.Space(children=[left, right], orientation="horizontal", sizes=[0.55, 0.45])
    status, board = panel("syncd", tab="Status", binding=binding), panel("syncd_dashboard", binding=binding)
    whole = fo.Space(
        children=[
            fo.Space(children=[board], active_child=board.component_id),
            fo.Space(children=[status], active_child=status.component_id),
        ],
        orientation="horizontal",
        sizes=[0.6, 0.4],
    )
    return {REVIEW: first, DASHBOARD: whole}


def _save_workspace(dataset: Any, name: str, space: Any) -> bool:
    if name in dataset.list_workspaces() and not _is_ours(dataset.get_workspace_info(name)):
        return False
    dataset.save_workspace(name, space, description=f"{MADE_BY}.", overwrite=True)
    return True


def _is_ours(info: Mapping[str, Any]) -> bool:
    return str(info.get("description") or "").startswith(MADE_BY)
