"""Tries in full what `make test` tries in short, and says how much was tried and how much was lost: `make trust`.

The tests are those of tests/unit/trust and tests/integration/trust, and a few others that know both forms of
tests/trust.py.
Exit status: pytest's own; 1 as well where anything was lost or nothing was tried.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = (
    "tests/unit/trust",
    "tests/unit/config/test_arbitrary_configurations.py",
    "tests/unit/diff/test_properties.py",
    "tests/unit/diff/test_review_properties.py",
    "tests/unit/diff/test_unsafe_values.py",
    "tests/unit/engine/test_settled.py",
    "tests/integration/trust",
    "tests/integration/apply/test_kills.py",
    "tests/integration/engine/test_lost_sides.py",
    "tests/integration/engine/test_resolve.py",
    "tests/integration/daemon/test_kills.py",
    "tests/integration/daemon/test_soak.py",
    "tests/integration/layer/test_serving.py",
    "tests/integration/layer/test_stale_window.py",
    "tests/integration/test_benchmarks.py",
)
KINDS = ("cases", "crashes", "edits", "lost")
MOST_WORKERS = 8
TIMEOUT_S = 3600
"""For one test; the full form of some takes many minutes."""


def added_up(tally: Path) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """What the tests noted, in all and by the file they are in."""
    total: Counter[str] = Counter()
    files: dict[str, Counter[str]] = {}
    for line in tally.read_text(encoding="utf-8").splitlines():
        noted = json.loads(line)
        total[noted["kind"]] += noted["number"]
        files.setdefault(noted["test"].partition("::")[0], Counter())[noted["kind"]] += noted["number"]
    return total, files


def table(total: Counter[str], files: dict[str, Counter[str]]) -> str:
    """What was tried, a line per file and one for all."""
    width = max(len(name) for name in [*files, "all"])
    rows = [("", *KINDS), *((name, *(f"{files[name][kind]:,}" for kind in KINDS)) for name in sorted(files))]
    rows.append(("all", *(f"{total[kind]:,}" for kind in KINDS)))
    return "\n".join(f"{row[0]:<{width}}" + "".join(f"{cell:>14}" for cell in row[1:]) for row in rows)


def main(arguments: list[str]) -> int:
    """Runs the tests with ``arguments`` for pytest besides."""
    with tempfile.TemporaryDirectory(prefix="syncd-trust-") as folder:
        tally = Path(folder) / "tally.jsonl"
        tally.touch()
        environment = os.environ | {"SYNCD_TRUST": "full", "SYNCD_TRUST_TALLY": str(tally)}
        # One process a core, each of which takes a test when it has done one: the long ones come first.
        # Each test is named when it ends: in an hour nobody waits for the last one to hear of the first that failed.
        spread = ["-n", str(min(os.cpu_count() or 1, MOST_WORKERS)), "--dist=load", "--maxschedchunk=1"]
        command = [sys.executable, "-m", "pytest", "-v", *spread, f"--timeout={TIMEOUT_S}", *(arguments or PLACES)]
        started = time.monotonic()
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        total, files = added_up(tally)
    minutes = (time.monotonic() - started) / 60
    print(f"\n{table(total, files)}\n" if files else "\nNo test noted what it tried.\n")
    tried = (
        f"{total['cases']:,} cases, {total['crashes']:,} crashes and {total['edits']:,} edits in {minutes:.0f} minutes"
    )
    print(f"Tried {tried}; lost: {total['lost']:,}.")
    return status or int(total["lost"] > 0 or not files)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
