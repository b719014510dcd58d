"""Servers that do not answer, are of the wrong kind, or keep the wrong time; and never a secret in what is said."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote

import pymongo
import pytest
import sqlalchemy as sa

import servers
from integration.doctor.lab import PASSWORD, Lab, find, wanting
from syncd import embedded
from syncd.errors import ConfigError, SetupError

SCOPE = "servers"
NOBODY = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.adapters.connect.PATIENCE_S", 1)


def test_a_database_that_is_down(lab: Lab) -> None:
    lab.settings["database"] = {"url": f"postgresql+psycopg2://syncd:{PASSWORD}@{NOBODY}/lab"}
    findings = lab.diagnose()
    found = find(findings, "Database answers", SCOPE)
    assert (found.status, "Connection refused" in found.detail) == ("fault", True)
    assert found.remedy == "Start the server, or mend host and port in `database.url`."
    assert wanting(findings, "fault") == [(SCOPE, "Database answers", found.detail)]
    assert find(findings, "Labels", "plankton").status == "ok", "the other side is looked at all the same"
    assert find(findings, "Rows", "plankton").detail == "needs “Read relation” to be well"


def test_mongodb_that_is_down(lab: Lab) -> None:
    lab.settings["fiftyone"] = {"database_uri": f"mongodb://syncd:{PASSWORD}@{NOBODY}"}
    findings = lab.diagnose()
    found = find(findings, "MongoDB answers", SCOPE)
    assert (found.status, "Connection refused" in found.detail) == ("fault", True)
    assert "fiftyone.database_uri" in str(found.remedy)
    assert wanting(findings, "fault") == [(SCOPE, "MongoDB answers", found.detail)]
    assert find(findings, "Rows", "plankton").status == "ok", "the other side is looked at all the same"


def test_a_database_that_does_not_exist(lab: Lab) -> None:
    url = sa.make_url(lab.url).set(database="nowhere").render_as_string(hide_password=False)
    lab.settings["database"] = {"url": url}
    found = lab.finding("Database answers", SCOPE)
    assert (found.status, str(found.remedy).startswith("Run: createdb nowhere ")) == ("fault", True)


def test_a_role_that_does_not_exist(lab: Lab) -> None:
    url = sa.make_url(lab.url).set(username="stranger").render_as_string(hide_password=False)
    lab.settings["database"] = {"url": url}
    found = lab.finding("Database answers", SCOPE)
    assert (found.status, "user or the password in `database.url`" in str(found.remedy)) == ("fault", True)


@pytest.fixture
def latin1(postgres_url: str) -> Iterator[Callable[[str], str]]:
    """Databases of other encodings."""
    made: list[str] = []
    admin = servers.engine_for_admin(postgres_url)

    def make(encoding: str) -> str:
        made.append(f"syncd_doctor_{uuid.uuid4().hex[:8]}")
        with admin.connect() as connection:
            connection.execute(
                sa.text(f"CREATE DATABASE {made[-1]} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
            )
        return sa.make_url(postgres_url).set(database=made[-1]).render_as_string(hide_password=False)

    yield make
    with admin.connect() as connection:
        for name in made:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.mark.parametrize(("encoding", "status"), [("LATIN1", "warning"), ("SQL_ASCII", "fault")])
def test_an_encoding_that_lacks_characters(lab: Lab, latin1: Callable[[str], str], encoding: str, status: str) -> None:
    lab.settings["database"] = {"url": latin1(encoding)}
    found = lab.finding("Database encoding", SCOPE)
    assert (found.status, encoding in found.detail, "--encoding UTF8" in str(found.remedy)) == (status, True, True)


def test_an_old_postgresql(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.doctor.database.OLDEST", 99)
    found = lab.finding("Database version", SCOPE)
    assert (found.status, "needs 99 or newer" in found.detail) == ("fault", True)


def test_an_old_mongodb(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.doctor.mongodb.OLDEST", 99)
    found = lab.finding("MongoDB version", SCOPE)
    assert (found.status, "need 99 or newer" in found.detail) == ("fault", True)


@pytest.mark.parametrize(("package", "detail"), [("1.0.0", "was upgraded to"), ("99.0.0", "upgrades the database")])
def test_a_fiftyone_that_the_database_was_not_made_by(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, package: str, detail: str
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: package)
    found = lab.finding("FiftyOne version", SCOPE)
    assert (found.status, detail in found.detail) == ("warning", True)
    assert "pip install fiftyone==" in str(found.remedy)


def test_a_standalone_mongod(lab: Lab, tmp_path: Path) -> None:
    try:
        embedded.mongodb.find_mongod()
    except SetupError as error:
        pytest.skip(str(error))
    with embedded.mongod(tmp_path, replica_set=False) as alone:
        lab.settings["fiftyone"] = {"database_uri": alone.uri, "database_name": "fiftyone"}
        findings = lab.diagnose()
    found = find(findings, "MongoDB replica set", SCOPE)
    assert (found.status, "standalone" in found.detail, "--replSet" in str(found.remedy)) == ("warning", True, True)
    assert "it has none" in find(findings, "Dataset", "plankton").detail
    assert find(findings, "Label field", "plankton").status == "skipped"


def test_clocks_that_are_off(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.doctor.clocks.host_clock", lambda: datetime.now(timezone.utc) - timedelta(seconds=7.5))
    findings = lab.diagnose()
    for check in ("Database clock", "MongoDB clock"):
        found = find(findings, check, SCOPE)
        assert (found.status, found.detail.startswith("7.5 s ahead of this host's")) == ("warning", True)
        assert "timedatectl" in str(found.remedy)


@pytest.mark.parametrize(
    ("statements", "detail", "remedy"),
    [
        ("UPDATE syncd.alembic_version SET version_num = '0000'", "are of version 0000", "syncd migrate"),
        (
            "UPDATE syncd.alembic_version SET version_num = '9999', oldest_program = '9999'",
            "newer than this syncd",
            "Upgrade syncd",
        ),
        ("DROP TABLE syncd.conflict", "without conflict", "Restore"),
    ],
)
def test_tables_of_syncd_that_are_not_as_they_should_be(
    own_lab: Lab, statements: str, detail: str, remedy: str
) -> None:
    own_lab.sql(statements)
    findings = own_lab.diagnose()
    found = find(findings, "syncd's own tables", SCOPE)
    assert (found.status, detail in found.detail, remedy in str(found.remedy)) == ("fault", True, True), found
    assert wanting([each for each in findings if each.scope == "plankton"]) == []


@pytest.mark.parametrize(
    ("statements", "detail"),
    [("", "no schema 'absent' yet"), ("CREATE SCHEMA absent", "not in the schema 'absent' yet")],
)
def test_tables_of_syncd_that_are_not_there(broken_lab: Lab, statements: str, detail: str) -> None:
    broken_lab.settings["state"] = {"schema": "absent"}
    broken_lab.sql(statements or "SELECT 1")
    found = broken_lab.finding("syncd's own tables", SCOPE)
    assert (found.status, detail in found.detail, "syncd migrate" in str(found.remedy)) == ("fault", True, True)
    assert broken_lab.finding("Rights on syncd's tables", SCOPE).detail == "may be created"


def test_a_role_that_may_not_make_temporary_tables(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.doctor.state._temporary", lambda connection: False)
    found = lab.finding("Rights on syncd's tables", SCOPE)
    assert (found.status, "GRANT TEMPORARY ON DATABASE" in str(found.remedy)) == ("fault", True)


def test_a_database_for_the_tables_alone(lab: Lab) -> None:
    lab.settings["state"] = {"url": lab.url}
    assert wanting(lab.diagnose()) == []
    lab.settings["state"] = {"url": f"postgresql+psycopg2://syncd:{PASSWORD}@{NOBODY}/lab"}
    findings = lab.diagnose()
    assert [check for _, check, _ in wanting(findings, "fault")] == ["Database of syncd's tables answers"]
    assert "`state.url`" in str(find(findings, "Database of syncd's tables answers", SCOPE).remedy)
    assert find(findings, "syncd's own tables", SCOPE).status == "skipped"


SECRETS = [
    "s3cretive",
    "s3cr/etive",
    "s3cr@etive",
    "s3cr:etive",
    "s3cr?etive",
    "s3cr#etive",
    "s3cr%etive",
    "s3cr%40etive",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_in_any_finding(lab: Lab, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.settings |= {
        "database": {"url": f"postgresql+psycopg2://syncd:{secret}@nohost.invalid/lab"},
        "state": {"url": f"postgresql+psycopg2://syncd@{NOBODY}/lab?password={secret}"},
        "fiftyone": {"database_uri": f"mongodb://syncd:{secret}@{NOBODY}/?authSource=admin"},
        "notify": {"webhook": f"https://hooks.example/{secret}"},
    }
    if secret not in ("s3cretive", "s3cr%40etive"):  # no configuration takes it as it is for MongoDB
        with pytest.raises(ConfigError, match="percent-encode") as caught:
            lab.diagnose()
        assert "etive" not in str(caught.value)
        monkeypatch.setenv("FIFTYONE_DATABASE_URI", lab.settings["fiftyone"]["database_uri"])
        lab.settings["fiftyone"] = {}
        lab.settings["database"]["url"] = f"postgresql+psycopg2://syncd:{quote(secret)}@nohost.invalid/lab"
    findings = lab.diagnose()
    assert [each.check for each in findings if each.status == "fault"] == [
        "Database answers",
        "MongoDB answers",
        "Database of syncd's tables answers",
    ]
    for each in findings:
        assert "etive" not in f"{each.detail} {each.remedy}"


def test_no_secret_where_the_driver_quotes_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a driver may come to say one day."""
    lab.settings["database"] = {"url": f"postgresql+psycopg2://syncd:{PASSWORD.replace('&', '%26')}@{NOBODY}/lab"}

    def refuse(*_: object, **__: object) -> None:
        raise pymongo.errors.OperationFailure(f"no, not with {PASSWORD} nor Tr0ub4dor%263")

    monkeypatch.setattr("syncd.doctor.servers.open_fiftyone", refuse)
    found = lab.finding("MongoDB answers", SCOPE)
    assert (found.status, found.detail) == ("fault", "MongoDB says: no, not with *** nor ***")


def test_every_fault_has_a_remedy_and_every_skip_a_reason(lab: Lab) -> None:
    lab.settings["database"] = {"url": f"postgresql+psycopg2://{NOBODY}/lab"}
    lab.settings["fiftyone"] = {"database_uri": f"mongodb://{NOBODY}"}
    findings = lab.diagnose()
    assert {each.status for each in findings} == {"fault", "skipped"}
    for each in findings:
        assert each.detail
        assert (each.remedy is not None) == (each.status in ("fault", "warning"))
