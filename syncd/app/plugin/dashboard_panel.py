"""The panel ``syncd_dashboard``: corrections over time, what became what, and classes gained and lost, from the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fiftyone.operators as foo

from syncd.api.binding import Binding
from syncd.app.plugin.asked import bindings_of, config_of, known_actor
from syncd.app.plugin.drawn import Drawn
from syncd.app.plugin.operator import Work, plural
from syncd.app.plugin.page import Page, quoted
from syncd.errors import ConfigError
from syncd.report.models import Model

NAME = "syncd_dashboard"
TOP = 15
"""Classes and transitions in a list."""

MOST_SCENARIOS = 40

LAYOUT: dict[str, Any] = {
    "margin": {"l": 60, "r": 20, "t": 10, "b": 40},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "showlegend": False,
}
"""Without a ground of its own it is right in the dark as in the light."""


class DashboardPanel(Drawn):
    """The panel."""

    @property
    def config(self) -> Any:
        """How FiftyOne lists it."""
        return foo.PanelConfig(name=NAME, label="syncd dashboard", icon="insights", surfaces="grid")

    def again(self, ctx: Any) -> None:
        """The log is read anew."""

    def evaluate(self, ctx: Any) -> None:
        """Has the evaluations made again."""
        ctx.prompt("@syncd/syncd/evaluate", params={"binding": ctx.params.get("binding")}, on_success=self.done)

    def fill(self, ctx: Any, root: Any, page: Page) -> None:
        """Plots of the log, over all time."""
        del root
        config = config_of(ctx)
        found, name = bindings_of(ctx, config), ctx.panel.get_state("binding")
        if not found:
            raise ConfigError("syncd does not keep this dataset.")
        binding = next((each for each in found if each.name == name), found[0])
        b = Work(config, binding, known_actor(ctx)).opened()
        report, status = b.report().content, b.status()
        page.text(
            f"#### {quoted(binding.name)}  \n{plural(report.totals.annotations, 'annotation')} changed by "
            f"{plural(report.totals.changes, 'change')}; {plural(sum(status.open_conflicts.values()), 'conflict')} open"
        )
        page.button("Read again", self.again, icon="refresh")
        _evaluations(self, page, b, report.models)
        days = report.totals.by_day
        if not days:
            page.text("Nothing was changed yet.")
            return
        moved = [(f"{each.old} → {each.new}", each.count) for each in report.transitions[:TOP]]
        _listed(page, "What became what", moved)
        classes = sorted(report.classes, key=lambda each: -(each.gained + each.lost))[:TOP]
        rows = [{"what": each.label, "gained": f"+{each.gained:,}", "lost": f"-{each.lost:,}"} for each in classes]
        page.text("**Classes gained and lost**")
        page.table({"what": "Class", "gained": "Gained", "lost": "Lost"}, rows)
        _listed(page, "By whom", [(each.value or "nobody named", each.count) for each in report.totals.by_actor[:TOP]])
        open_ones = sorted(status.open_conflicts.items(), key=lambda each: -each[1])
        _listed(page, "Open conflicts", [(kind.replace("_", " "), count) for kind, count in open_ones])
        # The plot comes last: the App gives one the whole height of a panel.
        page.text("**Changes a day**")
        trace = {"type": "bar", "x": [each.value for each in days], "y": [each.count for each in days]}
        page.plot([trace], LAYOUT | {"xaxis": {"type": "category"}})


def _evaluations(panel: DashboardPanel, page: Page, b: Binding, models: Sequence[Model]) -> None:
    """Predictions against the labels before and after the corrections, and which evaluations are stale."""
    stale = [each for each in b.evaluations() if each.is_stale]
    for each in stale:
        labels = plural(each.changed, "label")
        page.warning(f"The evaluation {each.key} is stale: {labels} changed since it was made.")
    if stale and models:
        page.button("Evaluate again…", panel.evaluate, icon="refresh", params={"binding": b.name})
    for model in models:
        page.text(
            f"**Predictions in {quoted(model.field)}**, before → after the corrections: they agree with "
            f"{_moved(model.before.accuracy, model.after.accuracy)} of the labels"
        )
        before = {each.label: each for each in model.before.classes}
        rows = [
            {
                "what": each.label,
                "labels": f"{each.support:,}",
                "precision": _moved(before[each.label].precision if each.label in before else 0.0, each.precision),
                "recall": _moved(before[each.label].recall if each.label in before else 0.0, each.recall),
            }
            for each in model.after.classes[:TOP]
        ]
        page.table({"what": "Class", "labels": "Labels", "precision": "Precision", "recall": "Recall"}, rows)
        apart = [
            {
                "what": f"{each.attribute}: {each.value}",
                "labels": f"{each.annotations:,}",
                "precision": _moved(each.scores_before.precision, each.scores_after.precision),
                "recall": _moved(each.scores_before.recall, each.scores_after.recall),
            }
            for each in model.scenarios[:MOST_SCENARIOS]
        ]
        if apart:
            page.text(f"**{quoted(model.field)} by scenario**")
            page.table({"what": "Where", "labels": "Labels", "precision": "Precision", "recall": "Recall"}, apart)


def _moved(before: float, after: float) -> str:
    return f"{before:.1%} → {after:.1%}"


def _listed(page: Page, title: str, found: list[tuple[str, int]]) -> None:
    if found:
        page.text(f"**{title}**")
        page.table({"what": "", "count": "Labels"}, [{"what": name, "count": f"{count:,}"} for name, count in found])
