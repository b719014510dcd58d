"""FiftyOne's own SDK, connected to the MongoDB of the configuration; for what is no label: datasets, fields, schemas.

Importing it takes seconds, and it reads its settings only then.
"""

from __future__ import annotations

import atexit
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from syncd.config import Config, redact_url
from syncd.connect import durable_address, first_line, without_password
from syncd.errors import FiftyOneUnavailable, SetupError

CLEAN_UP = "_delete_non_persistent_datasets_if_allowed"
"""What FiftyOne registers to be called at the end of a process."""

TALKATIVE = ("fiftyone", "eta", "mongoengine")
"""Modules whose warnings are for those who program with FiftyOne."""

URI, NAME = "FIFTYONE_DATABASE_URI", "FIFTYONE_DATABASE_NAME"


def fiftyone_for(config: Config) -> Any:
    """The module ``fiftyone``. ``SetupError`` where this process has connected it to another MongoDB already."""
    address = config.fiftyone.database_uri
    uri = address.get_secret_value() if address is not None else None
    name = config.fiftyone.database_name
    if "fiftyone" not in sys.modules:
        if (named := uri or os.environ.get(URI)) is not None:
            os.environ[URI] = durable_address(named)
        if name is not None:
            os.environ[NAME] = name
        os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "true")
        # What it says of itself (an old MongoDB, a deprecated module) is not what the command was asked for.
        os.environ.setdefault("FIFTYONE_LOGGING_LEVEL", "ERROR")
        for module in TALKATIVE:
            warnings.filterwarnings("ignore", module=rf"{module}\b")
    try:
        with _quietly():
            import fiftyone
    except Exception as error:  # FiftyOne raises errors of many kinds here, each meaning the same
        raise _unavailable(error) from error
    settings = fiftyone.config
    theirs = settings.database_uri
    elsewhere = uri is not None and (theirs is None or durable_address(theirs) != durable_address(uri))
    if elsewhere or (name is not None and settings.database_name != name):
        raise SetupError(
            f"FiftyOne is connected to another database already: {settings.database_name} "
            f"at {redact_url(settings.database_uri or '')}.",
            remedy="Run `syncd` in a process of its own for each MongoDB.",
        )
    _connect()
    return fiftyone


@contextmanager
def _quietly() -> Iterator[None]:
    """Keeps what FiftyOne says while it starts out of the command's own output.

    Its log goes to what is standard output at this moment; warnings of the modules that it imports are theirs to mend.
    """
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _connect() -> None:
    """Connects FiftyOne, and takes back what it means to do at the end of the process."""
    try:
        with _quietly():
            from fiftyone.core.odm import database

            database.get_db_conn()
    except Exception as error:
        raise _unavailable(error) from error
    keep_datasets_at_exit(database)


def keep_datasets_at_exit(database: Any) -> None:
    """Takes back what FiftyOne (its module ``core.odm.database``) means to do at the end of the process.

    It would delete all datasets that are not persistent if it took itself for the last user, such as those of people
    whose notebook has just ended; and wait half a minute for a server that is gone. ``SetupError`` where this FiftyOne
    calls that otherwise, so that nobody can take it back.
    """
    hook = getattr(database, CLEAN_UP, None)
    if hook is None:
        import fiftyone

        raise SetupError(
            f"syncd does not know FiftyOne {fiftyone.__version__}: it has no {CLEAN_UP} in {database.__name__}, which "
            "syncd keeps from deleting other people's datasets at the end of a command.",
            remedy="Install a FiftyOne that this syncd is tested with: pip install 'fiftyone==1.22.*'",
        )
    atexit.unregister(hook)


def _unavailable(error: Exception) -> FiftyOneUnavailable:
    return FiftyOneUnavailable(
        f"FiftyOne does not start: {without_password(os.environ.get(URI, ''), first_line(error))}",
        remedy="Check `fiftyone.database_uri`, then run `syncd doctor`.",
    )
