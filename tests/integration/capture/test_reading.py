"""No commit is missed, however late, and whatever cannot be relied upon is a gap."""

from __future__ import annotations

import random
import threading
from datetime import datetime, timedelta, timezone

import pytest

from integration.capture.lab import CaptureLab
from syncd.store.capture_read import prune
from syncd.store.tables import tables_for

DAY = timedelta(days=1)


@pytest.fixture
def captured(lab: CaptureLab) -> CaptureLab:
    lab.make()
    lab.sql("INSERT INTO annotation VALUES ('a', 'krill'), ('b', 'krill'), ('c', 'krill')")
    lab.install()
    return lab


def touch(lab: CaptureLab, annotation_id: str) -> None:
    lab.sql("UPDATE annotation SET label = label WHERE annotation_id = %s", annotation_id)


def test_nothing_changed_names_nothing(captured: CaptureLab) -> None:
    touch(captured, "a")
    found = captured.since(captured.position())
    assert (found.changed_ids, found.deleted_ids, found.gap) == (set(), set(), None)


def test_what_was_read_is_not_read_again(captured: CaptureLab) -> None:
    before = captured.position()
    touch(captured, "a")
    first = captured.since(before)
    touch(captured, "b")
    second = captured.since(first.position)
    assert (first.changed_ids, second.changed_ids) == ({"a"}, {"b"})
    assert captured.since(second.position).changed_ids == set()


def test_a_commit_that_comes_after_later_ones_were_read_is_found(captured: CaptureLab) -> None:
    before = captured.position()
    with captured.person() as slow:
        slow.exec_driver_sql("UPDATE annotation SET label = 'late' WHERE annotation_id = 'a'")
        touch(captured, "b")
        first = captured.since(before)
        assert first.changed_ids == {"b"}, "a transaction under way holds nobody else's changes back"
        slow.commit()
    assert "a" in captured.since(first.position).changed_ids


def test_a_transaction_elsewhere_that_stays_open_hides_nothing(captured: CaptureLab) -> None:
    captured.sql("CREATE TABLE other (n int)")
    with captured.person() as slow:
        slow.exec_driver_sql("INSERT INTO other VALUES (1)")
        before = captured.position()
        touch(captured, "a")
        first = captured.since(before)
        touch(captured, "b")
        second = captured.since(first.position)
        slow.rollback()
    assert "a" in first.changed_ids
    assert "b" in second.changed_ids


def test_writers_side_by_side_lose_nothing(captured: CaptureLab) -> None:
    captured.sql("TRUNCATE annotation")
    position = captured.position()
    stop, written = threading.Event(), list[str]()

    def write(worker: int) -> None:
        chance = random.Random(worker)
        with captured.person() as connection:
            for number in range(60):
                name = f"{worker}-{number}"
                connection.exec_driver_sql("INSERT INTO annotation VALUES (%s, 'x')", (name,))
                if chance.random() < 0.5:
                    stop.wait(chance.random() / 50)
                connection.commit()
                written.append(name)

    workers = [threading.Thread(target=write, args=(each,)) for each in range(4)]
    for each in workers:
        each.start()
    read: set[str] = set()
    while any(each.is_alive() for each in workers):
        found = captured.since(position)
        read |= found.changed_ids
        position = found.position
    for each in workers:
        each.join()
    read |= captured.since(position).changed_ids
    assert len(written) == 240
    assert read == set(written)


def test_two_tables_do_not_see_each_others_changes(captured: CaptureLab) -> None:
    other = CaptureLab(captured.url, table='"other table"')
    other.make()
    other.install()
    before = captured.position(), other.position()
    touch(captured, "a")
    other.sql("INSERT INTO \"other table\" VALUES ('z', 'x')")
    assert (captured.since(before[0]).changed_ids, other.since(before[1]).changed_ids) == ({"a"}, {"z"})
    assert captured.target().channel != other.target().channel


def test_the_first_reading_is_a_gap(captured: CaptureLab) -> None:
    found = captured.since(None)
    assert (found.gap, found.changed_ids) == ("change capture is new", set())
    assert captured.since(found.position).gap is None


@pytest.mark.parametrize("position", ["", "nonsense", "1/1:2:x"])
def test_a_position_that_cannot_be_read_is_a_gap(captured: CaptureLab, position: str) -> None:
    assert captured.since(position).gap is not None


def test_another_server_is_a_gap(captured: CaptureLab) -> None:
    server, triggers, oldest = str(captured.position()).split(":")
    system, timeline = server.split("/")
    promoted = f"{system}/{int(timeline) + 1}:{triggers}:{oldest}"
    restored = f"{int(system) + 1}/{timeline}:{triggers}:{oldest}"
    behind = f"{server}:{triggers}:{int(oldest) + 1000}"
    for each in (promoted, restored, behind):
        assert captured.since(each).gap == "another server has taken the place of the database's"


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE annotation DISABLE TRIGGER USER",
        "ALTER TABLE annotation DISABLE TRIGGER {trigger}",
        "DROP TRIGGER {trigger} ON annotation",
    ],
)
def test_triggers_that_are_off_or_gone_are_a_gap(captured: CaptureLab, statement: str) -> None:
    before = captured.position()
    captured.sql(statement.format(trigger=captured.target().trigger("delete")))
    found = captured.since(before)
    assert (found.gap, found.position) == ("the triggers of change capture are gone or switched off", None)


def test_a_capture_that_was_away_for_a_while_is_a_gap(captured: CaptureLab) -> None:
    before = captured.position()
    captured.remove()
    touch(captured, "a")
    captured.install()
    assert captured.since(before).gap == "change capture was installed anew"


def pruned(lab: CaptureLab, before: datetime) -> int:
    with lab.syncd() as connection:
        gone = prune(connection, tables_for(connection, "syncd"), before)
        connection.commit()
    return gone


def test_what_is_old_is_deleted_and_the_rest_kept(captured: CaptureLab) -> None:
    touch(captured, "a")
    touch(captured, "b")
    captured.sql("UPDATE syncd.captured SET at = at - interval '2 days' WHERE annotation_id = 'a'")
    position = captured.position()
    now = datetime.now(timezone.utc)
    assert pruned(captured, now - DAY) == 1
    assert pruned(captured, now - DAY) == 0
    assert [(row[1], row[2]) for row in captured.recorded()] == [("b", "U"), (None, "P")]
    assert captured.since(position).gap is None, "it had been read before"


def test_a_binding_that_had_not_read_what_was_deleted_is_told(captured: CaptureLab) -> None:
    before = captured.position()
    touch(captured, "a")
    between = captured.position()
    touch(captured, "b")
    for hours in (1, 2):
        captured.sql("UPDATE syncd.captured SET at = clock_timestamp() - interval '2 days' WHERE op <> 'P'")
        pruned(captured, datetime.now(timezone.utc) - DAY)
        assert len(captured.recorded()) == 1, "one mark per table"
        for each in (before, between):
            assert "older than what is kept" in str(captured.since(each).gap), hours
        assert captured.since(captured.position()).gap is None


def test_the_mark_never_moves_back(captured: CaptureLab) -> None:
    with captured.person() as slow:
        slow.exec_driver_sql("UPDATE annotation SET label = 'late' WHERE annotation_id = 'a'")
        before = captured.position()
        touch(captured, "b")
        captured.sql("UPDATE syncd.captured SET at = at - interval '2 days'")
        pruned(captured, datetime.now(timezone.utc) - DAY)
        slow.commit()
    captured.sql("UPDATE syncd.captured SET at = at - interval '2 days'")
    pruned(captured, datetime.now(timezone.utc) - DAY)
    assert "older than what is kept" in str(captured.since(before).gap)
    highest = captured.sql("SELECT max(txid) FROM syncd.captured WHERE op = 'P'")
    assert highest == captured.sql("SELECT max(txid) FROM syncd.captured")
