"""Whether the rows that keys refer to say something else than before: a renamed taxon renames all its labels.

No label's own row is stamped by that, so a poll would not see it. Each poll therefore asks for a fingerprint of the
referred values, which the server computes; of large tables, and of images, which come all the time, it asks how many
rows were ever changed or deleted, which the server counts anyway.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.errors import READING, asking
from syncd.adapters.sql.mapping import TableMapping
from syncd.adapters.sql.quote import quote, relation
from syncd.adapters.sql.stored import Lookup

LARGE = 200_000
"""Rows of a referred table that a poll goes through in some hundredths of a second."""

_SIZE = "SELECT reltuples FROM pg_class WHERE oid = to_regclass(:table)"
_CHANGED = """
SELECT pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid)
FROM pg_class c WHERE c.oid = to_regclass(:table)
"""


def referred(connection: Connection, mapping: TableMapping) -> str | None:
    """The fingerprint of what keys of annotations refer to; ``None`` where there are no such keys.

    Who a key of `updated_by` refers to is no field, and no concern of this.
    """
    stored = (mapping.stored.get(name) for names in mapping.fields.values() for name in names)
    values = list(dict.fromkeys(each.lookup for each in stored if each is not None and each.lookup is not None))
    media = mapping.media_lookup
    if not values and media is None:
        return None
    with asking(READING):
        told = [_of_values(connection, each) for each in values]
        if media is not None and media not in values:
            told += [_changes(connection, each.table) for each in media.levels]
    return hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()


def _of_values(connection: Connection, lookup: Lookup) -> str:
    dialect, first, last = connection.dialect, lookup.first, f"l{len(lookup.levels) - 1}"
    is_postgres = dialect.name == "postgresql"
    if is_postgres and any(_is_large(connection, each.table) for each in lookup.levels):
        return " ".join(_changes(connection, each.table) for each in lookup.levels)
    tables = f"{relation(dialect, first.table)} AS l0"
    if len(lookup.levels) > 1:
        second = lookup.shown
        on = f"l1.{quote(dialect, second.key)} = l0.{quote(dialect, first.value)}"
        tables += f" LEFT JOIN {relation(dialect, second.table)} AS l1 ON {on}"
    key, value = f"l0.{quote(dialect, first.key)}", f"{last}.{quote(dialect, lookup.shown.value)}"
    plain = connection.execution_options(no_parameters=True)
    if not is_postgres:
        rows = plain.exec_driver_sql(f"SELECT {key}, {value} FROM {tables}").all()
        return hashlib.blake2b(repr(sorted(map(repr, rows))).encode(), digest_size=8).hexdigest()
    # A sum, because no order is kept; each row's own hash, because two may exchange their values.
    hashed = f"hashtextextended(concat_ws(chr(31), {key}::text, {value}::text), 0)::numeric"
    row = plain.exec_driver_sql(f"SELECT count(*), sum({hashed}) FROM {tables}").one()
    return f"{row[0]} {row[1]}"


def _is_large(connection: Connection, table: str) -> bool:
    rows = connection.execute(sa.text(_SIZE), {"table": relation(connection.dialect, table)}).scalar()
    return rows is not None and float(rows) > LARGE


def _changes(connection: Connection, table: str) -> str:
    """How many rows were ever changed or deleted, as the server counts them."""
    if connection.dialect.name != "postgresql":
        return ""
    return str(connection.execute(sa.text(_CHANGED), {"table": relation(connection.dialect, table)}).scalar())
