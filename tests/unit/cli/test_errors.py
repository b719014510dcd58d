"""How a command ends: errors that are expected in sentences, all others as they are."""

from __future__ import annotations

import io
import sys

import pytest
import typer
from pymongo.errors import AutoReconnect
from sqlalchemy.exc import OperationalError

from syncd.cli.common import handled
from syncd.errors import Busy, ConfigError


def ends(error: BaseException) -> int:
    """The exit code of a command that raises ``error``."""

    @handled
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        command()
    return ended.value.exit_code


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("the file is wrong"), 2, "the file is wrong"),
        (Busy("somebody is at it"), 1, "somebody is at it"),
        (AutoReconnect("gone"), 1, "FiftyOne's MongoDB failed: gone"),
        (OperationalError("SELECT 1", {}, Exception("gone away")), 1, "The database failed: gone away"),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_what_is_expected_is_a_sentence_and_an_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(error) == code
    assert said in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert ends(BrokenPipeError()) == 0


def test_a_mistake_of_the_program_keeps_its_traceback() -> None:
    @handled
    def command() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command()
