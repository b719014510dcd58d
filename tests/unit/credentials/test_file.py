"""The credentials file: whole at every moment, for its owner alone, other profiles as they were."""

from __future__ import annotations

import configparser
import os
import stat
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydantic import SecretStr

from syncd.credentials.file import check_target, present, write_profile
from syncd.credentials.issue import Issued, IssueFailed, Keys

ROLE = "arn:aws:iam::123456789012:role/media"
NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


def _keys(number: int = 1) -> Keys:
    return Keys(
        SecretStr(f"ASIA{number}"),
        SecretStr(f"secret/{number}+="),
        SecretStr(f"token{number}=="),
        Issued(ROLE, "read s3://plankton/", NOW + timedelta(hours=number)),
    )


def _profiles(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read_string(path.read_text(encoding="utf-8"))
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _options(number: int = 1) -> dict[str, str]:
    return {
        "aws_access_key_id": f"ASIA{number}",
        "aws_secret_access_key": f"secret/{number}+=",
        "aws_session_token": f"token{number}==",
    }


def test_a_new_file_is_in_a_folder_made_for_it_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "aws"

    write_profile(path, "lab", _keys())

    assert _profiles(path) == {"lab": _options()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_keys_are_never_in_a_file_that_others_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, tuple[int, bool]] = {}
    really = os.fsync

    def look(handle: int) -> None:
        for each in tmp_path.iterdir():
            holds = "secret/1" in each.read_text(encoding="utf-8")
            seen[each.name] = (stat.S_IMODE(each.stat().st_mode), holds)
        really(handle)

    path = tmp_path / "aws"
    path.write_text("[other]\nregion = eu-central-1\n", encoding="utf-8")
    path.chmod(0o644)
    monkeypatch.setattr(os, "fsync", look)
    before = os.umask(0)
    try:
        write_profile(path, "lab", _keys())
    finally:
        os.umask(before)

    assert any(holds for _, holds in seen.values())
    assert all(mode == 0o600 for mode, holds in seen.values() if holds)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_other_profiles_comments_and_settings_stay_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "aws"
    path.write_text(
        "# my keys\n[default]\naws_access_key_id = AKIA\naws_secret_access_key = mine\n\n"
        "[lab]\nregion = eu-central-1\n; a note\n\n[last]\nrole_arn = x\n  and more\n",
        encoding="utf-8",
    )

    write_profile(path, "lab", _keys(1))
    write_profile(path, "lab", _keys(2))

    text = path.read_text(encoding="utf-8")
    assert text.startswith("# my keys\n[default]\naws_access_key_id = AKIA\naws_secret_access_key = mine\n\n[lab]\n")
    assert text.endswith("region = eu-central-1\n; a note\n\n[last]\nrole_arn = x\n  and more\n")
    assert _profiles(path)["lab"] == _options(2) | {"region": "eu-central-1"}
    assert text.count("aws_session_token") == 1
    assert text.count("made by syncd") == 1


def test_keys_that_syncd_did_not_make_are_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "aws"
    mine = "[default]\naws_access_key_id = AKIA\naws_secret_access_key = mine\n"
    path.write_text(mine, encoding="utf-8")

    with pytest.raises(IssueFailed, match=r"profile \[default\] that syncd did not make") as caught:
        write_profile(path, "default", _keys())

    assert path.read_text(encoding="utf-8") == mine
    assert "mine" not in str(caught.value)
    with pytest.raises(IssueFailed):
        check_target(path, "default")


@pytest.mark.parametrize(
    "text",
    [
        "aws_access_key_id = AKIAWITHOUTHEADER\n",
        "[lab]\nregion = a\n[lab]\nregion = b\n",
        "[lab]\nAKIAALONE\n",
    ],
)
def test_a_file_that_aws_could_not_read_is_left_alone_and_not_quoted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "aws"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(IssueFailed, match="not a credentials file") as caught:
        write_profile(path, "lab", _keys())

    assert path.read_text(encoding="utf-8") == text
    assert "AKIA" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_cannot_be_kept_is_left_alone(tmp_path: Path) -> None:
    # The token goes on in a second line, which would become a part of the new one.
    path = tmp_path / "aws"
    write_profile(path, "lab", _keys())
    text = path.read_text(encoding="utf-8").replace("token1==", "token1==\n  a second line")
    path.write_text(text, encoding="utf-8")

    with pytest.raises(IssueFailed, match="could not keep"):
        write_profile(path, "lab", _keys(2))

    assert path.read_text(encoding="utf-8") == text


def test_a_reader_sees_the_keys_before_or_after_and_nothing_between(tmp_path: Path) -> None:
    path = tmp_path / "aws"
    write_profile(path, "lab", _keys(0))
    whole = {tuple(_options(number).items()) for number in range(60)}
    seen: set[tuple[tuple[str, str], ...]] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(tuple(_profiles(path)["lab"].items()))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        write_profile(path, "lab", _keys(number))
    done.set()
    reader.join()

    assert seen <= whole
    assert len(seen) > 1


def test_two_who_write_at_a_time_keep_each_others_profile(tmp_path: Path) -> None:
    path = tmp_path / "aws"
    threads = [threading.Thread(target=write_profile, args=(path, f"p{number}", _keys(number))) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert _profiles(path) == {f"p{number}": _options(number) for number in range(8)}


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_file import _keys
from syncd.credentials.file import write_profile
os.fsync = lambda _: os._exit(9)
write_profile(Path({path!r}), "lab", _keys(2))
"""


def test_a_writer_that_is_killed_leaves_the_file_as_it_was_and_its_own_keys_to_nobody(tmp_path: Path) -> None:
    path = tmp_path / "aws"
    write_profile(path, "lab", _keys(1))
    script = KILLED.format(tests=str(Path(__file__).parent), path=str(path))

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9

    assert _profiles(path) == {"lab": _options(1)}
    left = [each for each in tmp_path.iterdir() if each.name.endswith(".syncd-new")]
    assert [stat.S_IMODE(each.stat().st_mode) for each in left] == [0o600]
    write_profile(path, "lab", _keys(3))
    assert not list(tmp_path.glob(".*.syncd-new"))
    assert _profiles(path) == {"lab": _options(3)}


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    link = tmp_path / "aws"
    link.symlink_to(real)

    write_profile(link, "lab", _keys())

    assert link.is_symlink()
    assert _profiles(real) == {"lab": _options()}


def test_the_file_says_until_when_its_keys_are_good_and_for_what(tmp_path: Path) -> None:
    path = tmp_path / "aws"
    assert present(path, "lab") is None

    write_profile(path, "lab", _keys())

    assert present(path, "lab") == _keys().issued
    assert present(path, "other") is None


def test_keys_that_somebody_took_out_are_not_present(tmp_path: Path) -> None:
    path = tmp_path / "aws"
    write_profile(path, "lab", _keys())
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "token" not in line]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    assert present(path, "lab") is None


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(IssueFailed, match="cannot be"):
        write_profile(tmp_path / "file" / "aws", "lab", _keys())


def test_nothing_that_is_printed_shows_a_key() -> None:
    keys = _keys()

    for text in (repr(keys), str(keys), f"{keys.secret_access_key}", repr([keys])):
        assert not any(part in text for part in ("ASIA1", "secret/1", "token1"))
