"""What is sent is chosen by name and by form: nothing that may be a label's content gets through."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.daemon.notify import COUNTS, body_of, judged
from syncd.engine.result import RunResult
from syncd.model.kinds import from_iso
from syncd.store.daemon_registry import BindingState, State

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)
CANARY = "Calanus finmarchicus"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.just(CANARY),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.just(CANARY) | st.sampled_from(COUNTS), v, max_size=3),
)
NAMES = st.sampled_from([*COUNTS, "run_id", "mode", "state", "side", "seconds", "held", "why", "changes", "notes"])


def sent(document: dict[str, Any]) -> Any:
    return json.loads(body_of("applied", "d", NOW, "one", document))


@given(st.dictionaries(NAMES, VALUES))
def test_no_text_of_others_is_ever_sent(document: dict[str, Any]) -> None:
    assert CANARY not in body_of("applied", "d", NOW, "one", document).decode()


def test_the_counts_are_those_of_a_runs_json_and_none_is_forgotten() -> None:
    result = RunResult("one", "20261123-093000-abcdef", "full", dry_run=False, plan=None, held=CANARY, seconds=1.5)
    message = sent(result.as_json())
    left_out = {"binding", "run_id", "mode", "dry_run", "held", "why_full", "notes", "seconds"}
    assert message["counts"] == {name: value for name, value in result.as_json().items() if name not in left_out}
    assert (message["run_id"], message["mode"], message["seconds"]) == ("20261123-093000-abcdef", "full", 1.5)


def test_a_binding_that_fails_is_told_by_its_state() -> None:
    message = sent(BindingState("one", State.DEGRADED, NOW, "database", CANARY, open_conflicts=3).as_json())
    assert (message["state"], message["side"], message["run_id"]) == ("degraded", "database", None)
    assert message["counts"] == {"conflicts": {"open": 3}, "awaiting_review": 0}
    assert (message["event"], message["delivery"], message["binding"]) == ("applied", "d", "one")
    assert from_iso(message["time"]) == NOW


@pytest.mark.parametrize(
    ("status", "delivered", "refused"),
    [
        (200, True, False),
        (204, True, False),
        (299, True, False),
        (300, False, True),
        (304, False, True),
        (400, False, True),
        (404, False, True),
        (408, False, False),
        (425, False, False),
        (429, False, False),
        (499, False, True),
        (500, False, False),
        (599, False, False),
    ],
)
def test_an_answer_takes_refuses_or_says_nothing_against_the_message(
    status: int, delivered: bool, refused: bool
) -> None:
    attempt = judged(status, None, NOW)
    assert (attempt.delivered, attempt.refused) == (delivered, refused)


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("Mon, 23 Nov 2026 09:31:00 GMT", 60.0),
        ("Mon, 23 Nov 2026 09:29:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 09:31:00 -0000", 60.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, wait_s: float | None) -> None:
    assert judged(503, header, NOW).wait_s == wait_s
