"""``syncd run``."""

from __future__ import annotations

import os
import sys

from syncd import logs
from syncd.cli.common import BindingsArgument, ConfigOption, config_path, handled
from syncd.daemon.daemon import run_daemon


@handled
def run_command(bindings: BindingsArgument = None, config: ConfigOption = None) -> int:
    """Keep bindings in agreement until told to end: the daemon.

    SIGTERM and Ctrl-C end it in order, a second one at once; SIGHUP has it read its configuration again.
    """
    logs.tell_what_is_done()
    code = run_daemon(config_path(config), bindings)
    # Everything is closed. The interpreter would take seconds more to end, on a busy machine longer than a supervisor
    # waits, for threads and clean-ups of libraries.
    sys.stderr.flush()
    os._exit(code)
