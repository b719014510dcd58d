"""All the judgement of the system: three-way merge, identity, stale reverts, unsafe values, brakes. Pure.

Nothing in this package does I/O, reads a clock or holds a connection. Start at :func:`syncd.diff.diff`.
"""

from syncd.diff.inputs import History, Inputs, Young
from syncd.diff.reconcile import diff

__all__ = ["History", "Inputs", "Young", "diff"]
