"""Findings: what a check says, and how checks are run one after the other."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pydantic import SecretStr
from pymongo.collection import Collection
from pymongo.errors import PyMongoError
from sqlalchemy.exc import SQLAlchemyError

from syncd.adapters.connect import first_line
from syncd.adapters.sql.errors import sqlstate
from syncd.config import Config
from syncd.config.redact import without_secrets
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
    """The verdict of a check that found nothing wrong; ``detail`` is what it saw."""
    return Verdict("ok", detail)


def warning(detail: str, remedy: str) -> Verdict:
    """Works, but not as it should."""
    return Verdict("warning", detail, remedy)


def fault(detail: str, remedy: str) -> Verdict:
    """The verdict that something does not work; ``remedy`` is a command or an exact edit."""
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


SHOWN = 5
"""How many names a finding lists before it says how many more there are."""

LONGEST = 80
_PLAIN_PART = re.compile(r"[^.\"\s]+")


def count(number: int, what: str) -> str:
    """``1 label``, ``2 labels``, ``1,234 labels``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def listed(names: Iterable[object], shown: int = SHOWN) -> str:
    """The first few names, and how many more there are."""
    every = [short(each) for each in names]
    rest = len(every) - shown
    return ", ".join(every[:shown]) + (f" and {rest:,} more" if rest > 0 else "") if every else "none"


def short(value: object) -> str:
    """A name or a value as a finding shows it."""
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def sdk(dataset: str, doing: str) -> str:
    """A shell command that does something to a dataset by FiftyOne's own SDK."""
    return sdk_code(f"fo.load_dataset({sdk_name(dataset)}).{doing}")


def sdk_code(code: str) -> str:
    """A shell command that runs Python with FiftyOne's SDK as ``fo``."""
    return f"Run: python -c {shlex.quote(f'import fiftyone as fo; {code}')}"


def sdk_name(name: str) -> str:
    """A name as Python text."""
    return json.dumps(name, ensure_ascii=False)


def in_mongosh(samples: Collection[dict[str, object]], doing: str) -> str:
    """A command for ``mongosh`` on a dataset's collection."""
    place = f"db.getSiblingDB({json.dumps(samples.database.name)}).getCollection({json.dumps(samples.name)})"
    return f"Run in mongosh: {place}.{doing}"


def in_sql(statement: str) -> str:
    """An SQL statement to run."""
    return f"Run in the database: {statement};"


def table_in_config(schema: str | None, table: str) -> str:
    """A table's name as the configuration takes it: a part with a dot or a quote in it stands in quotes."""
    parts = [each for each in (schema, table) if each is not None]
    return ".".join(each if _PLAIN_PART.fullmatch(each) else '"{}"'.format(each.replace('"', '""')) for each in parts)


class Secrets:
    """The secrets of a configuration, and text without them."""

    def __init__(self, config: Config) -> None:
        self._addresses = tuple(_addresses(config))

    def hide(self, text: str) -> str:
        """The text without any secret in it."""
        return without_secrets(self._addresses, text)


def _addresses(config: Config) -> Iterator[str]:
    lab = None if config.lab is None else config.lab.url
    given = [lab, config.state.url, config.fiftyone.database_uri, config.notify.webhook]
    for binding in config.bindings:
        given += [each for _, each in binding.store or () if isinstance(each, SecretStr)]
    yield from (each.get_secret_value() for each in given if each is not None)
    # Read by FiftyOne, and so by us, where the configuration names no database.
    yield os.environ.get("FIFTYONE_DATABASE_URI", "")
