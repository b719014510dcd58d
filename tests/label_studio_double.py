"""A Label Studio for tests, within this process: the API that syncd uses, as version 1.23 was seen to behave."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

SETUP: dict[str, dict[str, Any]] = {
    "label": {"type": "RectangleLabels", "to_name": ["image"], "labels": ["Copepoda", "Ostracoda", "Krill"]},
    "note": {"type": "TextArea", "to_name": ["image"], "labels": []},
    "depth": {"type": "Number", "to_name": ["image"], "labels": []},
    "stars": {"type": "Rating", "to_name": ["image"], "labels": []},
    "kind": {"type": "Choices", "to_name": ["image"], "labels": ["whole", "part"]},
}
USERS = {1: "syncd", 2: "curator"}
TOKENS = {"legacy-token-of-syncd": 1, "legacy-token-of-curator": 2}
PERSONAL = {"eyJhbGciOi.personal.token": 1}


class LabelStudio:
    """One project. ``refused`` are texts that it will not take; ``before`` is told each request before it is served."""

    project = 3
    token = "legacy-token-of-syncd"
    personal_token = "eyJhbGciOi.personal.token"
    url = "http://labels.invalid"

    def __init__(self, setup: dict[str, dict[str, Any]] | None = None) -> None:
        inputs = [{"type": "Image", "value": "image"}]
        self.setup = {name: {**each, "inputs": inputs} for name, each in (setup or SETUP).items()}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.annotations: dict[int, dict[str, Any]] = {}
        self.refused: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.before: Callable[[str, str], None] | None = None
        self.fails: list[int] = []
        self.access = 0

    def transport(self) -> httpx.BaseTransport:
        """What httpx takes instead of the network."""
        return httpx.MockTransport(self._serve)

    def person(self) -> httpx.Client:
        """Somebody who works by the API."""
        return httpx.Client(
            base_url=self.url + "/api/",
            headers={"Authorization": "Token legacy-token-of-curator"},
            transport=httpx.MockTransport(self._answer),
        )

    def now(self) -> datetime:
        """The server's clock."""
        return datetime.now(timezone.utc)

    def task(self, image: str) -> dict[str, Any]:
        """A new task."""
        stamp = _text(self.now())
        made = {"id": len(self.tasks) + 1, "data": {"image": image}, "updated_at": stamp}
        self.tasks[made["id"]] = made
        return made

    def annotate(self, task: dict[str, Any], result: list[dict[str, Any]], by: int = 2) -> dict[str, Any]:
        """A new annotation of a task."""
        made = {
            "id": max(self.annotations, default=0) + 1,
            "task": task["id"],
            "result": result,
            "was_cancelled": False,
            "completed_by": by,
            "updated_by": by,
            "updated_at": _text(self.now()),
        }
        self.annotations[made["id"]] = made
        task["updated_at"] = _text(self.now())
        return made

    def _serve(self, request: httpx.Request) -> httpx.Response:
        path = urlsplit(str(request.url)).path.removeprefix("/api/")
        self.calls[f"{request.method} {path.split('/')[0]}"] += 1
        if self.before is not None:
            self.before(request.method, path)
        if self.fails:
            return httpx.Response(self.fails.pop(0), html="<h1>Bad Gateway</h1>")
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        parts = urlsplit(str(request.url))
        path, query = parts.path.removeprefix("/api/"), dict(parse_qsl(parts.query))
        body = json.loads(request.content) if request.content else None
        headers = {"Date": format_datetime(self.now().replace(microsecond=0), usegmt=True)}
        if path == "token/refresh":
            if body["refresh"] not in PERSONAL:
                return self._refusal(401, "Token is invalid or expired", headers)
            self.access += 1
            return httpx.Response(200, json={"access": f"access-{self.access}"}, headers=headers)
        user = self._user(request.headers.get("Authorization", ""))
        if user is None:
            return self._refusal(401, "Invalid token.", headers)
        status, found = self._dispatch(request.method, path, query, body, user)
        if status >= 400:
            return self._refusal(status, str(found), headers)
        if status == 204:
            return httpx.Response(204, headers=headers)
        return httpx.Response(status, json=found, headers=headers)

    def _user(self, header: str) -> int | None:
        scheme, _, token = header.partition(" ")
        if scheme == "Bearer":
            return 1 if token == f"access-{self.access}" else None
        return TOKENS.get(token)

    def _refusal(self, status: int, detail: str, headers: dict[str, str]) -> httpx.Response:
        body = {"id": "x", "status_code": status, "version": "1.23.2", "detail": detail, "exc_info": None}
        return httpx.Response(status, json=body, headers=headers)

    def _dispatch(self, method: str, path: str, query: dict[str, str], body: Any, user: int) -> tuple[int, Any]:
        if path == "current-user/whoami":
            return 200, self._person(user)
        if path == "users/":
            return 200, [self._person(each) for each in USERS]
        if path == f"projects/{self.project}/":
            return 200, {"id": self.project, "title": "Plankton", "parsed_label_config": self.setup}
        if path == "tasks":
            return self._list(query)
        if match := re.fullmatch(r"tasks/(\d+)/annotations/", path):
            if why := self._refuses(body["result"]):
                return 400, why
            return 201, self.annotate(self.tasks[int(match[1])], body["result"], user)
        if match := re.fullmatch(r"annotations/(\d+)/", path):
            annotation = self.annotations.get(int(match[1]))
            if annotation is None:
                return 404, "No Annotation matches the given query."
            return self._one(method, annotation, body, user)
        return 404, "Not found."

    def _one(self, method: str, annotation: dict[str, Any], body: Any, user: int) -> tuple[int, Any]:
        task = self.tasks[annotation["task"]]
        if method == "GET":
            return 200, annotation
        if method == "DELETE":
            del self.annotations[annotation["id"]]
            task["updated_at"] = _text(self.now())
            return 204, None
        if why := self._refuses(body["result"]):
            return 400, why
        # The whole result is replaced, whoever wrote into it meanwhile.
        annotation |= {"result": body["result"], "updated_at": _text(self.now()), "updated_by": user}
        task["updated_at"] = _text(self.now())
        return 200, annotation

    def _list(self, query: dict[str, str]) -> tuple[int, Any]:
        found = list(self.tasks.values())
        for item in json.loads(query["query"])["filters"]["items"] if "query" in query else ():
            name = item["filter"].removeprefix("filter:tasks:")
            if name == "updated_at":
                if not re.fullmatch(r".*\.\d{6}Z", item["value"]):
                    return 500, "time data does not match format"
                found = [each for each in found if each["updated_at"] >= item["value"]]
            else:
                key = name.removeprefix("data.")
                found = [each for each in found if each["data"].get(key) == item["value"]]
        size, page = int(query["page_size"]), int(query["page"])
        part = found[size * (page - 1) : size * page]
        if not part and page > 1:
            return 404, "Invalid page."
        shown = [
            each | {"annotations": [one for one in self.annotations.values() if one["task"] == each["id"]]}
            for each in part
        ]
        return 200, json.loads(json.dumps({"tasks": shown, "total": len(found)}))

    def _refuses(self, result: list[dict[str, Any]]) -> str | None:
        texts = [text for each in result for text in _texts(each["value"])]
        return next((f"{text!r} is refused" for text in texts if text in self.refused), None)

    @staticmethod
    def _person(user: int) -> dict[str, Any]:
        rights = ["annotations.create", "annotations.change"]
        return {"id": user, "username": USERS[user], "email": f"{USERS[user]}@example.org", "permissions": rights}


def _texts(value: dict[str, Any]) -> list[str]:
    return [text for each in value.values() if isinstance(each, list) for text in each if isinstance(text, str)]


def _text(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
