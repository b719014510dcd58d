"""Connects to a Tator server."""

from __future__ import annotations

from collections.abc import Callable, Generator
from time import sleep as pause

import httpx

from syncd.adapters.rest.client import Client, Service
from syncd.adapters.tator.errors import raise_for

TATOR = Service("Tator", "/rest/", raise_for, "User/GetCurrent")


class TokenAuth(httpx.Auth):
    """The token of an account, as its profile page shows it."""

    def __init__(self, token: str) -> None:
        self._header = f"Token {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Adds the header."""
        request.headers["Authorization"] = self._header
        yield request


def connect(
    url: str,
    token: str,
    *,
    rate: float = 50.0,
    transport: httpx.BaseTransport | None = None,
    sleep: Callable[[float], None] = pause,
) -> Client:
    """A client of the server; it throttles at 100 calls a second for each account."""
    return Client(TATOR, url, token, auth=TokenAuth(token), rate=rate, transport=transport, sleep=sleep)
