"""Resolve conflicts, take changes back, apply or drop what a brake holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from fiftyone.operators import types

from syncd.app.plugin.answers import SUCCESS, WARNING, Reply
from syncd.app.plugin.operator import Act, Form, Work, is_set, plural, reading, text_of, writing
from syncd.app.plugin.relabel import index_of
from syncd.app.plugin.words import kind_words
from syncd.errors import ConfigError, StalePlan
from syncd.model.result import Status

CLOSED = ("resolved", "settled")
SIDES = {"fiftyone": "FiftyOne's value", "database": "the database's value"}


class Resolve(Act):
    """Answers conflicts."""

    word, title, icon = "resolve", "resolve conflicts", "gavel"
    about = "Answers open conflicts: takes FiftyOne's value, the database's, or another one"

    def ask(self, form: Form) -> None:
        """Which conflicts, and what to take; how many they are stands on the button."""
        if form.binding() is None:
            return
        work = reading(form.ctx, form.params)
        params = form.params
        if not params.get("ids"):
            kinds = work.opened().status().open_conflicts
            if not kinds:
                raise ConfigError("There is no open conflict.")
            choices = types.Dropdown()
            for kind, count in sorted(kinds.items()):
                choices.add_choice(kind, label=f"{kind_words(kind)} ({count:,})")
            asked = form.inputs.enum("kind", choices.values(), label="Conflicts", view=choices, required=True)
            form.inputs.str("label", label="Class (optional)", description="Only those in which it stands.")
            form.inputs.str("person", label="By whom (optional)", description="Only those in which their value stands.")
            if not params.get("kind"):
                asked.invalid, asked.error_message = True, "Choose a kind."
        sides = types.RadioGroup()
        for side, words in SIDES.items():
            sides.add_choice(side, label=f"Take {words}")
        sides.add_choice("value", label="Another value")
        form.inputs.enum("take", sides.values(), label="Answer", view=sides, required=True, default="fiftyone")
        if params.get("take") == "value":
            _ask_value(form, work)
        form.note()
        form.actor()
        if params.get("ids") or params.get("kind"):
            form.submit = f"Resolve {plural(len(conflicts_meant(work, params)), 'conflict')}"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Resolves, as the actor."""
        work = writing(ctx, params)
        take, value = answer_of(params)
        asked = conflicts_meant(work, params)
        b = work.opened()
        with work.acting(b):
            done = b.resolve(asked, take=take, value=value, note=text_of(params, "note"))
        document = done.as_json() | {"exit_code": done.exit_code}
        closed = [each for each in done.outcomes if each.status in CLOSED]
        left = [each for each in done.outcomes if each.status not in CLOSED]
        said = (
            f"{plural(len(closed), 'conflict')} resolved: took {SIDES[take] if take else repr(value)}, as {work.actor}."
        )
        if left:
            why = Counter(each.why or each.status for each in left).most_common(1)[0][0]
            said += f" {plural(len(left), 'stays', 'stay')} open: {why}."
        parts = (each.conflict[name] for each in closed for name in ("sample_id", "label_id"))
        touched = frozenset(str(each) for each in parts if each) if closed else None
        return Reply(said, document, WARNING if left else SUCCESS, touched)


def answer_of(params: Mapping[str, Any]) -> tuple[str | None, Any]:
    """What is taken: a side, or a value; ``ConfigError`` unless it is exactly one. A form calls its value ``other``."""
    take, value = text_of(params, "take"), params.get("value")
    if take == "value":
        take, value = None, value if value not in (None, "") else params.get("other")
    if value == "":
        value = None
    if (take is None) == (value is None):
        raise ConfigError(
            "Nothing is said to take." if take is None else "A side and a value are given.",
            remedy="Give take (fiftyone, database), or a value.",
        )
    if take is not None and take not in SIDES:
        raise ConfigError(f"take {take!r} is no side.", remedy="Give fiftyone or database; or a value.")
    return take, value


def _ask_value(form: Form, work: Work) -> None:
    index = index_of(work)
    given = str(form.params.get("other") or "")
    if index is None:
        form.inputs.str("other", label="Value", required=True)
        return
    choices = types.AutocompleteView(allow_user_input=True, placeholder="A class, or a value of another field")
    for each in index.search(given):
        choices.add_choice(each.name, label=each.name, description=each.description or None)
    asked = form.inputs.str("other", label="Value", view=choices, required=True)
    if not given.strip():
        asked.invalid, asked.error_message = True, "Give a value."


def conflicts_meant(work: Work, params: Mapping[str, Any]) -> list[int]:
    """The ids of the open conflicts that are asked for, by their ids or by what they are about.

    ``ConfigError`` where none is asked for, or none is there.
    """
    given = params.get("ids")
    if given not in (None, "", []):
        return numbers_of(given)
    kind, label, person = (text_of(params, name) for name in ("kind", "label", "person"))
    if kind is None and label is None and person is None:
        raise ConfigError("No conflict is named.", remedy="Give ids, or a kind.")
    found = [each.id for each in work.opened().conflicts(kind=kind, label=label, actor=person)]
    if not found:
        raise ConfigError("No open conflict matches.", remedy="They may be resolved already: look again.")
    return found


def numbers_of(given: Any) -> list[int]:
    """Ids as numbers; ``ConfigError`` for what is none."""
    listed = given if isinstance(given, (list, tuple)) else str(given).replace(",", " ").split()
    try:
        return list(dict.fromkeys(int(each) for each in listed))
    except (TypeError, ValueError):
        raise ConfigError(
            f"{given!r} are no ids of conflicts.", remedy="Give numbers, as the panel shows them."
        ) from None


class Undo(Act):
    """Takes changes back."""

    word, title, icon = "undo", "undo", "undo"
    about = "Takes back a run, one change, or what a person did since a moment, on both sides"
    place = types.Places.HEADER_ACTIONS

    def ask(self, form: Form) -> None:
        """What is taken back."""
        if form.binding() is None:
            return
        params = form.params
        if not (params.get("change") or params.get("since")):
            _ask_what(form, params)
        form.note()
        form.inputs.bool("force", label="Even if a brake holds it", default=False)
        form.actor()
        form.submit = "Take it back"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Takes back, as the actor."""
        work = writing(ctx, params)
        run, change, since = text_of(params, "run"), params.get("change"), moment_of(params.get("since"))
        if params.get("what") == "moment":
            run, since = None, moment_of(params.get("moment"))
        number = None if change in (None, "") else numbers_of(change)[0]
        if sum(each is not None for each in (run, number, since)) != 1:
            raise ConfigError("Say what is to be taken back, once.", remedy="Give run, change or since.")
        b = work.opened()
        note, force, by = text_of(params, "note"), is_set(params, "force"), text_of(params, "by")
        with work.acting(b):
            done = b.undo(run=run, change=number, since=since, actor=by, note=note, force=force)
        document = done.as_json() | {"exit_code": done.exit_code}
        if done.result is not None and done.result.held is not None:
            said = f"Held by a brake, nothing was taken back: {done.result.held}. To do it all the same, set force."
            return Reply(said, document, WARNING)
        applied = (
            [] if done.result is None else [each for each in done.result.recorded if each.status == Status.APPLIED]
        )
        places = {(each.change.sample_id, each.change.label_id) for each in applied}
        left = f" {len(done.left):,} are left, the first because {done.left[0].why}." if done.left else ""
        if not places:
            return Reply(f"Nothing could be taken back.{left}", document, WARNING)
        touched = frozenset(str(part) for place in places for part in place if part)
        again = f" Undo of this: run {done.result.run_id}." if done.result is not None else ""
        said = f"Taken back: {plural(len(places), 'label')}, as {work.actor}.{again}{left}"
        return Reply(said, document, WARNING if done.left else SUCCESS, touched)


def _ask_what(form: Form, params: Mapping[str, Any]) -> None:
    """A run, or all since a moment."""
    what = types.RadioGroup()
    what.add_choice("run", label="One run")
    what.add_choice("moment", label="Everything since a moment, or what one person did since")
    form.inputs.enum("what", what.values(), default="run", label="Take back", view=what)
    if params.get("what") == "moment":
        moment = form.inputs.str("moment", label="Since", description="In UTC: 2026-01-31T13:00", required=True)
        form.inputs.str("by", label="By whom (optional)", description="Only what this person did.")
        try:
            if moment_of(params.get("moment")) is None:
                moment.invalid, moment.error_message = True, "Give a moment."
        except ConfigError as error:
            moment.invalid, moment.error_message = True, error.message
        return
    choices = types.Dropdown()
    for run, words in recent_runs(reading(form.ctx, params)):
        choices.add_choice(run, label=words)
    if not choices.choices:
        raise ConfigError("Nothing was applied lately that could be taken back.")
    asked = form.inputs.enum("run", choices.values(), label="Run", view=choices, required=True)
    if not params.get("run"):
        asked.invalid, asked.error_message = True, "Choose a run."


def recent_runs(work: Work, most: int = 20) -> list[tuple[str, str]]:
    """The runs that wrote lately, the newest first, each in words."""
    log = work.opened().log(status=Status.APPLIED, limit=2_000)
    found: dict[str, list[Any]] = {}
    for each in reversed(log.rows):
        found.setdefault(each.run_id, []).append(each)
    runs = []
    for run, rows in list(found.items())[:most]:
        who = ", ".join(sorted({each.actor for each in rows if each.actor})) or "nobody named"
        at = rows[0].applied_at
        said = f"{at:%Y-%m-%d %H:%M} · {who} · {plural(len(rows), 'change')} ({rows[0].reason.replace('_', ' ')})"
        runs.append((run, said))
    return runs


def moment_of(given: Any) -> datetime | None:
    """A moment as a form gives it; without a zone it is UTC. ``ConfigError`` for what is none."""
    if given in (None, ""):
        return None
    try:
        found = datetime.fromisoformat(str(given).replace("Z", "+00:00"))
    except ValueError:
        raise ConfigError(f"{given!r} is no moment.", remedy="Give it as 2026-01-31T13:00.") from None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


class Held(Act):
    """Applies or drops the plan that a brake holds."""

    word, title, icon = "held", "what a brake holds", "pan_tool"
    about = "Applies, or forgets, the plan that a brake holds"

    def ask(self, form: Form) -> None:
        """What is held and why, and what to do."""
        if form.binding() is None:
            return
        plan = reading(form.ctx, form.params).opened().held()
        if plan is None:
            raise ConfigError("No brake holds anything.")
        form.notice("why", f"Held since {plan.held_at:%Y-%m-%d %H:%M} UTC: {plan.reason}.", warning=True)
        form.notice("what", f"It would make {plural(len(plan.changes), 'change')}.")
        choices = types.RadioGroup()
        choices.add_choice("apply", label="Apply it, although the brake holds it")
        choices.add_choice("drop", label="Forget it; the edits stay where they are")
        asked = form.inputs.enum("do", choices.values(), label="Do", view=choices, required=True)
        if not form.params.get("do"):
            asked.invalid, asked.error_message = True, "Choose one."
        form.inputs.bool("force", label="Even if a side has moved since", default=False)
        form.actor()
        form.submit = (
            f"{'Apply' if form.params.get('do') == 'apply' else 'Forget'} {plural(len(plan.changes), 'change')}"
        )

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Applies or drops, as the actor."""
        work = writing(ctx, params)
        do = text_of(params, "do")
        if do not in ("apply", "drop"):
            raise ConfigError(f"do {do!r} is none.", remedy="Give apply or drop.")
        b = work.opened()
        plan = b.held()
        if plan is None:
            raise ConfigError("No brake holds anything.", remedy="Somebody may have decided already: look again.")
        count = plural(len(plan.changes), "change")
        with work.acting(b):
            if do == "drop":
                b.drop_held()
                said = (
                    f"Forgotten, as {work.actor}: {count}. The edits are where they were, and the next run sees them."
                )
                return Reply(said, {"binding": b.name, "dropped": plan.run_id})
            try:
                done = b.apply(plan)
            except StalePlan:
                if not is_set(params, "force"):
                    raise
                done = b.reconcile(full=True, force=True)
        counts = f"{done.to_database:,} to the database, {done.to_fiftyone:,} to FiftyOne"
        said = f"Applied although a brake held it, as {work.actor}: {counts}."
        return Reply(said, done.as_json() | {"exit_code": done.exit_code}, touched=frozenset())
