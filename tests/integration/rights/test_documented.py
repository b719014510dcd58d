"""What docs/operations.md says: its grants are the printed ones, and its commands are there."""

from __future__ import annotations

import re
import shlex
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.main import get_command

from integration.rights.conftest import run
from syncd.adapters.connect import open_database
from syncd.cli.main import app
from syncd.config import parse_config
from syncd.doctor.grants import grants
from syncd.store.migrate import migrate

DOC = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", DOC, re.DOTALL)

TABLES = """
CREATE TABLE taxon (name text, parent_name text);
CREATE TABLE annotation (annotation_id uuid, media_uri text, label text, x float8, y float8, w float8, h float8,
    depth_m numeric, verified bool, updated_at timestamptz, updated_by text, note text);
CREATE VIEW annotation_with_media AS SELECT * FROM annotation;
"""

HELD = """
SELECT table_schema, table_name, column_name, privilege_type FROM information_schema.column_privileges
WHERE grantee = %s
UNION SELECT table_schema, table_name, NULL, privilege_type FROM information_schema.role_table_grants WHERE grantee = %s
UNION SELECT object_schema, object_name, NULL, privilege_type FROM information_schema.role_usage_grants
WHERE grantee = %s
UNION SELECT nspname, NULL, NULL, 'SCHEMA' FROM pg_namespace, aclexplode(nspacl) a
WHERE a.grantee = (SELECT oid FROM pg_roles WHERE rolname = %s)
UNION SELECT 'database', NULL, NULL, a.privilege_type FROM pg_database, aclexplode(datacl) a
WHERE datname = current_database() AND a.grantee = (SELECT oid FROM pg_roles WHERE rolname = %s)
"""


@pytest.fixture
def roles(database_url: str) -> Iterator[tuple[str, str]]:
    found = (f"one_{uuid.uuid4().hex[:8]}", f"other_{uuid.uuid4().hex[:8]}")
    run(database_url, *(f"CREATE ROLE {each}" for each in found))
    yield found
    run(database_url, *(f"DROP OWNED BY {each}" for each in found), *(f"DROP ROLE {each}" for each in found))


def held(url: str, role: str) -> set[tuple[Any, ...]]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return {tuple(row) for row in connection.exec_driver_sql(HELD, (role,) * 5)}


def test_the_documented_grants_are_the_printed_ones(database_url: str, roles: tuple[str, str]) -> None:
    run(database_url, TABLES)
    with open_database(database_url) as connection:
        migrate(connection, "syncd")
    connection.engine.dispose()
    documented = next(text for language, text in BLOCKS if language == "sql" and "GRANT" in text)
    name = str(sa.make_url(database_url).database)
    written = documented.replace("DATABASE annotations", f'DATABASE "{name}"').replace("TO syncd;", f"TO {roles[0]};")
    run(database_url, written)
    binding = {
        "name": "planktivore",
        "dataset": "planktivore-highmag",
        "label_field": "ground_truth",
        "table": "public.annotation",
        "read": "public.annotation_with_media",
        "columns": {
            "id": "annotation_id",
            "label": "label",
            "box": ["x", "y", "w", "h"],
            "media": "media_uri",
            "updated_at": "updated_at",
            "updated_by": "updated_by",
        },
        "attributes": {"verified": {"column": "verified", "direction": "both"}, "depth": "depth_m"},
        "vocabulary": {"table": "public.taxon", "column": "name", "parent": "parent_name"},
        "policy": {"on_fiftyone_delete": "delete"},
    }
    config = parse_config({"database": {"url": database_url}, "bindings": [binding]})
    printed = grants(config, ["planktivore"], roles[1])
    run(database_url, *(each.sql for each in printed if each.sql is not None and not each.by_hand))
    assert held(database_url, roles[0]) == held(database_url, roles[1])
    assert len(held(database_url, roles[0])) > 50


def commands() -> list[str]:
    """Each call of syncd in the doc's blocks, without what the shell or the reader adds."""
    lines = [line for language, text in BLOCKS if not language for line in text.splitlines()]
    calls = (re.match(r"syncd ([^|#]+)", line) for line in lines)
    return sorted({" ".join(each[1].split("  ")[0].split()) for each in calls if each is not None})


def test_the_doc_names_commands() -> None:
    assert len(commands()) > 20


@pytest.mark.parametrize("command", commands())
def test_a_documented_command_can_be_typed_as_it_is_written(command: str) -> None:
    """Its options are there, and no argument is missing or too many; nothing is run."""
    parse(get_command(app), shlex.split(command))


def parse(command: Any, words: list[str]) -> None:
    context = command.make_context("syncd", words)
    if hasattr(command, "resolve_command"):
        _, chosen, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        parse(chosen, rest)
