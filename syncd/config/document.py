"""A configuration as read: plain values, the line that each came from, and how each may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from syncd.config.faults import Fault, Path, Problem, format_place
from syncd.config.redact import looks_secret, names_secret, quote
from syncd.printable import printable

# Someone who forgets the key (`database: postgresql://…`) puts a secret where a section belongs.
_SECTIONS_WITH_SECRETS = frozenset({"fiftyone", "database", "state", "notify", "credentials"})
_MISSING = object()


@dataclass
class Document:
    """Plain values with their lines; `sources` holds the text of values that contain ``${…}``, as written.

    `unread` are the places whose value could not be had and stands as None: a problem says why. `files` are those that
    ``${file:…}`` named, whether or not they could be read.
    """

    data: object
    lines: dict[Path, int] = field(default_factory=dict)
    sources: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unread: set[Path] = field(default_factory=set)
    files: set[FilePath] = field(default_factory=set)

    def line_of(self, path: Path) -> int | None:
        """The line of a place, or of the nearest thing around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None

    def at(self, path: Path) -> object:
        """The value at a place; None where there is none."""
        value = self._walk(path)
        return None if value is _MISSING else value

    def show(self, path: Path) -> str:
        """The value at a place as a fault may show it: short, and never a secret."""
        value = self._walk(path)
        if value is _MISSING or value is None:
            return "nothing"
        if isinstance(value, Mapping):
            return "a mapping" if value else "an empty mapping"
        if isinstance(value, (list, tuple)):
            return f"a list of {len(value)}" if value else "an empty list"
        if value == "":
            return f"empty text from {self._source(path)}" if path in self.sources else "empty text"
        if self._hides(path):
            return "a value (not shown)"
        if path in self.sources:
            # What a variable or a secret file holds is not ours to show, whatever the key is called.
            return f"the value of {self._source(path)}"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return quote(value)
        if isinstance(value, int) and value.bit_length() > 64:
            return "a huge number"
        return str(value) if isinstance(value, (int, float)) else f"a {type(value).__name__}"

    def fault(self, problem: Problem) -> Fault:
        """A problem with its place in words and its line."""
        line = problem.line if problem.line is not None else self.line_of(problem.path)
        place = format_place(problem.path)
        return Fault(place, line, problem.found, problem.expected, problem.hint, problem.column)

    def _source(self, path: Path) -> str:
        source = self.sources[path]
        if looks_secret(source) or self._hides(path):
            return "${…}"
        return printable(source) if len(source) <= 80 else "${…}"

    def _hides(self, path: Path) -> bool:
        if not path or (len(path) == 1 and path[0] in _SECTIONS_WITH_SECRETS):
            return True
        return any(isinstance(part, str) and names_secret(part) for part in path)

    def _walk(self, path: Path) -> object:
        value = self.data
        for part in path:
            value = _child(value, part)
        return value


def _child(value: Any, part: str | int) -> object:
    if isinstance(value, Mapping):
        return value.get(part, _MISSING)
    if isinstance(value, (list, tuple)) and isinstance(part, int) and part < len(value):
        return value[part]
    return _MISSING
