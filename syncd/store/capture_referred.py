"""Change capture of what keys refer to: a renamed taxon names every annotation of it, in the same transaction.

Each such table gets a trigger of its own, whose function asks the table of annotations which ids have the keys that
changed. The statements are part of a script of capture. The functions have the rights of their owner: every table in
them is named with its schema, so that no other table of that name can take its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.errors import READING, asking
from syncd.adapters.sql.expressions import id_in_sql
from syncd.adapters.sql.mapping import TableMapping
from syncd.adapters.sql.quote import quote, relation
from syncd.store.capture_script import CHANGED
from syncd.store.capture_target import Target

EVENTS = ("update", "delete")

_FUNCTION = """\
CREATE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $referred$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO {captured} (binding_table, annotation_id, op, at, txid)
    SELECT {identity}, {id}, '{changed}', clock_timestamp(), pg_current_xact_id()::text::bigint
    FROM {annotations} WHERE {key} IN (
      SELECT o.{column} FROM old_rows o LEFT JOIN new_rows n ON n.{column} = o.{column}
      WHERE ROW({old}) IS DISTINCT FROM ROW({new}));
  ELSE
    INSERT INTO {captured} (binding_table, annotation_id, op, at, txid)
    SELECT {identity}, {id}, '{changed}', clock_timestamp(), pg_current_xact_id()::text::bigint
    FROM {annotations} WHERE {key} IN (SELECT {column} FROM old_rows);
  END IF;
  IF FOUND THEN
    PERFORM pg_notify('{channel}', '');
  END IF;
  RETURN NULL;
END
$referred$"""

_TRANSITIONS = {
    "update": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "delete": "REFERENCING OLD TABLE AS old_rows",
}

_NAMED = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(:table)
"""

_THERE = """
SELECT t.tgname AS trigger, p.proname AS function, t.tgrelid::regclass::text AS table
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = :schema AND p.proname LIKE :prefix AND t.tgenabled IN ('O', 'A') ORDER BY 1
"""


@dataclass(frozen=True)
class Referred:
    """One table that keys refer to: its ``key`` and what is shown of it; and how annotations are found by a key.

    ``table`` is its name in SQL, with its schema.
    ``annotations`` is what stands behind FROM, with the annotation as ``a``, and ``by`` what of it is the key.
    """

    table: str
    key: str
    values: tuple[str, ...]
    annotations: str
    by: str


def referred_of(connection: Connection, mapping: TableMapping) -> Iterator[Referred]:
    """The tables whose changes are to be captured: those that a field, or the image, is looked up in."""
    dialect = connection.dialect
    names = [mapping.image_column, *(name for names in mapping.fields.values() for name in names)]
    table = _named(connection, mapping.table)
    found = {}
    for name in names:
        stored = mapping.stored.get(name)
        if stored is None or stored.lookup is None:
            continue
        annotations, by = f"{table} AS a", f"a.{quote(dialect, stored.column)}"
        for number, level in enumerate(stored.lookup.levels):
            sizes = mapping.box.size if mapping.box and mapping.box.of_media and name == mapping.image_column else ()
            values = (level.value, *(sizes if number == 0 else ()))
            looked_up = _named(connection, level.table)
            found[looked_up, level.key, values, by] = Referred(looked_up, level.key, values, annotations, by)
            alias = f"l{number}"
            annotations += f" JOIN {looked_up} AS {alias} ON {alias}.{quote(dialect, level.key)} = {by}"
            by = f"{alias}.{quote(dialect, level.value)}"
    return iter(found.values())


def _named(connection: Connection, table: str) -> str:
    """A table's name in SQL, with the schema in which whoever installs finds it."""
    written = relation(connection.dialect, table)
    return str(connection.execute(sa.text(_NAMED), {"table": written}).scalar() or written)


def install(connection: Connection, target: Target, captured: str) -> list[str]:
    """The statements that make the functions and triggers of what the target's keys refer to."""
    if target.mapping is None:
        return []
    dialect = connection.dialect
    state, statements = quote(dialect, target.state_schema), []
    for each in referred_of(connection, target.mapping):
        name = _name(target, each)
        function = f"{state}.{quote(dialect, name)}"
        composite = target.mapping.composite_id
        own = (
            f"a.{quote(dialect, target.id_column)}::text" if composite is None else id_in_sql(dialect, composite, "a.")
        )
        values = [quote(dialect, value) for value in each.values]
        body = _FUNCTION.format(
            function=function,
            captured=f"{state}.{quote(dialect, captured)}",
            identity="'" + target.identity.replace("'", "''") + "'",
            id=own,
            changed=CHANGED,
            annotations=each.annotations,
            key=each.by,
            column=quote(dialect, each.key),
            old=", ".join(f"o.{value}" for value in values),
            new=", ".join(f"n.{value}" for value in values),
            channel=target.channel,
        )
        statements += [body, f"REVOKE ALL ON FUNCTION {function}() FROM PUBLIC"]
        statements += [
            f"CREATE TRIGGER {quote(dialect, f'syncd_{name}_{event}')} AFTER {event.upper()} ON {each.table} "
            f"{_TRANSITIONS[event]} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
            for event in EVENTS
        ]
    return statements


def remove(connection: Connection, target: Target) -> list[str]:
    """The statements that take away all that is there of this kind for the target."""
    dialect, there = connection.dialect, _there(connection, target)
    state = quote(dialect, target.state_schema)
    triggers = [f"DROP TRIGGER {quote(dialect, trigger)} ON {table}" for trigger, _, table in there]
    functions = dict.fromkeys(function for _, function, _ in there)
    return [*triggers, *(f"DROP FUNCTION {state}.{quote(dialect, each)}()" for each in functions)]


def is_installed(connection: Connection, target: Target) -> bool:
    """Whether exactly what the mapping needs is there."""
    if target.mapping is None:
        return True
    wanted = {_name(target, each) for each in referred_of(connection, target.mapping)}
    there = _there(connection, target)
    return {function for _, function, _ in there} == wanted and len(there) == len(wanted) * len(EVENTS)


def _there(connection: Connection, target: Target) -> list[tuple[str, str, str]]:
    asked = {"schema": target.state_schema, "prefix": _prefix(target).replace("_", "\\_") + "%"}
    with asking(READING):
        return [tuple(row) for row in connection.execute(sa.text(_THERE), asked)]


def _prefix(target: Target) -> str:
    return f"referred_{_hash(target.state_schema, target.identity)}_"


def _name(target: Target, referred: Referred) -> str:
    """A function's name, which changes with all that it is made of."""
    return _prefix(target) + _hash(repr(referred), target.id_column)


def _hash(*parts: str) -> str:
    return hashlib.blake2b("/".join(parts).encode(), digest_size=8).hexdigest()
