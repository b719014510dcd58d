"""The faults of a configuration: each with its place, all of them in one error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from syncd.config.redact import looks_secret
from syncd.errors import ConfigError
from syncd.printable import printable

Path = tuple["str | int", ...]
"""Where a value stands: the keys and list positions that lead to it."""

_PLAIN_KEY = re.compile(r"[\w-]+")
_SHOWN_FAULTS = 100
_SHOWN_KEY = 60


@dataclass(frozen=True)
class Fault:
    """One thing wrong: where, what stands there, what should. Holds no secret.

    `place` reads ``bindings[0].columns.id`` (empty: the whole file); `line` and `column` count from 1.
    """

    place: str
    line: int | None
    found: str
    expected: str
    hint: str | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}found {self.found}, expected {self.expected}{hint}"


@dataclass(frozen=True)
class Problem:
    """A fault before it has been given its place in words and its line."""

    path: Path
    found: str
    expected: str
    hint: str | None = None
    line: int | None = None
    column: int | None = None


class InvalidConfig(ConfigError):
    """The configuration has faults: all of them, in `faults`, in the order of the file.

    ``str()`` gives a line for each: ``syncd.yaml:12: bindings[0].columns.id: found 3, expected a column name``.
    """

    def __init__(self, source: str, faults: Iterable[Fault]) -> None:
        self.source = source
        self.faults = tuple(faults)
        lines = [f"{self._position(fault)}: {fault}" for fault in self.faults[:_SHOWN_FAULTS]]
        if len(self.faults) > _SHOWN_FAULTS:
            lines.append(f"… and {len(self.faults) - _SHOWN_FAULTS} more")
        super().__init__("\n".join(lines))

    def _position(self, fault: Fault) -> str:
        parts = [self.source, fault.line, fault.column]
        return printable(":".join(str(part) for part in parts if part is not None))


def format_place(path: Path) -> str:
    """A path in words: ``bindings[0].columns.id``; keys that are not plain words are quoted."""
    place = ""
    for part in path:
        if isinstance(part, int):
            place += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part) and len(part) <= _SHOWN_KEY and not looks_secret(part):
            place += f".{part}" if place else part
        elif looks_secret(part):
            place += "[(not shown)]"
        else:
            shown = part if len(part) <= _SHOWN_KEY else part[: _SHOWN_KEY - 1] + "…"
            place += f'["{printable(shown)}"]'
    return place
