"""Saved views and workspaces to share: what needs a person, what waits, what changed, and a place to review in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from syncd.adapters.fiftyone.compat import Private, private
from syncd.app.plugin.answers import SUCCESS, WARNING, Reply
from syncd.app.plugin.labels import path_of
from syncd.app.plugin.operator import Act, Form, Work, plural, text_of, writing
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.result import Status

OURS = "Made by syncd"
"""How the description of what we made begins; what somebody else made under the same name is left alone."""

MOST = 10_000
"""Labels that a view names one by one."""

NEEDS_A_PERSON = "syncd: needs a person"
UNKNOWN_LABELS = "syncd: unknown labels"
WAITING = "syncd: waiting for review"
CHANGED = "syncd: changed this week"
REVIEW, DASHBOARD = "review", "dashboard"


@dataclass(frozen=True)
class Wanted:
    """A view that is wanted: its name, what it shows, and the labels, by tag or by id."""

    name: str
    says: str
    tags: tuple[str, ...] = ()
    label_ids: tuple[str, ...] = ()


class SetupViews(Act):
    """Makes the saved views and workspaces."""

    word, title, icon = "setup_views", "set up views", "view_quilt"
    about = "Makes saved views and workspaces: needs a person, unknown labels, waiting for review, changed this week"

    def ask(self, form: Form) -> None:
        """What will be made."""
        if form.binding() is None:
            return
        names = ", ".join(f"“{each}”" for each in (NEEDS_A_PERSON, UNKNOWN_LABELS, WAITING, CHANGED))
        form.notice("views", f"Saved views: {names}.")
        form.notice("workspaces", f"Workspaces: “{REVIEW}” (grid, embeddings, syncd) and “{DASHBOARD}”.")
        form.submit = "Make them"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Makes them, or makes them again."""
        work = writing(ctx, params, named=False)
        return set_up(ctx.dataset, work, several=text_of(params, "binding"))


def set_up(dataset: Any, work: Work, *, several: str | None = None) -> Reply:
    """Makes views and workspaces on the dataset; ``several`` is the binding's name where the dataset has others."""
    suffix = f" ({several})" if several else ""
    made, left, links = [], [], {}
    for wanted in _wanted(work):
        name = wanted.name + suffix
        if _save(dataset, name, wanted, work.binding.label_field):
            made.append(name)
            links[name] = link_of(dataset.name, view=name)
        else:
            left.append(name)
    for name, space in workspaces(work.binding.name).items():
        if _save_workspace(dataset, name, space):
            made.append(name)
            links[name] = link_of(dataset.name, workspace=name)
        else:
            left.append(name)
    document = {"binding": work.binding.name, "made": made, "left": left, "links": links}
    said = f"{plural(len(made), 'view and workspace', 'views and workspaces')} made; choose them in the App's menus."
    if left:
        said += f" Left alone, because somebody else made them: {', '.join(left)}."
    return Reply(said, document, WARNING if left else SUCCESS, touched=None)


def link_of(dataset: str, *, view: str | None = None, workspace: str | None = None) -> str:
    """The App's address of a view, a workspace, or both, below its own."""
    slug = private(Private.TEXTS).to_slug
    parts = [f"{name}={slug(value)}" for name, value in (("view", view), ("workspace", workspace)) if value]
    return f"/datasets/{quote(dataset, safe='')}?{'&'.join(parts)}"


def _wanted(work: Work) -> list[Wanted]:
    b, marks, review = work.opened(), work.binding.review.marks, work.binding.review
    conflicts = b.conflicts(limit=MOST)
    unknown = [each for each in conflicts if each.kind == ConflictKind.UNKNOWN_LABEL]
    waits = [each for each in b.waiting(limit=MOST) if each.label_id]
    since = datetime.now(timezone.utc) - timedelta(days=7)
    changed = b.log(since=since, status=Status.APPLIED, limit=MOST)
    needs = tuple(filter(None, (marks.conflict, marks.unknown_label, *review.error)))
    return [
        Wanted(NEEDS_A_PERSON, "labels with an open conflict, or flagged as wrong", needs, _ids(conflicts)),
        Wanted(
            UNKNOWN_LABELS,
            "labels that are no term of the vocabulary",
            (marks.unknown_label,) if marks.unknown_label else (),
            _ids(unknown),
        ),
        Wanted(WAITING, "edits that wait for an approving tag, as of now", (), _ids(waits)),
        Wanted(CHANGED, "labels that were changed on either side in the last seven days, as of now", (), _ids(changed)),
    ]


def _ids(rows: Sequence[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.label_id for each in rows if each.label_id))


def _save(dataset: Any, name: str, wanted: Wanted, field: str) -> bool:
    if name in dataset.list_saved_views() and not _is_ours(dataset.get_saved_view_info(name)):
        return False
    dataset.save_view(name, _view(dataset, wanted, field), description=f"{OURS}: {wanted.says}.", overwrite=True)
    return True


def _view(dataset: Any, wanted: Wanted, field: str) -> Any:
    """By tag where syncd sets one, so that the view follows; else by the labels that there are now."""
    from fiftyone import ViewField

    path_of(dataset, field)
    if wanted.tags:
        return dataset.filter_labels(field, ViewField("tags").contains(list(wanted.tags)))
    if not wanted.label_ids:
        return dataset.select([])
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
    dataset.save_workspace(name, space, description=f"{OURS}.", overwrite=True)
    return True


def _is_ours(info: Mapping[str, Any]) -> bool:
    return str(info.get("description") or "").startswith(OURS)
