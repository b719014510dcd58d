"""The bell beside a worker's door."""

from __future__ import annotations

import threading
import time

from syncd.daemon.pace import Tempo
from syncd.daemon.wakeup import Bell
from syncd.model import Side


def test_a_ring_brings_the_next_round_forward_and_is_answered_by_it() -> None:
    bell = Bell(Tempo(poll_s=100, quiet_s=0))
    begun = time.monotonic()
    assert bell.due(begun) == begun + 100
    bell.ring(Side.FIFTYONE)
    due = bell.due(begun - 50)
    assert due < begun + 1
    time.sleep(max(0.0, due - time.monotonic()) + 0.01)
    assert bell.answer()
    assert bell.due(begun) == begun + 100
    assert not bell.answer()


def test_a_round_does_not_answer_what_it_is_too_early_for() -> None:
    bell = Bell(Tempo(poll_s=100, quiet_s=50))
    bell.ring(Side.FIFTYONE)
    assert not bell.answer()
    assert bell.due(time.monotonic()) < time.monotonic() + 60


def test_a_ring_ends_a_wait() -> None:
    bell = Bell(Tempo(poll_s=100, quiet_s=0))
    threading.Timer(0.1, bell.ring, [Side.DATABASE]).start()
    begun = time.monotonic()
    bell.wait(begun + 30)
    assert time.monotonic() - begun < 10


def test_a_stir_before_a_wait_is_not_lost() -> None:
    bell = Bell(Tempo(poll_s=100, quiet_s=0))
    bell.stir()
    begun = time.monotonic()
    bell.wait(begun + 30)
    assert time.monotonic() - begun < 10
