"""What the rules can do to a binding's two sides, in memory or on the real servers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from syncd.engine.session import Session
from syncd.model import Side
from syncd.testing import Faults

FREE_TERMS = 400
"""Labels that rules may use: every edit takes one that nobody has used before, so that it can be found again."""

ENOUGH = 2
"""Annotations that must have gone back in time for their side to have done so, where every other brake is off."""

TERMS = tuple(f"taxon {number:03}" for number in range(FREE_TERMS))
NARROW = tuple(term for number, term in enumerate(TERMS) if number % 7)
"""The vocabulary that a curator has thinned out; what is missing in it is an alias of the term before."""
ALIASES = {term: TERMS[number + 1] for number, term in enumerate(TERMS) if number % 14 == 0}


@dataclass(frozen=True)
class Rules:
    """What a curator may change about the binding between two runs."""

    policy: dict[str, str] = field(default_factory=dict)
    narrow: bool = False
    tagged: bool = False


@dataclass(frozen=True)
class SeenLabel:
    """One label as it stands in FiftyOne."""

    sample: str
    label_id: str
    annotation_id: str | None
    values: dict[str, Any]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class SeenRow:
    """One row as it stands in the database; ``sample`` is that of its medium, ``None`` where it has left."""

    annotation_id: str
    sample: str | None
    values: dict[str, Any]


class Return(Enum):
    """How a sample comes back that had left: with its labels as they were, under new label ids, without any ids, or
    without its labels."""

    WHOLE = "whole"
    RELABELLED = "relabelled"
    NAMELESS = "nameless"
    EMPTY = "empty"


class Sides(Protocol):
    """Both sides behind syncd's back, and a session to run syncd on. Samples go by FiftyOne's id."""

    def session(self, rules: Rules, faults: Faults) -> AbstractContextManager[Session]:
        """The binding as syncd opens it; ``faults`` befall its adapters."""

    def samples(self) -> Sequence[str]:
        """All samples."""

    def labels(self) -> list[SeenLabel]:
        """FiftyOne's side."""

    def rows(self) -> list[SeenRow]:
        """The database's side."""

    def edit_label(self, label: SeenLabel, field: str, value: Any) -> None:
        """A reviewer changes one field."""

    def tag_label(self, label: SeenLabel, tags: Sequence[str]) -> None:
        """A reviewer sets the label's tags."""

    def draw(self, sample: str, values: dict[str, Any]) -> str:
        """A reviewer draws a label; returns its label id."""

    def erase(self, label: SeenLabel) -> None:
        """A reviewer deletes a label."""

    def copy(self, label: SeenLabel, sample: str) -> str:
        """A script copies a label, annotation id and all, under a new label id."""

    def move(self, label: SeenLabel, sample: str) -> None:
        """A script takes a label from its sample and puts it on another."""

    def rebuild(self, label: SeenLabel, *, keeps_id: bool, same_label: bool) -> str:
        """Another tool returns a label with its class and its box alone; returns its label id."""

    def leave(self, sample: str) -> None:
        """A sample is deleted from the dataset, with its labels."""

    def away(self) -> Sequence[str]:
        """The ids that samples had which have left."""

    def come_back(self, sample: str, how: Return) -> list[SeenLabel]:
        """A sample is added again, under a new id; returns its labels, in the order in which they stood."""

    def touch_sample(self, sample: str) -> None:
        """Saves a sample without a change."""

    def edit_row(self, annotation_id: str, field: str, value: Any, *, late: bool = False) -> None:
        """The curator changes one field; ``late``: stamped long before it was committed."""

    def add_row(self, annotation_id: str, sample: str, values: dict[str, Any]) -> None:
        """The curator adds a row, or puts one back."""

    def remove_row(self, annotation_id: str) -> None:
        """The curator deletes a row."""

    def hide_row(self, annotation_id: str) -> None:
        """Somebody has what syncd reads no longer show the row (and none under that id); the table keeps it."""

    def show_row(self, annotation_id: str) -> None:
        """The row is shown again."""

    def hidden(self) -> Collection[str]:
        """The ids that are not shown."""

    def retie_row(self, annotation_id: str, sample: str) -> None:
        """The curator ties a row to the image of another sample."""

    def touch_row(self, annotation_id: str) -> None:
        """Stamps a row without a change."""

    def open_list(self, sample: str) -> object:
        """A sample's labels, as a window of the App holds them."""

    def save_list(self, sample: str, held: Any) -> None:
        """A window saves the labels that it holds: the sample has them, and no others."""

    def set_values(self, field: str, values: Sequence[tuple[SeenLabel, Any]]) -> None:
        """A notebook sets a field of many labels in one call, under one stamp; what is gone it leaves out."""

    def back_up(self, side: Side) -> object:
        """A copy of what a side holds, stamps included."""

    def put_back(self, side: Side, copy: Any) -> None:
        """The side holds what it held when it was copied."""

    def skew(self, side: Side, minutes: int) -> None:
        """Puts a side's clock so many minutes off."""

    def close(self) -> None:
        """Lets go of everything."""


def same(one: Any, two: Any) -> bool:
    """Whether two values of one field are the same to people; a decimal is text in syncd's own tables."""
    if isinstance(one, (list, tuple)) and isinstance(two, (list, tuple)):
        return len(one) == len(two) and all(same(*pair) for pair in zip(one, two, strict=True))
    if isinstance(one, float) or isinstance(two, float):
        numbers = [_number(each) for each in (one, two)]
        return None not in numbers and abs(numbers[0] - numbers[1]) < 1e-9
    return bool(one == two)


def _number(value: Any) -> Any:
    """The number that a value is, or is the text of; ``None`` where it is none."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) else None
