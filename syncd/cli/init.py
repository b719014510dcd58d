"""``syncd init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.common import handled, out
from syncd.cli.render.values import escape
from syncd.config import write_starter


@handled
def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("syncd.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented starter configuration."""
    write_starter(path, force=force)
    out.print(
        f"Wrote [bold]{escape(str(path))}[/bold]. Fill it in, "
        "then run [bold]syncd doctor[/bold] and [bold]syncd migrate[/bold]."
    )
