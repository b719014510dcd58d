"""Runs that go on while the browser does something else, in a thread of the App's server, and how far each is.

What a run does is in syncd's own tables, whatever becomes of this process: the next run settles one that died with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from syncd.app.plugin.answers import Reply, reply_of


@dataclass(frozen=True)
class Job:
    """A run in the background: its phase, how much is done (0 to 1), and its answer at the end."""

    binding: str
    began: float
    phase: str = "starting"
    part: float = 0.0
    reply: Reply | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.reply is not None


_LOCK = threading.Lock()
_JOBS: dict[str, Job] = {}


def job_of(binding: str) -> Job | None:
    """The run at work for a binding in this process, or the last one."""
    with _LOCK:
        return _JOBS.get(binding)


def start(binding: str, act: Callable[[Callable[[str, float], None]], Reply]) -> bool:
    """Begins a run, which is given a callback for its progress; ``False`` where one is at work already."""
    with _LOCK:
        known = _JOBS.get(binding)
        if known is not None and not known.is_over:
            return False
        _JOBS[binding] = Job(binding, time.time())

    def told(phase: str, part: float) -> None:
        with _LOCK:
            _JOBS[binding] = replace(_JOBS[binding], phase=phase, part=part)

    def run() -> None:
        reply = reply_of(lambda: act(told))
        with _LOCK:
            _JOBS[binding] = replace(_JOBS[binding], reply=reply, part=1.0)

    threading.Thread(target=run, name=f"syncd {binding}", daemon=True).start()
    return True
