"""The report as Markdown, for a chat or an e-mail: short, and nothing that people wrote is markup. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TextIO, TypeAlias

from syncd.model import LABEL
from syncd.printable import visible
from syncd.report.content import Report
from syncd.report.labels import Wavering
from syncd.report.links import in_the_app, undo_command
from syncd.report.models import Model
from syncd.report.refused import Refused
from syncd.report.scenarios import Scenario
from syncd.report.selection import Selection
from syncd.report.text import lasted
from syncd.report.totals import Tally

LONGEST = 10
"""Rows of a table; a chat is no place for more."""
LISTED = 20
"""Changes that are listed, the newest; the other formats have all of them."""
WIDEST = 60
"""Characters of a value in the list."""

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&!])")
_NOTHING = "–"
_MINUTES = "%Y-%m-%d %H:%M"

Cell: TypeAlias = "str | int | None"


def write_markdown(report: Report, file: TextIO, *, app_url: str | None = None) -> None:
    """Writes the report as Markdown, in UTF-8, to an open file."""
    file.write(markdown(report, app_url=app_url))


def markdown(report: Report, *, app_url: str | None = None) -> str:
    """The report as Markdown."""
    sections = [_head(report)]
    if not report.is_empty:
        sections += _sections(report, app_url)
    sections += [f"> {cell(note)}\n" for note in report.notes]
    return "\n".join(each for each in sections if each)


def cell(value: str | int | None) -> str:
    """A value as text of a Markdown table: on one line, and nothing of it is markup or steers a terminal."""
    if value is None:
        return _NOTHING
    return _SPECIAL.sub(r"\\\1", visible(str(value)))


def _head(report: Report) -> str:
    span = _span(report.selection)
    title = f"## {cell(report.title)}\n" + (f"\n{span}\n" if span else "")
    found = report.totals
    if report.is_empty:
        return f"{title}\nNo change was applied.\n"
    disputes = report.disputes
    told = [f"**{_counted(found.changes, 'change')}** of **{_counted(found.annotations, 'annotation')}**"]
    if disputes.opened or disputes.resolved:
        told.append(f"{_counted(disputes.opened, 'conflict')} opened, {disputes.resolved:,} resolved")
    waiting = sum(each.waiting for each in report.refused)
    if waiting:
        told.append(f"{_counted(waiting, 'refused label')} to be dealt with")
    return f"{title}\n{'; '.join(told)}.\n"


def _sections(report: Report, app_url: str | None) -> Iterator[str]:
    found, disputes = report.totals, report.disputes
    yield _tallies("Direction", found.by_direction, none="both sides alike")
    yield _tallies("Action", found.by_action)
    yield _tallies("Why", found.by_reason)
    yield _tallies("By", found.by_actor, none="unknown")
    yield _table("Labels", ("from", "to", "labels"), [(each.old, each.new, each.count) for each in report.transitions])
    nets = [(each.label, each.gained, each.lost, f"{each.gained - each.lost:+,}") for each in report.classes]
    yield _table("Classes", ("label", "gained", "lost", "net"), nets)
    yield _tallies("Conflicts opened", disputes.opened_by_kind, what="kind")
    yield _tallies("Conflicts resolved", disputes.resolved_by_resolution, what="how")
    if disputes.waited is not None:
        yield f"They waited {lasted(disputes.waited)} (median), {lasted(disputes.longest)} at most.\n"
    refusals = [(each.label, each.count, each.waiting, _became(each)) for each in report.refused]
    yield _table("Refused labels", ("label", "times", "waiting", "became"), refusals)
    back = [(each.annotation_id, _path(each)) for each in report.wavering]
    yield _table("Back and forth", ("annotation", "labels"), back)
    pairs = [
        (each.first, each.second, each.both, f"{each.agreed / each.both:.0%}", _kappa(each.kappa))
        for each in report.agreement
    ]
    yield _table("Agreement", ("first", "second", "both judged", "agree", "kappa"), pairs)
    yield _table(
        "Models",
        ("predictions", "accuracy", "macro F1", "corrected", "to what was predicted"),
        [_model(each) for each in report.models],
    )
    apart = [_scenario(each.field, part) for each in report.models for part in each.scenarios]
    yield _table("Models by scenario", ("predictions", "where", "annotations", "agree", "precision", "recall"), apart)
    yield _list(report, app_url)


def _span(selection: Selection) -> str:
    parts = []
    if selection.since is not None or selection.until is not None:
        parts.append(f"{_moment(selection.since, 'the beginning')} to {_moment(selection.until, 'now')}")
    narrowed = {
        "run": selection.run_id,
        "by": selection.actor,
        "label": selection.label,
        "field": selection.field,
        "direction": selection.direction,
    }
    parts += [f"{name} {cell(value)}" for name, value in narrowed.items() if value is not None]
    return ", ".join(parts)


def _moment(at: datetime | None, otherwise: str) -> str:
    return otherwise if at is None else at.astimezone().strftime(_MINUTES)


def _became(each: Refused) -> str:
    kept = [f"{_NOTHING if to.value is None else to.value} ({to.count})" for to in each.became[:3]]
    return ", ".join([*kept, *(["…"] if len(each.became) > 3 else [])])


def _path(each: Wavering) -> str:
    return " → ".join(_NOTHING if label is None else label for label in each.labels)


def _kappa(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _both(before: float, after: float) -> str:
    return f"{before:.1%} → {after:.1%}"


def _scenario(field: str, each: Scenario) -> Sequence[Cell]:
    before, after = each.scores_before, each.scores_after
    scores = (_both(before.precision, after.precision), _both(before.recall, after.recall))
    agree = _both(each.accuracy_before, each.accuracy_after)
    return field, f"{each.attribute}: {each.value}", each.annotations, agree, *scores


def _model(each: Model) -> Sequence[Cell]:
    accuracy = _both(each.before.accuracy, each.after.accuracy)
    f1 = _both(each.before.macro.f1, each.after.macro.f1)
    return f"{each.binding}: {each.field}", accuracy, f1, each.corrected, each.towards


def _list(report: Report, app_url: str | None) -> str:
    changes = report.changes
    header = ("change", "when", "by", "annotation", "old → new", "why", "undo")
    newest = changes.tail(LISTED).reverse()
    rows = [_row(each, report, app_url) for each in newest.iter_rows(named=True)]
    more = f"\n… and {changes.height - newest.height:,} more\n" if changes.height > newest.height else ""
    return _written("Changes, the newest first", header, rows) + more if rows else ""


def _row(change: dict[str, object], report: Report, app_url: str | None) -> list[str]:
    """Cells that are markup already, as far as they are meant to be."""
    at = change["applied_at"]
    when = at.astimezone().strftime(_MINUTES) if isinstance(at, datetime) else str(change["status"])
    name = cell(_text(change["annotation_id"]))
    dataset = report.datasets.get(str(change["binding"]))
    sample = change["sample_id"]
    link = in_the_app(app_url, dataset, None if sample is None else str(sample))
    undo = undo_command(int(str(change["seq"])), str(change["status"]))
    field = "" if change["field"] in (LABEL, None) else f"{cell(str(change['field']))}: "
    return [
        str(change["seq"]),
        when,
        cell(_text(change["actor"])),
        name if link is None else f"[{name}](<{link}>)",
        f"{field}{cell(_shown(change, 'old'))} → {cell(_shown(change, 'new'))}",
        cell(_text(change["reason"])),
        _NOTHING if undo is None else f"`{undo}`",
    ]


def _shown(change: dict[str, object], side: str) -> str | None:
    """A label as it is, a whole annotation by its label, anything else as JSON; cut where it is long."""
    raw = change[side]
    if raw is None:
        return None
    value = json.loads(str(raw))
    if isinstance(value, dict):
        value = value.get(LABEL)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _tallies(name: str, tallies: Sequence[Tally], none: str = _NOTHING, what: str | None = None) -> str:
    rows = [(none if each.value is None else each.value, each.count) for each in tallies]
    return _table(name, (what or name.lower(), "conflicts" if what else "changes"), rows)


def _table(name: str, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    if not rows:
        return ""
    written = _written(name, header, [[cell(part) for part in row] for row in rows[:LONGEST]])
    return written + (f"\n… and {len(rows) - LONGEST} more\n" if len(rows) > LONGEST else "")


def _written(name: str, header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [_line(header), _line("---" for _ in header), *(_line(row) for row in rows)]
    return f"### {name}\n\n" + "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
