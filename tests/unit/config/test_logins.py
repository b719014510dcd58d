"""A password that a driver would cut in two is refused, in words that hold no piece of it; whatever works, is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from syncd.adapters.connect import without_password
from syncd.config import InvalidConfig, load_config
from syncd.config.redact import is_clear_database_url, is_clear_mongodb_uri, is_clear_web_address
from unit.config.support import MINIMAL, at_top, write

PIECES = ("Zq7xk", "Wv9yt", "Jj3uu")
SPECIAL = ("@", ":", "/", "?", "#")
DATABASE = [
    f"owner:Zq7xk{first}Wv9yt{second}Jj3uu@127.0.0.1:5432/lab"
    for first, second in [("@", each) for each in SPECIAL] + [(each, "@") for each in SPECIAL]
]
MONGODB = [f"owner:Zq7xk{first}Wv9yt{second}Jj3uu@h:27017/lab" for first in SPECIAL[:4] for second in SPECIAL]


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(InvalidConfig) as caught:
        load_config(write(tmp_path, text), {})
    return str(caught.value)


@pytest.mark.parametrize("login", DATABASE)
@pytest.mark.parametrize("place", ["database", "state"])
def test_a_database_url_whose_password_is_cut_in_two_is_refused(tmp_path: Path, login: str, place: str) -> None:
    url = f"postgresql+psycopg2://{login}"
    replaced = MINIMAL.replace("postgresql://syncd@db/annotations", f"'{url}'")
    said = refused(tmp_path, replaced if place == "database" else at_top(f"state: {{url: '{url}'}}"))
    assert f"{place}.url" in said
    assert "percent-encode" in said
    assert not [each for each in PIECES if each in said]


@pytest.mark.parametrize("login", MONGODB)
def test_so_is_a_mongodb_uri(tmp_path: Path, login: str) -> None:
    said = refused(tmp_path, at_top(f"fiftyone: {{database_uri: 'mongodb://{login}'}}"))
    assert "percent-encode" in said
    assert not [each for each in PIECES if each in said]


def test_so_are_a_web_hook_and_an_endpoint_of_s3(tmp_path: Path) -> None:
    for text in (
        "notify: {webhook: 'https://u:Zq7xk/Wv9yt@hooks.example/Jj3uu'}",
        "s3: {endpoint_url: 'https://Zq7xk:Wv9yt@s3.example'}",
        "s3: {endpoint_url: 'https://Zq7xk:Wv9yt/Jj3uu@s3.example'}",
    ):
        said = refused(tmp_path, at_top(text))
        assert "percent-encode" in said or "no user" in said
        assert not [each for each in PIECES if each in said]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:pw@db:5432/a",
        "postgresql://me:p%40w%2Fx@db/a?sslmode=require",
        "postgresql://me:a/b:c?d#e%f@db/a",  # SQLAlchemy goes by the @ alone
        "postgresql://me@server:pw@server.example/a",  # user@server, as some clouds have it
        "postgresql://me:pw@db/lab@home",
        "postgresql://me:pw@db/a?options=-c%20x=y@z&application_name=a@b",
        "postgresql://me:pw@[::1]:5432/a",
        "postgresql:///a?host=/tmp&user=x@y",
        "postgresql://db/a",
        "sqlite:////data/lab@home/a:b@c/x.db",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3D%7Bx%7D%3BPWD%3Da%40b",
    ],
)
def test_a_database_url_that_works_is_taken(url: str) -> None:
    assert is_clear_database_url(url)


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://localhost:27017",
        "mongodb://u:p%40w@a:1,b:2/admin?replicaSet=rs",
        "mongodb://u:pw==@acct.example:10255/?ssl=true&appName=@acct@",
        "mongodb://host/lab?appName=a@b:c/d",
        "mongodb://%2Ftmp%2Fmongodb-27017.sock",
        "mongodb+srv://u:p@cluster.example/lab",
        "mongodb://[::1]:27017/",
    ],
)
def test_a_mongodb_uri_that_works_is_taken(uri: str) -> None:
    assert is_clear_mongodb_uri(uri)


@pytest.mark.parametrize(
    "url", ["https://h/@me/x", "https://u:p@q@h:8443/x", "https://[::1]:1/", "http://ünïcode.example"]
)
def test_a_web_address_that_works_is_taken(url: str) -> None:
    assert is_clear_web_address(url)


@given(user=st.text(max_size=8), password=st.text(max_size=12))
def test_an_encoded_password_is_always_taken(user: str, password: str) -> None:
    url = sa.URL.create("postgresql", user or "u", password, "db", 5432, "lab").render_as_string(hide_password=False)
    assert is_clear_database_url(url)


@given(st.text("ab@:/?#%", min_size=1, max_size=8).map(lambda middle: f"Zq7xk{middle}Wv9yt"))
def test_a_url_is_taken_only_where_the_driver_reads_what_was_meant(password: str) -> None:
    url = f"postgresql://owner:{password}@db:5432/lab"
    if is_clear_database_url(url):
        read = sa.make_url(url)
        assert (read.host, read.database) == ("db", "lab")


def test_what_a_driver_took_for_a_host_is_hidden_too() -> None:
    address = "postgresql://u:Zq7xk@Wv9yt/Jj3uu@db/lab"
    said = without_password(address, 'could not translate host name "Wv9yt" to address; database "Jj3uu"; Zq7xk')
    assert not [each for each in PIECES if each in said]
    assert "could not translate host name" in said
