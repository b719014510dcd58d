"""``syncd init --table``: from a table to a configuration, as a data manager calls it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from pathlib import Path

import pytest
import yaml
from lab import SYNCD
from typer.testing import CliRunner

from lab_schemas import SCHEMAS, make
from syncd.cli.main import app

PLAIN_TABLE = """
CREATE TABLE annotation (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, image_path text, mask_url text,
    species text, class_name text);
INSERT INTO annotation (image_path, species, class_name) VALUES ('a/1.png', 'Oithona', 'Copepoda');
"""


def statements(name: str) -> str:
    return next(each for each in SCHEMAS if each.name == name).statements


@pytest.fixture
def url(database_url: str, mongo_uri: str) -> str:
    return database_url


def call(path: Path, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["init", str(path), *arguments], env={"COLUMNS": "200", "SYNCD_DATABASE_URL": ""})
    assert done.exit_code == code, done.output
    return done.output


def test_it_writes_the_binding_says_what_is_unsure_and_ends_in_doctor(url: str, tmp_path: Path) -> None:
    make(url, statements("coco"))
    path = tmp_path / "syncd.yaml"
    said = call(path, "--table", "annotations", "--dataset", "coco-val", "--from-url", url, "--yes")
    assert "ingest.media is to be filled in" in said
    assert "Database answers" in said
    assert "syncd migrate" in said
    text = path.read_text()
    assert "${SYNCD_DATABASE_URL}" in text
    assert url not in text
    (binding,) = yaml.safe_load(text)["bindings"]
    assert binding["dataset"] == "coco-val"
    assert binding["columns"]["label"]["lookup"]["value"] == "name"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_left_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "syncd.yaml"
    path.write_text("mine")
    said = call(path, "--table", "t", "--from-url", "postgresql://nowhere.invalid/db", code=2)
    assert "--force overwrites it" in said
    assert path.read_text() == "mine"


def test_without_an_address_it_says_where_to_give_it(tmp_path: Path) -> None:
    said = call(tmp_path / "syncd.yaml", "--table", "t", code=2)
    assert "export SYNCD_DATABASE_URL=" in said
    assert not (tmp_path / "syncd.yaml").exists()


def test_a_table_of_something_else_is_refused_by_name(url: str, tmp_path: Path) -> None:
    make(url, "CREATE TABLE account (id int PRIMARY KEY, amount numeric)")
    said = call(tmp_path / "syncd.yaml", "--table", "account", "--from-url", url, "--yes", code=1)
    assert "label" in said
    assert "image" in said
    assert not (tmp_path / "syncd.yaml").exists()


def test_on_a_terminal_it_asks_and_takes_a_number_or_a_text(url: str, tmp_path: Path) -> None:
    make(url, PLAIN_TABLE)
    path = tmp_path / "syncd.yaml"
    said = on_a_terminal(path, url, [b"2\n", b"/data/images\n"])
    assert "the label" in said
    (binding,) = yaml.safe_load(path.read_text())["bindings"]
    assert binding["columns"]["label"] == "class_name"
    assert binding["ingest"]["media"] == "/data/images"


def on_a_terminal(path: Path, url: str, answers: list[bytes]) -> str:
    own, its = pty.openpty()
    environment = os.environ | {"SYNCD_DATABASE_URL": url, "TERM": "xterm", "COLUMNS": "200"}
    command = [*SYNCD, "init", str(path), "--table", "annotation"]
    said = b""
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment) as process:
        os.close(its)
        waiting = list(answers)
        while select.select([own], [], [], 60)[0]:
            try:
                piece = os.read(own, 65536)
            except OSError:
                break
            if not piece:
                break
            said += piece
            # Each prompt ends in what an empty answer means.
            if waiting and said.rstrip().endswith((b"]:", b"]")):
                os.write(own, waiting.pop(0))
                said += b"\n"
        assert process.wait(60) == 0, said.decode()
    os.close(own)
    return said.decode()
