"""Makes one attempt to deliver a message to the web hook."""

from __future__ import annotations

import email.utils
import logging
from dataclasses import dataclass
from datetime import datetime, timezone

import httpx

import syncd
from syncd.config import redact_url
from syncd.errors import ConfigError
from syncd.notify.message import signature

SHOULD_TRY_AGAIN = frozenset({408, 425, 429})
"""Of the answers 4xx, those that say nothing against the message itself (RFC 9110, 8470 and 6585)."""


@dataclass(frozen=True)
class Attempt:
    """What came of it. ``refused``: the receiver wants it as little the next time; ``wait_s``: its Retry-After."""

    delivered: bool
    refused: bool = False
    wait_s: float | None = None
    why: str = ""


class Sender:
    """Posts to one address. Certificates are verified; a redirect is not followed, wherever it leads.

    Raises ``ConfigError`` where the address is none.
    """

    def __init__(self, url: str, secret: str | None) -> None:
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ConfigError(
                f"notify.webhook is no usable address: {redact_url(url)}", remedy="Expected https://host/path."
            ) from error
        self._secret = secret
        self._client: httpx.Client | None = None
        # It logs each request with its whole address, and the path of a web hook is its key.
        logging.getLogger("httpx").setLevel(logging.WARNING)

    def send(self, event: str, delivery: str, body: bytes, timeout_s: float) -> Attempt:
        """Posts the message once, with ``timeout_s`` for the connection and for each pause of the receiver."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"syncd/{syncd.__version__}",
            "X-Syncd-Event": event,
            "X-Syncd-Delivery": delivery,
        }
        if self._secret is not None:
            headers["X-Syncd-Signature"] = signature(self._secret, datetime.now(timezone.utc), body)
        try:
            client = self._client = self._client or _client()
            # The answer's body is nobody's concern, and may be long.
            with client.stream("POST", self._url, content=body, headers=headers, timeout=timeout_s) as response:
                return judged(response.status_code, response.headers.get("Retry-After"), datetime.now(timezone.utc))
        except (httpx.HTTPError, OSError) as error:
            return Attempt(delivered=False, why=f"{type(error).__name__}: {error}".rstrip(": "))

    def close(self) -> None:
        """Closes the connection."""
        if self._client is not None:
            self._client.close()


def judged(status: int, retry_after: str | None, now: datetime) -> Attempt:
    """What an answer means."""
    if 200 <= status < 300:
        return Attempt(delivered=True)
    again = status >= 500 or status in SHOULD_TRY_AGAIN
    return Attempt(delivered=False, refused=not again, wait_s=_wait_s(retry_after, now), why=f"it answers {status}")


def _wait_s(retry_after: str | None, now: datetime) -> float | None:
    """Seconds to wait; the header holds seconds or a date, and what is neither says nothing."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        at = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return max(0.0, (at - now).total_seconds())


def _client() -> httpx.Client:
    # The certificates that come with httpx, and the system's: a lab may have an authority of its own.
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return httpx.Client(verify=context, follow_redirects=False)
