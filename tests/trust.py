"""How hard the tests of trust try, and what they tried: a short form in `make test`, the full one in `make trust`.

`make trust` sets SYNCD_TRUST=full and SYNCD_TRUST_TALLY=FILE; each test notes there what it tried, and `tools.trust`
adds it up. ``lost`` is noted before the assertion that it is zero, so that a run that loses something says how much.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

Kind = Literal["cases", "crashes", "edits", "lost"]

FULL = os.environ.get("SYNCD_TRUST") == "full"


def many(short: int, full: int) -> int:
    """How many examples, rounds or seconds: ``short`` in `make test`, ``full`` in `make trust`."""
    return full if FULL else short


def tried(kind: Kind, number: int = 1) -> None:
    """Notes what was tried: cases (inputs, scenarios), crashes (kills, injected faults), edits (acknowledged ones)."""
    tally = os.environ.get("SYNCD_TRUST_TALLY")
    if tally is None or number == 0:
        return
    test = os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0]
    line = json.dumps({"test": test, "kind": kind, "number": number}) + "\n"
    # One write of a short line in append mode: several processes may share the file.
    with Path(tally).open("a", encoding="utf-8", buffering=1) as file:
        file.write(line)
