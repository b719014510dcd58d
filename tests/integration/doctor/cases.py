"""One way to break a lab, and what the doctor is to say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from integration.doctor.lab import Lab


@dataclass(frozen=True)
class Case:
    """``act`` breaks the lab; ``detail`` and ``remedy`` are parts of what is said.

    ``mends`` where the remedy is a command that can be run as it stands: it is, and must help.
    """

    name: str
    act: Callable[[Lab], object]
    check: str
    status: str
    detail: str
    remedy: str
    mends: bool = False

    def run(self, lab: Lab) -> None:
        self.act(lab)
        found = lab.finding(self.check)
        assert found.status == self.status, found
        assert self.detail in found.detail, found
        assert self.remedy in str(found.remedy), found
        if self.mends:
            lab.follow(found)
            assert lab.finding(self.check).status == "ok"


def edit(**changes: object) -> Callable[[Lab], object]:
    """Another configuration."""
    return lambda lab: lab.binding.update(changes)


def sql(statements: str) -> Callable[[Lab], None]:
    """A change of the tables."""
    return lambda lab: lab.sql(statements)


def column(role: str, name: object) -> Callable[[Lab], None]:
    """Another column in the configuration."""
    return lambda lab: lab.binding["columns"].update({role: name})


def on_table(statements: str = "", **changes: object) -> Callable[[Lab], None]:
    """The binding reads the table itself, which is then changed."""

    def act(lab: Lab) -> None:
        lab.binding |= {"read": None, **changes}
        if statements:
            lab.sql("DROP VIEW annotation_with_media;" + statements)

    return act


def view(name: str, statements: str) -> Callable[[Lab], None]:
    """The binding reads a view of another kind."""

    def act(lab: Lab) -> None:
        lab.binding["read"] = name
        lab.sql(statements)

    return act
