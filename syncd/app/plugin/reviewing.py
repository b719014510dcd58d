"""Approve, flag, send back, and propose a term: what a reviewer says besides another class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from fiftyone.operators import types

from syncd.api.binding import Binding
from syncd.api.review import Reviewed
from syncd.app.plugin.answers import SUCCESS, WARNING, Reply
from syncd.app.plugin.labels import Chosen
from syncd.app.plugin.operator import Act, Form, chosen, is_set, plural, reading, text_of, writing
from syncd.app.plugin.relabel import index_of
from syncd.errors import ConfigError


class _OnLabels(Act):
    """An operator that says something of the selected labels."""

    verb: ClassVar[str]
    done: ClassVar[str]

    def ask(self, form: Form) -> None:
        """Which labels, and a note."""
        found = form.binding()
        if found is None:
            return
        form.scope()
        labels = form.chosen(found[1])
        form.note()
        form.actor()
        if labels is not None:
            form.submit = f"{self.verb} {labels.words}"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Says it, as the actor."""
        work = writing(ctx, params)
        labels = chosen(ctx, params, work.binding)
        b = work.opened()
        with work.acting(b):
            done = self.say(b, labels, params)
        return self._told(done, labels, work.actor)

    def say(self, b: Binding, labels: Chosen, params: Mapping[str, Any]) -> Reviewed:
        """The call of the binding."""
        raise NotImplementedError

    def _told(self, done: Reviewed, labels: Chosen, actor: str | None) -> Reply:
        document = done.as_json() | {"selection": labels.as_json(), "exit_code": done.exit_code}
        left = f" Left as they are: {len(done.left):,}, the first because {done.left[0].why}." if done.left else ""
        held = document["held"]
        if held and not done.labels:
            return Reply(f"Held by a brake, nothing was written: {held}.", document, WARNING)
        if not done.labels:
            return Reply(f"Nothing was to be done.{left}", document, WARNING)
        places = [(each.sample_id, each.label_id) for each in done.plan.changes]
        places += [(each.sample_id, each.label_id) for each in done.plan.tags]
        touched = frozenset(str(part) for place in places for part in place if part)
        later = ""
        if done.tag is not None and done.carried is None:
            later = " Another run is at the binding: the next one carries it."
        elif held:
            later = f" What it lets through is held by a brake: {held}."
        carried = sum(each.to_database for each in (done.result, done.carried) if each is not None)
        written = f" {plural(carried, 'value')} written to the database." if carried else ""
        said = f"{plural(done.labels, 'label')} {self.done}, as {actor}.{written}{later}{left}"
        return Reply(said, document, WARNING if done.left or held else SUCCESS, touched)


class Approve(_OnLabels):
    """Lets edits that wait go through."""

    word, title, icon = "approve", "approve", "check"
    about = "Approves the selected labels: their edits go to the database, and they count as verified"
    place = types.Places.SAMPLES_GRID_SECONDARY_ACTIONS
    verb, done = "Approve", "approved"

    def say(self, b: Binding, labels: Chosen, params: Mapping[str, Any]) -> Reviewed:
        """Approves."""
        return b.approve(label_ids=labels.label_ids, note=text_of(params, "note"))


class Flag(_OnLabels):
    """Marks labels as wrong."""

    word, title, icon = "flag", "flag as wrong", "flag"
    about = "Marks the selected labels as wrong, for somebody to look at; changes no class"
    place = types.Places.SAMPLES_VIEWER_ACTIONS
    verb, done = "Flag", "flagged"

    def say(self, b: Binding, labels: Chosen, params: Mapping[str, Any]) -> Reviewed:
        """Flags."""
        return b.flag(label_ids=labels.label_ids, note=text_of(params, "note"))


class SendBack(_OnLabels):
    """Refuses edits that wait."""

    word, title, icon = "send_back", "send back", "undo"
    about = "Gives the selected labels back what was agreed: refuses edits that wait, takes flags off"
    verb, done = "Send back", "sent back to what was agreed"

    def say(self, b: Binding, labels: Chosen, params: Mapping[str, Any]) -> Reviewed:
        """Sends back."""
        note, force = text_of(params, "note"), is_set(params, "force")
        return b.send_back(label_ids=labels.label_ids, note=note, force=force)


class Propose(Act):
    """Proposes a term that the vocabulary does not have."""

    word, title, icon = "propose", "propose a term", "add"
    about = "Proposes a class that the vocabulary does not have, for a curator to accept"

    def ask(self, form: Form) -> None:
        """The term, where it would stand, and why."""
        if form.binding() is None:
            return
        work = reading(form.ctx, form.params)
        index = index_of(work)
        if index is None:
            raise ConfigError(f"{work.binding.name!r} has no vocabulary: any label may be given.")
        given = str(form.params.get("term") or "").strip()
        asked = form.inputs.str("term", label="New term", required=True)
        if index.vocabulary.meant(given) is not None:
            asked.invalid, asked.error_message = True, f"It is there already: {index.vocabulary.meant(given)}."
        elif given and (near := [each.name for each in index.search(given, most=3)]):
            form.notice("near", f"Like it, and there already: {', '.join(near)}.")
        above = str(form.params.get("parent") or "").strip()
        choices = types.AutocompleteView(allow_user_input=True)
        for each in index.search(above):
            choices.add_choice(each.name, label=each.name, description=each.path or None)
        parent = form.inputs.str("parent", label="Below (optional)", view=choices)
        if above and above not in index.vocabulary.names:
            parent.invalid, parent.error_message = True, "No such term."
        form.note("Why")
        form.actor()
        form.submit = "Propose it"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Proposes, as the actor."""
        work = writing(ctx, params)
        term = text_of(params, "term")
        if term is None:
            raise ConfigError("No term is given.", remedy="Type the new term.")
        b = work.opened()
        with work.acting(b):
            made = b.propose(term, parent=text_of(params, "parent"), note=text_of(params, "note"))
        said = f"Proposed {made.term!r}, as {work.actor}: a curator accepts or rejects it (proposal {made.id})."
        if made.actor != work.actor:
            said = f"{made.term!r} is proposed already, by {made.actor} (proposal {made.id}); a curator answers it."
        return Reply(said, made.as_json())
