"""``syncd verify``."""

from __future__ import annotations

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
from syncd.session import open_session
from syncd.verify import verify as compare


@handled
def verify(binding: BindingArgument, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Prove that both sides agree, whatever baseline and cursors say; list what does not."""
    settings = configuration(config)
    with progress(binding, quiet=json) as phase, open_session(settings, binding) as session:
        verdict = compare(session, phase)
    if json:
        print_json(verdict.as_json())
    else:
        show_verdict(out, verdict)
    return verdict.exit_code
