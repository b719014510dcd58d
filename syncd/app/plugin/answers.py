"""How an operator answers: the command's document and a sentence; never a traceback."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from syncd.api.faults import told
from syncd.config.redact import redact_text
from syncd.errors import Busy, SyncdError

log = logging.getLogger(__name__)

MOST_LISTED = 5_000
"""Entries of a list in an answer: what is more the browser need not have."""

INFO, SUCCESS, WARNING, ERROR = "info", "success", "warning", "error"


@dataclass(frozen=True)
class Reply:
    """What an operator says: a document as of the command, a sentence, and how it is shown.

    ``touched`` are the samples and labels that were written; ``None`` where nothing was.
    """

    message: str
    document: dict[str, Any] = field(default_factory=dict)
    variant: str = SUCCESS
    touched: frozenset[str] | None = None

    def as_json(self) -> dict[str, Any]:
        """The answer that the browser gets; long lists are cut, and how much was is said."""
        short: dict[str, Any] = {}
        for name, value in self.document.items():
            short[name] = value
            if isinstance(value, list) and len(value) > MOST_LISTED:
                short[name] = value[:MOST_LISTED]
                short[f"{name}_left_out"] = len(value) - MOST_LISTED
        return short | {"message": self.message}


def answer(ctx: Any, act: Callable[[], Reply]) -> dict[str, Any]:
    """Carries an operator out: its answer, a notice of it, and the grid anew where something was written."""
    reply = reply_of(act)
    tell(ctx, reply)
    return reply.as_json()


def reply_of(act: Callable[[], Reply]) -> Reply:
    """What an act comes to; an error is a sentence, and what nobody foresaw is in the server's log."""
    try:
        return act()
    except SyncdError as error:
        return refused(error)
    except Exception as error:  # noqa: BLE001 - the App would show its traceback, with paths and perhaps addresses
        return refused(unforeseen(error))


def refused(error: SyncdError) -> Reply:
    """An error as an answer."""
    said = redact_text(error.message.strip())
    remedy = redact_text(error.remedy.strip()) if error.remedy else None
    document = {"error": type(error).__name__, "remedy": remedy, "exit_code": error.exit_code}
    variant = WARNING if isinstance(error, Busy) else ERROR
    return Reply(f"{said} {remedy}" if remedy else said, document, variant)


def unforeseen(error: Exception) -> SyncdError:
    """An error of a driver or of ours, which the server's log has in full."""
    details = redact_text("".join(traceback.format_exception(error)))
    known = told(error)
    if known is not None:
        log.warning("a server failed while in use: %s", details)
        return known
    log.error("an operator failed: %s", details)
    return SyncdError(
        f"That failed in a way that nobody foresaw ({type(error).__name__}).",
        remedy="The log of the App's server has the details.",
    )


def tell(ctx: Any, reply: Reply) -> None:
    """Shows the sentence, and what was written.

    A sample that is open would go on showing old values, and the next drag there would write them back: it is closed
    where it was written. The grid shows a write after a reload of the dataset alone.
    """
    ctx.ops.notify(reply.message, variant=reply.variant)
    if reply.touched is None:
        return
    if ctx.current_sample is not None and (not reply.touched or str(ctx.current_sample) in reply.touched):
        ctx.ops.close_sample()
    ctx.ops.reload_dataset()
