"""What wakes a worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from syncd.daemon import wakeup
from syncd.daemon.pace import Tempo
from syncd.daemon.wakeup import POLL, Listener, WakeUp
from syncd.model import Side


def test_a_ring_brings_the_next_round_forward_and_is_answered_by_it() -> None:
    wake_up = WakeUp(Tempo(poll_s=100, quiet_s=0))
    begun = time.monotonic()
    assert wake_up.due(begun) == begun + 100
    wake_up.ring(Side.FIFTYONE)
    due = wake_up.due(begun - 50)
    assert due < begun + 1
    time.sleep(max(0.0, due - time.monotonic()) + 0.01)
    assert wake_up.answer()
    assert wake_up.due(begun) == begun + 100
    assert not wake_up.answer()


def test_a_round_does_not_answer_what_it_is_too_early_for() -> None:
    wake_up = WakeUp(Tempo(poll_s=100, quiet_s=50))
    wake_up.ring(Side.FIFTYONE)
    assert not wake_up.answer()
    assert wake_up.due(time.monotonic()) < time.monotonic() + 60


def test_a_ring_ends_a_wait() -> None:
    wake_up = WakeUp(Tempo(poll_s=100, quiet_s=0))
    threading.Timer(0.1, wake_up.ring, [Side.DATABASE]).start()
    begun = time.monotonic()
    wake_up.wait(begun + 30)
    assert time.monotonic() - begun < 10


def test_a_stir_before_a_wait_is_not_lost() -> None:
    wake_up = WakeUp(Tempo(poll_s=100, quiet_s=0))
    wake_up.stir()
    begun = time.monotonic()
    wake_up.wait(begun + 30)
    assert time.monotonic() - begun < 10


class Flaky(Listener):
    """Is lost twice, hears something, breaks in a way that nobody expects, and listens on until it is closed."""

    how = "heard"
    listening = "it listens"
    lost = "it is lost"
    expected = (OSError,)

    def __init__(self, ring: Callable[[], None], tell: Callable[[str], None]) -> None:
        self.tries = 0
        super().__init__("b", ring, tell)

    def _listen(self) -> None:
        self.tries += 1
        if self.tries <= 2:
            raise OSError("away")
        self._hears()
        if self.tries == 3:
            raise ValueError("a mistake")
        self._stop.wait()


def test_what_ends_the_listening_is_told_once_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeup, "LONGEST_S", 0.01)
    rung, told = list[None](), list[str]()
    listener = Flaky(lambda: rung.append(None), told.append)
    until = time.monotonic() + 30
    while len(told) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    listener.close()
    listener.join(30)
    assert told == [POLL, "heard", POLL, "heard"]
    # Whenever how it listens changes, something may have happened unheard.
    assert len(rung) == 4
    assert listener.tries == 4
