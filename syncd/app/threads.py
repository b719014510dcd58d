"""Threads that know whose request they work on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class ContextThreads(ThreadPoolExecutor):
    """An executor whose calls see the context variables of whoever made them.

    FiftyOne runs operators and the callbacks of panels in its event loop's executor, and that of Python drops them.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As of any executor."""
        return super().submit(copy_context().run, partial(fn, *args, **kwargs))
