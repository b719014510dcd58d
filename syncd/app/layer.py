"""The thin layer around FiftyOne's server: it knows who asks, refuses what they may not do, and passes on the rest.

FiftyOne's own application is called as it is (ASGI). Who sent the request is in
:data:`syncd.app.identity.SIGNED_IN` while it is answered, also in the threads of :mod:`syncd.app.threads`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs

from syncd.app.doors import LOOKING_METHODS, Asked, Verdict, needs_body, shows_files, verdict
from syncd.app.identity import SIGNED_IN, Role
from syncd.app.reports import is_report
from syncd.app.who import Door, Headers, Refusal, Visitor, is_of_another_site, visitor

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

LONGEST_BODY = 64 * 1024 * 1024
"""Bytes of a request that is looked into; a lasso of 400 000 labels has 11 MB."""

MEDIA = re.compile(
    r".*[.]("
    r"jpg|jpeg|png|gif|bmp|webp|tif|tiff|svg|avif|jp2|heic|ico|mp4|m4v|mov|webm|mkv|avi|ogv|mpg|mpeg|wav|"
    r"mp3|ogg|flac|m4a|pcd|ply|obj|mtl|stl|fbx|gltf|glb|bin|fo3d|las|laz|npy|mcap|rrd|dcm|nii"
    r")",
    re.IGNORECASE | re.DOTALL,
)
"""What ``/media`` hands out: FiftyOne's own would give any file of the machine to whoever names its path."""


class Observer(Protocol):
    """Told of every edit: before FiftyOne's server has it, and when that has answered."""

    def wants(self, method: str, path: str) -> bool:
        """Whether this is an edit."""

    async def before(self, who: Visitor, asked: Asked, window: str, if_match: str | None) -> Any:
        """An edit that comes from a ``window``: whatever tells it from others. Gives what :meth:`after` is given."""

    async def after(self, seen: Any, answer: Answer) -> None:
        """The answer to it, before the browser has it."""


class Answer:
    """What FiftyOne's server answered: taken down while it passes."""

    def __init__(self) -> None:
        self.status = 0
        self.etag: str | None = None
        self.body = bytearray()

    def take(self, message: Message) -> None:
        """Takes the next message of a response: its status and ETag, or a part of its body."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            found = [value for key, value in message.get("headers", ()) if key.lower() == b"etag"]
            self.etag = found[0].decode("latin-1") if found else None
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


@dataclass(frozen=True)
class Inside:
    """What is behind the door: FiftyOne's application, and the ``apart`` of :mod:`syncd.app.windows`."""

    app: Application
    apart: Application
    observer: Observer | None = None


def layer(inside: Inside, door: Door) -> Application:
    """FiftyOne's application behind the door."""

    async def behind(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await inside.app(scope, receive, send)
        elif scope["type"] == "http":
            await _answer(inside, door, scope, receive, send)
        else:  # FiftyOne has no web sockets
            await send({"type": "websocket.close", "code": 1008})

    return behind


async def _answer(inside: Inside, door: Door, scope: Message, receive: Receive, send: Send) -> None:
    method, path = scope["method"], scope["path"]
    client = scope.get("client")
    who = visitor(door, client[0] if client else None, scope["headers"])
    if isinstance(who, Refusal):
        await _refuse(scope, send, who)
        return
    observer = inside.observer if inside.observer is not None and inside.observer.wants(method, path) else None
    asked = Asked(method, path, scope.get("query_string", b"").decode("latin-1"))
    if observer is not None or needs_body(method, path):
        body = await _whole(receive)
        if body is None:
            await _refuse(scope, send, Refusal(413, "The request is too large."))
            return
        asked, receive = Asked(method, path, asked.query, body), _again(body, receive)
    found = verdict(asked) if who.role is Role.VIEWER else None
    if (refusal := refused(who, asked, found, door, scope["headers"])) is not None:
        await _refuse(scope, send, refusal)
        return
    token = SIGNED_IN.set(who.signed_in)
    try:
        if found is Verdict.TELLS:
            await inside.apart(scope, receive, send)
        elif observer is not None:
            await _watch(inside.app, observer, who, asked, scope, receive, send)
        else:
            await inside.app(scope, receive, send)
    finally:
        SIGNED_IN.reset(token)


def refused(who: Visitor, asked: Asked, found: Verdict | None, door: Door, headers: Headers) -> Refusal | None:
    """Why a request of somebody who may come in goes no further, where it does not; ``found``: that of a viewer."""
    if asked.method not in LOOKING_METHODS and is_of_another_site(headers):
        return Refusal(
            403,
            "A page of another site sent this. Where it is the App itself that says so, the proxy changes the host: "
            "have it pass the header Host on as it is (nginx: proxy_set_header Host $http_host).",
        )
    if asked.path == "/media" and not is_media(asked.query):
        return Refusal(403, "That file is no media file.")
    if door.proxy is not None and shows_files(asked):
        return Refusal(403, "The folders of the server are not shown.")
    if found is Verdict.CHANGES:
        name = f"{who.actor} is" if who.actor else "You are"
        return Refusal(403, f"{name} a viewer here, and changes nothing.")
    return None


def is_media(query: str) -> bool:
    """Whether the address of a request for media asks for media files, or for reports of ours, alone."""
    paths = parse_qs(query).get("filepath", [])
    return all(MEDIA.fullmatch(each) is not None or is_report(each) for each in paths)


async def _watch(
    app: Application, observer: Observer, who: Visitor, asked: Asked, scope: Message, receive: Receive, send: Send
) -> None:
    """Shows an edit and its answer to the observer; the browser has the answer only then."""
    answer, held = Answer(), list[Message]()
    sent = {key.lower(): value.decode("latin-1") for key, value in scope["headers"]}
    client = (scope.get("client") or ("",))[0]
    window = "\0".join([client, *(sent.get(each, "") for each in (b"x-forwarded-for", b"user-agent"))])
    seen = await observer.before(who, asked, window, sent.get(b"if-match"))

    async def hold(message: Message) -> None:
        answer.take(message)
        held.append(message)

    await app(scope, receive, hold)
    await observer.after(seen, answer)
    for message in held:
        await send(message)


async def _whole(receive: Receive) -> bytes | None:
    """The body of a request; ``None`` where it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the browser has gone
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > LONGEST_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read already; then what else comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(scope: Message, send: Send, refusal: Refusal) -> None:
    """A sentence: as a page where a person opened one, else in the form in which FiftyOne's server says no."""
    opened = scope["method"] == "GET" and any(
        key == b"accept" and b"text/html" in value for key, value in scope["headers"]
    )
    if opened:
        kind, content = b"text/plain; charset=utf-8", refusal.why
    else:
        kind = b"application/json"
        content = json.dumps({"error": {"message": refusal.why}, "detail": refusal.why}, ensure_ascii=False)
    body = content.encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
