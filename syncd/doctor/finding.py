"""Findings: what a check says, and how checks are run one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pymongo.errors import PyMongoError
from sqlalchemy.exc import SQLAlchemyError

from syncd.adapters.sql.errors import sqlstate
from syncd.connect import first_line
from syncd.doctor.secrets import Secrets
from syncd.errors import SyncdError
from syncd.printable import printable_lines

SERVERS = "servers"
"""The scope of the findings that all bindings share."""

AGAIN = "Mend what the server says, then run `syncd doctor` again."

NO_RIGHT = "42501"
"""PostgreSQL's code for a right that is missing."""

UNAUTHORIZED = 13
"""MongoDB's."""

GRANT_IN_SQL = "Run in the database, with what the message names: GRANT … ON … TO the role of `database.url`;"
GRANT_IN_MONGODB = (
    "Run in mongosh, for the user of `fiftyone.database_uri`: "
    'db.getSiblingDB("admin").grantRolesToUser("USER", [{role: "readWrite", db: "fiftyone"}])'
)

Status = Literal["ok", "warning", "fault", "skipped"]
T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """One check and what came of it.

    ``scope`` is ``servers`` or a binding's name. Every fault has a ``remedy``: a command or an exact edit.
    """

    scope: str
    check: str
    status: Status
    detail: str
    remedy: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What one check says; the runner adds where it was said."""

    status: Status
    detail: str
    remedy: str | None = None


def ok(detail: str) -> Verdict:
    """All is well."""
    return Verdict("ok", detail)


def warning(detail: str, remedy: str) -> Verdict:
    """Works, but not as it should."""
    return Verdict("warning", detail, remedy)


def fault(detail: str, remedy: str) -> Verdict:
    """Does not work."""
    return Verdict("fault", detail, remedy)


def skipped(detail: str) -> Verdict:
    """Could not be looked at, or need not be."""
    return Verdict("skipped", detail)


class NotKnown(Exception):
    """A check asks for something that an earlier check did not find."""

    def __init__(self, check: str) -> None:
        super().__init__(check)
        self.check = check


class Fact(Generic[T]):
    """Something that one check finds and later ones build on; asking for it in vain skips the one that asks."""

    def __init__(self, check: str) -> None:
        self._check = check
        self._found: list[T] = []

    def set(self, value: T) -> T:
        """Remembers what was found."""
        self._found = [value]
        return value

    def get(self) -> T:
        """What was found; ``NotKnown`` where nothing was."""
        if not self._found:
            raise NotKnown(self._check)
        return self._found[0]

    @property
    def known(self) -> bool:
        """Whether anything was found."""
        return bool(self._found)


@dataclass(frozen=True)
class Check:
    """A title and the function that looks."""

    title: str
    look: Callable[[], Verdict]


def run(scope: str, checks: Iterable[Check], secrets: Secrets) -> Iterator[Finding]:
    """Runs checks in order; a check that fails costs itself and those that build on it."""
    for check in checks:
        verdict = _judged(check, secrets)
        remedy = None if verdict.remedy is None else printable_lines(verdict.remedy)
        yield Finding(scope, check.title, verdict.status, printable_lines(verdict.detail), remedy)


def _judged(check: Check, secrets: Secrets) -> Verdict:
    try:
        return check.look()
    except NotKnown as error:
        return skipped(f"needs “{error.check}” to be well")
    except SyncdError as error:
        return fault(secrets.hide(error.message), secrets.hide(error.remedy or AGAIN))
    except SQLAlchemyError as error:
        denied = sqlstate(error) == NO_RIGHT
        return fault(f"the database says: {secrets.hide(said(error))}", GRANT_IN_SQL if denied else AGAIN)
    except PyMongoError as error:
        denied = getattr(error, "code", None) == UNAUTHORIZED
        return fault(f"MongoDB says: {secrets.hide(said(error))}", GRANT_IN_MONGODB if denied else AGAIN)


def said(error: Exception) -> str:
    """What a driver says went wrong, in one line, without the statement that it happened in."""
    return first_line(getattr(error, "orig", None) or error)
