"""No secret is in anything that syncd produces: every command is run with canaries for secrets, well and badly, and all
that came of it is searched for them: output, errors, logs, files, syncd's tables, what goes over HTTP."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

import trust
from e2e.lab import SYNCD, Called, Lab
from integration.notify.receiver import receiving

CANARIES = {
    "in the URL": "canary-url-Zx91@:/?q",
    "in the query string": "canary-query-Vb72",
    "in the environment": "canary-environment-Nm53",
    "in a file": "canary-file-Kj34-0123456789",
    "in the web hook's path": "canary-path-Hg15",
    "in MongoDB's URI": "canary-mongo-Ty86",
    "of S3": "canary-s3-secret-Wq27",
    "the session of S3": "canary-s3-token-Er48",
    "for STS": "canary-external-Ui69",
}


def leaked(text: str) -> list[str]:
    """Which canaries are in a text: as they are, as a URL or JSON writes them, or in base64."""
    found = []
    for where, canary in CANARIES.items():
        ways = {canary, urllib.parse.quote(canary, safe=""), json.dumps(canary)[1:-1]}
        ways.add(base64.b64encode(canary.encode()).decode().rstrip("=")[:-2])
        if any(way in text for way in ways):
            found.append(where)
    return found


def test_a_leak_would_be_seen() -> None:
    for where, canary in CANARIES.items():
        assert leaked(f"cannot reach {canary}!") == [where]
        assert leaked(urllib.parse.quote(canary, safe="")) == [where]


@pytest.fixture
def secretive(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The lab, with a secret in every place that may hold one; the database takes any password."""
    url = sa.make_url(lab.url).set(password=CANARIES["in the URL"])
    url = url.update_query_dict({"sslpassword": CANARIES["in the query string"]})
    (tmp_path / "hook-secret").write_text(CANARIES["in a file"], encoding="utf-8")
    (tmp_path / "keys").write_text(
        f"[default]\naws_access_key_id = AKIACANARY\naws_secret_access_key = {CANARIES['of S3']}\n"
        f"aws_session_token = {CANARIES['the session of S3']}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("SYNCD_TEST_DATABASE", url.render_as_string(hide_password=False))
    monkeypatch.setenv("SYNCD_TEST_EXTERNAL", CANARIES["in the environment"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARIES["of S3"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIACANARY")
    monkeypatch.setenv("AWS_SESSION_TOKEN", CANARIES["the session of S3"])
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    _change(
        lab,
        database={"url": "${SYNCD_TEST_DATABASE}"},
        notify={
            "webhook": f"http://127.0.0.1:9/{CANARIES['in the web hook' + chr(39) + 's path']}",
            "secret": f"${{file:{tmp_path / 'hook-secret'}}}",
        },
        s3={"credentials_file": str(tmp_path / "keys"), "endpoint_url": "http://127.0.0.1:9", "region": "us-east-1"},
        credentials={
            "role_arn": "arn:aws:iam::123456789012:role/media",
            "bucket": "s3://plankton/highmag",
            "sts_endpoint_url": "http://127.0.0.1:9",
            "external_id": "${SYNCD_TEST_EXTERNAL}",
        },
    )
    return lab


def _change(lab: Lab, **sections: Any) -> None:
    document = yaml.safe_load(lab.config.read_text(encoding="utf-8"))
    for name, section in sections.items():
        document[name] = document.get(name, {}) | section
    lab.config.write_text(yaml.safe_dump(document), encoding="utf-8")


COMMANDS = (
    ("migrate",),
    ("doctor",),
    ("reconcile", "--dry-run", "-o", "PLAN"),
    ("reconcile", "--full"),
    ("apply", "PLAN"),
    ("verify", "demo"),
    ("status",),
    ("log",),
    ("log", "--verify"),
    ("log", "--export", "LOG"),
    ("conflicts", "list"),
    ("vocabulary", "check"),
    ("credentials", "policy"),
    ("credentials", "issue"),
    ("undo", "--since", "1h"),
)


def _everything(lab: Lab, folder: Path, *, json_too: bool = True) -> list[tuple[str, Called]]:
    """Each command, for people and as JSON where it takes that, with all steps logged."""
    done = []
    for command in COMMANDS:
        given = [str(folder / f"out-{each}") if each in ("PLAN", "LOG") else each for each in command]
        for extra in ((), ("--json",)) if json_too else ((),):
            called = lab.syncd(*given, *extra)
            done.append((" ".join([*command, *extra]), called))
            assert "Traceback" not in called.err, (command, called.err)
    return done


def _tables(lab: Lab) -> str:
    """Everything in syncd's own tables, as text."""
    names = lab.sql("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'syncd'")
    return "\n".join(
        str(row["line"]) for each in names for row in lab.sql(f'SELECT t::text AS line FROM syncd."{each["name"]}" t')
    )


def _assert_clean(lab: Lab, folder: Path, done: list[tuple[str, Called]]) -> None:
    for command, called in done:
        assert leaked(called.out + called.err) == [], (command, called)
    trust.tried("cases", len(done))
    for file in folder.glob("out-*"):
        assert leaked(file.read_text(encoding="utf-8")) == [], file
    assert leaked(_tables(lab)) == []


def test_where_all_is_well_no_secret_is_told(secretive: Lab, tmp_path: Path) -> None:
    one = min(secretive.rows())
    secretive.sql("UPDATE annotation SET label = 'Rotifera' WHERE annotation_id = CAST(:id AS uuid)", id=one)
    done = _everything(secretive, tmp_path)
    assert {name: each.code for name, each in done}["reconcile --full"] == 0
    assert (tmp_path / "out-PLAN").exists()
    assert (tmp_path / "out-LOG").exists()
    _assert_clean(secretive, tmp_path, done)


def test_where_a_server_is_down_or_refuses_no_secret_is_told(secretive: Lab, tmp_path: Path) -> None:
    one, two = CANARIES["in the URL"], CANARIES["in MongoDB's URI"]
    mongo = yaml.safe_load(secretive.config.read_text(encoding="utf-8"))["fiftyone"]["database_uri"]
    away = sa.make_url(secretive.url).set(host="127.0.0.1", port=9, password=one, query={}).render_as_string(False)
    nobody = sa.make_url(secretive.url).set(username="nobody-such", password=one).render_as_string(False)
    login = mongo.replace("mongodb://", f"mongodb://syncd:{two}@", 1)
    for sections in (
        {"database": {"url": away}},
        {"database": {"url": nobody}},
        {"database": {"url": f"postgresql+psycopg2://syncd:{one}@db/annotations"}},  # not escaped
        {"database": {"url": f"postgresql+psycopg2:/syncd:{two}"}},
        {"database": {"url": secretive.url}, "fiftyone": {"database_uri": login}},
        {"fiftyone": {"database_uri": f"mongodb://syncd:{two}@127.0.0.1:9/?serverSelectionTimeoutMS=100"}},
        {"fiftyone": {"database_uri": f"mongodb://syncd:{two}/x@127.0.0.1:9/"}},
    ):
        _change(secretive, **sections)
        done = [(" ".join(command), secretive.syncd(*command)) for command in (("reconcile",), ("doctor", "--json"))]
        assert {each.code for _, each in done} <= {1, 2, 0}
        assert done[0][1].code in (1, 2), sections
        _assert_clean(secretive, tmp_path, done)


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _page(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()


def test_the_daemon_tells_no_secret_in_its_log_its_pages_its_beat_nor_its_messages(
    secretive: Lab, tmp_path: Path
) -> None:
    port = _port()
    secretive.sql(
        "UPDATE annotation SET label = 'Rotifera' WHERE annotation_id = CAST(:id AS uuid)", id=min(secretive.rows())
    )
    _change(secretive, daemon={"http": f"127.0.0.1:{port}", "poll_interval": "1s"})
    with receiving() as receiver:
        path = CANARIES["in the web hook's path"]
        _change(secretive, notify={"webhook": f"http://127.0.0.1:{receiver.port}/{path}"})
        process = subprocess.Popen(
            [*SYNCD, "--verbose", "run", "--config", str(secretive.config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        try:
            came = receiver.wait_for(1, within_s=60)
            pages = "".join(_page(port, each) for each in ("/healthz", "/readyz", "/metrics", "/else"))
            deadline = time.monotonic() + 30
            while not secretive.sql("SELECT 1 FROM syncd.daemon"):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            tables = _tables(secretive)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0
    assert came[0].path.endswith(path), "the address itself is used"
    assert "syncd" in pages
    told = [out, err, pages, tables, *(f"{each.headers}{each.body!r}" for each in came)]
    assert [leaked(each) for each in told] == [[]] * len(told)


def test_the_exported_log_is_for_its_owner_alone_and_a_cut_log_ends_with_1(lab: Lab, tmp_path: Path) -> None:
    one = min(lab.rows())
    lab.sql("UPDATE annotation SET label = 'Rotifera' WHERE annotation_id = CAST(:id AS uuid)", id=one)
    assert lab.syncd("reconcile").code == 0
    file = tmp_path / "log.jsonl"
    assert lab.syncd("log", "--export", str(file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert lab.syncd("log", "--export", "-").out == file.read_text(encoding="utf-8")
    assert lab.syncd("log", "--export", str(file), "--field", "label").code == 2
    lab.sql("DELETE FROM syncd.change")
    for command in (["--verify"], ["--export", str(file)]):
        done = lab.syncd("log", *command)
        assert done.code == 1
        assert "cut off" in done.out
