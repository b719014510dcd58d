"""The collector of cycles is spared what stays, and still finds what goes."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, weakref
from syncd import own_process
own_process.claim()
kept = [[] for _ in range(1000)]
before = gc.get_freeze_count()
own_process.spare_the_libraries()
assert gc.get_freeze_count() >= before + 1000
frozen = gc.get_freeze_count()
late = [[] for _ in range(1000)]
own_process.spare_the_libraries()
assert gc.get_freeze_count() <= frozen, "what is made later is looked at"
class Knot: pass
knot = Knot()
knot.itself = knot
seen = weakref.ref(knot)
del knot
for _ in range(100 * own_process.YOUNG):
    late.append([])
assert seen() is None, "a cycle made later is found"
"""


def test_what_is_loaded_is_left_out_once_and_later_cycles_are_found() -> None:
    """In a process of its own: what is frozen stays frozen."""
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
