"""The SQL that installs and removes change capture. Pure: ``--dry-run`` prints exactly what is run."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.engine import Dialect

from syncd.adapters.sql.expressions import id_in_sql
from syncd.adapters.sql.quote import quote
from syncd.store.capture_target import EVENTS, Target

CHANGED, DELETED, TRUNCATED, PRUNED = "U", "D", "T", "P"
"""What a recorded row says: the annotation is there with other or new values, it is gone, all are gone; and, of what
syncd itself records, up to where older rows were deleted."""

_TRANSITIONS = {
    "insert": " REFERENCING NEW TABLE AS new_rows",
    "update": " REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "delete": " REFERENCING OLD TABLE AS old_rows",
    "truncate": "",
}

_FUNCTION = """\
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS {tag}
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO {captured} (binding_table, annotation_id, op, at, txid)
    SELECT {table}, {id}::text, '{changed}', clock_timestamp(), pg_current_xact_id()::text::bigint
    FROM new_rows WHERE {id} IS NOT NULL;
  ELSIF TG_OP = 'UPDATE' THEN
    INSERT INTO {captured} (binding_table, annotation_id, op, at, txid)
    SELECT {table}, id, op, clock_timestamp(), pg_current_xact_id()::text::bigint
    FROM (
      SELECT {id}::text AS id, '{changed}' AS op FROM new_rows
      UNION ALL
      SELECT id, '{deleted}' FROM (SELECT {id}::text AS id FROM old_rows EXCEPT SELECT {id}::text FROM new_rows) AS gone
    ) AS touched WHERE id IS NOT NULL;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO {captured} (binding_table, annotation_id, op, at, txid)
    SELECT {table}, {id}::text, '{deleted}', clock_timestamp(), pg_current_xact_id()::text::bigint
    FROM old_rows WHERE {id} IS NOT NULL;
  ELSE
    INSERT INTO {captured} (binding_table, op, at, txid)
    VALUES ({table}, '{truncated}', clock_timestamp(), pg_current_xact_id()::text::bigint);
  END IF;
  IF FOUND THEN
    PERFORM pg_notify('{channel}', '');
  END IF;
  RETURN NULL;
END
{tag}"""


def install_script(dialect: Dialect, target: Target, captured: str) -> list[str]:
    """The statements that install a capture; ``captured`` is the name of syncd's table that takes the records."""
    state, table = quote(dialect, target.state_schema), _table(dialect, target)
    function = f"{state}.{quote(dialect, target.name)}"
    composite = None if target.mapping is None else target.mapping.composite_id
    own = None if composite is None else id_in_sql(dialect, composite, "")
    names = {"id": own or quote(dialect, target.id_column), "table": _literal(target.identity)}
    body = _FUNCTION.format(
        function=function,
        captured=f"{state}.{quote(dialect, captured)}",
        tag=_tag(*names.values()),
        changed=CHANGED,
        deleted=DELETED,
        truncated=TRUNCATED,
        channel=target.channel,
        **names,
    )
    triggers = [
        f"CREATE TRIGGER {quote(dialect, target.trigger(event))} AFTER {event.upper()} ON {table}"
        f"{_TRANSITIONS[event]} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        for event in EVENTS
    ]
    return [body, f"REVOKE ALL ON FUNCTION {function}() FROM PUBLIC", *triggers]


def remove_script(dialect: Dialect, target: Target, triggers: Iterable[str], functions: Iterable[str]) -> list[str]:
    """The statements that remove these triggers of the table, and then the functions that they called."""
    table, state = _table(dialect, target), quote(dialect, target.state_schema)
    return [
        *(f"DROP TRIGGER {quote(dialect, each)} ON {table}" for each in triggers),
        *(f"DROP FUNCTION {state}.{quote(dialect, each)}()" for each in functions),
    ]


def as_text(statements: Iterable[str]) -> str:
    """The statements as a script for ``psql``, in one transaction."""
    return "\n".join(["BEGIN;", *(f"{each};" for each in statements), "COMMIT;"])


def _table(dialect: Dialect, target: Target) -> str:
    assert target.table.schema is not None, "a table that was looked up has its schema"
    return f"{quote(dialect, target.table.schema)}.{quote(dialect, target.table.name)}"


def _literal(text: str) -> str:
    """Text as an SQL literal, whatever ``standard_conforming_strings`` says."""
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in doubled else f"'{doubled}'"


def _tag(*parts: str) -> str:
    """Quotes for a function's body that do not occur in it."""
    number = 0
    while any(f"$capture{number}$" in each for each in parts):
        number += 1
    return f"$capture{number}$"
