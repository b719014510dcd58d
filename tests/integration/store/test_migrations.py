"""The schema that migrations build, from nothing and again, on both kinds of database."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from syncd.adapters.connect import open_database
from syncd.errors import StateError
from syncd.store import migrate as migrating
from syncd.store import revisions
from syncd.store.migrate import Migrated, current, migrate, require_current
from syncd.store.revisions import REVISIONS, Effect, newest, oldest_program, oldest_tables
from syncd.store.tables import tables_for
from worlds import World


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    return str(request.getfixturevalue("database_url"))


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    with open_database(url) as opened:
        yield opened
    opened.engine.dispose()


def names(connection: Connection, schema: str) -> set[str]:
    found = set(sa.inspect(connection).get_table_names(schema=tables_for(connection, schema).schema))
    connection.rollback()
    return found


def test_from_nothing_to_the_newest_version(connection: Connection) -> None:
    assert current(connection, "syncd") is None
    done = migrate(connection, "syncd")
    assert (done.before, done.after) == (None, newest())
    assert current(connection, "syncd") == newest()
    require_current(connection, "syncd")


def test_doing_it_twice_changes_nothing(connection: Connection) -> None:
    migrate(connection, "syncd")
    tables = tables_for(connection, "syncd")
    connection.execute(sa.insert(tables.cursor).values(binding="b", side="fiftyone", identity="i", mapping="m"))
    connection.commit()
    before = names(connection, "syncd")
    assert migrate(connection, "syncd").before == newest()
    assert names(connection, "syncd") == before
    assert connection.execute(sa.select(sa.func.count()).select_from(tables.cursor)).scalar_one() == 1


def test_what_migrations_build_is_what_is_declared(connection: Connection) -> None:
    migrate(connection, "syncd")
    declared = tables_for(connection, "syncd")

    def ours(name: str | None, kind: str, parents: object) -> bool:
        return kind != "schema" or name == declared.schema

    def not_alembics(thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
        return not (kind == "table" and str(name).endswith("alembic_version"))

    context = MigrationContext.configure(
        connection,
        opts={
            "include_schemas": declared.schema is not None,
            "include_name": ours,
            "include_object": not_alembics,
            "compare_type": True,
            "compare_server_default": True,
        },
    )
    assert compare_metadata(context, declared.metadata) == []


def test_partial_indexes_are_built_as_declared(connection: Connection) -> None:
    """Autogenerate does not look at the condition of an index, on which its uniqueness rests."""
    migrate(connection, "syncd")
    declared = tables_for(connection, "syncd")
    dialect = connection.dialect.name
    for table in declared.metadata.tables.values():
        wanted = {each.name: str(each.dialect_options[dialect]["where"]) for each in table.indexes}
        found = {
            each["name"]: str(each.get("dialect_options", {}).get(f"{dialect}_where"))
            for each in sa.inspect(connection).get_indexes(table.name, schema=declared.schema)
        }
        assert {name: plain(text) for name, text in found.items()} == {
            name: plain(text) for name, text in wanted.items()
        }


def plain(condition: str) -> str:
    for noise in ("(", ")", "::text", "[]", "ARRAY"):
        condition = condition.replace(noise, "")
    return condition.replace("= ANY", "IN").replace("[", "").replace("]", "").lower()


def test_two_schemas_live_in_one_database(connection: Connection) -> None:
    migrate(connection, "one")
    migrate(connection, "two")
    require_current(connection, "one")
    require_current(connection, "two")


def test_two_hosts_that_migrate_at_once_both_succeed(database_url: str) -> None:
    def one() -> str:
        with open_database(database_url) as opened:
            return migrate(opened, "syncd").after

    with ThreadPoolExecutor(4) as pool:
        assert {each.result() for each in [pool.submit(one) for _ in range(4)]} == {newest()}


def test_missing_tables_name_the_command_that_makes_them(connection: Connection) -> None:
    with pytest.raises(StateError, match="syncd migrate"):
        require_current(connection, "syncd")


def test_an_older_version_names_the_command_that_upgrades(connection: Connection) -> None:
    migrate(connection, "syncd")
    set_version(connection, "0000")
    with pytest.raises(StateError, match=r"(?s)0000.*syncd migrate"):
        require_current(connection, "syncd")


@pytest.mark.parametrize("version", ["9999", "zz"])
def test_a_newer_version_is_refused_by_every_command(connection: Connection, version: str) -> None:
    migrate(connection, "syncd")
    set_version(connection, version)
    with pytest.raises(StateError, match="newer than this syncd"):
        require_current(connection, "syncd")
    connection.rollback()
    with pytest.raises(StateError, match="newer than this syncd"):
        migrate(connection, "syncd")
    connection.rollback()
    assert current(connection, "syncd") == version


def set_version(connection: Connection, version: str, oldest: str | None = None) -> None:
    """As a migration to that version would leave the tables; ``oldest`` program: by default one that knows it."""
    table = "syncd.alembic_version" if connection.dialect.name == "postgresql" else "syncd_alembic_version"
    values = f"version_num = '{version}', oldest_program = '{oldest or version}'"
    connection.exec_driver_sql(f"UPDATE {table} SET {values}")
    connection.commit()


def test_the_effects_are_declared_for_every_migration_in_its_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrating._scripts()))
    found = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]

    assert list(REVISIONS) == found[::-1]
    assert oldest_program() <= newest()
    assert oldest_tables() <= newest()


def test_newer_tables_that_say_so_are_used_and_left_as_they_are(connection: Connection) -> None:
    migrate(connection, "syncd")
    set_version(connection, "9999", oldest=newest())

    require_current(connection, "syncd")
    assert migrate(connection, "syncd") == Migrated("9999", "9999")
    assert current(connection, "syncd") == "9999"


def test_newer_tables_that_say_nothing_are_refused(connection: Connection) -> None:
    migrate(connection, "syncd")
    table = "syncd.alembic_version" if connection.dialect.name == "postgresql" else "syncd_alembic_version"
    connection.exec_driver_sql(f"UPDATE {table} SET version_num = '9999', oldest_program = NULL")
    with pytest.raises(StateError, match="newer than this syncd"):
        require_current(connection, "syncd")
    connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN oldest_program")
    with pytest.raises(StateError, match="newer than this syncd"):
        require_current(connection, "syncd")


def test_tables_that_lack_only_what_tunes_them_are_used(connection: Connection) -> None:
    migrate(connection, "syncd")
    set_version(connection, oldest_tables())
    require_current(connection, "syncd")


SCRIPT = '''
"""A migration of a later version."""
import sqlalchemy as sa
from alembic import context, op

revision = "9999"
down_revision = "{before}"


def upgrade():
    schema = context.config.attributes["schema"]
    op.add_column("cursor", sa.Column("later", sa.Text), schema=schema)
'''


@pytest.mark.parametrize("effect", Effect)
def test_a_daemon_of_the_version_before_goes_on_unless_the_migration_changes_what_it_knows(
    world: World, tmp_path: Path, effect: Effect
) -> None:
    """The tables are migrated by a program that has one migration more, while this one stands by."""
    world.reconcile()
    scripts = tmp_path / "migrations"
    shutil.copytree(migrating._scripts(), scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "9999_later.py").write_text(SCRIPT.format(before=newest()))
    with pytest.MonkeyPatch.context() as later:
        later.setattr(migrating, "_scripts", lambda: scripts)
        later.setattr(revisions, "REVISIONS", {**REVISIONS, "9999": effect})
        with open_database(world.url) as connection:
            assert migrate(connection, "syncd").after == "9999"
    edited = next(iter(world.rows()))
    world.correct(edited, label="Corrected")

    if effect is Effect.CHANGES:
        with pytest.raises(StateError, match="Upgrade syncd on this host"):
            world.reconcile()
    else:
        assert world.reconcile().to_fiftyone == 1
        assert world.labels()[edited]["label"] == "Corrected"


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str) -> None:
    with open_database(database_url) as connection:
        connection.exec_driver_sql("CREATE SCHEMA syncd")
        connection.exec_driver_sql('CREATE TABLE syncd."cursor" (other int)')
        connection.commit()
        with pytest.raises(StateError, match="cursor"):
            migrate(connection, "syncd")
        connection.rollback()
        assert names(connection, "syncd") == {"cursor"}


def test_a_role_that_may_not_create_a_schema_is_told_what_to_ask_for(database_url: str) -> None:
    with open_database(database_url) as connection:
        role = f"syncd_test_{uuid.uuid4().hex[:12]}"
        connection.exec_driver_sql(f"CREATE ROLE {role} NOLOGIN")
        try:
            connection.exec_driver_sql(f"SET ROLE {role}")
            connection.commit()
            with pytest.raises(StateError, match=r"(?s)permission denied.*CREATE SCHEMA syncd AUTHORIZATION"):
                migrate(connection, "syncd")
        finally:
            connection.rollback()
            connection.exec_driver_sql("RESET ROLE")
            connection.exec_driver_sql(f"DROP ROLE {role}")
            connection.commit()


def test_a_run_without_tables_says_so(world: World) -> None:
    world.sql("DROP SCHEMA syncd CASCADE")
    with pytest.raises(StateError, match="syncd migrate"):
        world.reconcile()


def test_a_run_on_older_tables_says_so(world: World) -> None:
    world.sql("UPDATE syncd.alembic_version SET version_num = '0000'")
    with pytest.raises(StateError, match="syncd migrate"):
        world.reconcile()
