"""What a store promises by what it declares (:class:`syncd.model.capabilities.Capabilities`)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from syncd.adapters.base import RowStore
from syncd.model.capabilities import Capabilities, Guard, Transactions
from syncd.testing.contract.bench import Bench, applied, item

LONG_AGO = datetime(2000, 1, 1, tzinfo=timezone.utc)


def _store(bench: Bench) -> tuple[RowStore, Capabilities]:
    assert bench.rows is not None
    return bench.rows, bench.rows.capabilities


def test_what_a_store_can_do_is_said_once_and_for_all(row_bench: Bench) -> None:
    store, can = _store(row_bench)
    assert can.slice_size >= 1
    row_bench.put(item("a"))
    row_bench.write(row_bench.update("a", "label", "Copepoda", "Ostracoda"))
    assert store.capabilities == can


def test_ids_are_known_before_the_insert_or_given_with_it(row_bench: Bench) -> None:
    store, can = _store(row_bench)
    ids = store.new_ids(3)
    if ids is None:
        if can.transactions is Transactions.NONE:
            pytest.skip("the store gives ids, and find_writes has to find an insert without one")
        return
    assert len(set(ids)) == len(ids) == 3
    [result] = row_bench.write(row_bench.insert(ids[0], "/images/new.png"))
    assert applied(row_bench.mapping, result)
    assert row_bench.look(ids[0]) is not None
    assert row_bench.look(ids[1]) is None, "what is only named is not there"


def test_a_write_is_found_by_the_history(row_bench: Bench) -> None:
    store, can = _store(row_bench)
    row_bench.put(item("updated"), item("deleted"), item("left"), item("edited"))
    changes = [
        row_bench.update("updated", "label", "Copepoda", "Ostracoda"),
        row_bench.delete("deleted"),
        row_bench.insert("inserted", "/images/new.png"),
        row_bench.update("edited", "label", "Copepoda", "Ostracoda"),
    ]
    row_bench.write(*changes)
    row_bench.edit("edited", label="Amphipoda")
    never = row_bench.update("left", "label", "Copepoda", "Ostracoda")
    found = store.find_writes([*changes, never], LONG_AGO)
    assert len(found) == len(changes) + 1
    assert found[-1] is None, "a write that was never made is not found"
    if not can.history:
        return
    for change, result in zip(changes, found, strict=False):
        assert result is not None and result.matched, f"{change.annotation_id} is found"
        assert result.displaced is None
    assert [each.present for each in found[:4] if each is not None] == [True, False, True, True]
    assert found[3] is not None and found[3].after == "Amphipoda", "what is there now"


def test_a_write_from_before_is_not_found(row_bench: Bench) -> None:
    store, _ = _store(row_bench)
    row_bench.put(item("a"))
    change = row_bench.update("a", "label", "Copepoda", "Ostracoda")
    row_bench.write(change)
    assert store.find_writes([change], store.now() + timedelta(hours=1)) == [None]


def test_an_edit_by_somebody_else_is_no_write_of_ours(row_bench: Bench) -> None:
    store, _ = _store(row_bench)
    row_bench.put(item("a"))
    change = row_bench.update("a", "label", "Copepoda", "Ostracoda")
    row_bench.edit("a", label="Ostracoda")
    assert store.find_writes([change], LONG_AGO) == [None]


def test_deletions_come_with_what_changed_where_the_store_tells_of_them(row_bench: Bench) -> None:
    store, can = _store(row_bench)
    row_bench.put(item("a"), item("b"))
    before = store.now() - timedelta(seconds=1)
    row_bench.remove("a")
    deleted = store.read_since(before).deleted
    assert list(deleted) == (["a"] if can.deletion_feed else [])


def test_a_row_that_was_deleted_and_is_back_is_not_deleted(row_bench: Bench) -> None:
    store, _ = _store(row_bench)
    row_bench.put(item("a"), item("b"))
    before = store.now() - timedelta(seconds=1)
    row_bench.write(row_bench.delete("a"))
    [result] = row_bench.write(row_bench.insert("a", "/images/a.png", label="Amphipoda"))
    assert applied(row_bench.mapping, result)
    assert not store.read_since(before).deleted
    held = row_bench.look("a")
    assert held is not None and held["label"] == "Amphipoda"


def test_a_lost_race_is_refused_or_can_be_proven(row_bench: Bench) -> None:
    _, can = _store(row_bench)
    row_bench.put(item("a"))
    change = row_bench.update("a", "label", "Copepoda", "Ostracoda")
    if can.guard not in (Guard.REVISION, Guard.PROVABLE):
        pytest.skip("its guard promises nothing about this moment")
    if not row_bench.between(lambda: row_bench.edit("a", label="Amphipoda")):
        pytest.skip("the bench cannot come between")
    [result] = row_bench.write(change)
    if can.guard is Guard.REVISION:
        assert result.matched is False
        assert result.after == "Amphipoda"
        return
    assert result.matched and result.displaced is not None
    assert result.displaced.content == "Amphipoda"
    assert result.after == "Ostracoda"


def test_an_undisturbed_write_displaces_nothing(row_bench: Bench) -> None:
    row_bench.put(item("a"), item("b"))
    row_bench.edit("a", note="edited before")
    changes = [row_bench.update("a", "label", "Copepoda", "Ostracoda"), row_bench.delete("b")]
    assert [each.displaced for each in row_bench.write(*changes)] == [None, None]
