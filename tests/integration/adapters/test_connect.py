"""Opening the servers that a configuration names."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest
import sqlalchemy as sa
from pymongo import ReadPreference, WriteConcern
from pymongo.read_concern import ReadConcern

from syncd.adapters.connect import (
    durable_address,
    engine_for,
    first_line,
    open_database,
    open_fiftyone,
    overruled,
    without_password,
)
from syncd.config import parse_config
from syncd.errors import ConfigError, DatabaseUnavailable, FiftyOneUnavailable

BINDING = {
    "name": "b",
    "dataset": "d",
    "label_field": "f",
    "table": "t",
    "columns": {"id": "i", "label": "l", "media": "m"},
}


def _config(**fiftyone: Any) -> Any:
    return parse_config({"database": {"url": "sqlite://"}, "fiftyone": fiftyone, "bindings": [BINDING]})


def test_fiftyones_database_is_the_configured_one(mongo_database: tuple[str, str]) -> None:
    uri, name = mongo_database
    database = open_fiftyone(_config(database_uri=uri, database_name=name))
    assert database.name == name
    assert database.client.admin.command("ping")
    database.client.close()


def test_else_it_is_that_of_fiftyones_own_environment(mongo_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", mongo_uri)
    monkeypatch.setenv("FIFTYONE_DATABASE_NAME", "elsewhere")
    database = open_fiftyone(_config())
    assert database.name == "elsewhere"
    database.client.close()


def test_else_it_is_the_one_that_fiftyone_connects_to(
    fiftyone: Any, mongo_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIFTYONE_DATABASE_URI")
    fiftyone.list_datasets()
    assert open_fiftyone(_config()).name == fiftyone.config.database_name
    assert open_fiftyone(_config(database_name="other")).name == "other"


@pytest.mark.parametrize(
    "options",
    [
        "readPreference=secondaryPreferred&readPreferenceTags=dc:east&maxStalenessSeconds=120",
        "w=0",
        "w=1&journal=false&readConcernLevel=available",
        "fsync=true;W=1",
    ],
)
def test_syncd_reads_from_the_primary_and_writes_to_the_journal_whatever_the_address_says(
    mongo_uri: str, options: str
) -> None:
    uri = durable_address(mongo_uri).partition("?")[0] + "?directConnection=true&" + options
    database = open_fiftyone(_config(database_uri=uri, database_name="any"))
    collection = database["any"]
    assert collection.read_preference == ReadPreference.PRIMARY
    assert collection.write_concern == WriteConcern(w="majority", j=True)
    assert collection.read_concern == ReadConcern("majority")
    assert overruled(uri) == re.split("[&;]", options)
    database.client.close()


def test_so_it_does_over_the_connection_of_fiftyones_own(
    fiftyone: Any, mongo_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIFTYONE_DATABASE_URI")
    assert open_fiftyone(_config()).write_concern == WriteConcern(w="majority", j=True)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("mongodb://h", "mongodb://h/?"),
        ("mongodb://h:1,i:2?w=1", "mongodb://h:1,i:2/?"),
        ("mongodb://u:p@h/admin?tls=true;J=false", "mongodb://u:p@h/admin?tls=true&"),
    ],
)
def test_what_else_an_address_says_stays(address: str, expected: str) -> None:
    made = durable_address(address)
    assert made == f"{expected}w=majority&journal=true&readPreference=primary&readConcernLevel=majority"
    assert durable_address(made) == made


SECRET = "p%40ss"


@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb://lab:{SECRET}@127.0.0.1:1/?serverSelectionTimeoutMS=100",
        f"mongodb://lab:{SECRET}@nowhere.invalid:27017/",
    ],
)
def test_a_mongodb_that_does_not_answer_is_named_without_its_password(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.adapters.connect.PATIENCE_S", 0.2)
    with pytest.raises(FiftyOneUnavailable, match="does not answer") as caught:
        open_fiftyone(_config(database_uri=uri))
    assert "lab:***@" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "p@ss" not in str(caught.value)


@pytest.mark.parametrize("uri", [f"mongodb://lab:{SECRET}@host:99999/", f"mongodb://lab:{SECRET}@host:port/"])
def test_a_mongodb_address_that_is_none_is_a_fault_of_the_configuration(uri: str) -> None:
    with pytest.raises(ConfigError, match=r"MongoDB's address .* is not usable") as caught:
        open_fiftyone(_config(database_uri=uri))
    assert SECRET not in str(caught.value)
    assert "p@ss" not in str(caught.value)


def test_so_is_a_password_that_the_driver_would_cut_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="percent-encode") as configured:
        _config(database_uri="mongodb://lab:p@ss@host/")
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://lab:p@ss@host/")
    with pytest.raises(ConfigError, match="has a special character") as found:
        open_fiftyone(_config())
    for caught in (configured, found):
        assert "p@ss" not in str(caught.value)
        assert "percent-encode" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://lab:geheim@host:port/name",
        "postgresql+nosuchdriver://lab:geheim@host/name",
        "nosuchdatabase://lab:geheim@host/name",
        "postgresql//lab:geheim@host/name",
        "",
    ],
)
def test_a_database_address_that_is_none_is_a_fault_of_the_configuration(url: str) -> None:
    with pytest.raises(ConfigError, match="is not usable") as caught:
        engine_for(url)
    assert "geheim" not in str(caught.value)


def test_a_sqlite_file_that_cannot_be_is_named() -> None:
    with pytest.raises(DatabaseUnavailable, match="unable to open database file"):
        open_database("sqlite:////nowhere/at/all.sqlite")


def test_a_connection_says_who_it_is_and_has_no_pool(database_url: str) -> None:
    with open_database(database_url) as connection:
        assert connection.exec_driver_sql("SHOW application_name").scalar_one() == "syncd"
        assert isinstance(connection.engine.pool, sa.NullPool)
    connection.engine.dispose()


def test_a_password_is_taken_out_of_a_message_in_every_form() -> None:
    address = "postgresql://lab:p%40ss@host/name"
    assert without_password(address, "p%40ss or p@ss") == "*** or ***"
    assert without_password("postgresql://host/name", "nothing to hide") == "nothing to hide"


def test_a_message_is_shown_by_its_first_line() -> None:
    assert first_line("one\ntwo") == "one"
    assert first_line(ValueError()) == "ValueError"
    assert len(first_line("x" * 1000)) == 300


@pytest.mark.parametrize(
    "options", ["", "?directConnection=true", "?replicaSet=rs0", "?replicaSet=rs0&directConnection=true"]
)
def test_a_mongodb_that_is_down_is_said_in_the_same_words_at_every_try(
    options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.adapters.connect.PATIENCE_S", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # Bound and not listening: nobody answers.
        where = f"mongodb://127.0.0.1:{taken.getsockname()[1]}/{options}"
        said = []
        for _ in range(2):
            with pytest.raises(FiftyOneUnavailable) as caught:
                open_fiftyone(_config(database_uri=where))
            said.append(caught.value.message)
    assert said[0] == said[1]
    assert "refused" in said[0] or "nobody answers" in said[0]
    assert not re.search("Topology|timeout|None", said[0])
