"""``syncd run``."""

from __future__ import annotations

from syncd import logs
from syncd.cli.common import BindingsArgument, ConfigOption, config_path, handled
from syncd.daemon.daemon import run_daemon


@handled
def run_command(bindings: BindingsArgument = None, config: ConfigOption = None) -> int:
    """Keep bindings in agreement until told to end: the daemon.

    SIGTERM and Ctrl-C end it in order, a second one at once; SIGHUP has it read its configuration again.
    """
    logs.tell_what_is_done()
    return run_daemon(config_path(config), bindings)
