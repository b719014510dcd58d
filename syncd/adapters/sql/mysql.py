"""What MariaDB and MySQL need besides SQLAlchemy: how a session behaves, what is the same text, what errors mean."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import URL, ColumnElement
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import sqltypes

from syncd.adapters.sql.limits import Limits

BACKENDS = ("mysql", "mariadb")
DRIVER = "pymysql"
INSTALL = "Run in a clone of syncd's repository: pip install '.[mysql]'   (or: pip install PyMySQL)"

ISOLATION = "READ COMMITTED"
"""As in PostgreSQL: each statement sees what is committed, so that a write compares with what is there now."""

FLOAT_DIGITS = 1e-5
"""Of a FLOAT the server tells six digits: values that differ by less are the same to it."""


def is_mysql(dialect: Dialect) -> bool:
    """Whether this is MariaDB or MySQL."""
    return dialect.name in BACKENDS


def with_driver(url: URL) -> URL:
    """The address with the driver that syncd brings, where it names none."""
    return url.set(drivername=f"{url.drivername}+{DRIVER}") if url.drivername in BACKENDS else url


def session(limits: Limits, connect_s: int) -> dict[str, Any]:
    """Arguments of a connection.

    Times are given and taken in UTC, text is Unicode, and what does not fit a column is refused and not cut. Of the
    limits the server has those of a lock and of a session that says nothing; where the lab's are stricter, they stay.
    """
    settings = ["time_zone = '+00:00'", "sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')"]
    bounds = {"innodb_lock_wait_timeout": limits.lock_s, "wait_timeout": limits.idle_s}
    settings += [f"{name} = LEAST(@@{name}, {seconds})" for name, seconds in bounds.items() if seconds]
    return {
        "connect_timeout": connect_s,
        "charset": "utf8mb4",
        "init_command": "SET " + ", ".join(f"SESSION {each}" for each in settings),
    }


def same_text(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Whether a column holds exactly this text, whatever its collation takes for the same; its index still serves."""
    return sa.and_(column == value, _bytes(column) == _bytes(sa.literal(value, sa.Text)))


def _bytes(text: ColumnElement[Any]) -> ColumnElement[Any]:
    # JSON is utf8mb4 whatever its column is; so is what this text is turned into before its bytes are compared.
    unicode: ColumnElement[Any] = sa.collate(sa.cast(text, sa.Text), "utf8mb4_bin")
    return sa.cast(unicode, sa.LargeBinary)


def same_float(column: ColumnElement[Any], value: float) -> ColumnElement[bool]:
    """Whether a FLOAT holds this number, as far as the server tells it."""
    return sa.func.abs(column - value) <= abs(value) * FLOAT_DIGITS


def is_short_float(type_: sqltypes.TypeEngine[Any]) -> bool:
    """Whether a column is a FLOAT, of four bytes."""
    return type(type_).__name__ == "FLOAT" and isinstance(type_, sqltypes.Float)


def is_boolean(type_: sqltypes.TypeEngine[Any]) -> bool:
    """Whether a column is a BOOLEAN, which both call TINYINT(1)."""
    return type(type_).__name__ == "TINYINT" and getattr(type_, "display_width", None) == 1


OF_THE_VALUE = frozenset(
    (1022, 1048, 1062, 1169, 1216, 1217, 1264, 1265, 1292, 1364, 1366, 1369, 1406, 1411, 1451, 1452, 1526, 1557)
) | frozenset((1586, 1644, 1690, 1758, 3140, 3819, 4025, 4038, 4161))
"""Numbers of errors about values: keys, nulls, ranges, lengths, checks, and what a trigger signals."""

OF_ITS_OWN = frozenset((1048, 1264, 1265, 1292, 1364, 1366, 1406, 1411, 1690, 3140, 3819, 4025, 4038, 4161))
"""Of these a row is refused whatever other rows hold."""

OF_THE_SERVER = frozenset((1021, 1040, 1041, 1042, 1053, 1114, 1158, 1159, 1160, 1161, 1205, 1213, 1290, 1317, 1836))
"""The server's state: a full disk, a lock that was not to be had, a deadlock, a shutdown, read-only."""

NOT_AS_CONFIGURED = frozenset((1049, 1054, 1146, 1356))
"""A table or column that is not there (any more)."""

DENIED = frozenset((1044, 1045, 1142, 1143, 1370))
_OF_THE_CLIENT = range(2000, 3000)


def number_of(error: BaseException) -> int | None:
    """The number that MariaDB or MySQL gave an error, if it was one of theirs."""
    origin = getattr(error, "orig", None)
    if origin is None or not type(origin).__module__.startswith(DRIVER):
        return None
    arguments = origin.args
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def is_failure(number: int) -> bool:
    """Whether a number speaks of the server or of the connection, rather than of the statement."""
    return number in OF_THE_SERVER or number in _OF_THE_CLIENT or not number
