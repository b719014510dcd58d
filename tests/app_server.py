"""FiftyOne's App server, started as `fiftyone app launch` does it, and the requests that the App sends."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bson import ObjectId

from daemons import until

PATIENCE_S = 60


@dataclass(frozen=True)
class Answer:
    """What the server said: 200 with the sample as it is now, 412 with the sample that somebody else changed."""

    status: int
    body: Any
    etag: str | None


@dataclass(frozen=True)
class AppServer:
    """One running App server."""

    port: int
    log: Path

    def patch(self, dataset: Any, sample: Any, operations: Sequence[dict[str, Any]], if_match: str) -> Answer:
        """The request of an open Annotate window: JSON-patch operations by list position."""
        path = f"/dataset/{dataset}/sample/{sample}"
        return self.send("PATCH", path, operations, {"If-Match": if_match, "Content-Type": JSON_PATCH})

    def patch_label(
        self, dataset: Any, sample: Any, field: str, label: Any, operations: Sequence[dict[str, Any]], if_match: str
    ) -> Answer:
        """The request for one label by its id."""
        path = f"/dataset/{dataset}/sample/{sample}/{field}/{label}"
        return self.send("PATCH", path, operations, {"If-Match": if_match, "Content-Type": JSON_PATCH})

    def tag(self, dataset: str, field: str, labels: Sequence[tuple[Any, Any]], tag: str, *, add: bool = True) -> Answer:
        """Tags labels, given as (sample, label)."""
        chosen = [{"sample_id": str(one), "field": field, "label_id": str(other)} for one, other in labels]
        body = {
            "dataset": dataset,
            "view": [],
            "filters": {},
            "target_labels": True,
            "changes": {tag: add},
            "label_fields": [field],
            "labels": chosen,
            "modal": False,
        }
        return self.send("POST", "/tag", body, {"Content-Type": "application/json"})

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            content = json.loads(text) if text.startswith(("{", "[")) else text
            return Answer(answer.status, content, answer.getheader("ETag"))
        finally:
            connection.close()


JSON_PATCH = "application/json-patch+json"


def stamp_of(sample: dict[str, Any]) -> str:
    """What the App sends as its first If-Match: the sample's ``last_modified_at``."""
    stamp: datetime = sample["last_modified_at"]
    return f'"{stamp.isoformat(timespec="milliseconds")}"'


def new_label(label: str, **attributes: Any) -> dict[str, Any]:
    """A label as the browser makes it: under an id of its own, without annotation id, tags or attributes."""
    own = {"_cls": "Detection", "label": label, "bounding_box": [0.4, 0.4, 0.2, 0.2], "_id": {"$oid": str(ObjectId())}}
    return own | attributes


@contextmanager
def app_server(mongo_uri: str, folder: Path, **more: str) -> Iterator[AppServer]:
    """A server on the database that the tests use, with ``more`` in its environment; gone at the end of the block."""
    server = AppServer(_free_port(), folder / "app-server.log")
    environment = os.environ | {"FIFTYONE_DATABASE_URI": mongo_uri} | more
    command = [sys.executable, "-m", "fiftyone.server.main", "--port", str(server.port), "--address", "127.0.0.1"]
    with server.log.open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: _answers(server, process), server.log.read_text, PATIENCE_S)
        yield server
    finally:
        process.kill()
        process.wait()


def _answers(server: AppServer, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, server.log.read_text()
    try:
        return server.send("GET", "/fiftyone", None, {}).status == 200
    except OSError:
        time.sleep(0.1)
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
