"""The panel ``syncd_history``, beside an open sample: the life of its annotations, and taking a change back."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from syncd.api.html import shown
from syncd.api.rows import ChangeRow
from syncd.app.plugin.asked import binding_of, bindings_of, config_of, known_actor
from syncd.app.plugin.drawn import Drawn
from syncd.app.plugin.operator import Work, plural
from syncd.app.plugin.page import Page, quoted
from syncd.app.plugin.running import ids_shown
from syncd.app.plugin.words import kind_words, told

NAME = "syncd_history"
ROWS = 30


class HistoryPanel(Drawn):
    """The panel."""

    @property
    def config(self) -> Any:
        """How FiftyOne lists it."""
        return foo.PanelConfig(name=NAME, label="syncd history", icon="history", surfaces="modal")

    def on_change_current_sample(self, ctx: Any) -> None:
        """Another sample is open: its annotations are others."""
        self._forget(ctx)

    def on_change_selected_labels(self, ctx: Any) -> None:
        """Another label was clicked."""
        self._forget(ctx)

    def on_annotation(self, ctx: Any) -> None:
        """Another annotation of the sample is chosen."""

    def explain(self, ctx: Any) -> None:
        """Both sides are read, to say which rule decides now."""
        ctx.panel.set_state("explained", ctx.params.get("annotation_id"))

    def undo_row(self, ctx: Any) -> None:
        """Takes a change back; the form asks for a note."""
        seqs, row = ctx.panel.get_state("seqs") or [], ctx.params.get("row")
        if isinstance(row, int) and 0 <= row < len(seqs):
            ctx.prompt("@syncd/syncd/undo", params={"change": seqs[row]}, on_success=self.done)

    def fill(self, ctx: Any, root: Any, page: Page) -> None:
        """Its annotations, what is open about them, and the log."""
        config = config_of(ctx)
        there = bindings_of(ctx, config)
        wanted = ctx.panel.get_state("binding")
        binding = next((each for each in there if each.name == wanted), None)
        if binding is None:
            binding = there[0] if there else binding_of(ctx, config, None)
        if len(there) > 1:
            names = types.Dropdown()
            for other in there:
                names.add_choice(other.name, label=f"{other.name} ({other.label_field})")
            root.enum(
                "binding",
                names.values(),
                default=binding.name,
                label="Binding",
                view=names,
                on_change=self.on_annotation,
            )
        work = Work(config, binding, known_actor(ctx))
        found = ids_shown(ctx, work)
        if not found:
            page.text("No annotation with an id is on this sample.")
            return
        chosen = ctx.panel.get_state("annotation")
        name = chosen if chosen in found else next(iter(found))
        if len(found) > 1:
            choices = types.Dropdown()
            for each, label in found.items():
                choices.add_choice(each, label=f"{label} · {each}")
            view = {"label": "Annotation", "view": choices, "on_change": self.on_annotation}
            root.enum("annotation", choices.values(), default=name, **view)
        page.text(f"**{quoted(found[name])}**  \n`{name}`")
        self._now(page, work, name)
        log = work.opened().history(name)
        if not log:
            page.text("Nothing was logged about it yet: both sides have held the same since they met.")
        rows = list(reversed(log.rows))[:ROWS]
        self._log(ctx, page, rows)
        if len(log) > ROWS:
            page.text(f"and {plural(len(log) - ROWS, 'older entry', 'older entries')}: `syncd log --annotation {name}`")
        if ctx.panel.get_state("explained") == name:
            why = work.opened().why(name)
            page.text(
                f"**Now:** {quoted(why.rule.text)}."
                + (f"  \nNot synced: {quoted(why.not_synced)}." if why.not_synced else "")
            )
            sides = [
                (side, values)
                for side, values in (("FiftyOne", why.fiftyone), ("database", why.database), ("agreed", why.baseline))
            ]
            page.text(
                "  \n".join(
                    f"{side}: **{quoted(shown(values.get('label')))}**" if values else f"{side}: nothing"
                    for side, values in sides
                )
            )
        else:
            page.button("Which rule decides now?", self.explain, params={"annotation_id": name}, icon="help")

    def _now(self, page: Page, work: Work, name: str) -> None:
        """What is open about it."""
        for each in work.opened().conflicts(annotation_id=name):
            page.warning(
                f"Conflict {each.id}: {kind_words(each.kind)}",
                f"FiftyOne {shown(each.fiftyone)}, database {shown(each.database)}",
            )

    def _log(self, ctx: Any, page: Page, rows: list[ChangeRow]) -> None:
        listed = told(rows)
        seqs = [each.entry.seq for each in listed]
        if (ctx.panel.get_state("seqs") or []) != seqs:
            ctx.panel.set_state("seqs", seqs)
        if listed:
            columns = {"when": "When", "who": "Who", "change": "Change", "why": "Why"}
            actions = [("undo", "Take back", "undo", self.undo_row)]
            page.table(columns, [each.as_row() for each in listed], actions)

    def _forget(self, ctx: Any) -> None:
        for name in ("annotation", "explained"):
            if ctx.panel.get_state(name) is not None:
                ctx.panel.set_state(name, None)
