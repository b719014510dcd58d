"""No secret in any text that a person or a log may see."""

from __future__ import annotations

import pickle
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from syncd.config import DatabaseConfig, InvalidConfig, load_config, redact_url
from unit.config.support import CANARY, MINIMAL, at_top, in_binding, write


def test_a_configuration_shows_no_secret(tmp_path: Path) -> None:
    text = at_top(f"""\
        notify: {{webhook: https://hooks.example/{CANARY}, secret: {CANARY}-{CANARY}}}
        fiftyone: {{database_uri: 'mongodb://u:{CANARY}@h/'}}
        state: {{url: 'postgresql://u:{CANARY}@h/d'}}""").replace("syncd@db", f"syncd:{CANARY}@db")
    config = load_config(write(tmp_path, text), {})
    assert CANARY not in repr(config) + str(config) + repr(config.database.url) + config.model_dump_json()
    assert CANARY in config.database.url.get_secret_value()
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301


WRONG = {
    "url of no kind": MINIMAL.replace("postgresql://syncd@db/annotations", CANARY),
    "url of a kind that is not spoken": MINIMAL.replace("postgresql://syncd@", f"postgres://u:{CANARY}@"),
    "url without a blank": MINIMAL.replace("url: postgresql://syncd@", f"url:postgresql://u:{CANARY}@"),
    "url without its key": MINIMAL.replace("  url: postgresql://syncd@db/annotations", f"  {CANARY}"),
    "url as a flow key": f"database: {{url:postgresql://u:{CANARY}@h}}\n",
    "password as a flow key": f"database: {{password:{CANARY}}}\n",
    "password as a number key": "database: {url: sqlite://, 'password: 4711" + CANARY + "': 1}\n",
    "url in a list": MINIMAL.replace("url: postgresql://syncd@db/annotations", f"url: [{CANARY}]"),
    "url under a wrong section": MINIMAL.replace("database:\n", "databse:\n").replace("syncd@", f"u:{CANARY}@"),
    "unknown key": at_top(f"password: {CANARY}"),
    "unknown key in a section": at_top(f"notify: {{pasword: {CANARY}}}"),
    "whole file": f"postgresql://u:{CANARY}@h/d\n",
    "section as text": at_top(f"notify: {CANARY}"),
    "webhook of no kind": at_top(f"notify: {{webhook: {CANARY}}}"),
    "signing secret of no kind": at_top(f"notify: {{secret: [{CANARY}]}}"),
    "signing secret as an event": at_top("notify: {events: ['${SECRET}']}"),
    "webhook twice": at_top(f"notify: {{webhook: 'https://{CANARY}', webhook: {CANARY}}}"),
    "url as a label": in_binding(f"read: postgresql://u:{CANARY}@h/d"),
    "dsn as a table": MINIMAL.replace("public.annotation", f"host=db password={CANARY}"),
    "undefined alias": MINIMAL.replace("postgresql://syncd@db/annotations", f"*{CANARY}"),
    "duplicate anchor": f"a: &{CANARY} 1\nb: &{CANARY} 2\n",
    "tag": f"database: {{url: !{CANARY} x}}\n",
    "broken reference": MINIMAL.replace("syncd@db", "u:${" + CANARY + "@db"),
    "unclosed quote": MINIMAL.replace("postgresql://syncd@db/annotations", f"'{CANARY}"),
    "variable in an ordinary key": MINIMAL.replace("name: one", "name: ${SECRET} x"),
    "file in an ordinary key": MINIMAL.replace("name: one", "name: ${file:secret} x"),
    "variable as a choice": in_binding("policy: {on_conflict: '${SECRET}'}"),
    "variable as an alias": in_binding("vocabulary: {classes: [a]}\naliases: {x: '${SECRET}'}"),
    "variable as the mapped attribute": in_binding("review: {verified: '${SECRET}'}"),
    "variable as a column twice": in_binding("attributes: {a: '${SECRET}', b: '${SECRET}'}"),
    "variable as a tag twice": in_binding("review: {approve: ['${SECRET}'], error: ['${SECRET}']}"),
    "variable as a duration": at_top("daemon: {overlap: '${SECRET}'}"),
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_a_fault_shows_no_secret(tmp_path: Path, text: str) -> None:
    (tmp_path / "secret").write_text(CANARY, encoding="utf-8")
    with pytest.raises(InvalidConfig) as caught:
        load_config(write(tmp_path, text), {"SECRET": CANARY})
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.faults)
    assert CANARY not in shown


def test_a_model_made_by_hand_shows_no_secret_in_its_error() -> None:
    with pytest.raises(ValidationError) as caught:
        DatabaseConfig(url=CANARY)  # type: ignore[arg-type]
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg2://me:pw@db:5432/a", "postgresql+psycopg2://me:***@db:5432/a"),
        ("postgresql://me@db/a?sslmode=require", "postgresql://me@db/a?sslmode=require"),
        ("postgresql://db/a?password=pw&host=h", "postgresql://db/a?password=***&host=h"),
        ("postgresql://me:a@b/c?d@db/x", "postgresql://me:***@db/x"),
        ("mongodb://u:pw@a,b:27017/?replicaSet=rs", "mongodb://u:***@a,b:27017/?replicaSet=rs"),
        ("mongodb+srv://u:@h", "mongodb+srv://u:***@h"),
        ("mssql+pyodbc:///?odbc_connect=PWD%3Dpw", "mssql+pyodbc:///?odbc_connect=***"),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db"),
        ("https://hooks.example/T0/B0/key", "https://hooks.example/***"),
        ("https://token@hooks.example?key=1", "https://hooks.example/***"),
        ("https://hooks.example", "https://hooks.example"),
        ("host=db password=pw", "***"),
        ("", "***"),
        ("postgresql://me:pw@h\x1b[2J/", "postgresql://me:***@h\\x1b[2J/"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert redact_url(url) == shown
    assert redact_url(SecretStr(url)) == shown


@given(password=st.text(min_size=6), user=st.text("abc", max_size=3), scheme=st.sampled_from(["postgresql", "mongodb"]))
def test_no_password_survives_whatever_it_is_made_of(password: str, user: str, scheme: str) -> None:
    secret = f"<<{password}>>"
    assert "<<" not in redact_url(f"{scheme}://{user}:{secret}@host/db")
