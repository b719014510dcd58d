"""What an upload of media came to, in a few lines."""

from __future__ import annotations

from rich.console import Console

from syncd.cli.render.values import escape, plural
from syncd.media.uploaded import UploadResult

LISTED = 20
"""Files that failed and are named; ``--json`` has them all."""


def show_upload(console: Console, result: UploadResult) -> None:
    """Prints the outcome of one upload."""
    name = f"[bold]{escape(result.binding)}[/bold]"
    if not (result.sent or result.present or result.failed):
        console.print(f"{name}: nothing to do, none of {plural(result.samples, 'sample')} points to a local file.")
        return
    would = "would be " if result.dry_run else ""
    size = f"{result.sent_bytes / 1e6:,.1f} MB"
    parts = [f"{plural(result.sent, 'file')} ({size}) {would}uploaded to {escape(result.to)}"]
    parts.append(f"{result.present:,} there already")
    if result.elsewhere:
        parts.append(f"{plural(result.elsewhere, 'sample')} without a local file")
    console.print(f"{name}: " + ", ".join(parts) + f" ({result.seconds:.1f} s).", soft_wrap=True)
    _show_rewrite(console, result)
    if result.failed:
        console.print(f"  [red]{plural(len(result.failed), 'file')} failed:[/red]")
        for each in result.failed[:LISTED]:
            console.print(f"    {escape(each.reason)}", soft_wrap=True)
        if len(result.failed) > LISTED:
            console.print(f"    and {len(result.failed) - LISTED:,} more: --json lists them all")


def _show_rewrite(console: Console, result: UploadResult) -> None:
    paths = plural(result.to_rewrite, "sample")
    if result.dry_run and result.rewrite:
        console.print(f"  The paths of {paths} would be rewritten. Nothing was changed.", soft_wrap=True)
    elif result.rewrite:
        console.print(f"  The paths of {plural(result.rewritten, 'sample')} were rewritten.", soft_wrap=True)
        if result.overtaken:
            console.print(
                f"  [yellow]{plural(result.overtaken, 'sample')} had got another path meanwhile; "
                "call it again.[/yellow]",
                soft_wrap=True,
            )
    elif result.to_rewrite:
        console.print(
            f"  No path was rewritten: the open-source FiftyOne cannot read S3. [bold]--rewrite[/bold] would rewrite "
            f"those of {paths}.",
            soft_wrap=True,
        )
        if result.refusal is not None:
            console.print(f"  [yellow]It would be refused:[/yellow] {escape(result.refusal)}", soft_wrap=True)
