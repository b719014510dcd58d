"""``syncd migrate``."""

from __future__ import annotations

from syncd.api import installation
from syncd.cli.common import ConfigOption, JsonOption, configuration, handled, out, print_json


@handled
def migrate(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Create or upgrade syncd's own tables. Harmless when they are current."""
    done = installation.migrate(configuration(config))
    if json:
        print_json(done.as_json())
    elif done.before == done.after:
        out.print(f"syncd's tables in schema [bold]{done.schema}[/bold] are current (version {done.after}).")
    elif done.before is None:
        out.print(f"Created syncd's tables in schema [bold]{done.schema}[/bold] (version {done.after}).")
    else:
        out.print(f"Upgraded syncd's tables in schema [bold]{done.schema}[/bold] from {done.before} to {done.after}.")
