"""Accepted values: the values that a column takes and no others, of an enum, a CHECK that lists them, or a foreign key.

Only what is certain is told: the database refuses any other value, whatever happens to the row before. So a column
that a trigger may rewrite, or whose collation takes several texts for one, tells only of its enum.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.mapping import Reference, TableInfo
from syncd.adapters.sql.quote import quote, relation, split_name
from syncd.adapters.sql.stored import Stored
from syncd.model import LABEL, Kind

MOST = 10_000
"""Keys of a referred table that are looked at; of more, none."""

_COLUMNS = """
SELECT a.attname AS name,
       (SELECT array_agg(e.enumlabel::text) FROM pg_enum e WHERE e.enumtypid IN (a.atttypid, t.typbasetype)) AS labels,
       format_type(a.atttypid, NULL) AS type_name, t.typtype = 'd' AS is_domain,
       coalesce(l.collisdeterministic, true) AS exact,
       EXISTS (
           SELECT FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_language n ON n.oid = p.prolang
           WHERE g.tgrelid = a.attrelid AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 3 = 3
           AND (n.lanname NOT IN ('plpgsql', 'sql') OR strpos(p.prosrc, a.attname) > 0
                OR strpos(encode(g.tgargs, 'escape'), a.attname) > 0 OR p.prosrc ~* 'execute|jsonb?_populate|hstore')
       ) AS rewritten,
       ARRAY(
           SELECT pg_get_expr(k.conbin, k.conrelid) FROM pg_constraint k WHERE k.contype = 'c'
           AND k.conrelid = a.attrelid AND k.conkey = ARRAY[a.attnum]
           AND pg_get_constraintdef(k.oid) NOT LIKE '%NOT ENFORCED'
       ) || ARRAY(
           SELECT pg_get_expr(k.conbin, 0) FROM pg_constraint k WHERE k.contype = 'c' AND t.typtype = 'd'
           AND k.contypid = a.atttypid
       ) AS checks,
       EXISTS (
           SELECT FROM pg_constraint k JOIN pg_trigger g ON g.tgconstraint = k.oid WHERE k.contype = 'f'
           AND k.conrelid = a.attrelid AND k.conkey = ARRAY[a.attnum] AND g.tgenabled = 'D'
       ) AS unenforced
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = to_regclass(:name) AND a.attname = ANY(:names) AND NOT a.attisdropped
"""
"""Triggers that are looked at: for each row (1), before (2). One rewrites a column that its function, or an argument,
names, or that it may name only when it runs."""

_READABLE = """
SELECT has_column_privilege(to_regclass(:table), :column, 'SELECT') AND NOT row_security_active(to_regclass(:table))
       AND has_schema_privilege(c.relnamespace, 'USAGE') AND a.atttypid = ANY ('{text,varchar,name}'::regtype[])
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.oid = to_regclass(:table) AND a.attname = :column
"""

_EXACT_TYPES = ("text", "character varying", "name")


Taken = tuple[frozenset[str], str]
"""The values that one column takes, and what makes sure of that."""


def values_taken(connection: Connection, info: TableInfo) -> dict[str, Taken]:
    """By field, of those fields whose column is known to take certain values only."""
    columns, shown = {}, {}
    for field, names in info.mapping.fields.items():
        if len(names) == 1 and info.writable(names[0]) and info.written[names[0]].kind is Kind.TEXT:
            stored = info.mapping.stored.get(names[0])
            if stored is None or stored.plain:
                columns[names[0]] = field
            elif taken := _of_stored(connection, stored):
                shown[field] = taken
    found = columns_taking(connection, info, list(columns), referring=info.mapping.fields[LABEL])
    return {columns[name]: each for name, each in found.items()} | shown


def _of_stored(connection: Connection, stored: Stored) -> Taken | None:
    """The values that have a key, or that something stands for; ``None`` where others are taken too."""
    if stored.values:
        return frozenset(str(value) for _, value in stored.values), f"the `values` of {stored.column!r}"
    lookup = stored.lookup
    if lookup is None or lookup.create:
        return None
    dialect, level = connection.dialect, lookup.shown
    name = quote(dialect, level.value)
    statement = (
        f"SELECT DISTINCT {name} FROM {relation(dialect, level.table)} WHERE {name} IS NOT NULL LIMIT {MOST + 1}"
    )
    rows = connection.execution_options(no_parameters=True).exec_driver_sql(statement).all()
    return None if len(rows) > MOST else (frozenset(str(row[0]) for row in rows), f"the lookup of {lookup}")


def columns_taking(
    connection: Connection, info: TableInfo, names: Sequence[str], referring: Sequence[str]
) -> dict[str, Taken]:
    """By column; of those in ``referring`` foreign keys are followed too."""
    if connection.dialect.name != "postgresql" or not names:
        return {}
    asked = {"name": relation(connection.dialect, info.mapping.table), "names": list(names)}
    found: dict[str, Taken] = {}
    for row in connection.execute(sa.text(_COLUMNS), asked).mappings().all():
        refers_to = info.written[row["name"]].refers_to if row["name"] in referring else None
        several = list(_of_column(connection, dict(row), refers_to))
        if several:
            # What one of them refuses is refused.
            found[row["name"]] = min(several, key=lambda each: len(each[0]))
    return found


def _of_column(connection: Connection, row: dict[str, Any], refers_to: Reference | None) -> Iterator[Taken]:
    column = row["name"]
    if row["labels"]:
        yield frozenset(row["labels"]), f"the type {row['type_name']} of {column!r}"
    if row["rewritten"] or not row["exact"]:
        return
    if row["type_name"] in _EXACT_TYPES or row["is_domain"]:
        for each in row["checks"]:
            listed = listed_values(each, [column, "VALUE"])
            if listed is not None:
                yield listed, f"the CHECK of {column!r}"
    if refers_to is not None and not row["unenforced"]:
        keys = _keys(connection, refers_to)
        if keys is not None:
            yield keys, f"the foreign key of {column!r} to {refers_to}"


def _keys(connection: Connection, refers_to: Reference) -> frozenset[str] | None:
    """The values of the referred column; ``None`` where they may not be read, or are too many."""
    asked = {"table": refers_to.table, "column": refers_to.column}
    if not connection.execute(sa.text(_READABLE), asked).scalar():
        return None
    plain = connection.execution_options(no_parameters=True)
    name = quote(connection.dialect, refers_to.column)
    statement = f"SELECT DISTINCT {name}::text FROM {refers_to.table} WHERE {name} IS NOT NULL LIMIT {MOST + 1}"
    rows = plain.exec_driver_sql(statement).all()
    return frozenset(str(row[0]) for row in rows) if len(rows) <= MOST else None


_TOKEN = re.compile(
    r"""'(?:[^']|'')*'                                                             # a text
    | "(?:[^"]|"")*"                                                                # a name
    | ::\s*(?:text|character\ varying|name)(?:\[\])?                                  # a cast
    | \s+ | \w+ | .""",
    re.VERBOSE | re.DOTALL,
)


def listed_values(expression: str, names: list[str]) -> frozenset[str] | None:
    """The values that a CHECK lists, as PostgreSQL spells it; ``None`` where it says anything else.

    ``names`` are what it may call the column. The lists that it knows: ``c = ANY (ARRAY['a', 'b'])``, ``c = 'a'``,
    several of them joined by OR, and beside them ``c IS NULL``.
    """
    # Without casts and parentheses, which change nothing where all is joined by OR.
    every = _TOKEN.findall(expression)
    tokens = [each for each in every if not each.isspace() and not each.startswith("::") and each not in "()"]
    values: set[str] = set()
    at = 0
    while at < len(tokens):
        part, at = _disjunct(tokens, at, names)
        if part is None:
            return None
        values |= part
        if at < len(tokens):
            if tokens[at] != "OR" or at + 1 == len(tokens):
                return None
            at += 1
    return frozenset(values) or None


def _disjunct(tokens: list[str], at: int, names: list[str]) -> tuple[set[str] | None, int]:
    """The values of one comparison, and where the next begins."""
    column, rest = tokens[at], tokens[at + 1 :]
    unquoted = column[1:-1].replace('""', '"') if column.startswith('"') else column
    if unquoted not in names:
        return None, at
    if rest[:2] == ["IS", "NULL"]:
        return set(), at + 3
    if rest[:1] != ["="]:
        return None, at
    if rest[1:2] and rest[1].startswith("'"):
        return {_text(rest[1])}, at + 3
    if rest[1:4] != ["ANY", "ARRAY", "["]:
        return None, at
    end = rest.index("]") if "]" in rest else -1
    items, commas = rest[4:end:2], rest[5:end:2]
    if end < 0 or not items or any(each != "," for each in commas) or not all(each.startswith("'") for each in items):
        return None, at
    return set(map(_text, items)), at + 2 + end


def _text(literal: str) -> str:
    return literal[1:-1].replace("''", "'")


_POSTGRESQL = """
WITH written AS (SELECT to_regclass(:name) AS oid),
columns AS (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated, a.attacl
    FROM pg_attribute a JOIN written w ON a.attrelid = w.oid WHERE a.attnum > 0 AND NOT a.attisdropped
)
SELECT 'column ' || concat_ws(' ', c.attname, format_type(c.atttypid, c.atttypmod), c.attnotnull, c.attgenerated,
                              c.attacl, pg_get_expr(d.adbin, d.adrelid)) AS rule
FROM columns c LEFT JOIN pg_attrdef d ON d.adrelid = c.attrelid AND d.adnum = c.attnum
UNION ALL
SELECT 'enum ' || e.enumtypid::regtype || ' ' || e.enumlabel FROM pg_enum e
WHERE e.enumtypid IN (SELECT atttypid FROM columns)
UNION ALL
SELECT 'constraint ' || concat_ws(' ', k.conrelid::regclass, k.contypid::regtype, k.conname,
                                  pg_get_constraintdef(k.oid))
FROM pg_constraint k, written w
WHERE w.oid IN (k.conrelid, k.confrelid) OR k.contypid IN (SELECT atttypid FROM columns)
UNION ALL
SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN written w ON i.indrelid = w.oid
WHERE i.indisunique OR i.indisexclusion OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
UNION ALL
SELECT 'trigger ' || concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled, p.prosrc, p.proconfig, p.prosecdef, p.proacl)
FROM pg_trigger t JOIN written w ON t.tgrelid = w.oid JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal
UNION ALL
SELECT 'rule ' || pg_get_ruledef(r.oid) FROM pg_rewrite r JOIN written w ON r.ev_class = w.oid
UNION ALL
SELECT 'policy ' || concat_ws(' ', p.polname, p.polcmd, p.polpermissive, p.polroles, pg_get_expr(p.polqual, p.polrelid),
                              pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy p JOIN written w ON p.polrelid = w.oid
UNION ALL
SELECT 'table ' || concat_ws(' ', c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl, current_user)
FROM pg_class c JOIN written w ON c.oid = w.oid
UNION ALL
SELECT 'rights elsewhere ' || concat_ws(' ', c.oid::regclass, c.relacl) FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relacl IS NOT NULL AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""

"""Rights on other tables are among them: a trigger may need one."""

_SQLITE = "SELECT type || ' ' || sql FROM {} WHERE tbl_name = :table AND sql IS NOT NULL"


def rules_of(connection: Connection, table: str) -> str | None:
    """The fingerprint; ``None`` where the database does not tell."""
    schema, name = split_name(table)
    if connection.dialect.name == "postgresql":
        asked = connection.execute(sa.text(_POSTGRESQL), {"name": relation(connection.dialect, table)})
    elif connection.dialect.name == "sqlite":
        catalogue = "sqlite_master" if schema is None else f'"{schema}".sqlite_master'
        asked = connection.execute(sa.text(_SQLITE.format(catalogue)), {"table": name})
    else:
        return None
    # Names are of relations and types, and never their numbers: tables are swapped nightly.
    told = "\n".join(sorted(str(rule) for (rule,) in asked))
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
