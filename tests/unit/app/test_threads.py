"""Threads see whose request they work on, and do not hold up the end."""

from __future__ import annotations

import threading
import time

import pytest

from syncd.app import threads
from syncd.app.identity import SIGNED_IN, Role, SignedIn, current
from syncd.app.threads import ContextThreads


def test_a_call_sees_the_context_of_its_caller_and_no_other() -> None:
    with ContextThreads(1) as executor:
        for name in ("ada", "ben"):
            token = SIGNED_IN.set(SignedIn(name, Role.EDITOR))
            found = executor.submit(current).result()
            SIGNED_IN.reset(token)
            assert found == SignedIn(name, Role.EDITOR)
        assert executor.submit(current).result() is None


def test_what_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LAST_S", 0.1)
    released, executor = threading.Event(), ContextThreads(1)
    hanging = executor.submit(released.wait, 60)
    never = executor.submit(time.monotonic)
    executor.shutdown(wait=True)
    assert not hanging.done()
    assert never.cancelled()
    released.set()
    assert hanging.result() is True
