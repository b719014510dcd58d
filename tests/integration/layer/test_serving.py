"""``syncd app`` says in a sentence what is in its way, and ends in order."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from daemons import write_config
from served_app import served_app
from syncd.cli.main import app as syncd
from trust import many
from worlds import BINDING, World


@pytest.fixture
def config(shared_world: World, tmp_path: Path) -> Path:
    return write_config(tmp_path / "syncd.yaml", shared_world.document())


def refused(config: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and what was said of a call that goes no further."""
    done = CliRunner().invoke(syncd, ["app", *arguments, "--config", str(config)], env={"COLUMNS": "400"})
    assert isinstance(done.exception, SystemExit), done
    return done.exit_code, done.stderr


def test_a_port_that_is_taken_is_named_with_another(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, said = refused(config, "--port", str(port))
    assert code == 1
    assert f"Port {port} of 127.0.0.1 is taken" in said
    assert f"--port {port + 1}" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--host", "192.0.2.1"], "192.0.2.1 is no address of this machine"),
        (["--port", "70000"], "70000 is no port"),
        (["--as", "ada", "--trust-proxy", "X-Forwarded-User"], "--as and --trust-proxy contradict each other"),
        (["--trust-proxy", "X Forwarded"], "is no name of a header"),
        (["--as", " "], "--as is empty"),
        (["nothing-such"], "There is no binding 'nothing-such', nor a dataset of one."),
    ],
)
def test_wrong_use_is_told_in_a_sentence(config: Path, arguments: list[str], sentence: str) -> None:
    code, said = refused(config, *arguments)
    assert code in (1, 2)
    assert sentence in said
    assert "Traceback" not in said


def test_a_mongodb_that_is_down_is_named(shared_world: World, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    document = shared_world.document()
    document["fiftyone"]["database_uri"] = f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=200"
    code, said = refused(write_config(tmp_path / "syncd.yaml", document))
    assert code == 1
    assert "MongoDB at" in said
    assert "does not answer" in said


def test_a_dataset_that_is_not_there_is_named_with_what_makes_it(shared_world: World, tmp_path: Path) -> None:
    document: dict[str, Any] = shared_world.document(dataset="quite-another-one")
    code, said = refused(write_config(tmp_path / "syncd.yaml", document))
    assert code == 1
    assert "FiftyOne has no dataset 'quite-another-one'" in said
    assert f"syncd ingest {BINDING}" in said


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM][: many(1, 2)])
def test_it_prints_the_link_and_ends_in_order(
    config: Path, tmp_path: Path, shared_world: World, how: signal.Signals
) -> None:
    with served_app(config, tmp_path, "--as", "ada") as app:
        assert f"FiftyOne's App is on {app.url}/datasets/{shared_world.dataset}" in app.log.read_text()
        assert app.send("GET", "/fiftyone", None, {}).status == 200
        assert app.stop(how) == 0
        said = app.log.read_text()
    assert said.endswith("The App has ended.\n")
    assert "Traceback" not in said
