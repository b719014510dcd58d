"""``syncd status``."""

from __future__ import annotations

from datetime import datetime, timezone

from syncd.api import queries
from syncd.cli.common import (
    BindingsArgument,
    ConfigOption,
    JsonOption,
    chosen,
    configuration,
    handled,
    out,
    print_json,
)
from syncd.cli.render.status import show_status


@handled
def status(bindings: BindingsArgument = None, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Show how each binding stands: in agreement or not, lag, open conflicts, last run, and the daemon.

    Exit code: 0 in agreement, 3 conflicts are open, 4 held, 1 otherwise.
    """
    settings = configuration(config)
    now = datetime.now(timezone.utc)
    found = queries.status(settings, chosen(settings, bindings))
    if json:
        print_json({"bindings": [each.as_json() for each in found]})
    else:
        show_status(out, found, now)
    # What needs somebody most: failed, then held, then conflicts.
    codes = {each.exit_code for each in found}
    return next((code for code in (1, 4, 3) if code in codes), 0)
