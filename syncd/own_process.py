"""Whether this process is syncd's own, or another program's in which syncd is a guest.

The command line and the daemon run in a process of their own. A notebook, a test or the FiftyOne App that imports syncd
does not: there nothing may change that belongs to the whole process, such as the thresholds of the garbage collector,
the filters of warnings, the environment, or what runs at the exit. Code that would change such a thing asks here first.
"""

from __future__ import annotations

import gc
from functools import cache

_state = {"own": False}


def claim() -> None:
    """Declares this process to be syncd's own; called by the entry point of the command line, and by nothing else."""
    _state["own"] = True


def is_own() -> bool:
    """Whether the whole process may be set up as syncd needs it."""
    return _state["own"]


YOUNG = 20_000
"""Objects made before the collector looks at the young ones (Python: 700). A change is some ten objects."""


@cache
def spare_the_libraries() -> None:
    """Leaves what is there now out of every later collection; once in a process, when its libraries are loaded.

    The libraries that a binding needs make some hundred thousand objects. A plan of ten thousand changes makes as many
    again, for each some hundreds of which the collector would go through all of them: a quarter of a bulk run's time.
    In another program's process it does nothing: the thresholds and what is frozen there are that program's.
    """
    if not is_own():
        return
    gc.freeze()
    _, middle, old = gc.get_threshold()
    gc.set_threshold(YOUNG, middle, old)
