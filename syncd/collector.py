"""Python's collector of cycles, told not to look again and again at what never goes away.

The libraries that a binding needs make some hundred thousand objects. A plan of ten thousand changes makes as many
again, for each some hundreds of which the collector would go through all of them: a quarter of a bulk run's time.

That concerns the whole process, so it is done in a process of syncd's own only.
"""

from __future__ import annotations

import gc
from functools import cache

from syncd.own_process import is_own

YOUNG = 20_000
"""Objects made before the collector looks at the young ones (Python: 700). A change is some ten objects."""


@cache
def spare_the_libraries() -> None:
    """Leaves what is there now out of every later collection; once in a process, when its libraries are loaded.

    In another program's process it does nothing: the thresholds and what is frozen there are that program's.
    """
    if not is_own():
        return
    gc.freeze()
    _, middle, old = gc.get_threshold()
    gc.set_threshold(YOUNG, middle, old)
