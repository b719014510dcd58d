"""All judgement of syncd, as pure functions: identity, merge, review, brakes, stale reverts, unsafe values.

Nothing in this package performs I/O, reads a clock or holds a connection. Start at :func:`syncd.diff.diff`.
"""

from syncd.diff.inputs import History, Inputs, Young
from syncd.diff.reconcile import diff

__all__ = ["History", "Inputs", "Young", "diff"]
