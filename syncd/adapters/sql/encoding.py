"""The encoding of a database, and text for which it has no characters.

Every session speaks UTF-8, and the server translates. ``SQL_ASCII`` means that nobody knows the encoding: the server
keeps bytes as they come, and syncd's are UTF-8.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event

SPOKEN = {"client_encoding": "UTF8"}
"""What a connection's address says of it, whatever stands in the configuration."""

CODEC = "syncd_codec"
"""Attribute of an engine's dialect that holds what :func:`codec_of` says of its connections."""

_SURE = ("UTF8", "LATIN1")
"""In these whatever the database holds can be translated."""

_ANY = ("UTF8", "SQL_ASCII")


def codec_of(connection: Connection) -> str | None:
    """Python's name for the encoding that bounds the texts of this database; ``None`` where it takes them all."""
    if connection.dialect.name != "postgresql":
        return None
    if not hasattr(connection.dialect, CODEC):
        setattr(connection.dialect, CODEC, _codec_of(connection.connection.driver_connection))
    codec: str | None = getattr(connection.dialect, CODEC)
    return codec


def _codec_of(driver: Any) -> str | None:
    name = None if driver is None else driver.get_parameter_status("server_encoding")
    if name is None or name in _ANY:
        return None
    from psycopg2.extensions import encodings

    codec: str | None = encodings.get(name)
    return codec


def doubtful_encoding(connection: Connection) -> str | None:
    """The encoding of a database in which the server may find text that it cannot translate; it then tells nothing."""
    if connection.dialect.name != "postgresql":
        return None
    driver: Any = connection.connection.driver_connection
    name: str = driver.get_parameter_status("server_encoding")
    return None if name in _SURE else name


def decoded(encoding: str, held: bytes) -> tuple[str | None, str | None]:
    """What bytes of a database of this encoding say; or, where they say nothing, how they are shown."""
    from psycopg2.extensions import encodings

    codec = "utf-8" if encoding in _ANY else encodings.get(encoding, "utf-8")
    try:
        return held.decode(codec), None
    except UnicodeDecodeError:
        return None, held.decode(codec, "backslashreplace")


def note_encoding(engine: Engine) -> None:
    """Has the engine's dialect know the encoding from its first connection on."""

    @event.listens_for(engine, "connect")
    def note(driver: Any, _: object) -> None:
        setattr(engine.dialect, CODEC, _codec_of(driver))


def can_hold(codec: str | None, text: str) -> bool:
    """Whether an encoding has all characters of a text."""
    if codec is None or text.isascii():
        return True
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def escaped(codec: str | None, text: str) -> str:
    """The text, with the numbers of characters that the encoding does not have in their place, and a sign for NUL."""
    text = text.replace("\x00", "\u2400")
    if can_hold(codec or "utf-8", text):
        return text
    return text.encode(codec or "utf-8", "backslashreplace").decode(codec or "utf-8")
