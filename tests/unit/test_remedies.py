"""Commands and SQL that syncd prints can be pasted, whatever the names in them are, and fit what went wrong."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from syncd.adapters.connect import open_fiftyone, remedy_for
from syncd.adapters.sql.quote import name_in_sql, table_in_sql
from syncd.config import parse_config
from syncd.config.names import parse_table_name
from syncd.doctor.finding import table_in_config
from syncd.errors import ConfigError

DIALECT = PGDialect_psycopg2()


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("annotation", "annotation"),
        ("public.annotation", "public.annotation"),
        ('"my.schema"."a ""b"" c"', '"my.schema"."a ""b"" c"'),
        ("Lab.Annotation", '"Lab"."Annotation"'),
        ('"100%"', '"100%"'),
    ],
)
def test_a_table_is_named_as_psql_takes_it(name: str, sql: str) -> None:
    assert table_in_sql(DIALECT, name) == sql


def test_what_is_named_after_a_table_is_in_its_schema() -> None:
    assert table_in_sql(DIALECT, '"my.schema"."a.b"', "_touch") == '"my.schema"."a.b_touch"'
    assert table_in_sql(DIALECT, "public.annotation", "_touch") == "public.annotation_touch"


def test_a_percent_sign_in_a_name_is_not_doubled() -> None:
    assert name_in_sql(DIALECT, "share %") == '"share %"'


@pytest.mark.parametrize("schema", [None, "public", "my.schema", 'a"b'])
@pytest.mark.parametrize("table", ["annotation", "a.b", 'a"b', "a b", "Annotation"])
def test_a_table_is_named_as_the_configuration_takes_it(schema: str | None, table: str) -> None:
    parsed = parse_table_name(table_in_config(schema, table))
    assert (parsed.schema, parsed.name) == (schema, table)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ('FATAL:  password authentication failed for user "syncd"', "user or the password in PLACE"),
        ('FATAL:  no pg_hba.conf entry for host "::1", user "syncd"', "pg_hba.conf"),
        ('FATAL:  role "sincd" does not exist', "user or the password"),
        ('root certificate file "/x/ca.pem" does not exist', "the files they name"),
        ('could not read certificate file "/x/c.pem": no start line', "sslcert"),
        ('invalid sslmode value: "nonsense"', "sslmode"),
        ('could not translate host name "db" to address: Name or service not known', "host in PLACE"),
        ("connection refused", "Start the server"),
    ],
)
def test_a_remedy_fits_what_the_server_said(said: str, remedy: str) -> None:
    assert remedy in remedy_for(said, "PLACE")


def test_a_database_that_is_not_there_can_be_made_whatever_its_name_is() -> None:
    name = 'it\'s "ours"; rm -rf'
    command = (
        remedy_for(f'FATAL:  database "{name}" does not exist', "PLACE").removeprefix("Run: ").partition("   (")[0]
    )
    assert shlex.split(command) == ["createdb", name]


@pytest.mark.parametrize("option", ["tlsCAFile", "tlsCertificateKeyFile"])
@pytest.mark.parametrize("content", [None, "rubbish"])
def test_a_certificate_for_mongodb_that_is_missing_or_rubbish_is_a_fault_of_the_configuration(
    tmp_path: Path, option: str, content: str | None
) -> None:
    file = tmp_path / "cert.pem"
    if content is not None:
        file.write_text(content)
    data = {
        "database": {"url": "sqlite://"},
        "fiftyone": {"database_uri": f"mongodb://127.0.0.1:1/?tls=true&{option}={file}"},
        "bindings": [
            {
                "name": "one",
                "dataset": "d",
                "label_field": "f",
                "table": "t",
                "columns": {"id": "i", "label": "l", "media": "m"},
            }
        ],
    }
    with pytest.raises(ConfigError, match="is not usable") as caught:
        open_fiftyone(parse_config(data))
    assert caught.value.remedy
