"""Faults of a side in memory: what fails, and when. Nothing fails unless a test asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from syncd.model import Change, Content

T = TypeVar("T")


@dataclass
class _Failure:
    error: BaseException
    method: str | None
    calls_left: int


@dataclass
class Faults:
    """Faults to inject. One object may serve both sides of a binding: ``calls`` is then in the order of both.

    ``before_call`` is told the name of each method before it does anything, ``before_change`` each change before it
    is carried out: the places from which to edit concurrently, or to stop the clock. ``between`` is told each change
    between the comparison and the write of a store whose guard does not close that gap.
    """

    calls: list[str] = field(default_factory=list)
    before_call: Callable[[str], None] | None = None
    before_change: Callable[[Change], None] | None = None
    between: Callable[[Change], None] | None = None
    loses: Callable[[Change], bool] | None = None
    _failures: list[_Failure] = field(default_factory=list)
    _refusals: list[tuple[str, Content, str]] = field(default_factory=list)
    _reading: tuple[BaseException, int] | None = None
    _writing: tuple[BaseException, int] | None = None

    def fail(self, error: BaseException, *, at: int = 1, method: str | None = None) -> None:
        """Raises ``error`` at the ``at``-th call from now (of ``method``, or of any), before it does anything."""
        self._failures.append(_Failure(error, method, at))

    def fail_reading(self, error: BaseException, *, after_rows: int) -> None:
        """Raises ``error`` in the next read that has more than ``after_rows`` rows to give, after so many."""
        self._reading = (error, after_rows)

    def fail_writing(self, error: BaseException, *, after_changes: int) -> None:
        """Raises ``error`` in the next write of more than ``after_changes`` changes, when so many are carried out."""
        self._writing = (error, after_changes)

    def refuse(self, field: str, value: Content, message: str = "the value is refused") -> None:
        """Refuses, from now on, every change that would store ``value`` in ``field``."""
        self._refusals.append((field, value, message))

    def lose_writes(self, which: Callable[[Change], bool] | None = None) -> None:
        """Takes the changes (or those for which ``which`` says so), and does not carry them out."""
        self.loses = which or (lambda _: True)

    def called(self, method: str) -> None:
        """To be called first by every method of a side."""
        self.calls.append(method)
        if self.before_call is not None:
            self.before_call(method)
        for failure in [each for each in self._failures if each.method in (None, method)]:
            failure.calls_left -= 1
            if failure.calls_left == 0:
                self._failures.remove(failure)
                raise failure.error

    def reading(self, rows: Iterable[T]) -> list[T]:
        """The rows of one read: all of them, or an error."""
        read: list[T] = []
        for row in rows:
            if self._reading is not None and len(read) == self._reading[1]:
                error, self._reading = self._reading[0], None
                raise error
            read.append(row)
        return read

    def writing(self, changes: Iterable[Change]) -> Iterator[Change]:
        """The changes of one write, one by one, up to where it is to fail."""
        for done, change in enumerate(changes):
            if self._writing is not None and done == self._writing[1]:
                error, self._writing = self._writing[0], None
                raise error
            if self.before_change is not None:
                self.before_change(change)
            yield change

    def loses_change(self, change: Change) -> bool:
        """Whether this change is to have no effect."""
        return self.loses is not None and self.loses(change)

    def refusal(self, change: Change) -> str | None:
        """The message with which a change is refused, if it is."""
        content = change.new if isinstance(change.new, dict) else {str(change.field): change.new}
        for name, value, message in self._refusals:
            if name in content and content[name] == value:
                return message
        return None
