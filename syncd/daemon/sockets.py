"""Ends a connection from outside, while its own thread waits in it."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Any

from psycopg2 import Error
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError


def end_socket(connection: Connection) -> None:
    """Shuts the line down: whoever waits for an answer gets an error, and the server lets go of the session's locks.

    Of other databases than PostgreSQL nothing is ended: they have no line.
    """
    if connection.dialect.name != "postgresql":
        return
    with suppress(OSError, Error, SQLAlchemyError):
        raw: Any = connection.connection.driver_connection
        with socket.socket(fileno=os.dup(raw.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
