"""Which of several daemons is shown as the one that attends to a binding."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from syncd.store.daemon_registry import BindingState, Daemon, State, attendance

NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)


def daemon(host: str, state: State, *, silent_s: float = 1) -> Daemon:
    said = {"b": BindingState("b", state).as_json()}
    return Daemon(host, host, 1, NOW, NOW - timedelta(seconds=silent_s), said)


def test_the_one_at_work_comes_before_those_that_stand_by() -> None:
    found = attendance([daemon("idle", State.STANDBY), daemon("busy", State.CONFLICTS)], "b", NOW)
    assert found is not None
    assert (found.host, found.alive, found.standbys) == ("busy", True, ("idle",))


def test_one_that_is_silent_is_not_at_work() -> None:
    found = attendance([daemon("dead", State.IN_AGREEMENT, silent_s=600), daemon("idle", State.STANDBY)], "b", NOW)
    assert found is not None
    assert (found.host, found.standbys) == ("idle", ())


def test_where_all_are_silent_the_last_one_heard_of_is_shown_as_gone() -> None:
    found = attendance(
        [daemon("last", State.DEGRADED, silent_s=60), daemon("first", State.STOPPED, silent_s=600)], "b", NOW
    )
    assert found is not None
    assert (found.host, found.alive) == ("last", False)


def test_another_bindings_daemon_is_none_of_this_one() -> None:
    assert attendance([daemon("busy", State.CONFLICTS)], "another", NOW) is None


@pytest.mark.parametrize(
    ("state", "silent_s", "gets_on"),
    [
        (State.IN_AGREEMENT, 1, True),
        (State.HELD, 1, True),
        (State.DEGRADED, 1, False),
        (State.STARTING, 1, False),
        (State.STANDBY, 1, False),
        (State.IN_AGREEMENT, 600, False),
    ],
)
def test_a_binding_is_in_good_hands_where_a_daemon_at_work_says_so(
    state: State, silent_s: float, gets_on: bool
) -> None:
    found = attendance([daemon("it", state, silent_s=silent_s)], "b", NOW)
    assert found is not None
    assert found.gets_on is gets_on
