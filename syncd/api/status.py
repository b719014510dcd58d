"""How bindings stand; apart from the other queries, since whoever asks for it alone waits for no data frames."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from syncd.config import Config
from syncd.engine.state import open_state
from syncd.engine.status import BindingStatus, status_of


def status(config: Config, names: Sequence[str]) -> list[BindingStatus]:
    """How each of these bindings stands now, in the order of ``names``; reads syncd's own tables alone."""
    now = datetime.now(timezone.utc)
    with open_state(config) as state:
        return [status_of(state.connection, state.tables, name, now) for name in names]
