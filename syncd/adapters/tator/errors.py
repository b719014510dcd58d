"""What Tator's answers mean: their statuses tell little, their messages nearly everything.

Most refusals are 400, whatever the reason: a wrong token, too many calls, a guard that was not met, a value. A missing
token is 404. An error may be a page instead of JSON.
"""

from __future__ import annotations

import json
import re

from syncd.adapters.rest.errors import NotFound, PageInstead, Refused, Throttled, TokenRefused, shortened
from syncd.errors import ConfigError, RightMissing, SyncdError

_THROTTLED = re.compile(r"Request was throttled\. Expected available in (\d+) second")


class StaleWrite(Refused):
    """The row that was to be changed is the latest mark no more."""


class CountDiffers(Refused):
    """Another number of rows than expected meets the conditions of a guarded call."""


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


def wrong_store(message: str, remedy: str) -> SyncdError:
    """The configuration names something that the server does not have."""
    return ConfigError(message, remedy=remedy)
