"""Threads that know whose request they work on."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

LAST_S = 10.0
"""Seconds that calls have which are under way at the end; what they leave half done the next run settles."""

P = ParamSpec("P")
T = TypeVar("T")


class ContextThreads(ThreadPoolExecutor):
    """An executor whose calls see the context variables of whoever made them.

    FiftyOne runs operators and the callbacks of panels in its event loop's executor, and that of Python drops them.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As of any executor, but the call sees the caller's context."""
        return super().submit(copy_context().run, partial(fn, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As of any executor, but it waits :data:`LAST_S` at most."""
        super().shutdown(wait=False, cancel_futures=cancel_futures or wait)
        end = time.monotonic() + LAST_S
        for each in list(self._threads) if wait else ():
            each.join(max(0.0, end - time.monotonic()))
