"""docs/monitoring.md names every metric that there is, with its labels, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from syncd.daemon.metrics import registry
from syncd.daemon.notify import NoticeCounts
from syncd.daemon.status_board import StatusBoard
from syncd.engine.result import RunResult
from syncd.store.daemon_registry import BindingState, State

PAGE = Path(__file__).resolve().parents[3] / "docs" / "monitoring.md"


@pytest.fixture
def shown() -> dict[str, tuple[str, set[str]]]:
    """{name: (kind, labels)} of all that a busy daemon shows of its own."""
    board = StatusBoard()
    one = BindingState("one", State.CONFLICTS, lag_seconds={"fiftyone": 1.0})
    board.set(BindingState("one", State.CONFLICTS, last_success=one.since, lag_seconds=one.lag_seconds))
    board.finished(RunResult("one", "r", "full", dry_run=False, plan=None), {"reading": 1.0})
    families = registry(board, NoticeCounts).collect()
    return {
        each.name + ("_total" if each.type == "counter" else ""): (
            each.type,
            {name for sample in each.samples for name in sample.labels} - {"binding", "le"},
        )
        for each in families
        if each.name.startswith("syncd_")
    }


def test_the_page_has_each_metric_with_its_kind_and_labels(shown: dict[str, tuple[str, set[str]]]) -> None:
    rows = re.findall(r"^\| `(syncd_\w+)(?:\{([\w,]+)\})?` \| (\w+) \|", PAGE.read_text(), re.MULTILINE)
    assert {name: (kind, set(labels.split(",")) - {""}) for name, labels, kind in rows} == shown


def test_the_alerts_on_the_page_ask_for_what_there_is(shown: dict[str, tuple[str, set[str]]]) -> None:
    asked = set(re.findall(r"\bsyncd_\w+", "".join(re.findall(r"expr: (.*)", PAGE.read_text()))))
    assert asked
    assert asked <= set(shown)
    states = set(re.findall(r'state=~?"([\w|]+)"', PAGE.read_text()))
    assert {name for each in states for name in each.split("|")} <= {each.value for each in State}
