"""Connects to the servers that a configuration names; errors say which server, where, and what to do."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from syncd.adapters.sql import mysql
from syncd.adapters.sql.encoding import SPOKEN, note_encoding
from syncd.adapters.sql.limits import LIMITS, Limits, keepalive
from syncd.config import Config, redact_url
from syncd.config.redact import HINT, is_clear_mongodb_uri, without_secrets
from syncd.errors import ConfigError, DatabaseUnavailable, FiftyOneUnavailable, SyncdError
from syncd.own_process import is_own

if TYPE_CHECKING:
    import pymongo
    from pymongo.database import Database

PATIENCE_S = 5
"""Seconds before a server that does not answer is reported."""

_DRIVER_NOISE = re.compile(r",? \(configured timeouts.*|, Timeout: [\d.]+s, Topology Description: .*")
"""What MongoDB's driver adds: its own settings and objects, with numbers that differ from one try to the next."""

_SET_UNKNOWN = re.compile(r"client is configured to connect to a replica set named ('.*?') but .* named 'None'")
"""What MongoDB's driver says of a direct connection, also where nobody answers."""

EXPECTED = "Expected e.g. mongodb://user@host:27017."
_DURABLE = ("w=majority", "journal=true", "readPreference=primary", "readConcernLevel=majority")
"""How syncd reads MongoDB and writes to it.

What is acknowledged without the journal can be gone after a crash, what a secondary holds may be old, and what no
majority holds can be rolled back: each looks like an edit that put an old value back.
"""

_OVERRULED = frozenset(
    {"w", "journal", "j", "fsync", "readconcernlevel", "readpreference", "readpreferencetags", "maxstalenessseconds"}
)
"""Options of an address that would have it otherwise, in lower case."""

_UNREADABLE = "backslashreplace"
"""How text that is not UTF-8 is decoded: it shows its bytes, and costs no other text of what is read."""

DOCTOR = "Start it or mend its address, then run `syncd doctor`."


def engine_for(url: str, limits: Limits = LIMITS) -> Engine:
    """An engine without a pool: every connection is one that somebody asked for."""
    try:
        parsed = sa.make_url(url)
        if parsed.drivername == "postgresql":
            # SQLAlchemy 2.1 takes another driver by default than the one that syncd brings.
            parsed = parsed.set(drivername="postgresql+psycopg2")
        arguments: dict[str, Any] = {}
        more: dict[str, Any] = {}
        if parsed.get_backend_name() in mysql.BACKENDS:
            parsed = mysql.with_driver(parsed)
            arguments = mysql.session(limits, PATIENCE_S)
            more = {"isolation_level": mysql.ISOLATION}
        if parsed.get_backend_name() == "postgresql":
            arguments = {"connect_timeout": PATIENCE_S, "application_name": "syncd"} | keepalive(parsed) | SPOKEN
        engine = sa.create_engine(parsed, poolclass=NullPool, connect_args=arguments, **more)
        if parsed.get_backend_name() == "postgresql":
            _limit(engine, limits)
            note_encoding(engine)
        if parsed.get_backend_name() == "sqlite":
            _begin_for_real(engine)
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        # Not the driver's own words alone: some of them repeat the address, password and all.
        raise ConfigError(
            f"The database's address {redact_url(url)} is not usable: {without_password(url, first_line(error))}",
            remedy=mysql.INSTALL
            if getattr(error, "name", None) == mysql.DRIVER
            else "Expected e.g. postgresql+psycopg2://user@host/database.",
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
        # Its columns hold any bytes; those that are no text cost their own row, and not all that is read with it.
        connection.text_factory = _text_or_bytes

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")


def _text_or_bytes(held: bytes) -> str | bytes:
    try:
        return held.decode()
    except UnicodeDecodeError:
        return held


def _limit(engine: Engine, limits: Limits) -> None:
    @sa.event.listens_for(engine, "connect")
    def set_limits(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(limits.statement)
        # What is set in a transaction goes with its rollback.
        connection.commit()


def open_database(url: str, limits: Limits = LIMITS) -> Connection:
    """Connects to the database; ``DatabaseUnavailable`` where it does not answer.

    PostgreSQL is told for how long it is to put up with us, whoever asks (``limits``).
    """
    try:
        return engine_for(url, limits).connect()
    except SQLAlchemyError as error:
        said = without_password(url, first_line(getattr(error, "orig", None) or error))
        where = redact_url(url)
        remedy = f"{remedy_for(said, 'its address')} Then run `syncd doctor`."
        raise DatabaseUnavailable(f"The database at {where} does not answer: {said}", remedy=remedy) from error


def remedy_for(said: str, place: str) -> str:
    """What to do about what libpq says; ``place`` is where the address stands."""
    missing = re.search(r'database "(.+)" does not exist', said)
    if missing:
        return f"Run: createdb {shlex.quote(missing[1])}   (or mend the database's name at the end of {place})"
    if re.search(r"certificate|ssl|SSL|TLS", said):
        return f"Mend the parameters of TLS in {place} (sslmode, sslrootcert, sslcert, sslkey), or the files they name."
    if re.search(r"password|authentication|pg_hba|role .* does not exist", said):
        return f"Mend the user or the password in {place}, or let this host in by pg_hba.conf."
    if re.search(r"could not translate host name|Name or service", said):
        return f"Mend the host in {place}."
    return f"Start the server, or mend host and port in {place}."


@contextmanager
def fiftyone_database(config: Config, *, answer_s: float | None = None) -> Iterator[Database[dict[str, Any]]]:
    """FiftyOne's MongoDB for the length of a block; a connection that is FiftyOne's own is left open behind it."""
    database = open_fiftyone(config, answer_s=answer_s)
    try:
        yield database
    finally:
        if _address(config) is not None:
            database.client.close()


def _address(config: Config) -> str | None:
    """The MongoDB that is named, by the configuration or by the environment; ``None`` leaves it to FiftyOne."""
    uri = config.fiftyone.database_uri
    return uri.get_secret_value() if uri else os.environ.get("FIFTYONE_DATABASE_URI")


def open_fiftyone(config: Config, *, answer_s: float | None = None) -> Database[dict[str, Any]]:
    """Connects to FiftyOne's MongoDB: as configured, else as FiftyOne itself is configured.

    ``answer_s`` bounds the seconds that it may take over one answer; without it, it may take as long as it likes.
    """
    address = _address(config)
    name = config.fiftyone.database_name or os.environ.get("FIFTYONE_DATABASE_NAME") or "fiftyone"
    if address is None:
        return _of_fiftyone_itself(config.fiftyone.database_name)
    if not is_clear_mongodb_uri(address):
        # The driver would warn, and quote the half of the password that it took for something else.
        raise ConfigError(
            f"MongoDB's address {redact_url(address)} has a special character in its user or password.",
            remedy=f"In it, {HINT}.",
        )
    import pymongo
    from pymongo.errors import PyMongoError

    limit: dict[str, Any] = {} if answer_s is None else {"socketTimeoutMS": int(answer_s * 1000)}
    try:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            durable_address(address),
            serverSelectionTimeoutMS=PATIENCE_S * 1000,
            connectTimeoutMS=PATIENCE_S * 1000,
            appname="syncd",
            **limit,
        )
    except (PyMongoError, ValueError, OSError) as error:  # OSError: a file of a certificate
        remedy = "Mend the file of a certificate that it names." if isinstance(error, OSError) else EXPECTED
        raise ConfigError(
            f"MongoDB's address {redact_url(address)} is not usable: {without_password(address, first_line(error))}",
            remedy=remedy,
        ) from error
    try:
        client.admin.command("ping")
        return _readable(client[name])
    except PyMongoError as error:
        client.close()
        said = without_password(address, first_line(error))
        raise FiftyOneUnavailable(
            f"FiftyOne's MongoDB at {redact_url(address)} does not answer: {said}", remedy=DOCTOR
        ) from error


def _of_fiftyone_itself(name: str | None) -> Database[dict[str, Any]]:
    """FiftyOne's own connection: it may start a MongoDB of its own, which only its SDK can do."""
    from syncd.adapters.fiftyone.compat import Private, keep_datasets_at_exit, private

    # Its log goes to what is standard output at this moment; that belongs to the command's own document.
    imported_here = "fiftyone" not in sys.modules
    with redirect_stdout(sys.stderr):
        odm = private(Private.STORAGE)
    try:
        database: Database[dict[str, Any]] = odm.get_db_conn()
    except Exception as error:  # FiftyOne raises errors of many kinds here, each meaning the same
        raise FiftyOneUnavailable(
            f"FiftyOne has no database to connect to: {first_line(error)}",
            remedy="Set `fiftyone.database_uri`, then run `syncd doctor`.",
        ) from error
    if imported_here or is_own():
        keep_datasets_at_exit(odm.database)
    return durable(database.client[name] if name else database)


def durable_address(address: str) -> str:
    """MongoDB's address with syncd's own read preference and write concern in place of those that it names."""
    server, options = address.partition("?")[0], [each for each in _options(address) if not _is_overruled(each)]
    # The driver wants a slash between hosts and options.
    separator = "?" if server.partition("://")[2].count("/") else "/?"
    return server + separator + "&".join([*options, *_DURABLE])


def overruled(address: str) -> list[str]:
    """The options of MongoDB's address that say how to read and write, and are not followed."""
    return [each for each in _options(address) if _is_overruled(each)]


def _options(address: str) -> list[str]:
    return [each for each in re.split("[&;]", address.partition("?")[2]) if each]


def _is_overruled(option: str) -> bool:
    return option.partition("=")[0].lower() in _OVERRULED


def durable(database: Database[dict[str, Any]]) -> Database[dict[str, Any]]:
    """The same over a connection that somebody else has made."""
    from pymongo import ReadPreference, WriteConcern
    from pymongo.read_concern import ReadConcern

    return _readable(database).with_options(
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
    )


def _readable(database: Database[dict[str, Any]]) -> Database[dict[str, Any]]:
    """The same, of which every document can be decoded."""
    return database.with_options(database.codec_options.with_options(unicode_decode_error_handler=_UNREADABLE))


def without_password(address: str, text: str) -> str:
    """A driver's message without the password of the address, or a piece of it, in case it repeats that."""
    return without_secrets([address], text)


def first_line(error: object) -> str:
    """The first line of a driver's message, shortened; the same for the same trouble, so that it can be said once."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    said = _DRIVER_NOISE.sub("", lines[0])
    return _SET_UNKNOWN.sub(r"nobody answers there as a member of the replica set \1", said)[:300]


def as_ours(error: Exception) -> SyncdError:
    """An error of a driver that nobody expected, as one of ours: the server failed while we were using it."""
    from pymongo.errors import PyMongoError

    if isinstance(error, SyncdError):
        return error
    if isinstance(error, PyMongoError):
        return FiftyOneUnavailable(f"FiftyOne's MongoDB failed: {first_line(error)}", remedy="Run `syncd doctor`.")
    cause = getattr(error, "orig", None) or error
    return DatabaseUnavailable(f"The database failed: {first_line(cause)}", remedy="Run `syncd doctor`.")
