"""The panel ``syncd``: how the bindings of the dataset stand, what needs a person, what was done, and taking it back.

State is what a person chose: tab, binding, page, filters; it is the App server's, and so everybody's who uses it, and
never who anybody is. Everything that is shown is read anew at each event, and goes to the browser that asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from syncd.app.plugin import tab_changes, tab_conflicts, tab_held, tab_status, tab_suspects, tab_waiting
from syncd.app.plugin.answers import Reply, refused, reply_of, tell
from syncd.app.plugin.asked import bindings_of, config_of, known_actor
from syncd.app.plugin.deciding import Resolve
from syncd.app.plugin.drawn import Drawn
from syncd.app.plugin.enterprise import has_workers
from syncd.app.plugin.operator import Act, Work
from syncd.app.plugin.page import Page
from syncd.app.plugin.proposing import AnswerProposal
from syncd.app.plugin.relabel import Relabel
from syncd.app.plugin.reviewing import Approve, Flag, SendBack
from syncd.app.plugin.running import Sync
from syncd.errors import ConfigError

NAME = "syncd"
STATUS, CONFLICTS, WAITING, CHANGES, HELD = "Status", "Conflicts", "Waiting", "Changes", "Held"
SUSPECTS = "Suspects"
TABS = (STATUS, CONFLICTS, WAITING, CHANGES, HELD, SUSPECTS)
EVERY_MS = 15_000
"""Between two looks of an open panel."""

PREFIX = "@syncd/syncd/"


class ChosenTabs:
    """The tab that was chosen last in each open panel: an answer that comes late shows that one too."""

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._tabs: dict[str, str] = {}

    def choose(self, panel: str, tab: str) -> None:
        """A tab is chosen."""
        with self._lock:
            self._tabs.pop(panel, None)
            while len(self._tabs) >= self._most:
                del self._tabs[next(iter(self._tabs))]
            self._tabs[panel] = tab

    def of(self, panel: str, otherwise: str) -> str:
        """The tab of a panel; ``otherwise`` where none is known."""
        with self._lock:
            return self._tabs.get(panel, otherwise)


CHOSEN_TABS = ChosenTabs()


class SyncdPanel(Drawn):
    """The panel."""

    @property
    def config(self) -> Any:
        """How FiftyOne lists it."""
        return foo.PanelConfig(name=NAME, label="syncd", icon="sync", surfaces="grid", help_markdown=HELP)

    # What the App calls

    def on_load(self, ctx: Any) -> None:
        """It is opened, or the page is loaded again with what was chosen before."""
        CHOSEN_TABS.choose(ctx.panel_id, self._state(ctx, "tab") or STATUS)

    def on_change_dataset(self, ctx: Any) -> None:
        """Another dataset: its bindings are others."""
        self._choose(ctx, binding=None, page=0, ids=[])

    def done(self, ctx: Any) -> None:
        """A form was submitted: what is shown is read anew."""
        del ctx
        tab_suspects.STORED.forget()

    def tick(self, ctx: Any) -> None:
        """Time to look again."""

    def more(self, root: Any) -> None:
        """The timer by which it looks again."""
        root.view("timer", types.TimerView(interval=EVERY_MS, on_interval=self.tick))

    # What is chosen

    def on_tab(self, ctx: Any) -> None:
        """Another tab."""
        CHOSEN_TABS.choose(ctx.panel_id, self._state(ctx, "tab") or STATUS)
        self._choose(ctx, page=0, ids=[])

    def on_filter(self, ctx: Any) -> None:
        """Another filter, or another binding."""
        self._choose(ctx, page=0, ids=[])

    def to_page(self, ctx: Any) -> None:
        """Another page of a list."""
        self._choose(ctx, page=int(ctx.params.get("page") or 0))

    def clear_filters(self, ctx: Any) -> None:
        """No filter."""
        self._choose(ctx, page=0, filters={})

    # Status

    def sync(self, ctx: Any) -> None:
        """Syncs in the background."""
        if has_workers(ctx):
            params = self._with_binding(ctx, {"background": True})
            ctx.prompt(f"{PREFIX}sync", params=params, on_success=self.done, skip_prompt=True)
            return
        self._act(ctx, Sync, {"background": True})

    def preview(self, ctx: Any) -> None:
        """Opens the preview."""
        self._prompt(ctx, "preview", {})

    def report(self, ctx: Any) -> None:
        """Opens the report's form."""
        self._prompt(ctx, "report", {})

    def views(self, ctx: Any) -> None:
        """Sets up views and workspaces."""
        self._prompt(ctx, "setup_views", {})

    # Conflicts

    def take(self, ctx: Any) -> None:
        """Answers one conflict by a side's value."""
        self._act(ctx, Resolve, {"ids": [ctx.params.get("id")], "take": ctx.params.get("take")})

    def take_other(self, ctx: Any) -> None:
        """Answers one conflict by another value, which is asked for."""
        self._prompt(ctx, "resolve", {"ids": [ctx.params.get("id")], "take": "value"})

    def take_all(self, ctx: Any) -> None:
        """Answers all conflicts that match; the form says how many they are."""
        asked = self._filters(ctx)
        chosen = {"kind": asked["kind"], "label": asked["klass"], "person": asked["person"]}
        self._prompt(ctx, "resolve", {name: value for name, value in chosen.items() if value})

    def show(self, ctx: Any) -> None:
        """Shows a sample in the grid, and opens it."""
        sample = ctx.params.get("sample")
        if not sample:
            return
        self._guarded(ctx, lambda: _show(ctx, str(sample)))

    # Waiting

    def approve_row(self, ctx: Any) -> None:
        """Approves what stands in a row."""
        self._on_row(ctx, Approve)

    def send_back_row(self, ctx: Any) -> None:
        """Sends back what stands in a row."""
        self._on_row(ctx, SendBack)

    def flag_row(self, ctx: Any) -> None:
        """Flags what stands in a row."""
        self._on_row(ctx, Flag)

    def show_row(self, ctx: Any) -> None:
        """Shows the sample of a row."""
        found = self._row(ctx)
        if found is not None:
            self._guarded(ctx, lambda: _show(ctx, found.partition("/")[0]))

    def accept_term(self, ctx: Any) -> None:
        """Accepts a proposed term."""
        self._act(ctx, AnswerProposal, {"id": ctx.params.get("id"), "do": "accept"})

    def reject_term(self, ctx: Any) -> None:
        """Rejects a proposed term."""
        self._prompt(ctx, "answer_proposal", {"id": ctx.params.get("id"), "do": "reject"})

    # Changes

    def undo_row(self, ctx: Any) -> None:
        """Takes one change back; the form asks for a note."""
        found = self._row(ctx)
        if found is not None:
            self._prompt(ctx, "undo", {"change": int(found.partition("/")[0])})

    def undo_run(self, ctx: Any) -> None:
        """Takes the run of a row back."""
        found = self._row(ctx)
        if found is not None:
            self._prompt(ctx, "undo", {"run": found.partition("/")[2]})

    def undo_more(self, ctx: Any) -> None:
        """Takes back what somebody did since a moment."""
        self._prompt(ctx, "undo", {})

    # Suspects

    def relabel_suspect(self, ctx: Any) -> None:
        """Gives a suspect label the class that its neighbours say."""
        tab_suspects.STORED.forget()
        self._act(ctx, Relabel, {name: ctx.params.get(name) for name in ("label_ids", "label")})

    def relabel_other(self, ctx: Any) -> None:
        """Gives a suspect label another class, which is asked for."""
        self._prompt(ctx, "relabel", {"label_ids": ctx.params.get("label_ids")})

    def judge(self, ctx: Any) -> None:
        """Has the labels judged as they are now."""
        self._prompt(ctx, "suspects", {})

    # Held

    def apply_held(self, ctx: Any) -> None:
        """Applies what is held; the form says why it is."""
        self._prompt(ctx, "held", {"do": "apply"})

    def drop_held(self, ctx: Any) -> None:
        """Forgets what is held."""
        self._prompt(ctx, "held", {"do": "drop"})

    # How

    def fill(self, ctx: Any, root: Any, page: Page) -> None:
        """The chosen tab of the chosen binding."""
        config = config_of(ctx)
        found = bindings_of(ctx, config)
        if not found:
            page.notice(
                "syncd does not keep this dataset.",
                f"The configuration is about: {', '.join(sorted({each.dataset for each in config.bindings}))}.",
            )
            return
        own = self._state(ctx, "tab") or STATUS
        tab = CHOSEN_TABS.of(ctx.panel_id, own)
        setattr(ctx, DRAWN_TAB, tab)
        choices = types.TabsView()
        for each in TABS:
            choices.add_choice(each, label=each)
        # The default is what is chosen: the App sets it when the page is loaded again.
        root.str("tab", default=tab, view=choices, on_change=self.on_tab)
        name = self._state(ctx, "binding")
        binding = next((each for each in found if each.name == name), found[0])
        if len(found) > 1:
            names = types.Dropdown()
            for other in found:
                names.add_choice(other.name, label=f"{other.name} ({other.label_field})")
            view = {"label": "Binding", "view": names, "on_change": self.on_filter}
            root.enum("binding", names.values(), default=binding.name, **view)
        work = Work(config, binding, known_actor(ctx))
        said = getattr(ctx, SAID, None)
        if isinstance(said, Reply) and said.variant in ("warning", "error"):
            (page.error if said.variant == "error" else page.warning)(said.message)
        # Page and filters of an earlier tab are none of this one's.
        number = self._state(ctx, "page") if tab == own else 0
        number = number if isinstance(number, int) and number > 0 else 0
        asked = self._filters(ctx)
        if tab == CONFLICTS:
            tab_conflicts.fill(self, root, page, work, number, asked)
        elif tab == WAITING:
            self._remember(ctx, tab_waiting.fill(self, page, work, number))
        elif tab == CHANGES:
            self._remember(ctx, tab_changes.fill(self, root, page, work, number, asked))
        elif tab == HELD:
            tab_held.fill(self, page, work)
        elif tab == SUSPECTS:
            tab_suspects.fill(self, page, work, number)
        else:
            tab_status.fill(self, page, [Work(config, each, work.actor) for each in found])

    def is_outdated(self, ctx: Any) -> bool:
        """Whether another tab was chosen meanwhile."""
        drawn = getattr(ctx, DRAWN_TAB, None)
        return drawn is not None and CHOSEN_TABS.of(ctx.panel_id, drawn) != drawn

    def _act(self, ctx: Any, act: type[Act], params: Mapping[str, Any]) -> None:
        """Does it at once where it is known who asks; else the form asks for a name."""
        params = self._with_binding(ctx, params)
        if act is not Sync and known_actor(ctx) is None:
            self._prompt(ctx, act.word, params)
            return
        self._guarded(ctx, lambda: act().act(ctx, params))

    def _prompt(self, ctx: Any, name: str, params: Mapping[str, Any]) -> None:
        params = self._with_binding(ctx, params)
        ctx.prompt(PREFIX + name, params=dict(params), on_success=self.done)

    def _guarded(self, ctx: Any, act: Callable[[], Reply]) -> None:
        reply = reply_of(act)
        tell(ctx, reply)
        setattr(ctx, SAID, reply)

    def _with_binding(self, ctx: Any, params: Mapping[str, Any]) -> dict[str, Any]:
        name = ctx.params.get("binding") or self._state(ctx, "binding")
        return ({"binding": name} if name else {}) | dict(params)

    def _on_row(self, ctx: Any, act: type[Act]) -> None:
        found = self._row(ctx)
        if found is not None:
            self._act(ctx, act, {"label_ids": [found.partition("/")[2]]})

    def _row(self, ctx: Any) -> str | None:
        """What the row stood for when it was shown; the row's number is an index into what was shown then."""
        ids, row = self._state(ctx, "ids") or [], ctx.params.get("row")
        if isinstance(row, int) and 0 <= row < len(ids):
            return str(ids[row])
        setattr(ctx, SAID, refused(ConfigError("That row is gone.", remedy="The list is shown anew: choose again.")))
        return None

    def _remember(self, ctx: Any, ids: list[str]) -> None:
        if self._state(ctx, "ids") != ids:
            ctx.panel.set_state("ids", ids)

    def _choose(self, ctx: Any, **chosen: Any) -> None:
        changed = {name: value for name, value in chosen.items() if self._state(ctx, name) != value}
        if changed:
            ctx.panel.set_state(changed)

    def _filters(self, ctx: Any) -> dict[str, str | None]:
        """The filters as far as they are texts: what state holds, anybody may have put there."""
        given = self._state(ctx, "filters")
        given = given if isinstance(given, Mapping) else {}
        texts = {name: given.get(name) for name in ("kind", "klass", "person")}
        found = {name: text.strip() if isinstance(text, str) else "" for name, text in texts.items()}
        return {name: None if text in ("", tab_conflicts.ALL) else text for name, text in found.items()}

    def _state(self, ctx: Any, name: str) -> Any:
        return ctx.panel.get_state(name)


DRAWN_TAB = "_syncd_drawn_tab"
"""Where it stands in a context which tab was drawn for it."""

SAID = "_syncd_said"
"""Where an event leaves its answer for what is drawn after it."""

HELP = """
**syncd** keeps this dataset and the lab's database in agreement. *Status* says how it stands; *Conflicts* and *Waiting*
are for you to decide; *Changes* is what was done, and can be taken back; *Held* is what a brake stopped; *Suspects* are
labels that disagree with what looks alike.
"""


def _show(ctx: Any, sample: str) -> Reply:
    """The sample alone in the grid, and opened: one that the view does not show would close at once."""
    view = ctx.dataset.select([sample])
    if len(view) == 0:
        raise ConfigError("That sample is not in the dataset any more.")
    ctx.ops.set_view(view)
    ctx.ops.open_sample(id=sample)
    return Reply("The grid shows that sample alone; clear the view to go back.", variant="info")
