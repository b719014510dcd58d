"""Finds rows of the table that syncd is not shown: by the view or query that it reads, or by row-level security."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlalchemy as sa

from syncd.adapters.sql.expressions import Shown, source
from syncd.adapters.sql.mapping import table_mapping
from syncd.adapters.sql.quote import name_in_sql, quote, relation
from syncd.doctor.finding import Check, Verdict, count, in_sql, listed, ok, skipped, warning
from syncd.doctor.subject import Subject
from syncd.model import Kind
from syncd.store.capture_read import installed
from syncd.store.capture_target import find_target

AT_MOST = 100_000
"""Hidden rows that are counted."""

FLAG = re.compile(r"delet|remov|flag|bad|wrong|valid|active|status|state|reject|discard|hid", re.IGNORECASE)
"""What the name of a column says by which rows are taken out of use."""

_WHERE = re.compile(r"\bwhere\b(.*)", re.IGNORECASE | re.DOTALL)


def checks(subject: Subject) -> Iterator[Check]:
    """Of rows that the table has and syncd does not see."""
    if subject.is_postgresql:
        yield Check("Row-level security", lambda: _row_security(subject))
    if subject.binding.read_from != subject.binding.table:
        yield Check("Hidden rows", lambda: _hidden(subject))


def _row_security(subject: Subject) -> Verdict:
    """Whether policies keep rows of the table from syncd's role, so that nobody can tell hidden ones from deleted."""
    if not subject.table.get().rows_hidden:
        return ok("none in force for this role")
    connection, name, config = subject.connection, subject.binding.table, subject.servers.config
    ids, several = subject.binding.columns.id.name, table_mapping(subject.binding)
    target = find_target(connection, name, ids, config.state.schema_name, several)
    if config.state.url is None and installed(connection, target):
        return ok(
            f"in force for {name}: a row that is gone was deleted where change capture says so, else it is hidden"
        )
    role = str(connection.execute(sa.text("SELECT current_user")).scalar_one())
    return warning(
        f"in force for {name}: whether a row that is gone was deleted or is hidden from this role only change capture "
        "tells; without it, each is a conflict 'hidden' (or, with policy.on_hidden: remove, its label is removed)",
        in_sql(f"ALTER ROLE {name_in_sql(connection.dialect, role)} BYPASSRLS")
        + f"; Or run: syncd database install-capture {subject.binding.name}",
    )


def _hidden(subject: Subject) -> Verdict:
    read, table = subject.read.get(), subject.table.get()
    if subject.binding.columns.id.name not in table.columns:
        return skipped(f"the table has no column {subject.binding.columns.id.name!r}")
    number = _number(subject)
    shown = f"{count(number, 'row')} of the table" if number < AT_MOST else f"{AT_MOST:,} rows of the table or more"
    flags = _flags(subject)
    if subject.binding.policy.on_hidden == "remove":
        return ok(f"{shown} not shown by {read.name}; the label of such a row is removed (policy.on_hidden)")
    if flags:
        return warning(
            f"{read.name} shows rows by {listed(map(repr, flags))} ({shown} not shown): when it hides one that has a "
            "label, that is a conflict 'hidden', and the label stays",
            f"If such a label is to go, write {subject.place}.policy.on_hidden: remove",
        )
    return ok(f"{shown} not shown by {read.name}; where such a row has a label, that is a conflict 'hidden'")


def _number(subject: Subject) -> int:
    """How many rows of the table are not shown, up to a limit."""
    dialect, mapping = subject.connection.dialect, subject.mapping
    shown = Shown(dialect, mapping)
    own, column = f"own.{quote(dialect, mapping.id_column)}", quote(dialect, mapping.id_column)
    if mapping.composite_id is not None:
        own = shown.id_of("own")
    live = f" AND {shown.live('own')}" if mapping.rows.deleted else ""
    statement = (
        f"SELECT 1 FROM {relation(dialect, mapping.table)} AS own WHERE {own} IS NOT NULL{live} AND NOT EXISTS "
        f"(SELECT 1 FROM {source(dialect, mapping)} AS src WHERE src.{column} = {own}) LIMIT {AT_MOST}"
    )
    plain = subject.connection.execution_options(no_parameters=True)
    return int(plain.exec_driver_sql(f"SELECT count(*) FROM ({statement}) AS found").scalar_one())


def _flags(subject: Subject) -> list[str]:
    """The columns of the table by which rows seem to be taken out of what is read."""
    text = subject.mapping.read
    if not subject.mapping.read_is_query:
        if not subject.is_postgresql:
            return []
        name = relation(subject.connection.dialect, text)
        asked = sa.text(
            "SELECT pg_get_viewdef(oid) FROM pg_class WHERE oid = to_regclass(:name) AND relkind IN ('v', 'm')"
        )
        text = str(subject.connection.execute(asked, {"name": name}).scalar() or "")
    condition = _WHERE.search(text)
    if condition is None:
        return []
    named = set(re.findall(r"\w+", condition.group(1)))
    kinds = {name: each.kind for name, each in subject.table.get().columns.items() if name in named}
    return sorted(name for name, kind in kinds.items() if kind in (Kind.BOOLEAN, Kind.TIMESTAMP) or FLAG.search(name))
