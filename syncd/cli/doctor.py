"""``syncd doctor``."""

from __future__ import annotations

from syncd.api.installation import diagnose
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
from syncd.cli.render.values import escape, escape_lines, plural
from syncd.config import Config
from syncd.doctor import Finding

SIGNS = {
    "ok": "[green]✓[/green]",
    "warning": "[yellow]![/yellow]",
    "fault": "[bold red]✗[/bold red]",
    "skipped": "[dim]·[/dim]",
}


@handled
def doctor(bindings: BindingsArgument = None, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Check each connection, permission and mapping in order, each with its remedy."""
    settings = configuration(config)
    return examine(settings, chosen(settings, bindings), json=json)


def examine(settings: Config, names: list[str], *, json: bool = False) -> int:
    """Runs the diagnosis and shows each finding as it comes; the command's exit code."""
    scopes: list[str] = []

    def tell(finding: Finding) -> None:
        if not json:
            _show(finding, first=scopes[-1:] != [finding.scope])
        scopes.append(finding.scope)

    found = diagnose(settings, names, tell=tell)
    if json:
        print_json(found.as_json())
    else:
        verdict = "[bold green]healthy[/bold green]" if found.healthy else "[bold red]not healthy[/bold red]"
        out.print(f"\n{verdict}: {plural(found.faults, 'fault')}, {plural(found.warnings, 'warning')}.")
    return found.exit_code


def _show(finding: Finding, *, first: bool) -> None:
    if first:
        out.print(f"\n[bold]{escape(finding.scope)}[/bold]")
    detail = f"  [dim]{escape_lines(finding.detail)}[/dim]" if finding.detail else ""
    out.print(f"  {SIGNS[finding.status]} {escape(finding.check)}{detail}", soft_wrap=True)
    if finding.remedy:
        out.print(f"    [cyan]→[/cyan] {escape_lines(finding.remedy)}", soft_wrap=True)
