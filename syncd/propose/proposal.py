"""A proposal: the keys of a binding with what speaks for each, what is in doubt, and what is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from syncd.propose.facts import Facts, Table

Plain: TypeAlias = "str | int | float | bool | None | list[Plain] | dict[str, Plain]"
"""A value as it stands in YAML."""

Answers: TypeAlias = Mapping[str, str]
"""What was answered, by the name of the question."""

MOST_QUESTIONS = 2
"""More than these are not asked: what is left open is said beside the key."""


@dataclass(frozen=True)
class Choice:
    """A key of the binding and its value.

    ``seen`` says what speaks for it, ``doubt`` what is unsure. An ``off`` one is written as a comment.
    """

    path: tuple[str, ...]
    value: Plain
    seen: str = ""
    doubt: str = ""
    off: bool = False


@dataclass(frozen=True)
class Option:
    """One of the answers to a question, and what speaks for it."""

    answer: str
    why: str = ""


@dataclass(frozen=True)
class Question:
    """Something that the facts do not decide. Without ``options`` any text is an answer; ``default`` may be none."""

    name: str
    text: str
    options: tuple[Option, ...] = ()
    default: str | None = None


@dataclass(frozen=True)
class Proposal:
    """A binding as it is proposed; ``notes`` are doubts about all of it, ``questions`` those that are still open.

    With anything ``missing`` it is none yet: an answer may help.
    """

    choices: tuple[Choice, ...]
    notes: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def binding(self) -> dict[str, Plain]:
        """The binding as a configuration has it."""
        made: dict[str, Plain] = {}
        for choice in self.choices:
            if choice.off:
                continue
            place = made
            for key in choice.path[:-1]:
                inner = place.setdefault(key, {})
                assert isinstance(inner, dict), f"{key} is a section"
                place = inner
            place[choice.path[-1]] = choice.value
        return made


@dataclass
class Draft:
    """A proposal in the making: what has been decided, and which columns have found their use."""

    facts: Facts
    answers: Answers
    choices: list[Choice] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    missing: tuple[str, ...] = ()

    @property
    def table(self) -> Table:
        """The table in question."""
        return self.facts.table

    def choose(
        self, *path: str, value: Plain, seen: str = "", doubt: str = "", off: bool = False, of: Iterable[str] = ()
    ) -> None:
        """Decides a key; the columns ``of`` the table that it uses are for nothing else."""
        self.choices.append(Choice(path, value, seen, doubt, off))
        self.used.update(of)

    def ask(self, question: Question) -> str | None:
        """The answer to a question, else its default; where it is still open it is noted."""
        if question.name in self.answers:
            return self.answers[question.name]
        self.questions.append(question)
        return question.default

    def done(self) -> Proposal:
        """What has been decided."""
        return Proposal(tuple(self.choices), tuple(self.notes), tuple(self.questions[:MOST_QUESTIONS]), self.missing)
