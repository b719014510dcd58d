"""The web hook is told what happened, however its receiver behaves, and nobody waits for it."""

from __future__ import annotations

import hashlib
import hmac
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from integration.notify.certificate import make
from integration.notify.receiver import Answer, Receiver, receiving
from syncd.config import NotifyConfig
from syncd.daemon.notify import NoticeCounts, Notifier, Persistence
from syncd.model.kinds import from_iso

SECRET = "0123456789abcdef"
QUICK = Persistence(first_s=0.02, longest_s=0.1, timeout_s=1.0)


def config(url: str, **more: Any) -> NotifyConfig:
    return NotifyConfig(webhook=SecretStr(url), **more)


def told(url: str, persistence: Persistence = QUICK, **more: Any) -> Notifier:
    return Notifier(config(url, **more), persistence)


def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def deliveries(receiver: Receiver) -> list[str]:
    return [each.headers["X-Syncd-Delivery"] for each in receiver.requests]


def test_a_message_says_what_happened_and_nothing_of_labels() -> None:
    document: dict[str, Any] = {
        "run_id": "20261123-093000-abcdef",
        "mode": "full",
        "state": "held",
        "held": "3 annotations would become 'Copepoda'",
        "notes": ["Copepoda"],
        "changes": [{"old": "Copepoda"}],
        "applied": {"to_database": 3, "to_fiftyone": 0},
        "conflicts": {"opened": 1, "open": 2},
        "seconds": 0.5,
    }
    with receiving() as receiver, told(receiver.url, secret=SecretStr(SECRET)) as notifier:
        notifier.tell("held", "one", document)
        (request,) = receiver.wait_for(1)
    message = request.message
    assert b"Copepoda" not in request.body
    assert request.path == "/hook/secret-path"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Syncd-Event"] == message["event"] == "held"
    assert request.headers["X-Syncd-Delivery"] == message["delivery"] == str(uuid.UUID(message["delivery"]))
    assert abs(from_iso(message["time"]) - datetime.now(timezone.utc)) < timedelta(seconds=10)
    assert (message["binding"], message["run_id"], message["mode"]) == ("one", "20261123-093000-abcdef", "full")
    assert (message["state"], message["side"], message["seconds"]) == ("held", None, 0.5)
    assert message["counts"] == {
        "applied": {"to_database": 3, "to_fiftyone": 0},
        "conflicts": {"opened": 1, "open": 2},
    }


def test_the_signature_covers_the_time_and_the_body() -> None:
    with receiving() as receiver, told(receiver.url, secret=SecretStr(SECRET)) as notifier:
        notifier.tell("applied", "one", {})
        (request,) = receiver.wait_for(1)
    at, v1 = (part.split("=", 1)[1] for part in request.headers["X-Syncd-Signature"].split(","))
    expected = hmac.new(SECRET.encode(), at.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert v1 == expected
    assert abs(int(at) - time.time()) < 10


def test_without_a_secret_there_is_no_signature() -> None:
    with receiving() as receiver, told(receiver.url) as notifier:
        notifier.tell("applied", "one", {})
        (request,) = receiver.wait_for(1)
    assert "X-Syncd-Signature" not in request.headers


def test_only_the_chosen_events_are_told() -> None:
    with receiving() as receiver, told(receiver.url, events=("held",)) as notifier:
        notifier.tell("applied", "one", {})
        notifier.tell("held", "one", {})
        notifier.tell("failed", "one", {})
        receiver.wait_for(1)
        notifier.close()
        assert [each.headers["X-Syncd-Event"] for each in receiver.requests] == ["held"]


def test_without_a_web_hook_nothing_happens() -> None:
    before = threading.active_count()
    with Notifier(NotifyConfig()) as notifier:
        notifier.tell("applied", "one", {})
        assert notifier.counts == NoticeCounts()
        assert threading.active_count() == before


def test_messages_come_in_order_each_once() -> None:
    with receiving() as receiver, told(receiver.url) as notifier:
        for number in range(50):
            notifier.tell("applied", f"b{number}", {})
        requests = receiver.wait_for(50)
        until(lambda: notifier.counts == NoticeCounts(delivered=50))
    assert [each.message["binding"] for each in requests] == [f"b{number}" for number in range(50)]
    assert len(set(deliveries(receiver))) == 50


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408, 425])
def test_a_receiver_in_trouble_gets_the_same_message_again(status: int) -> None:
    with (
        receiving(Answer(status), Answer(status)) as receiver,
        told(receiver.url, secret=SecretStr(SECRET)) as notifier,
    ):
        notifier.tell("applied", "one", {})
        requests = receiver.wait_for(3)
        until(lambda: notifier.counts == NoticeCounts(delivered=1))
    assert len(set(deliveries(receiver))) == 1
    assert len({each.body for each in requests}) == 1


def test_each_attempt_is_signed_anew_so_that_a_late_one_is_not_taken_for_a_recording() -> None:
    later, secret = Answer(503, (("Retry-After", "1"),)), SecretStr(SECRET)
    with receiving(later) as receiver, told(receiver.url, secret=secret) as notifier:
        notifier.tell("applied", "one", {})
        first, second = receiver.wait_for(2)
    assert first.headers["X-Syncd-Signature"] != second.headers["X-Syncd-Signature"]


def test_the_pauses_grow_to_their_bound_and_differ() -> None:
    limits = Persistence(first_s=0.05, longest_s=0.4)
    with receiving(*[Answer(500)] * 7) as receiver, told(receiver.url, limits) as notifier:
        notifier.tell("applied", "one", {})
        requests = receiver.wait_for(8)
    pauses = [later.at - earlier.at for earlier, later in pairwise(requests)]
    for number, pause in enumerate(pauses):
        longest = min(0.4, 0.05 * 2**number)
        assert longest / 2 <= pause < longest + 0.25, pauses


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(status: int) -> None:
    with receiving(Answer(status, (("Retry-After", "1"),))) as receiver, told(receiver.url) as notifier:
        notifier.tell("applied", "one", {})
        first, second = receiver.wait_for(2)
    assert 0.95 <= second.at - first.at < 3


def test_retry_after_may_be_a_date() -> None:
    at = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=3), usegmt=True)
    with receiving(Answer(503, (("Retry-After", at),))) as receiver, told(receiver.url) as notifier:
        notifier.tell("applied", "one", {})
        first, second = receiver.wait_for(2)
    assert 1 < second.at - first.at < 5


@pytest.mark.parametrize(
    "header", ["soon", "-5", "", "1e9", "Mon, 99 Nov 2026 99:99:99 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"]
)
def test_a_senseless_retry_after_says_nothing(header: str) -> None:
    with receiving(Answer(503, (("Retry-After", header),))) as receiver, told(receiver.url) as notifier:
        notifier.tell("applied", "one", {})
        first, second = receiver.wait_for(2)
    assert second.at - first.at < 2


def test_retry_after_is_obeyed_up_to_a_bound() -> None:
    limits = Persistence(first_s=0.02, longest_s=0.1, obey_s=0.3)
    with (
        receiving(Answer(503, (("Retry-After", "99999999999999"),))) as receiver,
        told(receiver.url, limits) as notifier,
    ):
        notifier.tell("applied", "one", {})
        first, second = receiver.wait_for(2)
    assert 0.29 <= second.at - first.at < 3


def test_a_receiver_that_is_down_gets_everything_when_it_is_back() -> None:
    port = closed_port()
    with capture_logs() as logs, told(f"http://127.0.0.1:{port}/hook/secret-path") as notifier:
        for number in range(5):
            notifier.tell("applied", f"b{number}", {})
        time.sleep(0.5)
        assert notifier.counts == NoticeCounts(waiting=5)
        with receiving(port=port) as receiver:
            requests = receiver.wait_for(5)
            until(lambda: notifier.counts.delivered == 5)
    assert [each.message["binding"] for each in requests] == [f"b{number}" for number in range(5)]
    assert [each["event"] for each in logs] == [
        "the web hook takes no message; trying again",
        "the web hook takes messages again",
    ], "one line when it fails, one when it is back"
    assert "secret-path" not in str(logs)


def test_a_receiver_that_is_slow_holds_nobody_up_and_is_tried_again() -> None:
    limits = Persistence(first_s=0.02, longest_s=0.1, timeout_s=0.2)
    with receiving(Answer(after_s=1.0)) as receiver, told(receiver.url, limits) as notifier:
        begun = time.monotonic()
        notifier.tell("applied", "one", {})
        assert time.monotonic() - begun < 0.1
        receiver.wait_for(2)
        until(lambda: notifier.counts == NoticeCounts(delivered=1))
    assert len(set(deliveries(receiver))) == 1, "it took the first one, late: the id tells it so"


def test_a_receiver_that_hangs_up_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with told(f"http://127.0.0.1:{port}/") as notifier:
            notifier.tell("applied", "one", {})
            for _ in range(3):
                server.accept()[0].close()
            until(lambda: notifier.counts.waiting == 1)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 301, 307])
def test_a_message_that_is_refused_is_given_up_and_the_next_ones_go_out(status: int) -> None:
    limits = Persistence(first_s=0.01, longest_s=0.05, refusals=3)
    elsewhere = (("Location", "http://127.0.0.1:1/other"),) if status < 400 else ()
    refusals = [Answer(status, elsewhere)] * 3
    with capture_logs() as logs, receiving(*refusals) as receiver, told(receiver.url, limits) as notifier:
        notifier.tell("applied", "refused", {})
        notifier.tell("applied", "next", {})
        requests = receiver.wait_for(4)
        until(lambda: notifier.counts == NoticeCounts(delivered=1, given_up=1))
    assert [each.message["binding"] for each in requests] == ["refused"] * 3 + ["next"]
    assert {each.path for each in requests} == {"/hook/secret-path"}
    (line,) = [each for each in logs if "given up" in each["event"]]
    assert line["log_level"] == "warning"
    assert (line["told"], line["binding"], line["attempts"]) == ("applied", "refused", 3)
    assert str(status) in line["why"]


def test_a_message_is_given_up_when_it_is_old() -> None:
    limits = Persistence(first_s=0.02, longest_s=0.05, give_up_s=0.3)
    with capture_logs() as logs, told(f"http://127.0.0.1:{closed_port()}/", limits) as notifier:
        notifier.tell("applied", "one", {})
        time.sleep(0.1)
        assert notifier.counts == NoticeCounts(waiting=1)
        until(lambda: notifier.counts == NoticeCounts(given_up=1))
    assert sum("given up" in each["event"] for each in logs) == 1


def test_when_the_queue_is_full_the_oldest_go() -> None:
    limits = Persistence(first_s=0.02, longest_s=0.1, queue=10)
    port = closed_port()
    with capture_logs() as logs, told(f"http://127.0.0.1:{port}/", limits) as notifier:
        for number in range(100):
            notifier.tell("applied", f"b{number}", {})
        until(lambda: notifier.counts.waiting + notifier.counts.dropped == 100)
        assert notifier.counts.waiting in (10, 11), "eleven while one of them is being sent"
        with receiving(port=port) as receiver:
            until(lambda: notifier.counts.waiting == 0)
            counts = notifier.counts
            names = [each.message["binding"] for each in receiver.requests]
    assert counts.delivered + counts.dropped == 100
    assert names[-10:] == [f"b{number}" for number in range(90, 100)]
    assert sum("dropped" in each["event"] for each in logs) == 1, "one line, not ninety"


def test_telling_never_waits_even_when_nothing_is_taken() -> None:
    with receiving(*[Answer(after_s=5.0)] * 3) as receiver, told(receiver.url, Persistence(queue=100)) as notifier:
        begun = time.monotonic()
        for number in range(1000):
            notifier.tell("applied", f"b{number}", {})
        assert time.monotonic() - begun < 1.0
        notifier.close(within_s=0.1)


def test_at_the_end_what_is_waiting_is_delivered() -> None:
    with receiving() as receiver:
        notifier = told(receiver.url)
        for number in range(20):
            notifier.tell("applied", f"b{number}", {})
        notifier.close()
        assert len(receiver.requests) == 20
        assert notifier.counts == NoticeCounts(delivered=20)


def test_at_the_end_a_receiver_in_trouble_gets_one_more_try_without_a_pause() -> None:
    limits = Persistence(first_s=60.0, longest_s=60.0)
    with receiving(Answer(500)) as receiver:
        notifier = told(receiver.url, limits)
        notifier.tell("applied", "one", {})
        receiver.wait_for(1)
        until(lambda: notifier.counts == NoticeCounts(waiting=1))
        notifier.close()
        assert notifier.counts == NoticeCounts(delivered=1)


@pytest.mark.parametrize("answer", [Answer(after_s=30.0), Answer(500)], ids=["slow", "in trouble"])
def test_the_end_waits_two_seconds_at_most_and_says_what_is_left(answer: Answer) -> None:
    with receiving(*[answer] * 10) as receiver, capture_logs() as logs:
        notifier = Notifier(config(receiver.url))
        for _ in range(3):
            notifier.tell("applied", "one", {})
        receiver.wait_for(1)
        begun = time.monotonic()
        notifier.close()
        assert time.monotonic() - begun < 2.5
    (line,) = [each for each in logs if "not delivered" in each["event"]]
    assert line["messages"] == 3


def test_after_the_end_nothing_is_told_and_nothing_fails() -> None:
    with receiving() as receiver:
        notifier = told(receiver.url)
        notifier.close()
        notifier.tell("applied", "one", {})
        notifier.close()
        assert notifier.counts == NoticeCounts(dropped=1)
        assert receiver.requests == []


def test_the_thread_ends_with_its_notifier() -> None:
    with receiving() as receiver:
        before = threading.active_count()
        with told(receiver.url) as notifier:
            notifier.tell("applied", "one", {})
            receiver.wait_for(1)
        until(lambda: threading.active_count() <= before)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    certificate, key = make(tmp_path)
    with capture_logs() as logs, receiving(tls=(certificate, key)) as receiver, told(receiver.url) as notifier:
        notifier.tell("applied", "one", {})
        until(lambda: bool(logs))
        notifier.close(within_s=0.1)
        assert notifier.counts.delivered == 0
        assert receiver.requests == []
    assert "certificate verify failed" in logs[0]["why"]


def test_a_certificate_of_the_labs_own_authority_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving(tls=(certificate, key)) as receiver, told(receiver.url) as notifier:
        notifier.tell("applied", "one", {})
        receiver.wait_for(1)


def test_an_address_that_is_none_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ValidationError, match="webhook") as caught:
        told("http://[::1/secret-path")
    assert "secret-path" not in str(caught.value)
