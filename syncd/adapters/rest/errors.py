"""What can come of a call to an annotation server."""

from __future__ import annotations

from syncd.errors import DatabaseUnavailable

SHOWN = 300
"""Characters of a server's own words."""


class Refused(Exception):
    """The server refused one call, and did nothing of it; ``str()`` is its own sentence, in one line."""


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


def shortened(text: str) -> str:
    """A server's words in one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def unavailable(title: str, where: str, why: str) -> DatabaseUnavailable:
    """The error that says that the server does not answer as it should; ``title`` is what people call it."""
    return DatabaseUnavailable(
        f"{title} at {where} does not answer as expected: {shortened(why)}",
        remedy="Look whether the server runs and `store.url` is its address; `syncd doctor` checks it.",
    )
