"""Logging: structured lines on standard error, never on standard output, never a secret."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(*, verbose: bool = False, terminal: bool | None = None) -> None:
    """Sets logging up for one process: readable lines on a terminal, JSON lines elsewhere."""
    on_terminal = sys.stderr.isatty() if terminal is None else terminal
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.WARNING),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
