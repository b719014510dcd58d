"""FiftyOne Enterprise's management SDK: the one place that calls it.

The calls are those of its manual; `fiftyone.management` exists in Enterprise only.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from syncd.credentials.issue import Issued, IssueFailed, Keys, issued_from

MODULE = "fiftyone.management"


def management() -> ModuleType:
    """The management SDK; IssueFailed where this is not FiftyOne Enterprise."""
    try:
        return importlib.import_module(MODULE)
    except ModuleNotFoundError as error:
        if error.name not in (MODULE, "fiftyone"):
            raise
    raise IssueFailed(
        f"The FiftyOne that is installed has no {MODULE}: it is not FiftyOne Enterprise.",
        remedy="Install the Enterprise SDK, or set `credentials.hand_to: file`.",
    )


def hand_over(keys: Keys, buckets: Sequence[str], description: str, region: str | None = None) -> None:
    """Stores the keys in FiftyOne Enterprise for these buckets, in place of the ones it had for them.

    ``prefixes`` is its word for names of buckets. IssueFailed names the kind of error only: what the SDK says of it
    may quote what was sent.
    """
    sdk = management()
    options: dict[str, Any] = {"description": description, "prefixes": [f"s3://{bucket}" for bucket in buckets]}
    # Older releases have no such parameter, and always overwrite.
    if "overwrite" in inspect.signature(sdk.add_cloud_credentials).parameters:
        options["overwrite"] = True
    try:
        with _credentials(sdk, keys, region) as (kind, credentials):
            sdk.add_cloud_credentials(provider="AWS", credential_type=kind, credentials=credentials, **options)
    except Exception as error:  # noqa: BLE001 — the SDK documents none of its own, and its text may hold the keys
        raise IssueFailed(
            f"FiftyOne Enterprise did not take the keys ({type(error).__name__}).",
            remedy="Look at FIFTYONE_API_URI and FIFTYONE_API_KEY; storing keys for everybody takes the role ADMIN.",
        ) from None


@contextmanager
def _credentials(sdk: ModuleType, keys: Keys, region: str | None) -> Iterator[tuple[str, Any]]:
    """The type and the credentials for `add_cloud_credentials`."""
    make = sdk.AwsCredentialsFactory.from_access_keys
    access_key_id = keys.access_key_id.get_secret_value()
    secret_access_key = keys.secret_access_key.get_secret_value()
    session_token = keys.session_token.get_secret_value()
    if "session_token" in inspect.signature(make).parameters:
        yield (
            "factory",
            make(
                access_key_id=access_key_id,
                secret_access_key=secret_access_key,
                default_region=region,
                session_token=session_token,
            ),
        )
        return
    # Older releases take a session token in a file only. mkstemp makes it readable by its owner alone.
    with tempfile.NamedTemporaryFile("w", prefix="syncd-", suffix=".ini", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        lines = [
            "[default]",
            f"aws_access_key_id = {access_key_id}",
            f"aws_secret_access_key = {secret_access_key}",
            f"aws_session_token = {session_token}",
            *([f"region = {region}"] if region else []),
        ]
        file.write("\n".join(lines) + "\n")
        file.flush()
        yield "ini", file.name


def record_file(credentials_file: Path | None) -> Path:
    """Beside the credentials file where one is configured, else in the user's own state folder."""
    if credentials_file is not None:
        return credentials_file.with_name(f"{credentials_file.name}.enterprise.json")
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "syncd" / "credentials.enterprise.json"


def deployment() -> str:
    """Which FiftyOne Enterprise is meant: the address of its API, empty where the environment does not say."""
    return os.environ.get("FIFTYONE_API_URI", "")


def recall(path: Path, buckets: tuple[str, ...]) -> Issued | None:
    """What was last handed over for these buckets; ``None`` where nothing was, or the record says nothing."""
    return issued_from(_entries(path).get(_key(buckets)))


def remember(path: Path, buckets: tuple[str, ...], issued: Issued) -> None:
    """Writes down what was handed over; IssueFailed where that is not possible."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        entries = _entries(path) | {_key(buckets): issued.as_json()}
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(entries, stream, indent=2)
        Path(name).replace(path)
    except OSError as error:
        raise IssueFailed(
            f"The keys were handed over, but {path} cannot be written: {error.strerror or type(error).__name__}.",
            remedy="Mend its rights: without it `--if-expiring` makes new keys at every call.",
        ) from None


def _key(buckets: tuple[str, ...]) -> str:
    return " ".join([deployment(), *buckets]).strip()


def _entries(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Without a record the keys count as expired: at worst new ones are made too early.
        return {}
    return found if isinstance(found, dict) else {}
