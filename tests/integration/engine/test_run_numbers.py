"""What a run did is in the metrics, in the log and in what the web hook is told: the same numbers."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from structlog.testing import capture_logs

from integration.notify.receiver import receiving
from syncd.config import NotifyConfig
from syncd.config.kinds import HttpAddress
from syncd.daemon.binding_status import tell_run
from syncd.daemon.http import serve_http
from syncd.daemon.notify import Notifier
from syncd.daemon.status_board import StatusBoard
from syncd.engine import steps
from syncd.engine.result import RunResult
from syncd.store.daemon_registry import BindingState, State
from worlds import BINDING, World

LABEL = "Zzyzx-label"


def edited(world: World) -> RunResult:
    """A run with three changes one way, one the other, and a conflict."""
    ids = [row.annotation_id for row in world.data.rows]
    for each in ids[:3]:
        world.review(each, label=LABEL)
    world.correct(ids[3], label=LABEL)
    world.review(ids[4], label=LABEL)
    world.correct(ids[4], label="another")
    result = world.reconcile()
    assert (result.to_database, result.to_fiftyone, result.opened) == (3, 1, 1)
    return result


def scrape(board: StatusBoard) -> tuple[dict[tuple[str, ...], float], str]:
    with serve_http(HttpAddress("127.0.0.1", 0), board) as address:
        assert address is not None
        connection = http.client.HTTPConnection(*address, timeout=5)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
    found = (each for family in text_string_to_metric_families(text) for each in family.samples)
    return {(each.name, *sorted(each.labels.values())): each.value for each in found}, text


def test_a_runs_numbers_are_in_the_metrics(world: World) -> None:
    board = StatusBoard()
    board.finished(edited(world), {"reading": 0.1})
    board.finished(world.reconcile(full=True), {"reading": 0.2})
    found, text = scrape(board)
    assert found["syncd_changes_total", BINDING, "to_database"] == 3
    assert found["syncd_changes_total", BINDING, "to_fiftyone"] == 1
    assert found["syncd_conflicts_opened_total", BINDING] == 1
    assert found["syncd_runs_total", BINDING, "done", "incremental"] == 1
    assert found["syncd_runs_total", BINDING, "done", "full"] == 1
    assert found["syncd_phase_seconds_count", BINDING, "reading"] == 2
    assert LABEL not in text


def test_a_runs_numbers_are_told_without_its_labels(world: World) -> None:
    result = edited(world)
    state = BindingState(BINDING, State.CONFLICTS, open_conflicts=result.open_conflicts)
    with receiving() as receiver:
        with Notifier(NotifyConfig(webhook=SecretStr(receiver.url))) as notifier:
            notifier.tell("applied", BINDING, state.as_json() | result.as_json())
        (request,) = receiver.requests
    told: dict[str, Any] = json.loads(request.body)
    assert (told["run_id"], told["state"]) == (result.run_id, "conflicts")
    assert told["counts"]["applied"] == {"to_database": 3, "to_fiftyone": 1}
    assert told["counts"]["conflicts"] == {"opened": 1, "open": 1}
    text = request.body.decode()
    assert LABEL not in text
    assert not any(row.annotation_id in text for row in world.data.rows)


def test_a_run_that_did_something_is_one_line_and_one_that_did_nothing_is_none(world: World) -> None:
    result = edited(world)
    quiet = world.reconcile()
    with capture_logs() as lines:
        tell_run(result)
        tell_run(quiet)
    (line,) = lines
    assert (line["log_level"], line["binding"], line["run"]) == ("info", BINDING, result.run_id)
    assert (line["to_database"], line["to_fiftyone"], line["conflicts_opened"]) == (3, 1, 1)
    assert LABEL not in str(line)


@pytest.mark.parametrize("world", [{"brakes": {"min_rows": 1}}], indirect=True)
def test_a_run_that_is_held_is_no_line_of_its_own_each_time(world: World) -> None:
    for each in world.data.rows:
        world.correct(each.annotation_id, label=LABEL)
    held = world.reconcile()
    assert held.held is not None
    with capture_logs() as lines:
        tell_run(held)
    assert lines == []


def test_what_is_logged_during_a_run_says_which(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(steps, "log", _Bound(seen))
    result = world.reconcile(full=True)
    during = [each for each in seen if "run" in each]
    assert {each["run"] for each in during} == {result.run_id}
    assert "run" not in structlog.contextvars.get_contextvars()
    assert "run" not in seen[0], "before it has begun there is none"


class _Bound:
    """Remembers what is bound whenever something is logged."""

    def __init__(self, seen: list[dict[str, Any]]) -> None:
        self._seen = seen

    def debug(self, *_: object, **__: object) -> None:
        self._seen.append(dict(structlog.contextvars.get_contextvars()))
