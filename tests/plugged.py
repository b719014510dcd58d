"""Installs an adapter for one test: a distribution with an entry point, where Python finds it."""

from __future__ import annotations

from pathlib import Path

import pytest


def install(folder: Path, patch: pytest.MonkeyPatch, kind: str, target: str) -> None:
    """As `pip install` would: ``kind`` is the name of the entry point, ``target`` the factory (``module:name``)."""
    info = folder / f"lab_{kind}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: lab-{kind}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[syncd.adapters]\n{kind} = {target}\n", encoding="utf-8")
    patch.syspath_prepend(str(folder))
