"""Each promise in docs/guarantees.md names a test that holds it (tests/unit/test_architecture.py: it exists)."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "guarantees.md").read_text(encoding="utf-8")


def test_every_promise_names_a_test() -> None:
    parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    without = [part.splitlines()[0] for part in parts if "`tests/" not in part]
    assert without == ["What no promise covers"]
