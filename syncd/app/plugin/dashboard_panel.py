"""The panel ``syncd_dashboard``: corrections over time, what became what, and classes gained and lost, from the log."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo

from syncd.app.plugin.asked import bindings_of, config_of, known_actor
from syncd.app.plugin.drawn import Drawn
from syncd.app.plugin.operator import Work, plural
from syncd.app.plugin.page import Page, quoted
from syncd.errors import ConfigError

NAME = "syncd_dashboard"
TOP = 15
"""Classes and transitions in a list."""

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


def _listed(page: Page, title: str, found: list[tuple[str, int]]) -> None:
    if found:
        page.text(f"**{title}**")
        page.table({"what": "", "count": "Labels"}, [{"what": name, "count": f"{count:,}"} for name, count in found])
