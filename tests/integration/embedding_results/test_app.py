"""A running App: what is said where it cannot be told of a new layout, and that it is told where it can."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from integration.embedding_results.conftest import Bench
from syncd.config import parse_config
from syncd.embedding_results.app import OPERATOR, forget, refresh_app


def config(bench: Bench, address: str | None) -> Any:
    document = bench.world.document()
    if address is not None:
        document["fiftyone"]["app_url"] = address
    return parse_config(document)


def test_without_an_address_it_says_what_to_do(samples: Bench) -> None:
    said = refresh_app(config(samples, None), samples.dataset.name)
    assert said is not None and "refresh_embeddings" in said and "fiftyone.app_url" in said


def test_a_server_that_does_not_answer_is_no_failure(samples: Bench) -> None:
    said = refresh_app(config(samples, "http://127.0.0.1:9"), samples.dataset.name)
    assert said is not None and "restart it" in said


class Answers(BaseHTTPRequestHandler):
    """Takes down what it is asked, and answers as FiftyOne's server does."""

    asked: ClassVar[list[Any]] = []
    status, said = 200, '{"result": {}}'

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.asked.append((self.path, json.loads(self.rfile.read(length))))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.said.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    Answers.asked.clear()
    Answers.status, Answers.said = 200, '{"result": {}}'


def test_the_plugin_is_asked_and_what_it_answers_is_told(samples: Bench, address: str) -> None:
    settings = config(samples, address)
    assert refresh_app(settings, samples.dataset.name) is None
    path, body = Answers.asked[0]
    assert path == "/operators/execute"
    assert (body["operator_uri"], body["dataset_name"]) == (OPERATOR, samples.dataset.name)
    Answers.status = 404
    assert "no plugin of syncd's" in str(refresh_app(settings, samples.dataset.name))
    Answers.status, Answers.said = 200, '{"error": "Traceback\\nValueError: no such dataset"}'
    assert "ValueError: no such dataset" in str(refresh_app(settings, samples.dataset.name))


def test_a_dataset_that_forgets_reads_the_new_layout(samples: Bench) -> None:
    samples.update(suspects=False, similarity=False)
    key = samples.dataset.list_brain_runs()[0]
    old = samples.dataset.load_brain_results(key)
    samples.world.mongo["runs"].update_many({}, {"$set": {"version": "another"}})
    assert samples.dataset.load_brain_results(key) is old
    forget(samples.dataset)
    assert samples.dataset.load_brain_results(key) is not old
