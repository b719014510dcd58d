"""Rights that a role or a user lacks, each named, and granted by its own remedy."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from pymongo.errors import OperationFailure

import servers
from integration.doctor.lab import PASSWORD, Lab, find, wanting
from syncd.doctor.grants import as_text, grants

ALL = """
GRANT USAGE ON SCHEMA public, syncd TO {role};
GRANT SELECT ON annotation, annotation_with_media TO {role};
GRANT UPDATE (label, verified, updated_at, updated_by) ON annotation TO {role};
GRANT INSERT ON annotation TO {role};
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA syncd TO {role};
GRANT DELETE ON syncd.baseline, syncd.cursor, syncd.held, syncd.waiting, syncd.answered, syncd.captured TO {role};
GRANT DELETE ON syncd.daemon, syncd.app_edit TO {role};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA syncd TO {role};
"""


@pytest.fixture
def role(broken_lab: Lab, postgres_url: str) -> Iterator[str]:
    """A role that may do what syncd does and no more; the lab's configuration connects as it."""
    name = f"Syncd-{uuid.uuid4().hex[:8]}"
    quoted = f'"{name}"'
    broken_lab.sql(f"CREATE ROLE {quoted} LOGIN PASSWORD '{PASSWORD}'; " + ALL.format(role=quoted))
    url = sa.make_url(broken_lab.url).set(username=name, password=PASSWORD).render_as_string(hide_password=False)
    broken_lab.settings["database"] = {"url": url}
    yield quoted
    broken_lab.sql(f"DROP OWNED BY {quoted}")
    with servers.engine_for_admin(postgres_url).connect() as connection:
        connection.execute(sa.text(f"DROP ROLE {quoted}"))


def test_what_is_needed_is_enough(broken_lab: Lab, role: str) -> None:
    assert wanting(broken_lab.diagnose()) == []


SERVERS = "servers"
OWN_TABLES = "syncd's own tables"
CASES = {
    "read": ("REVOKE SELECT ON annotation_with_media FROM {role}", "plankton", "Right to read the rows", "SELECT"),
    "read of the table": ("REVOKE SELECT ON annotation FROM {role}", "plankton", "Right to read the rows", "SELECT"),
    "update": (
        "REVOKE UPDATE (label, updated_by) ON annotation FROM {role}",
        "plankton",
        "Right to write the table",
        "UPDATE of label, updated_by",
    ),
    "insert": ("REVOKE INSERT ON annotation FROM {role}", "plankton", "Right to write the table", "INSERT"),
    "hidden rows": (
        "ALTER TABLE annotation ENABLE ROW LEVEL SECURITY",
        "plankton",
        "Row-level security",
        "without it, each is a conflict 'hidden'",
    ),
    "schema": (
        "REVOKE USAGE ON SCHEMA public FROM {role}, PUBLIC",
        "plankton",
        "Table",
        "permission denied for schema public",
    ),
    "own schema": ("REVOKE USAGE ON SCHEMA syncd FROM {role}", SERVERS, OWN_TABLES, "may not use it"),
    "own version": (
        "REVOKE SELECT ON syncd.alembic_version FROM {role}",
        SERVERS,
        OWN_TABLES,
        "may not read the version",
    ),
    "own table": (
        "REVOKE UPDATE ON syncd.change FROM {role}",
        SERVERS,
        "Rights on syncd's tables",
        "may not UPDATE syncd.change",
    ),
    "own sequence": (
        "REVOKE USAGE ON SEQUENCE syncd.change_seq_seq FROM {role}",
        SERVERS,
        "Rights on syncd's tables",
        "SEQUENCE syncd.change_seq_seq",
    ),
    "read only": (
        "ALTER ROLE {role} SET default_transaction_read_only = on",
        SERVERS,
        "Database takes writes",
        "read_only is on",
    ),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_right_that_is_missing(broken_lab: Lab, role: str, case: str) -> None:
    statement, scope, check, detail = CASES[case]
    broken_lab.sql(statement.format(role=role))
    found = broken_lab.finding(check, scope)
    assert (found.status, detail in found.detail) == ("warning" if case == "hidden rows" else "fault", True), found
    broken_lab.follow(found)
    assert broken_lab.finding(check, scope).status == "ok"


def test_deleting_is_asked_for_only_where_it_may_happen(broken_lab: Lab, role: str) -> None:
    broken_lab.binding["policy"] = {"on_fiftyone_delete": "delete"}
    found = broken_lab.finding("Right to write the table")
    assert (found.status, "DELETE" in found.detail) == ("fault", True)
    broken_lab.follow(found)
    assert broken_lab.finding("Right to write the table").status == "ok"


def test_inserting_is_asked_for_only_where_it_may_happen(broken_lab: Lab, role: str) -> None:
    broken_lab.sql(f"REVOKE INSERT ON annotation FROM {role}")
    broken_lab.binding["policy"] = {"on_new": "quarantine"}
    assert wanting(broken_lab.diagnose()) == []


def test_a_sequence_that_gives_ids(broken_lab: Lab, role: str) -> None:
    broken_lab.sql(
        "DROP VIEW annotation_with_media; ALTER TABLE annotation DROP annotation_id, "
        "ADD annotation_id bigserial PRIMARY KEY"
    )
    broken_lab.binding["read"] = None
    found = broken_lab.finding("Right to write the table")
    assert (found.status, "annotation_annotation_id_seq" in found.detail) == ("fault", True)
    broken_lab.follow(found)
    assert broken_lab.finding("Right to write the table").status == "ok"


@pytest.mark.parametrize("there", [False, True])
def test_a_role_that_may_not_create_the_tables(broken_lab: Lab, role: str, there: bool) -> None:
    broken_lab.settings["state"] = {"schema": "absent"}
    if there:
        broken_lab.sql(f"CREATE SCHEMA absent; GRANT USAGE ON SCHEMA absent TO {role}")
    found = broken_lab.finding("Rights on syncd's tables", SERVERS)
    assert (found.status, found.detail) == ("fault", "this role may not create them")
    broken_lab.follow(found)
    assert broken_lab.finding("Rights on syncd's tables", SERVERS).status == "ok"


def test_a_right_that_nobody_thought_of(broken_lab: Lab, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_lab.sql(f"REVOKE EXECUTE ON FUNCTION pg_is_in_recovery FROM PUBLIC, {role}")
    found = broken_lab.finding("Database takes writes", SERVERS)
    assert (found.status, "permission denied for function" in found.detail) == ("fault", True)
    assert "GRANT" in str(found.remedy)
    broken_lab.sql("GRANT EXECUTE ON FUNCTION pg_is_in_recovery TO PUBLIC")

    def refuse(*_: object) -> None:
        raise OperationFailure("not authorized on fiftyone", code=13)

    monkeypatch.setattr("syncd.doctor.servers.open_fiftyone", refuse)
    found = broken_lab.finding("MongoDB answers", SERVERS)
    assert (found.status, found.detail) == ("fault", "MongoDB says: not authorized on fiftyone")
    assert "grantRolesToUser" in str(found.remedy)


@pytest.fixture
def user(lab: Lab) -> Iterator[str]:
    """A MongoDB user who may only read; a server that asks nobody still says what a user may."""
    name = f"reader-{uuid.uuid4().hex[:8]}"
    lab.mongo.command("createUser", name, pwd=PASSWORD, roles=[{"role": "read", "db": lab.mongo.name}])
    login = lab.mongo_uri.replace("mongodb://", f"mongodb://{name}:Tr0ub4dor%263@")
    join = "&" if "?" in login else "?"
    uri = f"{login}{join}authSource={lab.mongo.name}"
    lab.settings["fiftyone"] = {"database_uri": uri, "database_name": lab.mongo.name}
    yield name
    lab.mongo.command("dropUser", name)


def test_a_user_who_may_not_write_the_dataset(lab: Lab, user: str) -> None:
    findings = lab.diagnose()
    found = find(findings, "Right to write the dataset", "plankton")
    assert (found.status, f'"{user}" may not update' in found.detail) == ("fault", True)
    assert f'grantRolesToUser("{user}", [{{role: "readWrite"' in str(found.remedy)
    lab.mongo.command("grantRolesToUser", user, roles=[{"role": "readWrite", "db": lab.mongo.name}])
    assert lab.finding("Right to write the dataset").status == "ok"


def test_inserting_is_asked_for_where_an_inbox_brings_rows(broken_lab: Lab, role: str, tmp_path: Path) -> None:
    broken_lab.sql(f"REVOKE INSERT ON annotation FROM {role}")
    broken_lab.binding |= {
        "policy": {"on_new": "quarantine"},
        "ingest": {"inbox": str(tmp_path), "media": str(tmp_path)},
    }
    found = broken_lab.finding("Right to write the table")
    assert (found.status, "INSERT" in found.detail) == ("fault", True)
    broken_lab.follow(found)
    assert broken_lab.finding("Right to write the table").status == "ok"


def test_inserting_is_not_asked_for_where_nobody_gives_a_new_row_its_id(broken_lab: Lab, role: str) -> None:
    broken_lab.sql(
        f"REVOKE INSERT ON annotation FROM {role}; DROP VIEW annotation_with_media; ALTER TABLE annotation "
        f"DROP annotation_id, ADD annotation_id int; UPDATE annotation SET annotation_id = x * 100; "
    )
    broken_lab.binding["read"] = None
    assert broken_lab.finding("Right to write the table").status == "ok"
    text = as_text(grants(broken_lab.config, ["plankton"]))
    assert next(each for each in text.splitlines() if "GRANT INSERT" in each and "annotation" in each).startswith(
        "-- GRANT"
    )


def test_what_the_grants_give_is_what_doctor_asks_for(broken_lab: Lab, role: str, tmp_path: Path) -> None:
    broken_lab.sql(f"REVOKE ALL ON annotation, annotation_with_media FROM {role}")
    broken_lab.binding |= {"ingest": {"inbox": str(tmp_path), "media": str(tmp_path)}}
    broken_lab.binding["policy"] = {"on_new": "quarantine", "on_fiftyone_delete": "delete"}
    name = role.strip('"')
    broken_lab.sql(as_text(grants(broken_lab.config, ["plankton"], name)))
    assert broken_lab.finding("Right to read the rows").status == "ok"
    assert broken_lab.finding("Right to write the table").status == "ok"
