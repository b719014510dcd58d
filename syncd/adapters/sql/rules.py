"""What decides whether a table takes a value, as one fingerprint: when it changes, what was refused is tried again."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.quote import relation, split_name

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
