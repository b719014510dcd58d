"""The operators and panels of the plugin, as fiftyone.yml declares them."""

from __future__ import annotations

from syncd.app.plugin.dashboard_panel import DashboardPanel
from syncd.app.plugin.deciding import Held, Resolve, Undo
from syncd.app.plugin.embedding import Embed, RefreshEmbeddings, Suspects
from syncd.app.plugin.evaluating import Evaluate
from syncd.app.plugin.history_panel import HistoryPanel
from syncd.app.plugin.panel import SyncdPanel
from syncd.app.plugin.proposing import AnswerProposal
from syncd.app.plugin.relabel import Relabel
from syncd.app.plugin.reviewing import Approve, Flag, Propose, SendBack
from syncd.app.plugin.running import History, Preview, Report, Sync
from syncd.app.plugin.views import SetupViews

OPERATORS = (
    Sync,
    Preview,
    Relabel,
    Approve,
    Flag,
    SendBack,
    Propose,
    Resolve,
    Undo,
    Held,
    History,
    Report,
    SetupViews,
    AnswerProposal,
    Embed,
    Suspects,
    RefreshEmbeddings,
    Evaluate,
)
PANELS = (SyncdPanel, HistoryPanel, DashboardPanel)
