"""The log: one form for everything, on standard error, and a second wall before secrets."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from syncd import logs
from syncd.config.redact import redact_text

CANARY = "hunter2canary"
URL = f"postgresql+psycopg2://syncd:{CANARY}@db/annotations"


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    config, handlers = structlog.get_config(), list(logging.getLogger().handlers)
    yield
    structlog.configure(**config)
    logging.getLogger().handlers[:] = handlers
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == "", "standard output belongs to the command"
    return [json.loads(line) for line in captured.err.splitlines()]


def test_a_line_is_json_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    structlog.get_logger().warning("held", binding="one", changes=3, at=None)
    (line,) = lines(capsys)
    at = datetime.fromisoformat(line.pop("timestamp").replace("Z", "+00:00"))
    assert line == {"event": "held", "level": "warning", "binding": "one", "changes": 3, "at": None}
    assert abs(at - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_a_line_is_text_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    logs.configure()
    structlog.get_logger().warning("held", binding="one", changes=3)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.split()[1:] == ["[warning", "]", "held", "binding=one", "changes=3"]


def test_what_there_is_not_is_left_out_of_the_text_only(capsys: pytest.CaptureFixture[str]) -> None:
    for terminal in (True, False):
        logs.configure(terminal=terminal)
        structlog.get_logger().warning("held", remedy=None, binding="b")
    text, line = capsys.readouterr().err.splitlines()
    assert "binding" in text
    assert "remedy" not in text
    assert json.loads(line)["remedy"] is None


@pytest.mark.parametrize(
    ("verbose", "service", "told"),
    [
        (False, False, ["warning"]),
        (False, True, ["info", "warning"]),
        (True, False, ["debug", "info", "warning"]),
        (True, True, ["debug", "info", "warning"]),
    ],
)
def test_how_much_is_told(capsys: pytest.CaptureFixture[str], verbose: bool, service: bool, told: list[str]) -> None:
    logs.configure(verbose=verbose)
    if service:
        logs.tell_what_is_done()
    for level in ("debug", "info", "warning"):
        getattr(structlog.get_logger(), level)(level)
    assert [each["event"] for each in lines(capsys)] == told


def test_what_is_bound_is_in_each_line_until_it_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    with structlog.contextvars.bound_contextvars(binding="one", run="r1"):
        structlog.get_logger().warning("inside")
    structlog.get_logger().warning("outside")
    inside, outside = lines(capsys)
    assert (inside["binding"], inside["run"]) == ("one", "r1")
    assert not {"binding", "run"} & set(outside)


@pytest.mark.parametrize("terminal", [False, True])
def test_no_secret_gets_through(capsys: pytest.CaptureFixture[str], terminal: bool) -> None:
    logs.configure(terminal=terminal)
    log = structlog.get_logger()
    said = f"cannot reach {URL}"
    log.warning(said)
    log.warning("told", webhook=f"https://hooks.example/{CANARY}")
    log.warning("given", password=CANARY, api_token=CANARY, secret=SecretStr(CANARY), raw=CANARY.encode())
    log.warning("nested", servers={"state": {"url": URL}, "all": [URL, (f"pwd={CANARY}",)]}, why=ValueError(URL))
    log.warning("libpq", why=f"host=db password={CANARY} user=u; 'secret': '{CANARY} {CANARY}'")
    local = CANARY
    try:
        raise RuntimeError(f"could not connect to {URL}" + local[:0])
    except RuntimeError:
        log.exception("failed")
    with structlog.contextvars.bound_contextvars(server=URL):
        log.warning("bound")
    logging.getLogger("some.library").warning("trying %s", URL)
    captured = capsys.readouterr()
    assert CANARY not in captured.err
    assert captured.err.count("postgresql+psycopg2://syncd:***@db/annotations") == 7
    assert "Traceback" in captured.err


def test_a_warning_of_a_library_is_a_line_like_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    logs.configure()
    logging.getLogger("some.library").warning("%d retries", 3)
    logging.getLogger("some.library").info("nothing to see")
    (line,) = lines(capsys)
    assert (line["event"], line["logger"], line["level"]) == ("3 retries", "some.library", "warning")


def test_a_library_that_prints_its_warnings_itself_is_not_heard_twice(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    library = logging.getLogger("talkative.library")
    library.addHandler(handler := logging.StreamHandler(sys.stdout))
    try:
        logging.getLogger("talkative.library.core").warning("once")
    finally:
        library.removeHandler(handler)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("once\n", "")


@pytest.mark.parametrize("terminal", [False, True])
def test_no_message_can_forge_a_line_or_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    logs.configure(terminal=terminal)
    structlog.get_logger().warning("said\n2026 [info] forged", why="\x1b[2J\rgone\u2028")
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        structlog.get_logger().exception("failed")
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\r" not in err
    assert not any(line.startswith("2026 [info]") for line in err.splitlines())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing to hide", "nothing to hide"),
        ("at 10:30: 3 of 4 tokens", "at 10:30: 3 of 4 tokens"),
        ("see mongodb://u:pw@h/d, then ask", "see mongodb://u:***@h/d, then ask"),
        ("two: postgresql://a:b@h http://c/d", "two: postgresql://a:***@h http://c/***"),
        ("user=u password=pw host=h", "user=u password=*** host=h"),
        ('{"token": "a b", "n": 1}', '{"token": ***, "n": 1}'),
        ("PGPASSWORD='a b' psql", "PGPASSWORD=*** psql"),
    ],
)
def test_text_keeps_all_but_its_secrets(text: str, shown: str) -> None:
    assert redact_text(text) == shown
    assert redact_text(shown) == shown, "a second pass changes nothing"


@given(before=st.text(), after=st.text("abc, .;:)\n"))
def test_an_address_is_found_wherever_it_stands(before: str, after: str) -> None:
    assert CANARY not in redact_text(f"{before} {URL} {after}")
