"""The daemon's HTTP port, on real sockets."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from syncd.config.kinds import HttpAddress
from syncd.daemon import http as daemon_http
from syncd.daemon.http import serve_http
from syncd.daemon.notify import NoticeCounts
from syncd.daemon.status_board import StatusBoard
from syncd.engine.result import RunResult
from syncd.errors import SyncdError
from syncd.store.daemon_registry import BindingState, State

FREE = HttpAddress("127.0.0.1", 0)
CANARY = "hunter2canary"


@pytest.fixture
def board() -> StatusBoard:
    return StatusBoard()


@contextmanager
def served(board: StatusBoard, **options: Any) -> Iterator[HttpAddress]:
    with serve_http(FREE, board, **options) as address:
        assert address is not None
        yield address


def ask(address: HttpAddress, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection(*address, timeout=5)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = (sample for family in parse_text(text) for sample in family.samples)
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for each in found}


def test_health_is_that_every_worker_beats(board: StatusBoard) -> None:
    with served(board, silent_after=timedelta(seconds=0.2)) as address:
        board.beat("one")
        assert ask(address, "/healthz")[::2] == (200, "ok\n")
        time.sleep(0.3)
        status, _, text = ask(address, "/healthz")
        assert status == 503
        assert "silent" in text
        board.beat("one")
        assert ask(address, "/healthz")[0] == 200


@pytest.mark.parametrize("state", list(State))
def test_ready_is_being_at_work_or_standing_by(board: StatusBoard, state: State) -> None:
    board.set(BindingState("good", State.IN_AGREEMENT))
    board.set(BindingState("other", state, why=CANARY))
    with served(board) as address:
        status, _, text = ask(address, "/readyz")
    missing = {"other": state.value} if state in (State.DEGRADED, State.STOPPED, State.STARTING) else {}
    assert status == (503 if missing else 200)
    assert json.loads(text) == {"ready": not missing, "not_ready": missing}


def test_a_daemon_that_has_not_begun_is_alive_and_not_ready(board: StatusBoard) -> None:
    with served(board) as address:
        assert ask(address, "/healthz")[0] == 200
        assert ask(address, "/readyz")[0] == 503


def test_the_metrics_tell_the_board(board: StatusBoard) -> None:
    now = datetime.now(timezone.utc)
    board.set(
        BindingState(
            "one",
            State.DEGRADED,
            now - timedelta(minutes=2),
            side="database",
            last_success=now - timedelta(minutes=3),
            open_conflicts=7,
            awaiting_review=4,
            lag_seconds={"fiftyone": 5.0, "database": None},
        )
    )
    result = RunResult("one", "r", "full", dry_run=False, plan=None, opened=2)
    board.finished(result, {"reading": 0.02, "applying": 40.0})
    board.failed("one")
    with served(board, notices=lambda: NoticeCounts(delivered=3, given_up=1, dropped=2, waiting=9)) as address:
        status, headers, text = ask(address, "/metrics")
    assert (status, headers["Content-Type"].split(";")[0]) == (200, "text/plain")
    found = samples(text)

    def value(name: str, **labels: str) -> float:
        return found[name, tuple(sorted(labels.items()))]

    assert value("syncd_runs_total", binding="one", outcome="done", mode="full") == 1
    assert value("syncd_runs_total", binding="one", outcome="failed", mode="unknown") == 1
    assert value("syncd_runs_total", binding="one", outcome="held", mode="incremental") == 0
    assert value("syncd_changes_total", binding="one", direction="to_database") == 0
    assert value("syncd_conflicts_open", binding="one") == 7
    assert value("syncd_conflicts_opened_total", binding="one") == 2
    assert value("syncd_awaiting_review", binding="one") == 4
    assert value("syncd_superseded_total", binding="one") == value("syncd_refused_total", binding="one") == 0
    assert value("syncd_last_success_timestamp_seconds", binding="one") == pytest.approx(now.timestamp() - 180)
    assert value("syncd_lag_seconds", binding="one", side="fiftyone") == pytest.approx(185, abs=5)
    assert ("syncd_lag_seconds", (("binding", "one"), ("side", "database"))) not in found
    for state in State:
        assert value("syncd_state", binding="one", state=state.value) == (state is State.DEGRADED)
    assert value("syncd_phase_seconds_count", binding="one", phase="reading") == 1
    assert value("syncd_phase_seconds_sum", binding="one", phase="applying") == 40
    assert value("syncd_phase_seconds_bucket", binding="one", phase="reading", le="0.01") == 0
    assert value("syncd_phase_seconds_bucket", binding="one", phase="reading", le="0.025") == 1
    assert value("syncd_phase_seconds_bucket", binding="one", phase="applying", le="30.0") == 0
    assert value("syncd_phase_seconds_bucket", binding="one", phase="applying", le="+Inf") == 1
    assert value("syncd_notifications_total", outcome="delivered") == 3
    assert value("syncd_notifications_total", outcome="given_up") == 1
    assert value("syncd_notifications_total", outcome="dropped") == 2
    assert value("syncd_notifications_waiting") == 9
    assert value("process_resident_memory_bytes") > 1e6
    assert value("process_open_fds") > 0


def test_a_binding_has_all_its_counters_before_its_first_run(board: StatusBoard) -> None:
    """An alert on the first failure needs the zero before it."""
    board.set(BindingState("one"))
    with served(board) as address:
        found = samples(ask(address, "/metrics")[2])
    assert found["syncd_runs_total", (("binding", "one"), ("mode", "unknown"), ("outcome", "failed"))] == 0
    assert found["syncd_changes_total", (("binding", "one"), ("direction", "to_fiftyone"))] == 0


def test_the_metrics_are_valid_in_the_newer_format_too(board: StatusBoard) -> None:
    board.set(BindingState('o"ne\\', State.HELD))
    board.finished(RunResult('o"ne\\', "r", "full", dry_run=False, plan=None), {"reading": 1})
    with served(board) as address:
        _, headers, text = ask(address, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert "openmetrics" in headers["Content-Type"]
    families = {each.name: each for each in parse_openmetrics(text)}
    assert families["syncd_conflicts_open"].samples[0].labels == {"binding": 'o"ne\\'}


def test_the_status_is_the_board(board: StatusBoard) -> None:
    state = BindingState(
        "one", State.CONFLICTS, open_conflicts=2, lag_seconds={"fiftyone": 0.5}, wake={"fiftyone": "poll"}
    )
    board.set(state)
    with served(board) as address:
        _, headers, text = ask(address, "/status.json")
    assert headers["Content-Type"].startswith("application/json")
    (told,) = json.loads(text)["bindings"]
    assert told == {name: value for name, value in state.as_json().items() if name != "why"}


def test_no_page_tells_why_for_that_may_name_a_class_or_an_address(board: StatusBoard) -> None:
    board.set(BindingState("one", State.HELD, why=f"{CANARY} would become Copepoda"))
    board.finished(RunResult("one", CANARY, "full", dry_run=False, plan=None, held=CANARY, notes=(CANARY,)), {})
    with served(board) as address:
        for path in ("/healthz", "/readyz", "/metrics", "/status.json", f"/{CANARY}"):
            _, headers, text = ask(address, path)
            assert CANARY not in text + str(headers), path
            assert "Python" not in str(headers)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/status.json", "/nowhere"])
def test_head_answers_as_get_does_without_the_body(board: StatusBoard, path: str) -> None:
    board.set(BindingState("one", State.IN_AGREEMENT))
    with served(board) as address:
        got, asked = ask(address, path), ask(address, path, "HEAD")
    assert asked[0] == got[0]
    assert asked[1]["Content-Type"] == got[1]["Content-Type"]
    assert int(asked[1]["Content-Length"]) > 0
    assert asked[2] == ""


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_only_reading_is_allowed(board: StatusBoard, method: str) -> None:
    with served(board) as address:
        status, headers, _ = ask(address, "/healthz", method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD")
        assert ask(address, "/nowhere", method)[0] == 404


@pytest.mark.parametrize("path", ["/", "/healthz/", "/healthzz", "/../etc/passwd", "/metrics/x", "/%00"])
def test_everything_else_is_not_found(board: StatusBoard, path: str) -> None:
    with served(board) as address:
        assert ask(address, path)[0] == 404


def test_a_query_is_ignored(board: StatusBoard) -> None:
    with served(board) as address:
        assert ask(address, "/healthz?verbose=1")[0] == 200


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"FOO / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
    ],
)
def test_nonsense_is_answered_or_hung_up_on_and_the_next_one_is_served(
    board: StatusBoard, request_: bytes, capfd: Any
) -> None:
    with served(board) as address:
        with socket.create_connection(address, timeout=5) as client:
            client.sendall(request_)
            client.shutdown(socket.SHUT_WR)
            answer = b""
            with suppress(ConnectionResetError):
                while chunk := client.recv(4096):
                    answer += chunk
        assert not answer.startswith(b"HTTP/1.0 200")
        assert ask(address, "/healthz")[0] == 200
    assert "Traceback" not in "".join(capfd.readouterr())


def test_clients_that_say_nothing_do_not_keep_others_out(board: StatusBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_http, "MOST_CONNECTIONS", 8)
    monkeypatch.setattr(daemon_http, "REQUEST_S", 0.5)
    with served(board) as address:
        idle = [socket.create_connection(address, timeout=5) for _ in range(20)]
        for each in idle[:8]:
            each.sendall(b"GET /healthz HTTP/1.1\r\nA: ")
        deadline = time.monotonic() + 5
        while (status := _try(address)) != 200 and time.monotonic() < deadline:
            for each in idle[:8]:  # a byte now and then keeps a mere read timeout from striking
                with suppress(OSError):
                    each.sendall(b"a")
            time.sleep(0.1)
        assert status == 200
        for each in idle:
            each.close()


@contextmanager
def slow_clients(address: HttpAddress, number: int) -> Iterator[list[socket.socket]]:
    """Clients that have begun to ask, and go on as slowly as they like."""
    clients = [socket.create_connection(address, timeout=5) for _ in range(number)]
    for each in clients:
        with suppress(OSError):
            each.sendall(b"GET /healthz HTTP/1.1\r\nA: ")
    try:
        yield clients
    finally:
        for each in clients:
            each.close()


def test_a_health_check_is_answered_while_slow_clients_hold_every_connection(
    board: StatusBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_http, "MOST_CONNECTIONS", 8)
    with served(board) as address, slow_clients(address, 30):
        assert [ask(address, "/healthz")[0] for _ in range(20)] == [200] * 20
        assert sum(each.name.startswith("Thread") for each in threading.enumerate()) < 30


def test_the_oldest_is_hung_up_on_and_whoever_is_being_answered_is_not(
    board: StatusBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_http, "MOST_CONNECTIONS", 3)
    asked, answer_now = threading.Event(), threading.Event()

    def slow_answer(*_: object) -> daemon_http.Answer:
        asked.set()
        answer_now.wait(10)
        return daemon_http.Answer(200, "text/plain", b"whole")

    with served(board) as address:
        monkeypatch.setattr(daemon_http._Pages, "answer", slow_answer)
        with socket.create_connection(address, timeout=10) as patient:
            patient.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            assert asked.wait(10)
            with slow_clients(address, 6) as clients:
                assert clients[0].recv(1) == b"", "it was the oldest that had not asked"
                answer_now.set()
                assert b"whole" in patient.makefile("rb").read()


def _try(address: HttpAddress) -> int | None:
    try:
        return ask(address, "/healthz")[0]
    except (OSError, http.client.HTTPException):
        return None


def test_a_scrape_while_runs_are_counted_is_whole(board: StatusBoard) -> None:
    """A run and its phases are counted together or not yet."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            board.finished(RunResult("one", "r", "full", dry_run=False, plan=None), {"reading": 0.1})

    worker = threading.Thread(target=work)
    worker.start()
    before = 0.0
    try:
        with served(board) as address:
            for _ in range(10):
                found = samples(ask(address, "/metrics")[2])
                runs = found["syncd_runs_total", (("binding", "one"), ("mode", "full"), ("outcome", "done"))]
                assert runs == found["syncd_phase_seconds_count", (("binding", "one"), ("phase", "reading"))]
                # That the other thread came to anything between two requests is the scheduler's affair.
                assert runs >= before
                before = runs
        assert before
    finally:
        ended.set()
        worker.join()


def test_a_port_in_use_is_said_with_what_to_do(board: StatusBoard) -> None:
    with served(board) as address:
        with pytest.raises(SyncdError, match=rf"{address}.*in use") as caught, serve_http(address, board):
            pass
        assert "daemon.http" in str(caught.value)
        assert str(address.port) in (caught.value.remedy or "")


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid", "a..b"])
def test_an_address_that_is_not_ours_is_said(board: StatusBoard, host: str) -> None:
    with pytest.raises(SyncdError, match="cannot answer on"), serve_http(HttpAddress(host, 9095), board):
        pass


def test_the_port_is_free_again_when_the_daemon_ends(board: StatusBoard) -> None:
    with served(board) as address:
        ask(address, "/healthz")
    with serve_http(address, board) as again:
        assert again == address
        assert ask(address, "/healthz")[0] == 200


def test_an_address_of_the_sixth_version_is_served(board: StatusBoard) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with serve_http(HttpAddress("::1", 0), board) as address:
        assert address is not None
        assert ask(address, "/healthz")[0] == 200


def test_no_address_means_no_port(board: StatusBoard) -> None:
    with serve_http(None, board) as address:
        assert address is None


def test_a_binding_is_woken_from_outside_once_for_each_call(board: StatusBoard) -> None:
    woken: list[str] = []
    there = {"one": True, "a/b ü": True, "elsewhere": False}

    def wake(name: str) -> bool | None:
        woken.append(name)
        return there.get(name)

    with served(board, wake=wake) as address:
        status, headers, text = ask(address, "/wake/one", "POST")
        assert (status, json.loads(text)) == (202, {"binding": "one", "woken": True})
        assert headers["Content-Type"].startswith("application/json")
        assert ask(address, "/wake/a%2Fb%20%C3%BC", "POST")[0] == 202
        assert ask(address, "/wake/elsewhere", "POST")[0] == 409
        assert ask(address, "/wake/nobody", "POST")[0] == 404
        assert ask(address, "/wake/one", "GET")[0] == 404
        assert ask(address, "/wake/one", "PUT")[0] == 404
        assert ask(address, "/healthz", "POST")[0] == 405
    assert woken == ["one", "a/b ü", "elsewhere", "nobody"]
