"""syncd keeps FiftyOne datasets and a lab's annotation database in agreement.

    from syncd import open_binding

What is exported here is imported when it is first asked for: ``import syncd`` alone loads no library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncd.api.actions import MadeReport, PlannedRun
    from syncd.api.binding import Binding, open_binding
    from syncd.api.installation import credentials_policy, diagnose, grants, issue_credentials, migrate
    from syncd.api.progress import Counting
    from syncd.api.relabel import Relabelled
    from syncd.api.rows import ChangeLog, ChangeRow, ConflictList, ConflictRow, WaitingList, WaitingRow
    from syncd.api.wake import wake
    from syncd.api.why import Why
    from syncd.config import Config, load_config
    from syncd.errors import Busy, ConfigError, StalePlan, SyncdError

__version__ = "0.1.0"

_PLACES = {
    "open_binding": "syncd.api.binding",
    "Binding": "syncd.api.binding",
    "wake": "syncd.api.wake",
    "Counting": "syncd.api.progress",
    "migrate": "syncd.api.installation",
    "diagnose": "syncd.api.installation",
    "grants": "syncd.api.installation",
    "credentials_policy": "syncd.api.installation",
    "issue_credentials": "syncd.api.installation",
    "load_config": "syncd.config",
    "Config": "syncd.config",
    "PlannedRun": "syncd.api.actions",
    "MadeReport": "syncd.api.actions",
    "Relabelled": "syncd.api.relabel",
    "Why": "syncd.api.why",
    "ChangeLog": "syncd.api.rows",
    "ChangeRow": "syncd.api.rows",
    "ConflictList": "syncd.api.rows",
    "ConflictRow": "syncd.api.rows",
    "WaitingList": "syncd.api.rows",
    "WaitingRow": "syncd.api.rows",
    "SyncdError": "syncd.errors",
    "ConfigError": "syncd.errors",
    "Busy": "syncd.errors",
    "StalePlan": "syncd.errors",
}

__all__ = [
    "__version__",
    "open_binding",
    "Binding",
    "wake",
    "Counting",
    "migrate",
    "diagnose",
    "grants",
    "credentials_policy",
    "issue_credentials",
    "load_config",
    "Config",
    "PlannedRun",
    "MadeReport",
    "Relabelled",
    "Why",
    "ChangeLog",
    "ChangeRow",
    "ConflictList",
    "ConflictRow",
    "WaitingList",
    "WaitingRow",
    "SyncdError",
    "ConfigError",
    "Busy",
    "StalePlan",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'syncd' has no attribute {name!r}")
    found = getattr(import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
