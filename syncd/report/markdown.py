"""The numbers as Markdown, for a chat or an e-mail. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from syncd.report.labels import Net, Transition, Wavering
from syncd.report.totals import Tally, Totals

LONGEST = 10
"""Rows of a table; a chat is no place for more."""

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&!])")
_NOTHING = "–"


def markdown(
    title: str, found: Totals, moved: Sequence[Transition], classes: Sequence[Net], back: Sequence[Wavering]
) -> str:
    """The report; what people wrote (labels, names) is text in it and never markup."""
    if not found.changes:
        return f"## {cell(title)}\n\nNo change was applied.\n"
    head = f"## {cell(title)}\n\n**{found.changes}** changes of **{found.annotations}** annotations\n"
    sections = [
        _tallies("Direction", found.by_direction, none="both sides alike"),
        _tallies("Action", found.by_action),
        _tallies("Why", found.by_reason),
        _tallies("By", found.by_actor, none="unknown"),
        _table("Labels", ("from", "to", "changes"), [(each.old, each.new, each.count) for each in moved]),
        _table("Classes", ("label", "gained", "lost"), [(each.label, each.gained, each.lost) for each in classes]),
        _table("Back and forth", ("annotation", "labels"), [(each.annotation_id, _path(each)) for each in back]),
    ]
    return "\n".join([head, *(each for each in sections if each)])


def cell(value: str | int | None) -> str:
    """A value as text of a Markdown table: on one line, and nothing of it is markup."""
    if value is None:
        return _NOTHING
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def _path(each: Wavering) -> str:
    return " → ".join(_NOTHING if label is None else label for label in each.labels)


def _tallies(name: str, tallies: Sequence[Tally], none: str = _NOTHING) -> str:
    rows = [(none if each.value is None else each.value, each.count) for each in tallies]
    return _table(name, (name.lower(), "changes"), rows)


def _table(name: str, header: Sequence[str], rows: Sequence[Sequence[str | int | None]]) -> str:
    if not rows:
        return ""
    shown = [_line(cell(each) for each in row) for row in rows[:LONGEST]]
    more = [f"\n… and {len(rows) - LONGEST} more"] if len(rows) > LONGEST else []
    return "\n".join([f"### {name}\n", _line(header), _line("---" for _ in header), *shown, *more, ""])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
