"""Python's collector of cycles, told not to look again and again at what never goes away.

The libraries that a binding needs make some hundred thousand objects. A plan of ten thousand changes makes as many
again, for each some hundreds of which the collector would go through all of them: a quarter of a bulk run's time.

That concerns the whole process. Only a process of syncd's own (a command, the daemon) asks for it, by
:func:`own_the_process`; a library changes nothing of the process that it runs in.
"""

from __future__ import annotations

import gc
from functools import cache

YOUNG = 20_000
"""Objects made before the collector looks at the young ones (Python: 700). A change is some ten objects."""


_process = {"owned": False}


def own_the_process() -> None:
    """Says that this process is syncd's own."""
    _process["owned"] = True


def libraries_loaded() -> None:
    """Called when the libraries that a binding needs are loaded: spares them, if the process is syncd's own."""
    if _process["owned"]:
        spare_the_libraries()


@cache
def spare_the_libraries() -> None:
    """Leaves what is there now out of every later collection; once in a process, when its libraries are loaded."""
    gc.freeze()
    _, middle, old = gc.get_threshold()
    gc.set_threshold(YOUNG, middle, old)
