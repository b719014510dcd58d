"""Opens the servers a configuration names; errors say which server, where, and what to do."""

from __future__ import annotations

import os
from typing import Any

import pymongo
import sqlalchemy as sa
from pymongo.database import Database
from pymongo.errors import PyMongoError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from syncd.config import Config, redact_url
from syncd.errors import ConfigError, DatabaseUnavailable, FiftyOneUnavailable

PATIENCE_S = 5
"""Seconds before a server that does not answer is reported."""

DOCTOR = "Start it or mend its address, then run `syncd doctor`."


def engine_for(url: str) -> Engine:
    """An engine without a pool: every connection is one that somebody asked for."""
    try:
        parsed = sa.make_url(url)
        arguments: dict[str, Any] = {}
        if parsed.get_backend_name() == "postgresql":
            arguments = {"connect_timeout": PATIENCE_S, "application_name": "syncd"}
        engine = sa.create_engine(parsed, poolclass=NullPool, connect_args=arguments)
        if parsed.get_backend_name() == "sqlite":
            _begin_for_real(engine)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigError(
            f"database.url is not usable: {error}", remedy="Expected e.g. postgresql+psycopg2://user@host/database."
        ) from error
    return engine


def _begin_for_real(engine: Engine) -> None:
    """Has transactions begin when SQLAlchemy says so.

    Python's own SQLite driver begins one only before the first write; a savepoint that comes before it is then the
    whole transaction, and releasing the savepoint commits.
    """

    @sa.event.listens_for(engine, "connect")
    def leave_it_to_us(connection: Any, _: object) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")


def open_database(url: str) -> Connection:
    """Connects to the database; ``DatabaseUnavailable`` where it does not answer."""
    try:
        return engine_for(url).connect()
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise DatabaseUnavailable(
            f"The database at {redact_url(url)} does not answer: {first_line(cause)}", remedy=DOCTOR
        ) from error


def open_fiftyone(config: Config) -> Database[dict[str, Any]]:
    """Connects to FiftyOne's MongoDB: as configured, else as FiftyOne itself is configured."""
    uri = config.fiftyone.database_uri
    address = uri.get_secret_value() if uri else os.environ.get("FIFTYONE_DATABASE_URI")
    name = config.fiftyone.database_name or os.environ.get("FIFTYONE_DATABASE_NAME") or "fiftyone"
    if address is None:
        return _of_fiftyone_itself(config.fiftyone.database_name)
    try:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            address, serverSelectionTimeoutMS=PATIENCE_S * 1000, connectTimeoutMS=PATIENCE_S * 1000, appname="syncd"
        )
        client.admin.command("ping")
    except PyMongoError as error:
        raise FiftyOneUnavailable(
            f"FiftyOne's MongoDB at {redact_url(address)} does not answer: {first_line(error)}", remedy=DOCTOR
        ) from error
    return client[name]


def _of_fiftyone_itself(name: str | None) -> Database[dict[str, Any]]:
    """FiftyOne's own connection: it may start a MongoDB of its own, which only its SDK can do."""
    from fiftyone.core import odm

    try:
        database: Database[dict[str, Any]] = odm.get_db_conn()
    except Exception as error:  # FiftyOne raises errors of many kinds here, each meaning the same
        raise FiftyOneUnavailable(
            f"FiftyOne has no database to connect to: {first_line(error)}",
            remedy="Set `fiftyone.database_uri`, then run `syncd doctor`.",
        ) from error
    return database.client[name] if name else database


def first_line(error: object) -> str:
    """The first line of a driver's message, shortened."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
