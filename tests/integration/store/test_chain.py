"""The hash chain of the change log: what it finds, and what it cannot find."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from integration.store.logs import AT, change, fill, of_every_kind, write
from syncd.adapters.connect import open_database
from syncd.model import Change
from syncd.model.kinds import storable
from syncd.model.result import Status
from syncd.store import changes
from syncd.store.chain import COVERED
from syncd.store.changes import verify
from syncd.store.migrate import migrate
from syncd.store.tables import Tables, tables_for
from worlds import fresh_database


@pytest.fixture(params=["postgresql", "sqlite"], scope="module")
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('chain') / 'state.db'}"
        else:
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgres_url")))
        opened = stack.enter_context(open_database(url))
        stack.callback(opened.engine.dispose)
        migrate(opened, "syncd")
        fill(opened, tables_for(opened, "syncd"))
        yield opened


@pytest.fixture
def connection(filled: Connection) -> Iterator[Connection]:
    yield filled
    filled.rollback()


@pytest.fixture
def tables(connection: Connection) -> Tables:
    return tables_for(connection, "syncd")


def tampered(value: Any, name: str) -> list[Any]:
    """Other values for a column, the missing one among them."""
    nothing = [] if value is None or name in ("seq", "run_id", "binding", "action", "reason", "status") else [sa.null()]
    if name in ("seq", "undo_of"):
        return [*nothing, (value or 0) + 10_000]
    if name in ("edited_at", "applied_at"):
        return [*nothing, AT.replace(microsecond=123457)]
    if name == "status":
        return [each for each in ("pending", "applied", "superseded", "refused", "abandoned") if each != value]
    return [*nothing, "another"]


@pytest.mark.parametrize("name", [*COVERED, "hash"])
def test_a_change_of_any_column_of_any_entry_is_found(connection: Connection, tables: Tables, name: str) -> None:
    table = tables.change
    for entry in list(changes.entries(connection, tables, "one")):
        for value in tampered(entry[name], name):
            connection.rollback()
            connection.execute(sa.update(table).where(table.c.seq == entry["seq"]).values({name: value}))
            assert not verify(connection, tables, "one").is_sound, (entry["seq"], value)
    connection.rollback()
    assert verify(connection, tables, "one").is_sound


def test_the_chain_covers_every_column(tables: Tables) -> None:
    assert set(COVERED) | {"hash"} == {each.name for each in tables.change.c}


def test_the_removal_of_any_entry_is_found(connection: Connection, tables: Tables) -> None:
    for entry in list(changes.entries(connection, tables, "one")):
        connection.execute(sa.delete(tables.change).where(tables.change.c.seq == entry["seq"]))
        found = verify(connection, tables, "one")
        assert not found.is_sound
        connection.rollback()


def test_cutting_off_the_newest_entries_is_found_by_what_the_runs_remember(
    connection: Connection, tables: Tables
) -> None:
    everything = list(changes.entries(connection, tables, "one"))
    for kept in range(len(everything)):
        connection.execute(
            sa.delete(tables.change).where(
                tables.change.c.binding == "one", tables.change.c.seq >= everything[kept]["seq"]
            )
        )
        found = verify(connection, tables, "one")
        assert found.broken_at is None, "the chain itself cannot know how long it was"
        assert found.cut == f"run-{kept // len(of_every_kind())}-one"
        connection.rollback()


def test_whoever_cuts_off_the_runs_too_leaves_another_head(connection: Connection, tables: Tables) -> None:
    """What the tables alone cannot show: it takes a head that was kept elsewhere."""
    before = verify(connection, tables, "one")
    connection.execute(sa.delete(tables.change).where(tables.change.c.run_id == "run-2-one"))
    connection.execute(sa.delete(tables.run).where(tables.run.c.id == "run-2-one"))
    after = verify(connection, tables, "one")
    assert after.is_sound
    assert after.head != before.head


def test_a_row_put_in_between_is_found(connection: Connection, tables: Tables) -> None:
    first = next(iter(changes.entries(connection, tables, "one")))
    forged = {**first, "seq": 10_000}
    connection.execute(sa.insert(tables.change).values(forged))
    assert verify(connection, tables, "one").broken_at == 10_000


def test_entries_that_changed_places_are_found(connection: Connection, tables: Tables) -> None:
    table = tables.change
    one, two = list(changes.entries(connection, tables, "one"))[:2]
    for old, new in ((one["seq"], 20_000), (two["seq"], one["seq"]), (20_000, two["seq"])):
        connection.execute(sa.update(table).where(table.c.seq == old).values(seq=new))
    assert verify(connection, tables, "one").broken_at == one["seq"]


def test_bindings_have_chains_of_their_own(connection: Connection, tables: Tables) -> None:
    connection.execute(sa.update(tables.change).where(tables.change.c.binding == "two").values(actor="another"))
    assert verify(connection, tables, "one").is_sound
    assert not verify(connection, tables, "two").is_sound


def test_pending_intents_are_no_break_and_their_outcomes_go_on_with_the_chain(
    connection: Connection, tables: Tables
) -> None:
    made = [change(number) for number in range(3)]
    seqs = changes.record_intents(connection, tables, "one", "run-3", made)
    assert verify(connection, tables, "one").is_sound
    outcomes = [changes.Outcome(seq, each, Status.APPLIED) for seq, each in zip(seqs, made, strict=True)]
    changes.finish(connection, tables, "one", outcomes, AT)
    found = verify(connection, tables, "one")
    assert (found.is_sound, found.entries) == (True, 3 * len(of_every_kind()) + 3)


def test_an_intent_keeps_its_order_and_its_values(connection: Connection, tables: Tables) -> None:
    many = [change(number) for number in range(2_500)]
    seqs = changes.record_intents(connection, tables, "three", "run", many)
    assert seqs == sorted(seqs)
    stored = {each["seq"]: each for each in changes.entries(connection, tables, "three")}
    assert [stored[seq]["annotation_id"] for seq in seqs] == [each.annotation_id for each in many]
    write(connection, tables, "four", "run-4", of_every_kind(), Status.APPLIED)
    for entry, made in zip(changes.entries(connection, tables, "four"), of_every_kind(), strict=True):
        assert entry["field"] == made.field
        assert entry["old"] == storable(changes.to_json(made.old))
        assert entry["new"] == storable(changes.to_json(made.new))


def test_the_empty_log_is_sound(connection: Connection, tables: Tables) -> None:
    found = verify(connection, tables, "nobody")
    assert (found.is_sound, found.entries, found.head) == (True, 0, None)


def test_entries_finished_in_several_batches_make_one_chain(
    connection: Connection, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "OUTCOMES", 3)
    made = [change(number) for number in range(20)]
    write(connection, tables, "four", "run", made, Status.APPLIED)
    logged = list(changes.entries(connection, tables, "four"))
    assert [each["annotation_id"] for each in logged] == [each.annotation_id for each in made]
    assert {(each["status"], each["applied_at"] is None) for each in logged} == {(Status.APPLIED, False)}
    assert len({each["hash"] for each in logged}) == 20
    assert verify(connection, tables, "four").is_sound


def test_an_interruption_while_intents_are_written_is_told_as_one(
    connection: Connection, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = changes.entry_of
    asked = iter(range(3))

    def interrupted_in_the_third(over: Connection, binding: str, run_id: str, made: Change) -> dict[str, Any]:
        if next(asked) == 2:
            raise KeyboardInterrupt
        return row(over, binding, run_id, made)

    made = [change(number) for number in range(3)]
    monkeypatch.setattr(changes, "entry_of", interrupted_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        changes.record_intents(connection, tables, "five", "run", made)
    connection.rollback()
    assert list(changes.entries(connection, tables, "five")) == []
