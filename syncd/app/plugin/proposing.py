"""A curator's answer to a proposed term; the panel calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.app.plugin.answers import Reply
from syncd.app.plugin.deciding import numbers_of
from syncd.app.plugin.operator import Act, Form, reading, text_of, writing
from syncd.app.plugin.terms import VOCABULARIES
from syncd.errors import ConfigError


class AnswerProposal(Act):
    """Accepts or rejects a proposed term."""

    word, title, icon = "answer_proposal", "answer a proposed term", "rule"

    @property
    def config(self) -> Any:
        """How FiftyOne lists it: not among the operators to browse."""
        found = super().config
        found.unlisted = True
        return found

    def ask(self, form: Form) -> None:
        """A note."""
        if form.binding() is None:
            return
        found = _proposal(form, form.params)
        do = "Accept" if form.params.get("do") == "accept" else "Reject"
        form.notice("term", f"{found.term}, proposed by {found.actor}" + (f": {found.note}" if found.note else "."))
        form.note("Why")
        form.actor()
        form.submit = f"{do} {found.term}"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Answers, as the actor."""
        work = writing(ctx, params)
        do = text_of(params, "do")
        if do not in ("accept", "reject"):
            raise ConfigError(f"do {do!r} is none.", remedy="Give accept or reject.")
        number = numbers_of(params.get("id"))[0]
        b, note = work.opened(), text_of(params, "note")
        with work.acting(b):
            done = (
                b.accept_proposal(number, parent=text_of(params, "parent"), note=note)
                if do == "accept"
                else b.reject_proposal(number, note=note)
            )
        VOCABULARIES.forget()
        then = " The labels that wait for it go through with the next run." if do == "accept" else ""
        return Reply(f"{done.term!r} {done.status}, as {work.actor}.{then}", done.as_json())


def _proposal(form: Form, params: Mapping[str, Any]) -> Any:
    number = numbers_of(params.get("id"))[0]
    found = [each for each in reading(form.ctx, params).opened().proposals() if each.id == number]
    if not found:
        raise ConfigError("That proposal is not open any more.", remedy="Somebody has answered it: look again.")
    return found[0]
