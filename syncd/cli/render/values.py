"""Values, ids and times for people."""

from __future__ import annotations

import json
import unicodedata
from datetime import datetime, timedelta, timezone
from typing import Any

from rich.markup import escape as literally

from syncd.api.html import shown
from syncd.printable import printable, printable_lines, visible

INDENT = "    "


def escape(text: str) -> str:
    """Text that others wrote, as Rich markup that shows it: on one line, and nothing in it steers the terminal."""
    return literally(printable(text))


def escape_lines(text: str) -> str:
    """As :func:`escape`, for text that may have several lines: all but the first are indented."""
    return literally(printable_lines(text, INDENT))


def short_id(value: str | None) -> str:
    """An id as markup, shortened where it is a long one: enough to recognise it; ``--json`` has it whole."""
    if value is None:
        return "(new)"
    return escape(value if len(value) <= 12 else value[:8] + "…")


def _in_json(value: Any) -> Any:
    from syncd.model.kinds import to_json

    return to_json(value)


def in_full(value: Any) -> str:
    """A value with nothing left out: a whole annotation field by field."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {in_full(part)}" for name, part in value.items())
    if isinstance(value, str):
        return visible(value)
    return "∅" if value is None else json.dumps(_in_json(value), ensure_ascii=False)


def told_apart(one: Any, other: Any) -> tuple[str, str]:
    """Two values as :func:`shown`; exactly, where they would look the same and are not.

    So do letters that are composed and those that are not, and numbers that differ in their last digits.
    """
    texts = shown(one), shown(other)
    alike = unicodedata.normalize("NFC", texts[0]) == unicodedata.normalize("NFC", texts[1])
    if not alike or one == other or isinstance(one, dict) or isinstance(other, dict):
        return texts
    exact = [each if isinstance(each, str) else json.dumps(_in_json(each)) for each in (one, other)]
    return ascii(exact[0])[1:-1], ascii(exact[1])[1:-1]


def marked(value: Any, style: str) -> str:
    """A value as Rich markup; whatever it contains stays text."""
    return f"[{style}]{escape(shown(value))}[/{style}]"


def arrow(old: Any, new: Any) -> str:
    """Old → new, as Rich markup."""
    was, now = told_apart(old, new)
    return f"[red]{escape(was)}[/red] [dim]→[/dim] [green]{escape(now)}[/green]"


def versus(conflict: Any) -> str:
    """FiftyOne's value ≠ the database's (and what it was), as Rich markup; from anything with the three values."""
    here, there = told_apart(conflict["fiftyone"], conflict["database"])
    sides = f"[cyan]{escape(here)}[/cyan] [dim]≠[/dim] [magenta]{escape(there)}[/magenta]"
    base = conflict.get("base")
    if base is None or isinstance(base, dict):
        return sides
    return f"{sides} [dim]was {escape(shown(base))}[/dim]"


def words(name: str) -> str:
    """A reason or kind as words: ``changed_at_home`` as ``changed at home``."""
    return name.replace("_", " ")


def when(moment: datetime | None) -> str:
    """A moment in local time, to the second."""
    if moment is None:
        return "–"
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return f"{aware.astimezone():%Y-%m-%d %H:%M:%S}"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit that says something."""
    if moment is None:
        return "never"
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    passed = max(now - aware, timedelta(0))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if passed.total_seconds() >= 2 * length:
            return f"{int(passed.total_seconds() // length)} {unit} ago"
    return f"{int(passed.total_seconds())} s ago"


def plural(count: int, word: str, many: str | None = None) -> str:
    """``1 change``, ``2 changes``."""
    return f"{count:,} {word if count == 1 else many or word + 's'}"
