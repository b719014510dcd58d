"""Checks a binding's table and what is read of it: whether they exist, what they are, who keeps ``updated_at``."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import ProgrammingError

from syncd.adapters.sql.clock import literal, stamp_zone
from syncd.adapters.sql.errors import sqlstate
from syncd.adapters.sql.ids import find_owner, nobody
from syncd.adapters.sql.mapping import table_mapping
from syncd.adapters.sql.quote import name_in_sql, relation, split_name, table_in_sql
from syncd.config import format_duration
from syncd.config.nearest import nearest
from syncd.doctor.finding import (
    NO_RIGHT,
    Check,
    Verdict,
    count,
    fault,
    in_sql,
    listed,
    ok,
    said,
    skipped,
    table_in_config,
    warning,
)
from syncd.doctor.subject import READ, TABLE, Relation, Subject
from syncd.doctor.table_facts import TABLE as IS_TABLE
from syncd.doctor.table_facts import look_up, query_columns, triggers_touching
from syncd.model import Kind
from syncd.store.capture_install import plan_remove
from syncd.store.capture_read import installed
from syncd.store.capture_target import find_target


def checks(subject: Subject) -> Iterator[Check]:
    """Of the written table and the relation that is read."""
    yield Check(TABLE, lambda: _table(subject))
    if subject.binding.read_from != subject.binding.table:
        yield Check(READ, lambda: _read(subject))


def checks_of_columns(subject: Subject) -> Iterator[Check]:
    """Of what the columns need besides their types."""
    yield Check("Id column is unique", lambda: _id_is_unique(subject))
    if subject.is_postgresql:
        yield Check("Rules of the table", lambda: _rules(subject))
    yield Check("updated_at is mapped", lambda: _updated_at(subject))
    if subject.binding.columns.updated_at is not None:
        yield Check("Index on updated_at", lambda: _index(subject, str(subject.binding.columns.updated_at)))
        yield Check("updated_at is kept", lambda: _kept(subject, str(subject.binding.columns.updated_at)))
    if subject.binding.policy.on_new == "create":
        yield Check("Rows can be inserted", lambda: _insertable(subject))


def _table(subject: Subject) -> Verdict:
    connection, name = subject.connection, subject.binding.table
    try:
        found = look_up(connection, name)
    except ProgrammingError as error:
        if sqlstate(error) != NO_RIGHT:
            raise
        return fault(f"{name}: {said(error)}", _grant_schema(connection, name))
    if found is None:
        return fault(f"the database has no table {name!r}; it has {listed(_tables(connection))}", _mend(subject, name))
    if found.kind != IS_TABLE and not found.updatable:
        return fault(
            f"{name} is a {found.kind}, which cannot be written",
            f"Write {subject.place}.table: THE TABLE BEHIND IT, and {subject.place}.read: {name}",
        )
    subject.table.set(found)
    if subject.binding.read_from == name:
        subject.show(found, Relation(found.columns, name))
    if found.instead:
        lacks = listed(sorted({"INSERT", "UPDATE", "DELETE"} - found.instead))
        without = "" if lacks == "none" else f" (it has none for {lacks}: such a change is refused)"
        return ok(f"{name}, a view whose INSTEAD OF triggers write what syncd writes{without}")
    if found.kind != IS_TABLE:
        return warning(
            f"{name} is a {found.kind}: its keys, indexes and triggers cannot be looked at",
            f"Write {subject.place}.table: THE TABLE BEHIND IT, and {subject.place}.read: {name}",
        )
    return ok(f"{name}, a table with {count(len(found.columns), 'column')}")


def _grant_schema(connection: Connection, name: str) -> str:
    role = str(connection.execute(sa.text("SELECT current_user")).scalar_one())
    schema = split_name(name)[0] or "public"
    quoted = (name_in_sql(connection.dialect, each) for each in (schema, role))
    return in_sql("GRANT USAGE ON SCHEMA {} TO {}".format(*quoted))


def _tables(connection: Connection) -> list[str]:
    """Every table and view that this user may see, as the configuration names it, its schema where that is needed."""
    inspector = sa.inspect(connection)
    default = inspector.default_schema_name
    found: list[str] = []
    for schema in inspector.get_schema_names():
        if schema in ("information_schema", "pg_catalog"):
            continue
        names = [*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)]
        found += [table_in_config(None if schema == default else schema, each) for each in names]
    return sorted(found)


def _mend(subject: Subject, name: str) -> str:
    known = _tables(subject.connection)
    same = [each for each in known if split_name(each)[1] == split_name(name)[1]]
    meant = same[0] if same else nearest(split_name(name)[1], known)
    return f"Write {subject.place}.table: {meant}" if meant else f"Mend {subject.place}.table"


def _read(subject: Subject) -> Verdict:
    connection, name = subject.connection, subject.binding.read_from
    try:
        if subject.binding.reads_select:
            columns = query_columns(connection, name, subject.table.get().columns if subject.table.known else {})
            _show(subject, Relation(columns, "the SELECT of `read`"))
            return ok(f"a SELECT of {count(len(columns), 'column')}")
        found = look_up(connection, name)
    except ProgrammingError as error:
        if sqlstate(error) == NO_RIGHT:
            schema = table_in_sql(connection.dialect, subject.binding.table if subject.binding.reads_select else name)
            return fault(f"{said(error)}", _grant_schema(connection, schema))
        return fault(f"the database refuses it: {said(error)}", f"Mend {subject.place}.read.")
    if found is None:
        return fault(
            f"the database has no table or view {name!r}; it has {listed(_tables(connection))}",
            _mend(subject, name).replace(".table", ".read"),
        )
    _show(subject, Relation(found.columns, name))
    return ok(f"{name}, a {found.kind} with {count(len(found.columns), 'column')}")


def _show(subject: Subject, read: Relation) -> None:
    subject.read.set(read)
    if subject.table.known:
        subject.show(subject.table.get(), read)


def _id_is_unique(subject: Subject) -> Verdict:
    table, column = subject.table.get(), subject.binding.columns.id.name
    if column not in table.columns:
        return skipped(f"the table has no column {column!r}")
    if table.kind != IS_TABLE:
        return skipped(f"a {table.kind} has no keys")
    if subject.mapping.rows.append is not None:
        return ok(f"a table to which rows are only added: of each {column!r} the newest counts")
    dialect, parts = subject.connection.dialect, subject.mapping.id_columns
    name = table_in_sql(dialect, subject.binding.table)
    quoted = ", ".join(name_in_sql(dialect, each) for each in parts)
    if not any(set(each) <= set(parts) for each in table.keys):
        partitions = _partitions(subject)
        if partitions is not None:
            return warning(
                f"the table is partitioned by {partitions}: no key can make sure that {column!r} is there once in all "
                "of its partitions",
                in_sql(f"SELECT {quoted}, count(*) FROM {name} GROUP BY 1 HAVING count(*) > 1") + " It should find "
                "nothing; have ids made by a sequence or as UUIDs, which stay unique.",
            )
        return fault(
            f"neither a primary key nor a unique index makes sure that {column!r} is there once",
            in_sql(f"ALTER TABLE {name} ADD UNIQUE ({quoted})"),
        )
    loose = [each for each in parts if table.physical[each].nullable]
    if loose:
        return warning(
            f"{column!r} is unique, but may be null: such a row is never synced",
            in_sql(
                f"ALTER TABLE {name} "
                + ", ".join(f"ALTER COLUMN {name_in_sql(dialect, each)} SET NOT NULL" for each in loose)
            ),
        )
    return ok(f"{column!r} is unique and not null")


def _rules(subject: Subject) -> Verdict:
    """Rules that do something else instead: what becomes of a row is only seen when it is read back."""
    subject.table.get()
    name = relation(subject.connection.dialect, subject.binding.table)
    rows = subject.connection.execute(sa.text(_INSTEAD), {"name": name}).all()
    if not rows:
        return ok("none does anything instead of what is asked")
    shown = listed(f"{rule} (on {event})" for rule, event in rows)
    deletes = any(event == "DELETE" for _, event in rows)
    if (
        deletes
        and subject.binding.policy.on_fiftyone_delete == "delete"
        and subject.mapping.read == subject.binding.table
    ):
        return warning(
            f"{shown}: a deleted row that the rule keeps is still read, and its deletion a conflict",
            f"Write {subject.place}.read: A VIEW THAT LEAVES OUT WHAT THE RULE MARKS AS DELETED",
        )
    return ok(f"{shown}: what becomes of a row is read back")


_INSTEAD = """
SELECT rulename, CASE ev_type WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT' ELSE 'DELETE' END
FROM pg_rewrite WHERE ev_class = to_regclass(:name) AND is_instead AND ev_type IN ('2', '3', '4') ORDER BY 1
"""


def _partitions(subject: Subject) -> str | None:
    """What a partitioned table is partitioned by, where a key of the id alone is therefore impossible."""
    if not subject.is_postgresql:
        return None
    name = relation(subject.connection.dialect, subject.binding.table)
    asked = sa.text("SELECT pg_get_partkeydef(to_regclass(:name))")
    found: str | None = subject.connection.execute(asked, {"name": name}).scalar()
    return found


def _updated_at(subject: Subject) -> Verdict:
    column, read = subject.binding.columns.updated_at, subject.read.get()
    if column is None:
        times = [name for name, each in read.columns.items() if each.kind is Kind.TIMESTAMP]
        table = table_in_sql(subject.connection.dialect, subject.binding.table)
        add = in_sql(f"ALTER TABLE {table} ADD COLUMN updated_at timestamptz NOT NULL DEFAULT clock_timestamp()")
        edit = f"write {subject.place}.columns.updated_at: {times[0] if times else 'updated_at'}"
        return warning(
            "no: every poll reads all rows, and says nothing of when one was edited",
            edit.capitalize() if times else f"{add} Then {edit}",
        )
    found = read.columns.get(column)
    if found is None:
        return skipped(f"{read.name} has no column {column!r}")
    if subject.is_postgresql and found.kind is Kind.TIMESTAMP and not found.zoned:
        return _without_zone(subject, column, found.type_name)
    return ok(f"{column!r}, {found.type_name}")


def _without_zone(subject: Subject, column: str, type_name: str) -> Verdict:
    """Stamps without a zone are in the database's; one from a session in another zone is hours off."""
    zone = stamp_zone(subject.connection)
    told = f"{column!r} is {type_name}, taken for the database's time zone, which is {zone}"
    if zone in ("UTC", "Etc/UTC", "GMT"):
        return ok(told)
    dialect = subject.connection.dialect
    table, quoted = table_in_sql(dialect, subject.binding.table), name_in_sql(dialect, column)
    return warning(
        f"{told}: a stamp of the hour that comes twice in autumn, or of a session in another zone, is off",
        in_sql(
            f"ALTER TABLE {table} ALTER COLUMN {quoted} TYPE timestamptz USING {quoted} AT TIME ZONE {literal(zone)}"
        ),
    )


def _index(subject: Subject, column: str) -> Verdict:
    table = subject.table.get()
    if column not in table.columns:
        return skipped(f"{column!r} is not a column of the table: look at the indexes of what the view reads")
    if table.kind != IS_TABLE:
        return skipped(f"a {table.kind} has no indexes of its own")
    if column not in table.leading:
        dialect = subject.connection.dialect
        name, quoted = table_in_sql(dialect, subject.binding.table), name_in_sql(dialect, column)
        return warning("none: every poll reads all rows", in_sql(f"CREATE INDEX ON {name} ({quoted})"))
    return ok(f"{column!r} leads an index")


def _kept(subject: Subject, column: str) -> Verdict:
    table = subject.table.get()
    if column not in table.columns:
        return skipped(f"{column!r} is not a column of the table")
    if not subject.is_postgresql or table.kind != IS_TABLE:
        return skipped("only the triggers of a PostgreSQL table are looked at")
    touching, others = triggers_touching(subject.connection, subject.binding.table, column)
    if touching:
        return ok(f"the trigger {listed(touching)} sets {column!r} (its function was not tried)")
    default = table.defaults.get(column)
    note = f" (it has only a default, {default}, which is for new rows)" if default else ""
    note += f"; the trigger {listed(others)} does not name it" if others else ""
    dialect = subject.connection.dialect
    name, quoted = table_in_sql(dialect, subject.binding.table), name_in_sql(dialect, column)
    function = table_in_sql(dialect, subject.binding.table, "_touch")
    trigger = name_in_sql(dialect, f"{split_name(subject.binding.table)[1]}_touch")
    return warning(
        f"no trigger keeps {column!r}{note}: an edit that leaves it as it was is seen only by the next full scan",
        in_sql(
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN NEW.{quoted} := clock_timestamp(); RETURN NEW; END $$; "
            f"CREATE TRIGGER {trigger} BEFORE UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION {function}()"
        ),
    )


def _insertable(subject: Subject) -> Verdict:
    """Whether a label drawn in FiftyOne can become a row (``on_new: create``)."""
    table, mapping = subject.table.get(), subject.mapping
    quarantine = f"write {subject.place}.policy.on_new: quarantine"
    if mapping.media_column not in table.columns or table.columns[mapping.media_column].generated:
        return warning(
            f"the table itself has no column {mapping.media_column!r} to say whose media a new row is: a label drawn "
            "in FiftyOne becomes a conflict",
            f"Map a column of the table in {subject.place}.columns.media, or {quarantine}",
        )
    ids = table.columns.get(mapping.id_column)
    owner = None if ids is None else find_owner(subject.connection, subject.table_info)
    if ids is not None and owner is None:
        said_of_it, _, mend = nobody(mapping, ids).partition(". ")
        become = f"{said_of_it}: a label drawn in FiftyOne becomes a conflict (`new_label`)"
        return warning(become, f"{mend}, or {quarantine}")
    given = {*mapping.table_columns, *(name for name, _ in mapping.rows.insert), *mapping.id_columns}
    given |= {mapping.rows.version[0]} if mapping.rows.version and mapping.rows.version[0] in table.defaults else set()
    missing = sorted(table.required - given)
    if missing:
        dialect = subject.connection.dialect
        name = table_in_sql(dialect, subject.binding.table)
        loosen = ", ".join(f"ALTER COLUMN {name_in_sql(dialect, each)} DROP NOT NULL" for each in missing)
        return warning(
            f"{listed(map(repr, missing))} must not be null, is not mapped and has no default: a label drawn in "
            "FiftyOne is refused",
            f"{in_sql(f'ALTER TABLE {name} {loosen}')} Or {quarantine}",
        )
    return ok("every column that must not be null is mapped or has a default")


def checks_of_capture(subject: Subject) -> Iterator[Check]:
    """Of change capture, which nobody needs to have."""
    yield Check("Change capture", lambda: _capture(subject))


def _capture(subject: Subject) -> Verdict:
    config, binding = subject.servers.config, subject.binding
    polled = f"none: the table is looked at every {format_duration(config.daemon.poll_interval)}"
    if not subject.is_postgresql or config.state.url is not None or subject.table.get().kind != IS_TABLE:
        return ok(polled)
    install = f"syncd database install-capture {binding.name}"
    ids, several = binding.columns.id.name, table_mapping(binding)
    target = find_target(subject.connection, binding.table, ids, config.state.schema_name, several)
    if installed(subject.connection, target):
        return ok("triggers record what changes, and wake the daemon")
    if plan_remove(subject.connection, target).statements:
        return warning(
            "its triggers are out of date or switched off, so that changes are not seen by them", f"Run: {install}"
        )
    return ok(f"{polled}; to be woken at once: {install}")
