"""Sync now, preview, history, report, set up views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from fiftyone.operators import types

from syncd.adapters.fiftyone.compat import CLASS
from syncd.api.binding import Binding
from syncd.app.plugin import background
from syncd.app.plugin.answers import INFO, SUCCESS, WARNING, Reply
from syncd.app.plugin.asked import check_may_write
from syncd.app.plugin.operator import Act, Form, Work, is_set, plural, reading, text_of, wants_thread, writing
from syncd.app.plugin.words import change_words, reason_words
from syncd.app.reports import link_of, new_report
from syncd.errors import ConfigError


class Sync(Act):
    """Brings both sides into agreement now."""

    word, title, icon = "sync", "sync now", "sync"
    about = "Brings both sides into agreement now, instead of at the next poll"
    place = types.Places.HEADER_ACTIONS
    delegable = True

    def ask(self, form: Form) -> None:
        """How much is read, and whether it goes on in the background."""
        if form.binding() is None:
            return
        check_may_write(form.ctx)
        form.inputs.bool("full", label="Read everything, whatever the timestamps say", default=False)
        form.inputs.bool("background", label="In the background", default=False)
        form.submit = "Sync now"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Reconciles; in the background it answers at once."""
        work = writing(ctx, params, named=False)
        full = is_set(params, "full")

        def run(progress: Callable[[str, float], None]) -> Reply:
            b = work.opened()
            with work.acting(b):
                return _synced(b, full, progress)

        if not wants_thread(ctx, params):
            return run(lambda phase, part: ctx.set_progress(part, phase))
        name = work.binding.name
        if not background.start(name, run):
            return Reply(f"A run of {name!r} is at work in the background already.", {"binding": name}, WARNING)
        return Reply(
            f"Syncing {name!r} in the background: the syncd panel shows how far it is.", {"binding": name}, INFO
        )


def _synced(b: Binding, full: bool, progress: Callable[[str, float], None]) -> Reply:
    done = b.reconcile(full=full, progress=progress)
    document = done.as_json() | {"exit_code": done.exit_code}
    if done.held is not None:
        return Reply(f"Held by a brake, nothing was written: {done.held}.", document, WARNING)
    said = f"{done.to_database:,} to the database, {done.to_fiftyone:,} to FiftyOne"
    if done.opened:
        said += f", {plural(done.opened, 'new conflict')}"
    if not (done.to_database or done.to_fiftyone or done.opened):
        said = "Nothing had changed"
    touched: frozenset[str] | None = None
    if done.to_fiftyone:
        changes = [each.change for each in done.recorded]
        touched = frozenset(str(part) for each in changes for part in (each.sample_id, each.label_id) if part)
    rest = f" {plural(done.open_conflicts, 'conflict')} open." if done.open_conflicts else ""
    return Reply(f"{said}.{rest}", document, SUCCESS, touched)


class Preview(Act):
    """Says what a sync would do."""

    word, title, icon = "preview", "preview a sync", "visibility"
    about = "Says what a sync would do, and why; changes nothing"

    def ask(self, form: Form) -> None:
        """How much is read."""
        if form.binding() is None:
            return
        form.inputs.bool("full", label="Read everything, whatever the timestamps say", default=False)
        form.submit = "Preview"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Plans."""
        work = reading(ctx, params)
        planned = work.opened().plan(full=is_set(params, "full"))
        document = planned.as_json() | {"exit_code": planned.exit_code}
        changes = planned.changes
        out = sum(each.direction is not None and each.direction.value == "to_fiftyone" for each in changes)
        conflicts = 0 if planned.plan is None else len(planned.plan.conflicts)
        said = f"A sync would write {len(changes) - out:,} to the database and {out:,} to FiftyOne"
        said += f", and open {plural(conflicts, 'conflict')}" if conflicts else ""
        held = f" A brake would hold it: {planned.held}." if planned.held else ""
        document["shown"] = [
            {
                "annotation": each.annotation_id or each.label_id,
                "way": each.direction.value.replace("_", " ") if each.direction else "",
                "field": each.field or each.action.value,
                "change": f"{_short(each.old)} → {_short(each.new)}",
                "why": reason_words(each.reason),
            }
            for each in changes[:SHOWN]
        ]
        return Reply(f"{said}.{held}", document, WARNING if planned.held else INFO)

    def resolve_output(self, ctx: Any) -> Any:
        """The sentence, and the first changes as a table."""
        return output_table(
            ctx, "shown", {"annotation": "Annotation", "way": "Way", "field": "Field", "change": "Change", "why": "Why"}
        )


SHOWN = 50
"""Rows of an answer that are shown as a table."""


class History(Act):
    """Tells the life of an annotation."""

    word, title, icon = "history", "history", "history"
    about = "Everything that was logged about an annotation: who, when, from what to what, why"
    place = types.Places.SAMPLES_VIEWER_ACTIONS

    def ask(self, form: Form) -> None:
        """Which annotation; the one that is selected, if one is."""
        if form.binding() is None:
            return
        if not form.params.get("annotation_id"):
            work = reading(form.ctx, form.params)
            known = ids_shown(form.ctx, work)
            view: Any = types.Dropdown()
            for name, label in known.items():
                view.add_choice(name, label=f"{label} · {name}")
            if known:
                form.inputs.enum(
                    "annotation_id", view.values(), label="Annotation", view=view, default=next(iter(known))
                )
            else:
                asked = form.inputs.str("annotation_id", label="Annotation id", required=True)
                asked.invalid, asked.error_message = True, "Give an annotation's id, or select its label."
        form.submit = "Show"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Reads the log."""
        work = reading(ctx, params)
        name = text_of(params, "annotation_id")
        if name is None:
            name = next(iter(ids_shown(ctx, work)), None)
        if name is None:
            raise ConfigError("No annotation is named.", remedy="Give annotation_id, or select a label.")
        log = work.opened().history(name)
        document = {"binding": work.binding.name, "annotation_id": name} | log.as_json()
        document["shown"] = [
            {
                "when": f"{each.applied_at:%Y-%m-%d %H:%M}" if each.applied_at else "",
                "who": each.actor or "",
                "change": change_words(each),
                "why": reason_words(each.reason),
                "status": each.status,
            }
            for each in reversed(log.rows[-SHOWN:])
        ]
        if not log:
            return Reply(f"Nothing was ever logged about {name!r}.", document, INFO)
        return Reply(f"{plural(len(log), 'entry', 'entries')} about {name}.", document, INFO)

    def resolve_output(self, ctx: Any) -> Any:
        """The entries as a table, the newest first."""
        return output_table(
            ctx, "shown", {"when": "When", "who": "Who", "change": "Change", "why": "Why", "status": "Status"}
        )


def ids_shown(ctx: Any, work: Work) -> dict[str, str]:
    """The annotations that are selected, or on the sample that is open, by id, with their class; those with an id."""
    binding = work.binding
    picked = [each.get("label_id") for each in ctx.selected_labels or () if isinstance(each, Mapping)]
    sample = ctx.current_sample
    if ctx.dataset is None or (not picked and sample is None):
        return {}
    view = ctx.dataset
    if picked:
        view = view.select_labels(ids=picked, fields=[binding.label_field])
    else:
        patch = any(str(each.get(CLASS)).endswith("ToPatches") for each in ctx.request_params.get("view") or ())
        view = view.select_labels(ids=[sample], fields=[binding.label_field]) if patch else view.select([sample])
    from syncd.app.plugin.labels import path_of

    path = path_of(view, binding.label_field)
    ids, labels = view.values([f"{path}.{binding.annotation_id}", f"{path}.label"], unwind=True)
    return {str(name): str(label) for name, label in zip(ids, labels, strict=True) if name is not None}


class Report(Act):
    """Writes a report, and opens it."""

    word, title, icon = "report", "report", "summarize"
    about = "What changed: totals, transitions, people, conflicts, with pictures; a page to read, print or send"

    def ask(self, form: Form) -> None:
        """Since when."""
        if form.binding() is None:
            return
        choices = types.RadioGroup()
        for name, (label, _) in PERIODS.items():
            choices.add_choice(name, label=label)
        form.inputs.enum("period", choices.values(), default="week", label="Of", view=choices)
        form.submit = "Make the report"

    def act(self, ctx: Any, params: Mapping[str, Any]) -> Reply:
        """Writes the page beside the App's server, which serves it."""
        work = reading(ctx, params)
        period = text_of(params, "period") or "week"
        if period not in PERIODS:
            raise ConfigError(f"period {period!r} is none.", remedy=f"Give one of: {', '.join(PERIODS)}.")
        days = PERIODS[period][1]
        since = None if days is None else datetime.now(timezone.utc) - timedelta(days=days)
        made = work.opened().report(since=since)
        path = new_report(work.binding.name)
        made.write(path)
        found = made.content
        document = {
            "binding": work.binding.name,
            "path": str(path),
            "url": link_of(path),
            "changes": found.totals.changes,
            "annotations": found.totals.annotations,
        }
        said = f"{plural(found.totals.changes, 'change')} of {plural(found.totals.annotations, 'annotation')}."
        return Reply(f"The report is made: {said}", document, INFO)

    def resolve_output(self, ctx: Any) -> Any:
        """A link that opens the page."""
        outputs = types.Object()
        outputs.str("message", view=types.MarkdownView(read_only=True))
        url = (ctx.results or {}).get("url")
        if url:
            outputs.btn("open", "Open the report", icon="open_in_new", href=url, variant="contained")
        return types.Property(outputs, view=types.View(label="syncd: report"))


PERIODS: dict[str, tuple[str, int | None]] = {
    "day": ("the last day", 1),
    "week": ("the last week", 7),
    "month": ("the last 30 days", 30),
    "all": ("all time", None),
}


def output_table(ctx: Any, name: str, columns: Mapping[str, str]) -> Any:
    """The message of an answer, and the list of this name in it as a table."""
    outputs = types.Object()
    outputs.str("message", view=types.MarkdownView(read_only=True))
    if (ctx.results or {}).get(name):
        table = types.TableView()
        for key, label in columns.items():
            table.add_column(key, label=label)
        outputs.list(name, types.Object(), view=table)
    return types.Property(outputs, view=types.View(label="syncd"))


def _short(value: object) -> str:
    from syncd.api.html import shown

    return shown(value)
