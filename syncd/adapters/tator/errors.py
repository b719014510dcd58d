"""What Tator's answers mean: their statuses tell little, their messages nearly everything.

Most refusals are 400, whatever the reason: a wrong token, too many calls, a guard that was not met, a value. A missing
token is 404. An error may be a page instead of JSON.
"""

from __future__ import annotations

import json
import re

from syncd.errors import ConfigError, DatabaseUnavailable, RightMissing, SyncdError

SHOWN = 300
"""Characters of a server's own words."""

_THROTTLED = re.compile(r"Request was throttled\. Expected available in (\d+) second")


class Refused(Exception):
    """The server refused one call, and did nothing of it; ``str()`` is its own sentence, in one line."""


class StaleWrite(Refused):
    """The row that was to be changed is the latest mark no more."""


class CountDiffers(Refused):
    """Another number of rows than expected meets the conditions of a guarded call."""


class NotFound(Refused):
    """The server knows no such object."""


class Throttled(Exception):
    """Nothing was done: the call is to be repeated after ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds} s")
        self.seconds = seconds


class PageInstead(Exception):
    """A page instead of an answer: the server failed, or something between here and there answered."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status} with a page instead of data")
        self.status = status


class TokenRefused(DatabaseUnavailable):
    """The token is wrong or expired."""


class LostAnswer(DatabaseUnavailable):
    """A call that writes was sent, and no answer came: it may have been carried out. It is never sent twice."""


def raise_for(status: int, content: bytes, where: str) -> None:
    """Raises what an answer that is no success means; ``where`` is the server's address, without secrets."""
    message = _message(content)
    if message is None:
        raise PageInstead(status)
    throttled = _THROTTLED.search(message)
    if throttled:
        raise Throttled(float(throttled[1]))
    if status == 401 or message.startswith(("Invalid token", "Authentication credentials", "Invalid username")):
        raise TokenRefused(
            f"Tator at {where} refuses the token: {message}",
            remedy="Make a new token for syncd's account on its profile page in Tator; `store.token` takes it.",
        )
    if status == 403:
        raise RightMissing(
            f"Tator at {where} denies a right to syncd's account: {message}",
            remedy="Give the account the permission `Can Edit` in the project (Tator: project settings, memberships).",
        )
    if status == 404:
        raise NotFound(message)
    if message.startswith("Pedantic mode is enabled"):
        raise StaleWrite(message)
    if message.startswith("Safety check failed"):
        raise CountDiffers(message)
    if status >= 500:
        raise PageInstead(status)
    raise Refused(message)


def _message(content: bytes) -> str | None:
    """The sentence of an error in JSON, in one line; ``None`` where it is none."""
    try:
        found = json.loads(content)
    except ValueError:
        return None
    if not isinstance(found, dict) or "message" not in found:
        return None
    parts = [str(found["message"])]
    if found.get("details") not in (None, "None", ""):
        parts.append(str(found["details"]))
    return shortened(": ".join(parts))


def shortened(text: str) -> str:
    """A server's words in one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def unavailable(where: str, why: str) -> DatabaseUnavailable:
    """The error that says that the server does not answer as a Tator does."""
    return DatabaseUnavailable(
        f"Tator at {where} does not answer as expected: {shortened(why)}",
        remedy="Look whether the server runs and `store.url` is its address; `syncd doctor` checks it.",
    )


def wrong_store(message: str, remedy: str) -> SyncdError:
    """The configuration names something that the server does not have."""
    return ConfigError(message, remedy=remedy)
