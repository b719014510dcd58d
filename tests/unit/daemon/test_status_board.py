"""The board: what workers write is what readers find, whoever asks when."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone

import pytest

from syncd.daemon.status_board import BUCKETS_S, StatusBoard
from syncd.engine.result import RunResult
from syncd.store.daemon_registry import BindingState, State


def run(binding: str = "one", mode: str = "incremental", held: str | None = None, opened: int = 0) -> RunResult:
    return RunResult(binding, "20261123-090000-abcdef", mode, dry_run=False, plan=None, held=held, opened=opened)


def silence_s(board: StatusBoard) -> float:
    return (datetime.now(timezone.utc) - board.oldest_beat()).total_seconds()


def test_a_binding_that_nobody_has_spoken_of_is_starting() -> None:
    board = StatusBoard()
    before = board.get("one")
    assert (before.binding, before.state, before.last_success) == ("one", State.STARTING, None)
    assert before.since == board.get("one").since, "asking again does not begin the state anew"
    assert board.all() == ()


def test_the_states_are_listed_by_name_and_replaced_whole() -> None:
    board = StatusBoard()
    board.set(BindingState("two", State.DEGRADED, side="database", why="gone"))
    board.set(BindingState("one", State.IN_AGREEMENT))
    board.set(healed := BindingState("two", State.RECONCILING))
    assert [each.binding for each in board.all()] == ["one", "two"]
    assert board.get("two") == healed


def test_runs_are_counted_by_outcome_and_mode() -> None:
    board = StatusBoard()
    for result in (run(), run(), run(mode="full", opened=2), run(held="too much")):
        board.finished(result, {})
    board.failed("one")
    board.failed("one", "full")
    tally = board.tallies()["one"]
    assert dict(tally.runs) == {
        ("done", "incremental"): 2,
        ("done", "full"): 1,
        ("held", "incremental"): 1,
        ("failed", "unknown"): 1,
        ("failed", "full"): 1,
    }
    assert tally.conflicts_opened == 2


def test_seconds_fall_into_the_bucket_whose_bound_they_do_not_exceed() -> None:
    board = StatusBoard()
    for seconds in (0.0, BUCKETS_S[0], BUCKETS_S[0] + 1e-9, BUCKETS_S[-1], BUCKETS_S[-1] + 1):
        board.finished(run(), {"reading": seconds})
    spread = board.tallies()["one"].phases["reading"]
    assert spread.counts[:2] == [2, 1]
    assert spread.counts[-2:] == [1, 1]
    assert sum(spread.counts) == 5
    assert spread.total_s == pytest.approx(2 * BUCKETS_S[0] + 2 * BUCKETS_S[-1] + 1)


def test_the_counts_handed_out_are_copies() -> None:
    board = StatusBoard()
    board.finished(run(), {"reading": 1.0})
    handed = board.tallies()["one"]
    board.finished(run(), {"reading": 1.0})
    assert handed.runs["done", "incremental"] == 1
    assert sum(handed.phases["reading"].counts) == 1


def test_the_quietest_worker_decides_how_long_there_has_been_silence() -> None:
    board = StatusBoard()
    assert silence_s(board) < 0.05, "without workers there is nothing to wait for"
    board.beat("one")
    board.beat("two")
    time.sleep(0.15)
    board.beat("two")
    assert 0.15 <= silence_s(board) < 1
    board.beat("one")
    assert silence_s(board) < 0.15


def test_a_binding_counts_from_its_first_state_and_saying_more_is_no_beat() -> None:
    board = StatusBoard()
    board.set(BindingState("one"))
    time.sleep(0.1)
    board.set(BindingState("one", State.RECONCILING))
    assert silence_s(board) >= 0.1


def test_a_stopped_binding_is_not_waited_for_and_a_forgotten_one_neither() -> None:
    board = StatusBoard()
    for name in ("one", "two"):
        board.beat(name)
        board.finished(run(name), {})
    time.sleep(0.2)
    board.set(BindingState("one", State.STOPPED))
    assert silence_s(board) >= 0.1
    board.forget("two")
    assert silence_s(board) < 0.1
    assert [each.binding for each in board.all()] == ["one"]
    assert set(board.tallies()) == {"one"}
    board.set(BindingState("one", State.STARTING))
    assert silence_s(board) >= 0.1, "started again, it is waited for again"


def test_nothing_is_lost_when_many_write_at_once() -> None:
    board = StatusBoard()

    def work(name: str) -> None:
        for _ in range(500):
            board.finished(run(name), {"reading": 0.001})
            board.finished(run("shared"), {})
            board.beat(name)
            board.tallies()

    threads = [threading.Thread(target=work, args=(f"b{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tallies = board.tallies()
    assert tallies["shared"].runs["done", "incremental"] == 2000
    assert sum(tallies["b0"].phases["reading"].counts) == 500


def test_a_state_as_json_has_plain_values() -> None:
    at = datetime(2026, 11, 23, 9, tzinfo=timezone.utc)
    state = BindingState(
        "one", State.DEGRADED, at, "database", "it is gone", at + timedelta(seconds=8), at, 3, 2, {"database": 1.5}
    )
    assert state.as_json() == {
        "binding": "one",
        "state": "degraded",
        "since": "2026-11-23T09:00:00.000000Z",
        "side": "database",
        "why": "it is gone",
        "next_try": "2026-11-23T09:00:08.000000Z",
        "last_success": "2026-11-23T09:00:00.000000Z",
        "conflicts": {"open": 3},
        "awaiting_review": 2,
        "lag_seconds": {"database": 1.5},
        "wake": {},
    }
