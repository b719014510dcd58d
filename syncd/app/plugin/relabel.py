"""Gives what is selected another class: terms are searched as one types, and the button says how many and of what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fiftyone.operators import types

from syncd.api.binding import Binding
from syncd.api.relabel import Relabelled
from syncd.app.plugin.answers import SUCCESS, WARNING, Reply
from syncd.app.plugin.asked import known_actor
from syncd.app.plugin.labels import Chosen
from syncd.app.plugin.operator import Act, Form, Work, chosen, is_set, plural, reading, text_of, writing
from syncd.app.plugin.terms import RECENT, SHOWN, VOCABULARIES, Kept, TermIndex
from syncd.errors import Busy, ConfigError
from syncd.model.result import Status

FORESEEN_MOST = 20_000
"""Labels up to which the form says what would become of them, and not how many are selected alone."""

LOOKED_BACK = 400
"""Entries of the log in which recently used terms are looked for."""


@dataclass(frozen=True)
class Foreseen:
    """What a relabel would do: labels that change, that have the class already, that are left; the brake that holds."""

    changes: int
    already: int
    left: int
    why_left: str | None
    held: str | None


FORESEEN: Kept[Foreseen] = Kept(20.0)


class Relabel(Act):
    """Gives labels another class, on both sides at once."""

    word = "relabel"
    title = "relabel"
    about = "Gives the selected labels another class of the vocabulary, on both sides at once"
    icon = "new_label"
    place = types.Places.SAMPLES_GRID_ACTIONS

    def ask(self, form: Form) -> None:
        """Which labels, which class, a note; where a brake holds it, whether to release that."""
        found = form.binding()
        if found is None:
            return
        _, binding = found
        work = reading(form.ctx, form.params)
        form.scope()
        labels = form.chosen(binding)
        term = _ask_term(form, work)
        form.note()
        form.actor()
        if labels is None:
            return
        form.submit = f"Relabel {labels.words}"
        if labels.others:
            form.notice("others", f"{plural(labels.others, 'selected label')} of other fields stay as they are.")
        if term is None or len(labels.label_ids) > FORESEEN_MOST:
            return
        foreseen = foresee(work, labels, term)
        form.submit = f"Relabel {plural(foreseen.changes, 'label')} ({labels.source})"
        said = [f"{plural(foreseen.already, 'label')} already {term}"] if foreseen.already else []
        if foreseen.left:
            said.append(f"{foreseen.left:,} left alone ({foreseen.why_left})")
        if said:
            form.notice("foreseen", "; ".join(said) + ".")
        if foreseen.held is not None:
            form.notice("brake", f"A brake holds this: {foreseen.held}.", warning=True)
            form.inputs.bool("force", label="Do it all the same", default=False)

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Relabels, as the actor."""
        work = writing(ctx, params)
        label = text_of(params, "label")
        if label is None:
            raise ConfigError("No class is given.", remedy="Type a term of the vocabulary.")
        labels = chosen(ctx, params, work.binding)
        b = work.opened()
        with work.acting(b):
            try:
                done = b.relabel(
                    label, label_ids=labels.label_ids, note=text_of(params, "note"), force=is_set(params, "force")
                )
            except ConfigError as error:
                VOCABULARIES.forget()
                if "not in the vocabulary" not in error.message:
                    raise
                raise ConfigError(
                    error.message, remedy=error.remedy or 'Propose it as a new term: "syncd: propose a term".'
                ) from error
            carried = _carry(b, work, done)
        FORESEEN.forget()
        RECENT.forget()
        return _told(done, labels, work.actor, carried)


def _carry(b: Binding, work: Work, done: Relabelled) -> bool:
    """Lets a run look at once at what it alone can do: list an edit that waits, make rows of labels that were drawn.

    It takes no other edits along than the actor's own, which their tag names; where edits wait for review none goes
    along that nobody approved. Whether that was done: where another run is at the binding, the next one does it.
    """
    prefix = work.binding.review.actor_prefix
    wrote = done.result is not None and done.result.held is None
    if prefix is None or not wrote or not (done.waits or any(each.annotation_id is None for each in done.plan.changes)):
        return False
    try:
        # Where edits wait, a tag that a run is limited to would count as an approval.
        b.reconcile(tag=None if done.waits else f"{prefix}{work.actor}")
    except Busy:
        b.wake()
        return False
    return True


def foresee(work: Work, labels: Chosen, term: str) -> Foreseen:
    """What a relabel would do; kept for some seconds, since a form asks at each letter of a note."""

    def look() -> Foreseen:
        done = work.opened().relabel(term, label_ids=labels.label_ids, dry_run=True)
        places = {(each.sample_id, each.label_id) for each in done.plan.changes}
        held = done.result.held if done.result is not None else None
        return Foreseen(len(places), done.already, len(done.left), done.left[0].why if done.left else None, held)

    return FORESEEN.get((work.key, term, labels.label_ids), look)


def _told(done: Relabelled, labels: Chosen, actor: str | None, carried: bool) -> Reply:
    document = done.as_json() | {"selection": labels.as_json(), "exit_code": done.exit_code}
    left = ""
    if done.left:
        left = f" Left alone: {len(done.left):,}, the first because {done.left[0].why}."
    if done.result is not None and done.result.held is not None:
        said = f"Held by a brake, nothing was written: {done.result.held}. To do it all the same, set force.{left}"
        return Reply(said, document, WARNING)
    applied = (
        [] if done.result is None else [each.change for each in done.result.recorded if each.status == Status.APPLIED]
    )
    places = {(each.sample_id, each.label_id) for each in applied}
    touched = frozenset(str(part) for place in places for part in place if part) or None
    document["relabelled"] = len(places)
    if not places:
        already = f"{plural(done.already, 'label')}: {done.label} already." if done.already else ""
        return Reply(f"Nothing was to be done. {already}{left}".strip(), document, WARNING if done.left else SUCCESS)
    where = "in FiftyOne, where it waits for review" if done.waits else "on both sides"
    rowless = len({(each.sample_id, each.label_id) for each in applied if each.annotation_id is None})
    made = "has one now" if carried else "gets one from the next run"
    rows = f" {plural(rowless, 'label')} that had no row {made}." if rowless else ""
    said = f"{plural(len(places), 'label')} ({labels.source}) now {done.label} {where}, as {actor}.{rows}{left}"
    run = None if done.result is None else done.result.run_id
    return Reply(f"{said} Undo: run {run}.", document, WARNING if done.left else SUCCESS, touched)


def index_of(work: Work) -> TermIndex | None:
    """The terms of the binding, read again after some seconds."""

    def read() -> TermIndex | None:
        found = work.opened().vocabulary()
        return None if found is None else TermIndex(found)

    return VOCABULARIES.get(work.key, read)


def recent_terms(work: Work) -> tuple[str, ...]:
    """The classes that the actor gave lately, the newest first; anybody's where nobody is known."""

    def read() -> tuple[str, ...]:
        log = work.opened().log(actor=work.actor, field="label", status=Status.APPLIED, limit=LOOKED_BACK)
        given = [each.new for each in reversed(log.rows) if isinstance(each.new, str)]
        return tuple(dict.fromkeys(given))[:SHOWN]

    return RECENT.get((work.key, work.actor), read)


def _ask_term(form: Form, work: Work) -> str | None:
    """Asks for the class; the term that is meant by what was typed so far, if it is one."""
    given = str(form.params.get("label") or "")
    index = index_of(work)
    if index is None:
        form.inputs.str("label", label="Class", description="This binding has no vocabulary.", required=True)
        return given.strip() or None
    recent = () if work.actor is None and known_actor(form.ctx) is None else recent_terms(work)
    choices = types.AutocompleteView(allow_user_input=True, placeholder="Type a part of its name")
    for each in index.search(given, recent):
        choices.add_choice(each.name, label=each.name, description=each.description or None)
    asked = form.inputs.str("label", label="Class", view=choices, required=True)
    term = index.vocabulary.meant(given.strip())
    if term is not None:
        path = index.path(term)
        if path or term != given.strip():
            form.notice("path", f"{path} > {term}" if path else f"Stands for {term}.")
        return term
    asked.invalid = True
    near = [each.name for each in index.search(given, most=3)] if given.strip() else []
    asked.error_message = (
        "Choose a class."
        if not given.strip()
        else f"No such term; nearest: {', '.join(near)}."
        if near
        else 'No such term, and none like it. A new one can be proposed: "syncd: propose a term".'
    )
    return None
