"""Phrases of findings: counts, lists of names, and commands that can be copied."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable

from pymongo.collection import Collection

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
