"""What wakes a worker."""

from __future__ import annotations

import threading
import time

from syncd.daemon.pace import Tempo
from syncd.daemon.wakeup import WakeUp
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
