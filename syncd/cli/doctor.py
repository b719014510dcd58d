"""``syncd doctor``."""

from __future__ import annotations

from syncd.cli.common import (
    FAILED,
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
from syncd.doctor import Finding, diagnose

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
    found: list[Finding] = []
    for finding in diagnose(settings, names):
        if not json:
            _show(finding, first=not found or found[-1].scope != finding.scope)
        found.append(finding)
    faults = sum(each.status == "fault" for each in found)
    warnings = sum(each.status == "warning" for each in found)
    if json:
        print_json({"healthy": not faults, "findings": [dict(vars(each)) for each in found]})
    else:
        verdict = "[bold red]not healthy[/bold red]" if faults else "[bold green]healthy[/bold green]"
        out.print(f"\n{verdict}: {plural(faults, 'fault')}, {plural(warnings, 'warning')}.")
    return FAILED if faults else 0


def _show(finding: Finding, *, first: bool) -> None:
    if first:
        out.print(f"\n[bold]{escape(finding.scope)}[/bold]")
    detail = f"  [dim]{escape_lines(finding.detail)}[/dim]" if finding.detail else ""
    out.print(f"  {SIGNS[finding.status]} {escape(finding.check)}{detail}", soft_wrap=True)
    if finding.remedy:
        out.print(f"    [cyan]→[/cyan] {escape_lines(finding.remedy)}", soft_wrap=True)
