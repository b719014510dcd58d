"""Logging: structured lines on standard error, never on standard output, never a secret."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import structlog

from syncd.config.redact import HIDDEN, names_secret, redact_text, redact_url
from syncd.printable import printable, printable_lines

_EXCEPTION = "exception"
"""Where structlog puts a traceback: the one value that may have several lines."""

_INDENT = "  "
"""Before each further line of it, so that none looks like a line of the log."""


@dataclass(frozen=True)
class Logger:
    """The log of a module that other programs may call.

    Where structlog is configured (by a command, the daemon, or the program that calls) it takes the lines; else the
    standard library does, by which a program is told of warnings alone unless it asks for more.
    """

    name: str

    def debug(self, event: str, **values: Any) -> None:
        """A step, for who looks for a fault."""
        self._log(logging.DEBUG, event, values)

    def info(self, event: str, **values: Any) -> None:
        """Logs something that was done, with its details as key and value."""
        self._log(logging.INFO, event, values)

    def warning(self, event: str, **values: Any) -> None:
        """Something that somebody should know of."""
        self._log(logging.WARNING, event, values)

    def _log(self, level: int, event: str, values: dict[str, Any]) -> None:
        if structlog.is_configured():
            structlog.get_logger(self.name).log(level, event, **values)
            return
        said = " ".join(f"{name}={_hidden(name, value)!r}" for name, value in values.items())
        logging.getLogger(self.name).log(level, "%s", redact_text(f"{event} {said}".strip()))


def configure(*, verbose: bool = False, terminal: bool | None = None) -> None:
    """Sets logging up for one process: readable lines on a terminal, JSON lines elsewhere; warnings, or every step.

    Warnings of libraries, which log by the standard library, come out in the same form.
    """
    on_terminal = sys.stderr.isatty() if terminal is None else terminal
    for_people = [_without_nothing, _on_one_line, _for_people()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_secrets,
            *(for_people if on_terminal else [structlog.processors.JSONRenderer()]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.WARNING),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    if not any(isinstance(each, _Forward) for each in root.handlers):
        root.addHandler(_Forward(logging.WARNING))


def tell_what_is_done() -> None:
    """For a service, whose log is read afterwards: what it does is told too, and still every step if verbose."""
    if not structlog.get_logger().is_enabled_for(logging.INFO):
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))


def _for_people() -> structlog.typing.Processor:
    # The default formatter of exceptions prints local variables, and with them passwords.
    colors = "NO_COLOR" not in os.environ
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


def _without_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A second wall: whoever logs should have left the secrets out already."""
    for name, value in event.items():
        event[name] = _hidden(name, value)
    return event


def _hidden(name: str, value: object) -> object:
    if isinstance(value, BaseException):
        value = str(value)
    if isinstance(value, str):
        return redact_url(value) if names_secret(name) else redact_text(value)
    if isinstance(value, bytes):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: _hidden(str(key), each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_hidden(name, each) for each in value]
    return value


def _without_nothing(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A person need not read of a remedy that there is none; programs keep the key."""
    return {name: value for name, value in event.items() if value is not None}


def _on_one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What a server said can neither steer the terminal nor look like a line of its own."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = printable_lines(value, _INDENT) if name == _EXCEPTION else printable(value)
    return event


class _Forward(logging.Handler):
    """Hands the records of the standard library to structlog, but for those of libraries that print them themselves."""

    def emit(self, record: logging.LogRecord) -> None:
        if _is_handled(record.name):  # FiftyOne is one of them
            return
        try:
            logger = structlog.get_logger()
            logger.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
        except (ValueError, TypeError, OSError):  # a record whose arguments do not fit, a closed stream
            self.handleError(record)


def _is_handled(name: str) -> bool:
    """Whether a logger, or one above it other than the root, has a handler of its own."""
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None and logger.parent is not None:
        if logger.handlers:
            return True
        logger = logger.parent
    return False
