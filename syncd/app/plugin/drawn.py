"""What all panels share: what is shown is read anew at each event, and what goes wrong is a sentence in its place."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from syncd.app.plugin.answers import unforeseen
from syncd.app.plugin.page import Page
from syncd.errors import SyncdError

ROOT = {"grid": {"sx": {"px": 2, "pb": 4}}}
"""A margin: without it everything stands at the panel's edge."""


TRIES = 3
"""Times that an answer is drawn while somebody chooses something else meanwhile."""


class Drawn(foo.Panel):
    """A panel; subclasses say what it shows (:meth:`fill`)."""

    def on_load(self, ctx: Any) -> None:
        """It is opened, or the page is loaded again with what was chosen before."""

    def done(self, ctx: Any) -> None:
        """A form was submitted: what is shown is read anew."""

    def render(self, ctx: Any) -> Any:
        """Draws it: choices at the root, and what is read below it."""
        for _ in range(TRIES):
            root, page = types.Object(), Page()
            try:
                self.fill(ctx, root, page)
            except SyncdError as error:
                page.error(error.message, error.remedy or "")
            except Exception as error:  # noqa: BLE001 - the App would show its traceback in place of the panel
                known = unforeseen(error)
                page.error(known.message, known.remedy or "")
            if not self.is_outdated(ctx):
                break
        root.define_property("shown", page.schema, view=types.GridView(gap=2))
        self.more(root)
        # With any choice the App puts into the state, which is everybody's, what it shows; merged with what is shown
        # next, old rows would stay.
        if ctx.panel.get_state("shown") is not None:
            ctx.panel.set_state("shown", None)
        ctx.panel.set_data("shown", page.data)
        return types.Property(root, view=types.GridView(gap=2, componentsProps=ROOT))

    def is_outdated(self, ctx: Any) -> bool:
        """Whether something else was chosen while this was drawn: it would take the place of what is shown since."""
        del ctx
        return False

    def more(self, root: Any) -> None:
        """What is there whatever goes wrong."""

    def fill(self, ctx: Any, root: Any, page: Page) -> None:
        """What is shown."""
        raise NotImplementedError
