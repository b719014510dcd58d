"""Keys from STS: made for the role and the policy, handed over, renewed in time; refusals as sentences."""

from __future__ import annotations

import configparser
import json
import socket
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sts.models import sts_backends
from typer.testing import CliRunner

import s3
from recorded_enterprise import Recorder
from syncd.cli.main import app
from syncd.config import Config, parse_config
from syncd.config.kinds import S3Prefix
from syncd.credentials import enterprise
from syncd.credentials.issue import IssueFailed, issue_keys
from syncd.credentials.policy import Scope, policy_document
from syncd.credentials.renew import renew
from syncd.errors import ConfigError, ConnectionFailed, SyncdError

ROLE = "arn:aws:iam::123456789012:role/media"
SCOPE = Scope((S3Prefix("plankton", "highmag/"),))
BINDING = {
    "name": "highmag",
    "dataset": "highmag",
    "label_field": "ground_truth",
    "table": "annotation",
    "columns": {"id": "annotation_id", "label": "label", "media": "media_uri"},
}


def _settings(endpoint: str, file: Path | None = None, **credentials: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "role_arn": ROLE,
        "bucket": "s3://plankton/highmag",
        "sts_endpoint_url": endpoint,
        "duration": "1h",
    }
    section = {} if file is None else {"credentials_file": str(file), "profile": "lab"}
    return {
        "database": {"url": "sqlite:///not-used.db"},
        "bindings": [BINDING],
        "s3": section,
        "credentials": given | credentials,
    }


def _config(endpoint: str, file: Path | None = None, **credentials: Any) -> Config:
    return parse_config(_settings(endpoint, file, **credentials))


def _profile(path: Path, name: str = "lab") -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.read_string(path.read_text(encoding="utf-8"))
    return dict(parser.items(name))


def _asked() -> Any:
    """The last role that moto's STS gave."""
    return sts_backends[DEFAULT_ACCOUNT_ID]["aws"].assumed_roles[-1]


def test_sts_is_asked_for_the_role_with_the_policy_the_duration_and_the_external_id(s3_endpoint: str) -> None:
    config = _config(s3_endpoint, duration="2h", external_id="syncd-lab")

    keys = issue_keys(config.credentials, SCOPE)

    asked = _asked()
    assert asked.arn.endswith(f"/media/{asked.session_name}")
    assert asked.session_name.startswith("syncd-")
    assert json.loads(asked.policy) == policy_document(SCOPE)
    assert asked.external_id == "syncd-lab"
    left = keys.issued.expires_at - datetime.now(timezone.utc)
    assert timedelta(minutes=115) < left <= timedelta(hours=2, minutes=1)
    assert keys.issued.role_arn == ROLE


def test_a_role_in_china_gets_a_policy_of_china(s3_endpoint: str) -> None:
    config = _config(s3_endpoint, role_arn="arn:aws-cn:iam::123456789012:role/media")

    issue_keys(config.credentials, SCOPE, "cn-north-1")

    asked = sts_backends[DEFAULT_ACCOUNT_ID]["aws-cn"].assumed_roles[-1]
    assert "arn:aws-cn:s3:::plankton/highmag/*" in asked.policy


def test_the_keys_in_the_file_are_good_for_what_the_policy_says(
    s3_endpoint: str, tmp_path: Path, client: Callable[..., Any]
) -> None:
    path = tmp_path / "aws"
    client("s3").create_bucket(Bucket="plankton")

    done = renew(_config(s3_endpoint, path))

    assert done.renewed
    session = boto3.Session(**_profile(path))
    caller = session.client("sts", endpoint_url=s3_endpoint, region_name="us-east-1").get_caller_identity()
    assert ":assumed-role/media/syncd-" in caller["Arn"]
    client("s3").delete_bucket(Bucket="plankton")


def test_keys_that_are_good_for_longer_are_left_and_others_are_renewed(s3_endpoint: str, tmp_path: Path) -> None:
    path = tmp_path / "aws"
    config = _config(s3_endpoint, path)
    first = renew(config)
    before = _profile(path)

    left = renew(config, timedelta(minutes=30))
    assert not left.renewed
    assert left.issued.expires_at == first.issued.expires_at
    assert _profile(path) == before

    now = first.issued.expires_at - timedelta(minutes=29)
    assert renew(config, timedelta(minutes=30), now).renewed
    assert _profile(path) != before


@pytest.mark.parametrize(
    "changed",
    [{"write": True}, {"bucket": "s3://plankton/other"}, {"role_arn": "arn:aws:iam::123456789012:role/another"}],
    ids=lambda changed: next(iter(changed)),
)
def test_keys_for_something_else_are_not_the_present_ones(
    s3_endpoint: str, tmp_path: Path, changed: dict[str, Any]
) -> None:
    path = tmp_path / "aws"
    renew(_config(s3_endpoint, path))

    assert renew(_config(s3_endpoint, path, **changed), timedelta(minutes=30)).renewed


def test_without_if_expiring_there_are_always_new_keys(s3_endpoint: str, tmp_path: Path) -> None:
    path = tmp_path / "aws"
    renew(_config(s3_endpoint, path))
    before = _profile(path)

    assert renew(_config(s3_endpoint, path)).renewed
    assert _profile(path) != before


def test_keys_that_syncd_did_not_make_stop_it_before_sts_is_asked(s3_endpoint: str, tmp_path: Path) -> None:
    path = tmp_path / "aws"
    path.write_text("[lab]\naws_access_key_id = AKIA\naws_secret_access_key = mine\n", encoding="utf-8")
    renew(_config(s3_endpoint, tmp_path / "other"))
    asked = _asked()

    with pytest.raises(IssueFailed, match="did not make"):
        renew(_config(s3_endpoint, path))

    assert _asked() is asked


REFUSALS = [
    (
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: sts:AssumeRole on resource: " + ROLE,
        403,
        f"sts:AssumeRole on {ROLE} is not allowed",
        "trust policy",
    ),
    (
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        400,
        f"`credentials.duration` of 1h is more than {ROLE} allows",
        "maximum session duration",
    ),
    (
        "ValidationError",
        "Value '900000' at 'durationSeconds' failed to satisfy constraint: Member must have value less than 43200",
        400,
        "`credentials.duration` of 1h is more than",
        "12h at most",
    ),
    ("ExpiredToken", "The security token included in the request is expired", 403, "have expired", "Renew them"),
    ("InvalidClientTokenId", "The security token is invalid.", 403, "does not accept", "AWS_PROFILE"),
    (
        "SignatureDoesNotMatch",
        "The Canonical String should have been 'POST x-amz-security-token:SECRET-TOKEN'",
        403,
        "does not accept the AWS keys that ask (SignatureDoesNotMatch)",
        "AWS_PROFILE",
    ),
    ("PackedPolicyTooLarge", "Packed size is 110 %", 400, "session policy is too large", "credentials.bucket"),
    ("RegionDisabledException", "STS is not activated in this region", 403, "switched off in this region", "s3.region"),
    ("Unheard", "SECRET-TOKEN", 400, f"made no keys for {ROLE} (Unheard)", "aws sts assume-role"),
]


@pytest.mark.parametrize(("code", "said", "status", "message", "remedy"), REFUSALS)
def test_a_refusal_names_what_is_missing_and_the_next_step(
    refusing_sts: Callable[[str, str, int], str], code: str, said: str, status: int, message: str, remedy: str
) -> None:
    config = _config(refusing_sts(code, said, status))

    with pytest.raises(IssueFailed) as caught:
        issue_keys(config.credentials, SCOPE)

    assert message in caught.value.message
    assert remedy in str(caught.value.remedy)
    assert "SECRET-TOKEN" not in str(caught.value)
    assert s3.SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_endpoint_that_is_down_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConnectionFailed, match=endpoint) as caught:
        issue_keys(_config(endpoint).credentials, SCOPE)

    assert "sts_endpoint_url" in str(caught.value.remedy)


def test_without_keys_to_ask_with_the_error_says_where_they_come_from(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(IssueFailed, match="no AWS keys") as caught:
        issue_keys(_config(s3_endpoint).credentials, SCOPE)

    assert "AWS_PROFILE" in str(caught.value.remedy)


def test_a_profile_that_is_not_there_is_a_sentence(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    with pytest.raises(IssueFailed, match="ProfileNotFound"):
        issue_keys(_config(s3_endpoint).credentials, SCOPE)


@pytest.mark.parametrize(
    ("credentials", "message"),
    [
        ({"duration": "5m"}, "STS gives keys for 15m or more"),
        ({"role_arn": None}, "no `credentials.role_arn`"),
        ({"bucket": None}, "No bucket is configured"),
    ],
)
def test_settings_that_cannot_be_fulfilled_are_faults_of_the_configuration(
    s3_endpoint: str, tmp_path: Path, credentials: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        renew(_config(s3_endpoint, tmp_path / "aws", **credentials))

    assert message in caught.value.message
    assert not (tmp_path / "aws").exists()


def test_without_a_file_the_configuration_is_at_fault(s3_endpoint: str) -> None:
    with pytest.raises(ConfigError, match="No file is configured"):
        renew(_config(s3_endpoint))


def test_the_open_source_fiftyone_is_found_out_before_there_are_keys(s3_endpoint: str, tmp_path: Path) -> None:
    renew(_config(s3_endpoint, tmp_path / "aws"))
    asked = _asked()

    with pytest.raises(SyncdError, match="not FiftyOne Enterprise"):
        renew(_config(s3_endpoint, tmp_path / "aws", hand_to="enterprise"))

    assert _asked() is asked


def test_fiftyone_enterprise_gets_the_keys_and_the_next_call_knows_how_long_they_are_good(
    s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, enterprise.MODULE, recorder.module)
    config = _config(s3_endpoint, tmp_path / "aws", hand_to="enterprise")

    done = renew(config)

    (stored,) = recorder.stored
    assert stored["prefixes"] == ["s3://plankton"]
    given = stored["credentials"]["made-of"]
    assert given["access_key_id"] and given["secret_access_key"] and given["session_token"]
    assert not (tmp_path / "aws").exists()
    record = tmp_path / "aws.enterprise.json"
    assert not any(secret in record.read_text(encoding="utf-8") for secret in given.values() if secret)
    assert not renew(config, timedelta(minutes=30)).renewed
    assert len(recorder.stored) == 1
    assert renew(config, timedelta(minutes=30), done.issued.expires_at - timedelta(minutes=1)).renewed
    assert len(recorder.stored) == 2


def test_enterprise_gets_no_keys_that_it_could_not_use(s3_endpoint: str, tmp_path: Path) -> None:
    """Its keys for other servers than Amazon's have no session token."""
    given = _settings(s3_endpoint, tmp_path / "aws", hand_to="enterprise")
    given["s3"]["endpoint_url"] = s3_endpoint

    with pytest.raises(ConfigError, match=r"`s3\.endpoint_url` names another"):
        renew(parse_config(given))


# On the command line.


def _called(config: Path, *arguments: str) -> Any:
    done = CliRunner().invoke(app, ["credentials", *arguments, "--config", str(config)], env={"COLUMNS": "200"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture
def written(tmp_path: Path, s3_endpoint: str) -> Path:
    path = tmp_path / "syncd.yaml"
    path.write_text(yaml.safe_dump(_settings(s3_endpoint, tmp_path / "aws")), encoding="utf-8")
    return path


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_says_where_the_keys_are_and_until_when_and_never_shows_them(
    written: Path, tmp_path: Path, options: list[str]
) -> None:
    done = _called(written, "issue", *options)

    assert done.exit_code == 0
    assert str(tmp_path / "aws") in done.stdout
    keys = _profile(tmp_path / "aws")
    for secret in (*keys.values(), s3.SECRET):
        assert secret not in done.stdout + done.stderr
    if options:
        said = json.loads(done.stdout)
        assert said["issued"] is True
        assert (said["handed_to"], said["file"], said["profile"]) == ("file", str(tmp_path / "aws"), "lab")
        assert datetime.fromisoformat(said["expires_at"].replace("Z", "+00:00")) > datetime.now(timezone.utc)
        assert said["scope"] == "read s3://plankton/highmag/"


def test_the_verbose_log_has_no_key_either(written: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["--verbose", "credentials", "issue", "--config", str(written)])

    assert done.exit_code == 0
    assert not any(secret in done.output for secret in (*_profile(tmp_path / "aws").values(), s3.SECRET))


def test_a_timers_second_call_does_nothing_and_says_so(written: Path, tmp_path: Path) -> None:
    assert _called(written, "issue", "--if-expiring", "30m").exit_code == 0
    before = (tmp_path / "aws").read_bytes()

    done = _called(written, "issue", "--if-expiring", "30m")

    assert done.exit_code == 0
    assert "Nothing to do" in done.stdout
    assert (tmp_path / "aws").read_bytes() == before
    assert json.loads(_called(written, "issue", "--if-expiring", "30m", "--json").stdout)["issued"] is False


def test_a_margin_longer_than_keys_last_is_pointed_out(written: Path) -> None:
    done = _called(written, "issue", "--if-expiring", "2d", "--json")

    assert done.exit_code == 0
    assert json.loads(done.stdout)["issued"] is True
    assert "every call makes new ones" in done.stderr


def test_the_policy_is_that_of_the_configuration_unless_told_otherwise(written: Path) -> None:
    assert json.loads(_called(written, "policy").stdout) == policy_document(SCOPE)
    assert json.loads(_called(written, "policy", "--write").stdout) == policy_document(Scope(SCOPE.places, True))
    other = _called(written, "policy", "--bucket", "s3://elsewhere/x")
    assert json.loads(other.stdout) == policy_document(Scope((S3Prefix("elsewhere", "x/"),)))


def test_a_policy_for_a_named_bucket_needs_no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    done = CliRunner().invoke(app, ["credentials", "policy", "--bucket", "plankton"])

    assert done.exit_code == 0
    assert json.loads(done.stdout) == policy_document(Scope((S3Prefix("plankton", ""),)))


@pytest.mark.parametrize("arguments", [["policy", "--bucket", "s3://"], ["issue", "--if-expiring", "soon"]])
def test_wrong_usage_is_2(written: Path, arguments: list[str]) -> None:
    assert _called(written, *arguments).exit_code == 2


def test_the_bindings_media_in_s3_are_the_bucket_where_none_is_named(tmp_path: Path, s3_endpoint: str) -> None:
    given = _settings(s3_endpoint, tmp_path / "aws", bucket=None)
    given["bindings"] = [
        BINDING | {"ingest": {"media": "s3://plankton/a"}},
        BINDING | {"name": "second", "label_field": "other", "ingest": {"media": "s3://more/b"}},
        BINDING | {"name": "third", "label_field": "third", "ingest": {"media": "/data"}},
    ]
    path = tmp_path / "syncd.yaml"
    path.write_text(yaml.safe_dump(given), encoding="utf-8")

    wanted = policy_document(Scope((S3Prefix("plankton", "a/"), S3Prefix("more", "b/"))))
    assert json.loads(_called(path, "policy").stdout) == wanted
