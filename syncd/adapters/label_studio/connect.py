"""Connects to a Label Studio server, and says what its errors mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from time import sleep as pause

import httpx

from syncd.adapters.rest.client import Client, Service
from syncd.adapters.rest.errors import NotFound, PageInstead, Refused, Throttled, TokenRefused, shortened
from syncd.errors import RightMissing

THROTTLED_S = 2.0
"""Label Studio does not say for how long it throttles."""


def raise_for(status: int, content: bytes, where: str) -> None:
    """Raises what an answer that is no success means."""
    said = _said(content)
    if said is None or status >= 500:
        raise PageInstead(status)
    if status == 429:
        raise Throttled(THROTTLED_S)
    if status == 401:
        raise TokenRefused(
            f"Label Studio at {where} refuses the token: {said}",
            remedy="Make a new personal access token on the account's page in Label Studio; `store.token` takes it.",
        )
    if status == 403:
        raise RightMissing(
            f"Label Studio at {where} denies a right to syncd's account: {said}",
            remedy="Make the account a member of the project that may annotate.",
        )
    if status == 404:
        raise NotFound(said)
    raise Refused(said)


def _said(content: bytes) -> str | None:
    try:
        found = json.loads(content)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return shortened(str(found))
    parts = [str(found.get("detail") or "refused")]
    if found.get("validation_errors"):
        parts.append(json.dumps(found["validation_errors"], ensure_ascii=False))
    return shortened(": ".join(parts))


LABEL_STUDIO = Service("Label Studio", "/api/", raise_for, "current-user/whoami")


class TokenAuth(httpx.Auth):
    """A personal access token, which is exchanged for one of a few minutes, or a legacy token."""

    requires_response_body = True

    def __init__(self, url: str, token: str) -> None:
        self._refresh = url.rstrip("/") + "/api/token/refresh"
        self._token = token
        self._personal = token.count(".") == 2
        self._access: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Adds the header; a token that has expired is renewed, and the request, which was refused, repeated."""
        if not self._personal:
            request.headers["Authorization"] = f"Token {self._token}"
            yield request
            return
        for _ in range(2):
            if self._access is None:
                answer = yield httpx.Request("POST", self._refresh, json={"refresh": self._token})
                if answer.status_code != 200:
                    request.headers.pop("Authorization", None)
                    yield request
                    return
                self._access = str(answer.json()["access"])
            request.headers["Authorization"] = f"Bearer {self._access}"
            answer = yield request
            if answer.status_code != 401:
                return
            self._access = None


def connect(
    url: str,
    token: str,
    *,
    rate: float = 20.0,
    transport: httpx.BaseTransport | None = None,
    sleep: Callable[[float], None] = pause,
) -> Client:
    """A client of the server."""
    auth = TokenAuth(url, token)
    return Client(LABEL_STUDIO, url, token, auth=auth, rate=rate, transport=transport, sleep=sleep)
