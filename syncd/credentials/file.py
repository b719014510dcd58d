"""Keys in an AWS credentials file: replaced completely, readable by its owner alone, other profiles unchanged."""

from __future__ import annotations

import configparser
import glob
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from syncd.credentials.issue import Issued, IssueFailed, Keys, read_issued

MARK = "# made by syncd credentials issue: "
"""Begins the line in a profile that says of its keys what `Issued` holds."""

OPTIONS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
PATIENCE_S = 30
NEW = ".syncd-new"


def present(path: Path, profile: str) -> Issued | None:
    """What is known of the keys in the profile; ``None`` where there are none, or none of ours.

    Raises IssueFailed for a file that cannot be read.
    """
    text = _read(path)
    return _mark(text, profile) if _sections(path, text).get(profile, {}).keys() >= set(OPTIONS) else None


def check_target(path: Path, profile: str) -> None:
    """IssueFailed where keys that are not ours would be overwritten, or nothing could be written."""
    text = _read(path)
    there = _sections(path, text).get(profile, {})
    if not there.keys().isdisjoint(OPTIONS) and _mark(text, profile) is None:
        raise IssueFailed(
            f"{path} has keys in the profile [{profile}] that syncd did not make.",
            remedy="Set `s3.profile` to a profile of its own, or `credentials.file` to another file.",
        )
    folder = _real(path).parent
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        raise IssueFailed(f"The folder {folder} is not writable.", remedy="Mend its rights, or set another file.")


def write_profile(path: Path, profile: str, keys: Keys) -> None:
    """Puts the keys into the profile. A reader sees the file before or after, and never with an open mode.

    Other profiles, comments and the profile's other settings stay. Raises IssueFailed.
    """
    target = _real(path)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock"), timeout=PATIENCE_S):
            check_target(path, profile)
            before = _read(path)
            after = _with_profile(before, profile, keys)
            _make_sure(path, before, after, profile, keys)
            _replace(target, after)
    except Timeout:
        raise IssueFailed(
            f"Another process has held {path} for {PATIENCE_S} s.", remedy="Wait for it to end, then try again."
        ) from None
    except OSError as error:
        raise IssueFailed(
            f"{path} cannot be written: {error.strerror or type(error).__name__}.",
            remedy="Mend the rights of its folder, or set another file.",
        ) from None


def _real(path: Path) -> Path:
    """The file behind a link: replacing the link itself would cut it."""
    return Path(os.path.realpath(path))


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise IssueFailed(
            f"{path} cannot be read: {error.strerror or type(error).__name__}.",
            remedy="Mend its rights, or set another `credentials.file`.",
        ) from None


def _sections(path: Path, text: str) -> dict[str, dict[str, str | None]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        # Not chained: the parser's error quotes the line, which may hold a key.
        raise IssueFailed(
            f"{path} is not a credentials file as AWS reads it.", remedy="Mend it, or set another `credentials.file`."
        ) from None
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _with_profile(text: str, profile: str, keys: Keys) -> str:
    ours = [_marked(keys.issued), *(f"{name} = {value}" for name, value in _options(keys).items())]
    lines = text.removesuffix("\n").split("\n") if text else []
    start = _header(lines, profile)
    if start is None:
        space = [""] if lines and lines[-1].strip() else []
        lines += [*space, f"[{profile}]", *ours]
    else:
        end = next((i for i in range(start + 1, len(lines)) if lines[i].startswith("[")), len(lines))
        kept = [line for line in lines[start + 1 : end] if not _is_ours(line)]
        lines[start + 1 : end] = [*ours, *kept]
    return "\n".join(lines) + "\n"


def _make_sure(path: Path, before: str, after: str, profile: str, keys: Keys) -> None:
    """Read as AWS reads it, the file holds the keys and all that was there; what cannot be kept is left alone."""
    wanted, made = _sections(path, before), _sections(path, after)
    rest = {name: value for name, value in wanted.get(profile, {}).items() if name not in OPTIONS}
    wanted[profile] = {**rest, **_options(keys)}
    if made != wanted:
        raise IssueFailed(
            f"{path} is written in a way that syncd could not keep.",
            remedy="Set `credentials.file` to a file of its own.",
        )


def _options(keys: Keys) -> dict[str, str | None]:
    secrets = (keys.access_key_id, keys.secret_access_key, keys.session_token)
    return {name: secret.get_secret_value() for name, secret in zip(OPTIONS, secrets, strict=True)}


def _replace(target: Path, text: str) -> None:
    with _temporary(target) as (handle, name):
        with os.fdopen(handle, "wb") as stream:
            if target.exists() and target.stat().st_uid != os.geteuid():
                # The mode admits nobody but the owner, who has to stay the same.
                os.fchown(stream.fileno(), target.stat().st_uid, -1)
            stream.write(text.encode("utf-8", "surrogateescape"))
            stream.flush()
            os.fsync(stream.fileno())
        name.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[int, Path]]:
    """A new file in the same folder, of mode 0600 from the beginning; whatever a killed run left is removed first."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.*{NEW}"):
        left.unlink()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=NEW, dir=target.parent)
    try:
        yield handle, Path(name)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _header(lines: list[str], profile: str) -> int | None:
    return next((i for i, line in enumerate(lines) if line.strip() == f"[{profile}]"), None)


def _is_ours(line: str) -> bool:
    name = re.split("[=:]", line, maxsplit=1)[0].strip().lower()
    return line.startswith(MARK) or name in OPTIONS


def _marked(issued: Issued) -> str:
    return MARK + json.dumps(issued.as_json())


def _mark(text: str, profile: str) -> Issued | None:
    lines = text.split("\n")
    start = _header(lines, profile)
    if start is None:
        return None
    for line in lines[start + 1 :]:
        if line.startswith("["):
            return None
        if line.startswith(MARK):
            return read_issued(line.removeprefix(MARK))
    return None
