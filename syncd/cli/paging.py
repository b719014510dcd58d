"""Long output on a terminal, a page at a time, as a version-control log is shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


def pages(console: Console) -> bool:
    """Whether there is somebody who could turn pages."""
    return console.is_terminal and sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def paged(console: Console) -> Iterator[None]:
    """What the block prints goes through ``$PAGER``; straight to where it goes, where nobody turns pages."""
    if not pages(console):
        yield
        return
    # As git has it: end at once where one page holds it all, keep colours, leave the text on the screen.
    os.environ.setdefault("LESS", "FRX")
    with console.pager(styles=True):
        yield
