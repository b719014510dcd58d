"""Reports that were made in the App: pages in a folder of this account's own, served as any file of the App is."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from syncd.errors import ConfigError

KEPT_S = 86_400
"""Reports are files of a day: who wants to keep one saves it from the browser."""

ENDING = ".html"


def new_report(binding: str) -> Path:
    """Where a new report of a binding goes; those of yesterday go. ``ConfigError`` for a folder that is not ours."""
    folder = _folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ConfigError(f"{folder} is not ours.", remedy="Remove it, or set TMPDIR for the App's server.")
    for each in folder.glob(f"*{ENDING}"):
        if time.time() - each.stat().st_mtime > KEPT_S:
            each.unlink(missing_ok=True)
    name = "".join(each if each.isalnum() or each in "-_" else "_" for each in binding)
    return folder / f"{name}-{datetime.now(timezone.utc):%Y%m%d-%H%M%S-%f}{ENDING}"


def link_of(report: Path) -> str:
    """Its address below the App's own."""
    return f"/media?filepath={quote(str(report))}"


def is_report(path: str) -> bool:
    """Whether a path is that of a report, and of nothing else: FiftyOne's server hands out whatever it is asked for."""
    report = Path(path)
    return report.parent == _folder() and report.suffix == ENDING and not report.is_symlink()


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"syncd-reports-{os.getuid()}"
