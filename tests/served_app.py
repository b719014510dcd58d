"""``syncd app`` in a process of its own: FiftyOne's App with the plugin, inside the layer."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app_server import Answer, AppServer
from daemons import until

SYNCD = [sys.executable, "-c", "from syncd.cli.main import main; main()"]
PATIENCE_S = 90
JSON = {"Content-Type": "application/json"}
EXECUTE = "/operators/execute"


@dataclass(frozen=True)
class ServedApp(AppServer):
    """One running ``syncd app``; ``headers`` go with each request, as a proxy would send them."""

    process: subprocess.Popen[bytes]
    headers: dict[str, str]

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        """One request on a connection of its own."""
        return super().send(method, path, body, self.headers | headers)

    def execute(
        self, operator: str, dataset: str, params: dict[str, Any] | None = None, **context: Any
    ) -> dict[str, Any]:
        """An operator called as the App calls it; ``context`` is what else is in the request: a selection, a view."""
        body = {"operator_uri": operator, "dataset_name": dataset, "params": params or {}, **context}
        answer = self.send("POST", EXECUTE, body, JSON)
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.body
        return found

    def execute_as(
        self, person: str, operator: str, dataset: str, params: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """An operator called by somebody whom the proxy names."""
        body = {"operator_uri": operator, "dataset_name": dataset, "params": params or {}}
        answer = self.send("POST", EXECUTE, body, JSON | {"X-Forwarded-User": person})
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.body
        return found

    def raw(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> tuple[int, bytes]:
        """One request, and its answer as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def reset(self, dataset: str) -> None:
        """Closes what earlier windows opened: panels, view, selection and modal are the server's, not the window's."""
        query = (
            "mutation reset($name: String) {"
            ' setDataset(subscription: "reset", session: null, name: $name, viewName: null) }'
        )
        answer = self.send("POST", "/graphql", {"query": query, "variables": {"name": dataset}}, JSON)
        assert answer.body == {"data": {"setDataset": True}}, answer

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Ends it, as Ctrl-C does; the exit code."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)


@contextmanager
def served_app(
    config: Path,
    folder: Path,
    *arguments: str,
    plugins: Path | None = None,
    headers: dict[str, str] | None = None,
    **environment: str,
) -> Iterator[ServedApp]:
    """The App of a configuration, on a free port; ``plugins`` is FiftyOne's folder of other plugins.

    Its log is ``app.log`` in ``folder``. Gone at the end of the block.
    """
    log, home = folder / "app.log", folder / "home"
    home.mkdir(exist_ok=True)
    own = {"HOME": str(home), "FIFTYONE_PLUGINS_DIR": str(plugins or folder / "plugins"), "COLUMNS": "1000"}
    command = [*SYNCD, "app", "--port", "0", "--config", str(config), *arguments]
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            env=os.environ | own | environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            # Whoever runs the tests in the background has Ctrl-C ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - it is safe here
        )
    try:
        until(lambda: _port(log, process), log.read_text, PATIENCE_S)
        yield ServedApp(_port(log, process) or 0, log, process, headers or {})
    finally:
        process.kill()
        process.wait()


def _port(log: Path, process: subprocess.Popen[bytes]) -> int | None:
    text = log.read_text()
    assert process.poll() is None, text
    found = re.search(r"http://127\.0\.0\.1:(\d+)", text)
    return int(found[1]) if found and "Ctrl-C" in text else None
