"""FiftyOne's own SDK, connected to the MongoDB of the configuration; for what is no label: datasets, fields, schemas.

Importing it takes seconds, and it reads its settings only then.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import Any

from syncd.adapters.connect import durable_address, first_line, without_password
from syncd.adapters.fiftyone.compat import Private, keep_datasets_at_exit, private
from syncd.config import Config, redact_url
from syncd.errors import FiftyOneUnavailable, SetupError
from syncd.own_process import is_own

TALKATIVE = ("fiftyone", "eta", "mongoengine")
"""Modules whose warnings are for those who program with FiftyOne."""

URI, NAME = "FIFTYONE_DATABASE_URI", "FIFTYONE_DATABASE_NAME"


def fiftyone_for(config: Config) -> Any:
    """The module ``fiftyone``. ``SetupError`` where this process has connected it to another MongoDB already.

    In another program's process the environment is as before when this returns, and FiftyOne's log and usage
    tracking are left as that program has them.
    """
    address = config.fiftyone.database_uri
    uri = address.get_secret_value() if address is not None else None
    name = config.fiftyone.database_name
    imported_here = "fiftyone" not in sys.modules
    with _set_up_for_import(uri, name) if imported_here else nullcontext():
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
    _connect(take_back=imported_here or is_own())
    return fiftyone


@contextmanager
def _set_up_for_import(uri: str | None, name: str | None) -> Iterator[None]:
    """The environment from which FiftyOne takes its settings while it is imported; it looks at it only then."""
    wanted = {}
    if (named := uri or os.environ.get(URI)) is not None:
        wanted[URI] = durable_address(named)
    if name is not None:
        wanted[NAME] = name
    if is_own():
        # What it says of itself (an old MongoDB, a deprecated module) is not what the command was asked for.
        defaults = {"FIFTYONE_DO_NOT_TRACK": "true", "FIFTYONE_LOGGING_LEVEL": "ERROR"}
        os.environ.update({**defaults, **os.environ, **wanted})
        for module in TALKATIVE:
            warnings.filterwarnings("ignore", module=rf"{module}\b")
        yield
        return
    before = {each: os.environ.get(each) for each in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for each, value in before.items():
            if value is None:
                os.environ.pop(each, None)
            else:
                os.environ[each] = value


@contextmanager
def _quietly() -> Iterator[None]:
    """Keeps what FiftyOne says while it starts out of the command's own output.

    Its log goes to what is standard output at this moment; warnings of the modules that it imports are theirs to mend.
    """
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _connect(*, take_back: bool) -> None:
    """Connects FiftyOne; ``take_back``: and takes back what it means to do at the end of the process.

    A program that had imported FiftyOne before keeps what that means for it.
    """
    try:
        with _quietly():
            database = private(Private.CONNECTION)
            database.get_db_conn()
    except Exception as error:
        raise _unavailable(error) from error
    if take_back:
        keep_datasets_at_exit(database)


def _unavailable(error: Exception) -> FiftyOneUnavailable:
    return FiftyOneUnavailable(
        f"FiftyOne does not start: {without_password(os.environ.get(URI, ''), first_line(error))}",
        remedy="Check `fiftyone.database_uri`, then run `syncd doctor`.",
    )
