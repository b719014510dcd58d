"""When a binding is looked at next."""

from __future__ import annotations

import random

import pytest

from syncd.daemon.error_policy import pause_after
from syncd.daemon.pace import MARGIN_S, SHORTEST_S, SLOT_S, Tempo, due_after, next_round
from syncd.model import Side

TEMPO = Tempo(poll_s=30.0, quiet_s=5.0)


def test_without_a_call_the_next_round_is_a_poll() -> None:
    assert next_round(TEMPO, 100.0, []) == 130.0


@pytest.mark.parametrize(("side", "quiet"), [(Side.FIFTYONE, 5.0), (Side.DATABASE, 0.0)])
def test_a_call_is_answered_once_what_it_is_about_is_no_longer_young(side: Side, quiet: float) -> None:
    due = due_after(TEMPO, side, 1000.01)
    assert 1000.01 + quiet + MARGIN_S <= due <= 1000.01 + quiet + MARGIN_S + SLOT_S
    assert next_round(TEMPO, 990.0, [due]) == due


def test_calls_within_a_moment_are_one() -> None:
    assert len({due_after(TEMPO, Side.FIFTYONE, 1000.01 + each / 1000) for each in range(100)}) == 1


def test_rounds_never_follow_each_other_sooner_than_the_shortest_time() -> None:
    assert next_round(TEMPO, 100.0, [100.1]) == 100.0 + SHORTEST_S


def test_a_call_never_delays_a_poll() -> None:
    assert next_round(TEMPO, 100.0, [500.0]) == 130.0


def test_the_earliest_call_counts() -> None:
    assert next_round(TEMPO, 100.0, [120.0, 110.0]) == 110.0


def test_pauses_grow_with_jitter_between_their_bounds() -> None:
    rng = random.Random(1)
    pauses: list[float] = []
    last = None
    for _ in range(200):
        last = pause_after(last, rng)
        pauses.append(last)
    assert pauses[0] == 1.0
    assert all(1.0 <= each <= 300.0 for each in pauses)
    assert max(pauses) == 300.0
    assert len(set(pauses)) > 100
    assert pauses != [pause_after(each, random.Random(2)) for each in pauses]
