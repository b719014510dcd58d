"""Lists as PostgreSQL's own text of an array.

A driver that is given a list writes an expression for each element, which the server parses, types and plans one by
one: that costs several times as much as writing ten thousand labels. An array in one text is one constant.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa


def array(values: Iterable[object]) -> str:
    """The text of an array, for a parameter: texts, numbers, booleans, dates, times and None.

    The statement says of which type it is (``%s::text[]``).
    """
    return "{" + ",".join(map(_element, values)) + "}"


def array_literal(texts: Iterable[str]) -> str:
    """The same quoted, for statements that take no parameters."""
    return "'" + array(texts).replace("'", "''") + "'"


def any_of(texts: Iterable[str]) -> sa.ColumnElement[Any]:
    """What a column of texts is compared with, of which one suffices."""
    return sa.any_(sa.cast(sa.literal(array(texts), sa.Text), sa.ARRAY(sa.Text)))


def _element(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value.isoformat()}"' if isinstance(value, date) else str(value)
