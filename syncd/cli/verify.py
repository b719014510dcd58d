"""``syncd verify``."""

from __future__ import annotations

from syncd.api import actions
from syncd.cli.common import (
    BindingArgument,
    ConfigOption,
    JsonOption,
    configuration,
    handled,
    out,
    print_json,
    progress,
)
from syncd.cli.render.verdict import show_verdict


@handled
def verify(binding: BindingArgument, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Prove that both sides agree, whatever baseline and cursors say; list what does not."""
    settings = configuration(config)
    with progress(binding, quiet=json) as phase:
        verdict = actions.verify(settings, settings.binding(binding).name, phase=phase)
    if json:
        print_json(verdict.as_json())
    else:
        show_verdict(out, verdict)
    return verdict.exit_code
