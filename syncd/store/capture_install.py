"""Installs and removes change capture; doing either twice changes nothing.

Capture is optional, and for PostgreSQL only: triggers on the laboratory's table record which annotations changed, and
wake syncd. An incremental read then takes what was recorded instead of what is stamped. What no trigger sees (a write
to one partition, a table that a view joins) is found by the complete sweep, as without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from syncd.adapters.sql.errors import READING, asking, said, sqlstate
from syncd.errors import DatabaseUnavailable
from syncd.model.kinds import Json
from syncd.store import capture_referred
from syncd.store.capture_script import as_text, install_script, remove_script
from syncd.store.capture_target import EVENTS, Target
from syncd.store.tables import Tables

PATIENCE_S = 5
"""Seconds to wait for a table that others are writing to: whoever waits for it holds up all who come after."""

_THERE = """
SELECT t.tgname, p.proname, t.tgenabled IN ('O', 'A') AS enabled,
       EXISTS (SELECT FROM pg_trigger o WHERE o.tgfoid = p.oid AND o.tgrelid <> t.tgrelid) AS shared
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE t.tgrelid = CAST(:oid AS oid) AND NOT t.tgisinternal AND n.nspname = :schema AND p.proname LIKE 'capture\\_%'
ORDER BY t.tgname
"""

_DENIED, _BUSY = "42501", "55P03"


@dataclass(frozen=True)
class Script:
    """What is to be done to a table, as SQL; nothing where it is as wanted already."""

    target: Target
    statements: tuple[str, ...]

    @property
    def text(self) -> str:
        """The script for ``psql``; empty where nothing is to be done."""
        return as_text(self.statements) if self.statements else ""

    def as_json(self) -> dict[str, Json]:
        """The table, its channel and the statements, for ``--json``."""
        return {
            "table": self.target.identity,
            "channel": self.target.channel,
            "statements": list(self.statements),
        }


@dataclass(frozen=True)
class _Trigger:
    name: str
    function: str
    enabled: bool
    shared: bool


def plan_install(connection: Connection, tables: Tables, target: Target) -> Script:
    """What installing takes: nothing where it is there; what is there but out of date goes first."""
    there = _there(connection, target)
    wanted = {target.trigger(event) for event in EVENTS}
    if (
        {each.name for each in there if each.enabled and each.function == target.name}
        == wanted
        == {each.name for each in there}
    ):
        main: list[str] = []
    else:
        main = [*_drop(connection, target, there), *install_script(connection.dialect, target, tables.captured.name)]
    if not capture_referred.is_installed(connection, target):
        main += capture_referred.remove(connection, target)
        main += capture_referred.install(connection, target, tables.captured.name)
    return Script(target, tuple(main))


def plan_remove(connection: Connection, target: Target) -> Script:
    """The script that removes change capture from the table; empty where there is none."""
    drop = _drop(connection, target, _there(connection, target))
    return Script(target, (*drop, *capture_referred.remove(connection, target)))


def carry_out(connection: Connection, script: Script) -> None:
    """Runs the script in one transaction; ``DatabaseUnavailable`` where a right is missing or the table is busy."""
    if not script.statements:
        return
    plain = connection.execution_options(no_parameters=True)
    try:
        plain.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE_S}s'")
        for each in script.statements:
            plain.exec_driver_sql(each)
        connection.commit()
    except DBAPIError as error:
        if not error.connection_invalidated:
            connection.rollback()
        raise _failed(script.target, error) from error


def _failed(target: Target, error: DBAPIError) -> DatabaseUnavailable:
    remedy = "Run `syncd doctor`."
    if sqlstate(error) == _DENIED:
        remedy = (
            "Let a superuser run what the same command prints with --dry-run; or a role that owns the table and has "
            f"USAGE and CREATE on the schema {target.state_schema}, INSERT on its table captured and USAGE on that "
            "table's sequence."
        )
    elif sqlstate(error) == _BUSY:
        remedy = f"Somebody has been writing to it for more than {PATIENCE_S} s: try again when they are through."
    return DatabaseUnavailable(f"The triggers of {target.identity} were left as they are: {said(error)}", remedy=remedy)


def _there(connection: Connection, target: Target) -> list[_Trigger]:
    with asking(READING):
        rows = connection.execute(sa.text(_THERE), {"oid": target.oid, "schema": target.state_schema})
        return [_Trigger(*row) for row in rows]


def _drop(connection: Connection, target: Target, there: Sequence[_Trigger]) -> list[str]:
    functions = dict.fromkeys(each.function for each in there if not each.shared)
    return remove_script(connection.dialect, target, [each.name for each in there], functions)
