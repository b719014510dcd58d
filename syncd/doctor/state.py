"""syncd's own tables: are they there and current, and may they be written."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.quote import name_in_sql
from syncd.doctor.database import reach, where
from syncd.doctor.finding import Check, Fact, Verdict, count, fault, in_sql, listed, ok, skipped
from syncd.doctor.servers import STATE_ANSWERS, Servers
from syncd.store.migrate import RIGHTS, SEQUENCES, current, require_current
from syncd.store.tables import tables_for

MIGRATE = "Run: syncd migrate"
TABLES = "syncd's own tables"


def checks(servers: Servers) -> Iterator[Check]:
    """Of the database that holds syncd's own tables, which is the annotations' own unless configured otherwise."""
    schema = servers.config.state.schema_name
    there: Fact[bool] = Fact(TABLES)
    if servers.config.state.url is not None:
        yield Check(STATE_ANSWERS, lambda: _answers(servers))
    yield Check(TABLES, lambda: _tables(servers.state.get(), schema, there))
    yield Check("Rights on syncd's tables", lambda: _rights(servers.state.get(), schema, there))


def _answers(servers: Servers) -> Verdict:
    assert servers.config.state.url is not None, "otherwise it is the annotations' database"
    connection = reach(servers, servers.config.state.url.get_secret_value(), "state.url")
    servers.state.set(connection)
    return ok(f"{where(connection)}; not in one transaction with the annotations")


def _tables(connection: Connection, schema: str, there: Fact[bool]) -> Verdict:
    dialect = connection.dialect.name
    if dialect not in ("postgresql", "sqlite"):
        return fault(
            f"{dialect} cannot hold them: nothing there makes sure of one run at a time",
            "Keep them in PostgreSQL: state.url: postgresql+psycopg2://user@host/database   "
            "(or, where one host alone runs syncd, in a file: state.url: sqlite:////var/lib/syncd/state.sqlite)",
        )
    if dialect == "postgresql" and not _usable(connection, schema):
        return _unusable(connection, schema, there)
    if dialect == "postgresql" and not _version_readable(connection, schema):
        return fault(
            f"this role may not read the version of the tables in the schema {schema!r}",
            in_sql(f"GRANT SELECT ON {schema}.alembic_version TO {_role(connection)}"),
        )
    version = current(connection, schema)
    there.set(version is not None)
    require_current(connection, schema)
    declared = tables_for(connection, schema)
    found = set(sa.inspect(connection).get_table_names(schema=declared.schema))
    missing = [name.name for name in declared.metadata.sorted_tables if name.name not in found]
    if missing:
        there.set(False)
        return fault(
            f"version {version} is recorded in the schema {schema!r}, but without {listed(missing)}",
            "Restore them from a backup; or, to begin anew without history: "
            f"{in_sql(f'DROP SCHEMA {schema} CASCADE')} Then run: syncd migrate",
        )
    return ok(f"{count(len(RIGHTS), 'table')} of version {version}, in the schema {schema!r}")


def _exists(connection: Connection, schema: str) -> bool:
    found = connection.execute(sa.text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": schema}).first()
    return found is not None


def _usable(connection: Connection, schema: str) -> bool:
    return bool(
        connection.execute(
            sa.text("SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = :name"),
            {"name": schema},
        ).scalar()
    )


def _version_readable(connection: Connection, schema: str) -> bool:
    """Whether the table with the version may be read, or is not there."""
    return bool(
        connection.execute(
            sa.text("SELECT coalesce(has_table_privilege(to_regclass(:name)::oid, 'SELECT'), true)"),
            {"name": f"{schema}.alembic_version"},
        ).scalar_one()
    )


def _unusable(connection: Connection, schema: str, there: Fact[bool]) -> Verdict:
    if not _exists(connection, schema):
        there.set(False)
        return fault(f"the database has no schema {schema!r} yet", MIGRATE)
    return fault(
        f"the schema {schema!r} is there, but this role may not use it",
        in_sql(f"GRANT USAGE ON SCHEMA {schema} TO {_role(connection)}"),
    )


def _rights(connection: Connection, schema: str, there: Fact[bool]) -> Verdict:
    if connection.dialect.name != "postgresql":
        return skipped(f"not looked at on {connection.dialect.name}")
    role = _role(connection)
    if not _temporary(connection):
        name = name_in_sql(connection.dialect, _database(connection))
        return fault(
            "this role may not make temporary tables, which the baseline is written through",
            in_sql(f"GRANT TEMPORARY ON DATABASE {name} TO {role}"),
        )
    if not there.get():
        return _may_create(connection, schema, role)
    missing = _missing(connection, schema)
    if missing:
        return fault(
            f"this role may not {listed(f'{rights} {table}' for table, rights in missing)}",
            in_sql("; ".join(f"GRANT {rights} ON {table} TO {role}" for table, rights in missing)),
        )
    return ok("may be read and written")


def _may_create(connection: Connection, schema: str, role: str) -> Verdict:
    if _exists(connection, schema):
        allowed = connection.execute(
            sa.text("SELECT has_schema_privilege(:name, 'CREATE')"), {"name": schema}
        ).scalar_one()
        grant = f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"
    else:
        allowed = connection.execute(
            sa.text("SELECT has_database_privilege(current_database(), 'CREATE')")
        ).scalar_one()
        grant = f"CREATE SCHEMA {schema} AUTHORIZATION {role}"
    if not allowed:
        return fault("this role may not create them", f"{in_sql(grant)} Then run: syncd migrate")
    return ok("may be created")


def _missing(connection: Connection, schema: str) -> list[tuple[str, str]]:
    """Tables and sequences with the rights on them that this role lacks."""
    found: list[tuple[str, str]] = []
    for table, rights in RIGHTS.items():
        name = f"{schema}.{table}"
        lacking = [
            each
            for each in rights.split(", ")
            if not connection.execute(
                sa.text("SELECT has_table_privilege(:table, :right)"), {"table": name, "right": each}
            ).scalar_one()
        ]
        if lacking:
            found.append((name, ", ".join(lacking)))
    for table, column in SEQUENCES.items():
        sequence = connection.execute(
            sa.text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": f"{schema}.{table}", "column": column}
        ).scalar_one()
        # An identity column draws from its sequence by itself; a serial one needs the right to it.
        if (
            sequence
            and not connection.execute(
                sa.text("SELECT has_sequence_privilege(:name, 'USAGE')"), {"name": sequence}
            ).scalar_one()
        ):
            found.append((f"SEQUENCE {sequence}", "USAGE"))
    return found


def _temporary(connection: Connection) -> bool:
    return bool(
        connection.execute(sa.text("SELECT has_database_privilege(current_database(), 'TEMPORARY')")).scalar_one()
    )


def _role(connection: Connection) -> str:
    return name_in_sql(connection.dialect, str(connection.execute(sa.text("SELECT current_user")).scalar_one()))


def _database(connection: Connection) -> str:
    return str(connection.execute(sa.text("SELECT current_database()")).scalar_one())
