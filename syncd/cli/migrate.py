"""``syncd migrate``."""

from __future__ import annotations

from syncd.adapters.connect import open_database
from syncd.adapters.sql.limits import Limits
from syncd.cli.common import ConfigOption, JsonOption, configuration, handled, out, print_json
from syncd.store.migrate import migrate as bring_up_to_date


@handled
def migrate(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Create or upgrade syncd's own tables. Harmless when they are current."""
    settings = configuration(config)
    schema = settings.state.schema_name
    # An index on a large log takes as long as it takes.
    with open_database(settings.state_url.get_secret_value(), Limits(statement_s=0)) as connection:
        done = bring_up_to_date(connection, schema)
    if json:
        print_json({"schema": schema, "before": done.before, "after": done.after})
    elif done.before == done.after:
        out.print(f"syncd's tables in schema [bold]{schema}[/bold] are current (version {done.after}).")
    elif done.before is None:
        out.print(f"Created syncd's tables in schema [bold]{schema}[/bold] (version {done.after}).")
    else:
        out.print(f"Upgraded syncd's tables in schema [bold]{schema}[/bold] from {done.before} to {done.after}.")
