"""Nothing that people or servers wrote steers the terminal of a person who looks, or forges a line there."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import structlog
from rich.table import Table
from rich.text import Text

import syncd.cli
from syncd import logs
from syncd.api.html import shown
from syncd.api.rows import ChangeRow, ConflictList, ConflictRow, R, WaitingRow, rows_of
from syncd.api.why import Why
from syncd.cli import common, main, progress_bar
from syncd.cli.common import Terminal, print_json, print_json_lines, print_note, print_text, show_error
from syncd.cli.doctor import _show as show_finding
from syncd.cli.inbox import show_inbox
from syncd.cli.ingest import show_ingest
from syncd.cli.log import show_log
from syncd.cli.render.conflicts import show_conflict, show_conflicts
from syncd.cli.render.plan import show_plan
from syncd.cli.render.result import show_result
from syncd.cli.review import show_waiting
from syncd.cli.verify import show_verdict
from syncd.cli.vocabulary import show_checked, show_pushed
from syncd.cli.why import show_why
from syncd.diff.explain import Rule
from syncd.doctor import Finding
from syncd.engine.result import RunResult
from syncd.engine.verify import Difference, Verdict
from syncd.errors import SyncdError
from syncd.ingest.inbox.faults import FAULTS
from syncd.ingest.inbox.result import Became, InboxResult, Outcome
from syncd.ingest.result import IngestResult, Refreshed, Unknown
from syncd.model import Action, Change, Conflict, Direction, Plan, Waiting
from syncd.model.plan import AWAITING, Counts, Scope
from syncd.printable import printable_lines
from syncd.vocabulary.check import Checked, Stray
from syncd.vocabulary.push import Pushed
from syncd.vocabulary.schema import LeftOut

EVIL = "x\x1b]0;pwned\x07\x1b[2J\x9b31m\u202e[bold]:bug:[/bold]\r\n  9  → database  forged"
"""A label of somebody who knows terminals, Rich's markup, and how a line of the log looks."""
PLAIN = "Copepoda [bold]:bug:[/bold]"
NOW = datetime(2026, 5, 4, tzinfo=timezone.utc)

Show = Callable[[Terminal, str], None]


def printed(show: Show, text: str) -> str:
    """What is printed on a wide terminal without colours, whose codes are Rich's own."""
    file = io.StringIO()
    show(Terminal(file=file, width=4000, highlight=False, emoji=False, color_system=None), text)
    return file.getvalue()


def row(kind: type[R], /, **given: Any) -> R:
    """A row of which only what is given is known."""
    (made,) = rows_of(kind, [dict.fromkeys(each.name for each in fields(kind)) | given])
    return made


def entry(t: str, **given: Any) -> ChangeRow:
    return row(ChangeRow, **{
        "seq": 1, "run_id": "r", "binding": t, "annotation_id": t, "sample_id": t, "label_id": t,
        "direction": "to_database", "action": "update", "field": t, "old": t, "new": {t: t, "label": t},
        "reason": "edited", "actor": t, "applied_at": NOW, "status": "applied", "undo_of": None,
    } | given)  # fmt: skip


def conflict(t: str, kind: str = "edit_edit", **given: Any) -> ConflictRow:
    return row(ConflictRow, **{
        "id": 7, "binding": t, "annotation_id": t, "sample_id": t, "label_id": t, "field": t, "kind": kind,
        "status": "open", "resolution": t, "base": t, "fiftyone": {t: t, "label": t}, "database": [t],
        "suggestions": [t], "opened_at": NOW, "updated_at": NOW, "fiftyone_by": t, "fiftyone_at": NOW,
        "database_by": t, "database_at": NOW,
    } | given)  # fmt: skip


def waits(t: str, **given: Any) -> WaitingRow:
    return row(WaitingRow, **{
        "kind": "awaiting_review", "binding": t, "annotation_id": t, "label_id": t, "field": t, "old": t, "new": t,
        "actor": t, "since": NOW,
    } | given)  # fmt: skip


def plan(t: str) -> Plan:
    changes = tuple(
        Change(t, t, t, Direction.TO_DATABASE, action, "label" if action is Action.UPDATE else None, t, t, "edited", t)
        for action in (*Action, Action.UPDATE)
    )
    return Plan(
        t,
        changes,
        (Conflict("edit_edit", t, t, t, t, t, t, t, (t,)),),
        pl.DataFrame(),
        (),
        Counts(),
        Scope(everything=True),
        waiting=(Waiting(AWAITING, t, t, t, t, t, t, t), Waiting(AWAITING, None, t, t, None, None, {t: t}, t)),
    )


def result(t: str, **given: Any) -> RunResult:
    return RunResult(t, "r", "full", dry_run=False, plan=plan(t), open_conflicts=1, waiting={AWAITING: 1}, **given)


def checked(t: str) -> Checked:
    strays = (Stray(t, 1, 1, (t,)), Stray(t, 1, 1, means=t, is_alias=True), Stray(t, 1, 1))
    return Checked(t, 1, strays, (LeftOut(t, t),), 0, 1, (t,))


def ingested(t: str) -> IngestResult:
    faults = pl.DataFrame([(t, t, "missing", t)], schema=["annotation_id", "media", "kind", "reason"], orient="row")
    return IngestResult(
        t, t, "r", dry_run=False, created=True, rows=9, new=1, faults=faults, faults_file=t,
        unknown=(Unknown(t, 1, (t,)),), removed=(t,), unnamed=1, left={"moved": 1},
        pushed=Pushed(True, "classes", (LeftOut(t, t),), (t,)), predictions=(Refreshed(t, 1),), notes=(t,),
    )  # fmt: skip


def inbox(t: str) -> InboxResult:
    faults = pl.DataFrame([(1, 1, t, t, t, t)], schema=FAULTS, orient="row")
    outcomes = (
        Outcome(t, Became.WAITING, waiting=t),
        Outcome(t, Became.REJECTED, faults=faults, moved_to=t),
        *(Outcome(t, each, notes=(t,)) for each in Became if each not in (Became.WAITING, Became.REJECTED)),
    )
    return InboxResult(t, t, False, outcomes)


def everything(t: str) -> Why:
    side = {"sample_id": t, "label_id": t, "tags": [t], "label": t, "notes": {t: t}}
    return Why(
        binding=t,
        annotation_id=t,
        fiftyone=side,
        database=side,
        baseline=None,
        rule=Rule(t, t),
        conflict=conflict(t),
        waiting=waits(t),
        history=(entry(t),),
        not_synced=t,
        last_read={"fiftyone": NOW, "database": None},
        fields=("label", "notes"),
    )


SHOWN: dict[str, Show] = {
    "log": lambda out, t: show_log(out, [entry(t), entry(t, action="insert"), entry(t, action="delete")], {"r": t}),
    "conflicts": lambda out, t: show_conflicts(
        out, ConflictList((conflict(t), conflict(t, "unknown_label", binding="b")) * 20, 40), NOW
    ),
    "why": lambda out, t: show_why(out, everything(t)),
    "a conflict": lambda out, t: show_conflict(out, conflict(t, "unknown_label"), [entry(t)]),
    "ambiguous tags": lambda out, t: show_conflict(out, conflict(t, "ambiguous_tags"), [entry(t, field=None)]),
    "review": lambda out, t: show_waiting(
        out, [waits(t), waits(t, field=None, new={t: t}), waits(t, kind="error", binding="b")], NOW
    ),
    "plan": lambda out, t: show_plan(out, plan(t)),
    "result": lambda out, t: show_result(out, result(t)),
    "held": lambda out, t: show_result(out, result(t, held=t)),
    "verdict": lambda out, t: show_verdict(out, Verdict(t, 1, 1, 1, 0, (Difference("edit", t, t, t, t, t, t),), 0.1)),
    "vocabulary": lambda out, t: show_checked(out, checked(t)),
    "pushed": lambda out, t: show_pushed(out, t, Pushed(True, "classes", (LeftOut(t, t),), (t,)), 1),
    "ingest": lambda out, t: show_ingest(out, ingested(t)),
    "inbox": lambda out, t: show_inbox(out, inbox(t)),
}


@pytest.mark.parametrize("what", SHOWN)
def test_what_others_wrote_is_shown_and_neither_obeyed_nor_a_line_of_its_own(what: str) -> None:
    evil, plain = printed(SHOWN[what], EVIL), printed(SHOWN[what], PLAIN)
    assert evil == printable_lines(evil)
    assert evil.count("\n") == plain.count("\n") > 0
    assert "[bold]:bug:[/bold]" in plain


def on_standard_error(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> io.StringIO:
    file = io.StringIO()
    console = Terminal(file=file, width=4000, highlight=False, emoji=False, **settings)
    for module in (common, progress_bar, sys.modules["syncd.cli.doctor"]):
        for name in ("err", "out"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, console)
    return file


def test_neither_do_errors_notes_findings_and_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    file = on_standard_error(monkeypatch, color_system=None)
    show_error(SyncdError(f"{EVIL}\nsecond line", remedy=EVIL))
    print_note(EVIL)
    show_finding(Finding(EVIL, EVIL, "fault", EVIL, f"{EVIL}\nsecond line"), first=True)
    with common.progress(EVIL, quiet=False) as phase:
        phase(EVIL)
    with progress_bar.counting(quiet=False) as bar:
        bar.report(EVIL, 1, 2)
    told = file.getvalue()
    assert told == printable_lines(told)
    assert not any(line.startswith("  9") for line in told.splitlines())
    assert "    second line" in told


def test_neither_does_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    file = on_standard_error(monkeypatch, force_terminal=True, color_system=None)
    with common.progress(EVIL, quiet=False) as phase:
        phase(EVIL)
    with progress_bar.counting(quiet=False) as bar:
        bar.report(EVIL, 1, 2)
    own = re.compile(r"\x1b\[(\?25[lh]|[12]?[AK]|0?m)|\r")
    told = own.sub("", file.getvalue())
    assert "pwned" in told
    assert told == printable_lines(told)


def test_what_was_not_escaped_where_it_was_put_in_steers_nothing_either() -> None:
    def show(out: Terminal, text: str) -> None:
        table = Table()
        table.add_row(Text(text), text)
        out.print(table)
        out.print(text, markup=False)

    told = printed(show, EVIL)
    assert told == printable_lines(told)
    assert "\\x1b" in told


@pytest.mark.parametrize("terminal", [True, False])
def test_a_log_line_is_one_line(capsys: pytest.CaptureFixture[str], terminal: bool) -> None:
    before = structlog.get_config()
    try:
        logs.configure(terminal=terminal)
        structlog.get_logger().warning(EVIL, label=EVIL, labels=[EVIL], path=Path(EVIL))
        try:
            raise ValueError(EVIL)
        except ValueError:
            structlog.get_logger().exception("failed")
    finally:
        structlog.configure(**before)
    told = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().err)
    assert told == printable_lines(told)
    assert not any(line.startswith("  9") for line in told.splitlines())


def test_json_is_exact_and_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"label": EVIL, "ordinary": "海胆 é"})
    print_json_lines([{"label": EVIL}])
    whole, _, line = capsys.readouterr().out.rpartition("}\n{")
    assert json.loads(whole + "}") == {"label": EVIL, "ordinary": "海胆 é"}
    assert json.loads("{" + line) == {"label": EVIL}
    assert printable_lines(whole + line) == whole + line
    assert "海胆 é" in whole


@pytest.mark.parametrize("terminal", [True, False])
def test_text_for_programs_is_exact_where_no_person_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    print_text(EVIL + "\n")
    assert capsys.readouterr().out == (printable_lines(EVIL + "\n") if terminal else EVIL + "\n")


def test_neither_does_an_error_that_nobody_expected(capsys: pytest.CaptureFixture[str]) -> None:
    error = ValueError(f"{EVIL} postgresql://u:secret@h/d")
    main._show_crash(type(error), error, None)
    told = capsys.readouterr().err
    assert told == printable_lines(told)
    assert "secret" not in told


def test_blanks_around_a_value_are_seen() -> None:
    assert (shown("Copepoda "), shown(" Copepoda"), shown("Copepoda")) == ('"Copepoda "', '" Copepoda"', "Copepoda")


def test_commands_escape_with_what_takes_line_breaks_too() -> None:
    folder = Path(str(syncd.cli.__file__)).parent
    texts = {path.name: path.read_text() for path in folder.rglob("*.py")}
    assert [name for name, text in texts.items() if "rich.markup" in text] == ["values.py"]
    assert not [name for name, text in texts.items() if re.search(r"\bConsole\(highlight", text)]
