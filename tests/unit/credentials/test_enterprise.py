"""What calls FiftyOne Enterprise keeps to its documented signatures; it cannot be installed, so a recorder checks."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydantic import SecretStr

from recorded_enterprise import Recorder, add_formerly, add_today, from_keys_formerly, from_keys_today
from syncd.credentials import enterprise
from syncd.credentials.issue import Issued, IssueFailed, Keys

ISSUED = Issued(
    "arn:aws:iam::123456789012:role/media", "read s3://plankton/", datetime(2026, 11, 23, tzinfo=timezone.utc)
)
KEYS = Keys(SecretStr("ASIAID"), SecretStr("the/secret"), SecretStr("the-token"), ISSUED)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recorder]:
    def install(add: Callable[..., None] = add_today, from_keys: Callable[..., None] = from_keys_today) -> Recorder:
        recorder = Recorder(add, from_keys)
        monkeypatch.setitem(sys.modules, enterprise.MODULE, recorder.module)
        return recorder

    return install


def test_the_keys_are_stored_for_their_buckets_in_place_of_the_former_ones(
    installed: Callable[..., Recorder],
) -> None:
    recorder = installed()

    enterprise.hand_over(KEYS, ["plankton", "other"], "for syncd", "eu-central-1")

    assert recorder.stored == [
        {
            "provider": "AWS",
            "credential_type": "factory",
            "credentials": {
                "made-of": {
                    "access_key_id": "ASIAID",
                    "secret_access_key": "the/secret",
                    "default_region": "eu-central-1",
                    "session_token": "the-token",
                }
            },
            "description": "for syncd",
            "prefixes": ["s3://plankton", "s3://other"],
            "overwrite": True,
        }
    ]


def test_an_older_release_is_called_as_it_was_documented(installed: Callable[..., Recorder]) -> None:
    recorder = installed(add=add_formerly)

    enterprise.hand_over(KEYS, ["plankton"], "for syncd")

    (stored,) = recorder.stored
    assert "overwrite" not in stored
    assert stored["credentials"]["made-of"]["session_token"] == "the-token"


def test_a_release_without_session_tokens_gets_them_in_a_file_that_is_gone_afterwards(
    installed: Callable[..., Recorder],
) -> None:
    recorder = installed(add=add_formerly, from_keys=from_keys_formerly)
    before = os.umask(0)
    try:
        enterprise.hand_over(KEYS, ["plankton"], "for syncd", "eu-central-1")
    finally:
        os.umask(before)

    (stored,) = recorder.stored
    assert stored["credential_type"] == "ini"
    assert stored["mode"] == 0o600
    assert stored["text"].splitlines() == [
        "[default]",
        "aws_access_key_id = ASIAID",
        "aws_secret_access_key = the/secret",
        "aws_session_token = the-token",
        "region = eu-central-1",
    ]
    assert not Path(stored["credentials"]).exists()


def test_a_refusal_says_what_to_look_at_and_nothing_of_what_was_sent(installed: Callable[..., Recorder]) -> None:
    installed().refusal = RuntimeError('cannot store {"secret-access-key": "the/secret"}')

    with pytest.raises(IssueFailed, match=r"did not take the keys \(RuntimeError\)") as caught:
        enterprise.hand_over(KEYS, ["plankton"], "for syncd")

    assert "the/secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "FIFTYONE_API_KEY" in str(caught.value.remedy)


def test_the_open_source_fiftyone_is_told_apart() -> None:
    with pytest.raises(IssueFailed, match="it is not FiftyOne Enterprise") as caught:
        enterprise.management()

    assert "hand_to: file" in str(caught.value.remedy)


def test_until_when_is_written_down_for_each_deployment_and_its_buckets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = enterprise.record_file(tmp_path / "run" / "aws")
    later = Issued(ISSUED.role_arn, ISSUED.scope, ISSUED.expires_at + timedelta(hours=1))
    monkeypatch.setenv("FIFTYONE_API_URI", "https://one.example.org")

    enterprise.remember(path, ("plankton",), ISSUED)
    enterprise.remember(path, ("other",), later)

    assert enterprise.recall(path, ("plankton",)) == ISSUED
    assert enterprise.recall(path, ("other",)) == later
    assert enterprise.recall(path, ("none",)) is None
    monkeypatch.setenv("FIFTYONE_API_URI", "https://two.example.org")
    assert enterprise.recall(path, ("plankton",)) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"plankton": 3}', json.dumps({"plankton": {"expires_at": "soon"}})])
def test_a_record_that_says_nothing_counts_as_none(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIFTYONE_API_URI", raising=False)
    path = tmp_path / "record.json"
    path.write_text(text, encoding="utf-8")

    assert enterprise.recall(path, ("plankton",)) is None


def test_without_a_credentials_file_the_record_is_in_the_users_own_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    assert enterprise.record_file(None) == tmp_path / "syncd" / "credentials.enterprise.json"
