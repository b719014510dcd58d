"""The sides in memory fail when and as they are told to, and otherwise not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from contract.memory_bench import MemoryLabelsBench, MemoryRowsBench
from syncd.adapters.base import LabelStore, RowStore
from syncd.adapters.fiftyone.dataset import DatasetChanged, DatasetMissing
from syncd.errors import ConnectionFailed, DatabaseUnavailable
from syncd.model import Change, LabelType
from syncd.model.capabilities import Stamps
from syncd.testing import TABLE, Faults, Label, MemoryLabels, MemoryRows
from syncd.testing.contract.bench import KINDS, Bench, applied, held, item, mapping_of

GONE = DatabaseUnavailable("gone")


@pytest.fixture(params=[MemoryRowsBench, MemoryLabelsBench])
def memory(request: pytest.FixtureRequest) -> Iterator[MemoryRowsBench | MemoryLabelsBench]:
    """Each side in memory, with two annotations."""
    bench: MemoryRowsBench | MemoryLabelsBench = request.param()
    bench.put(item("a"), item("b"))
    yield bench


def _relabel(bench: Bench, *ids: str) -> list[Change]:
    return bench.updates((each, "label", "Copepoda", "Ostracoda") for each in ids)


def _labels(bench: Bench) -> dict[str | None, object]:
    return {id_: content["label"] for id_, content in bench.stored()}


def test_they_are_what_the_protocols_ask_for() -> None:
    mapping = mapping_of(KINDS)
    rows: RowStore = MemoryRows(mapping)
    labels: LabelStore = MemoryLabels(mapping)
    assert rows.side is not labels.side


def test_the_call_that_is_to_fail_fails_and_no_other(memory: MemoryRowsBench | MemoryLabelsBench) -> None:
    memory.faults.fail(GONE, at=3)
    memory.adapter.now()
    memory.adapter.origin()
    with pytest.raises(DatabaseUnavailable, match="gone"):
        memory.adapter.read_all()
    assert memory.adapter.read_all().size == 2


def test_a_named_method_fails_at_the_call_of_its_own_that_is_asked_for(
    memory: MemoryRowsBench | MemoryLabelsBench,
) -> None:
    changes = _relabel(memory, "a")
    memory.faults.fail(GONE, method="write", at=2)
    memory.adapter.read_all()
    memory.adapter.write(changes)
    with pytest.raises(DatabaseUnavailable):
        memory.adapter.write(changes)
    assert _labels(memory) == {"a": "Ostracoda", "b": "Copepoda"}


def test_a_call_that_fails_has_done_nothing(memory: MemoryRowsBench | MemoryLabelsBench) -> None:
    changes = _relabel(memory, "a", "b")
    memory.faults.fail(GONE, method="write")
    with pytest.raises(DatabaseUnavailable):
        memory.adapter.write(changes)
    assert set(_labels(memory).values()) == {"Copepoda"}


def test_an_error_half_way_through_a_read_gives_no_snapshot(memory: MemoryRowsBench | MemoryLabelsBench) -> None:
    memory.faults.fail_reading(ConnectionFailed("broke off"), after_rows=1)
    with pytest.raises(ConnectionFailed):
        memory.adapter.read_all()
    assert memory.adapter.read_all().size == 2


def test_a_write_that_breaks_off_has_done_what_it_had_done(memory: MemoryRowsBench | MemoryLabelsBench) -> None:
    changes = _relabel(memory, "a", "b")
    memory.faults.fail_writing(GONE, after_changes=1)
    with pytest.raises(DatabaseUnavailable):
        memory.adapter.write(changes)
    assert _labels(memory) == {"a": "Ostracoda", "b": "Copepoda"}
    assert applied(memory.mapping, memory.adapter.write(changes)[1])


def test_a_refused_value_is_refused_until_the_end(memory: MemoryRowsBench | MemoryLabelsBench) -> None:
    memory.faults.refuse("label", "Ostracoda", "no ostracods here")
    for _ in range(2):
        [result] = memory.adapter.write(_relabel(memory, "a"))
        assert (result.refused, result.present, result.after) == ("no ostracods here", True, "Copepoda")


def test_lost_writes_are_taken_and_not_carried_out(memory: MemoryRowsBench | MemoryLabelsBench) -> None:
    changes = _relabel(memory, "a", "b")
    memory.faults.lose_writes(lambda change: change.annotation_id == "a")
    results = memory.adapter.write(changes)
    assert [each.after for each in results] == ["Copepoda", "Ostracoda"]
    assert _labels(memory) == {"a": "Copepoda", "b": "Ostracoda"}
    memory.faults.lose_writes()
    memory.adapter.write([memory.delete("a"), memory.insert("c", "/images/b.png")])
    assert set(_labels(memory)) == {"a", "b"}


def test_somebody_may_edit_between_two_calls(memory: MemoryRowsBench | MemoryLabelsBench) -> None:
    changes = _relabel(memory, "a", "b")

    def interfere(method: str) -> None:
        if method == "write":
            memory.faults.before_call = None
            memory.edit("a", label="typed")

    memory.faults.before_call = interfere
    results = memory.adapter.write(changes)
    assert [applied(memory.mapping, each) for each in results] == [False, True]
    assert _labels(memory) == {"a": "typed", "b": "Ostracoda"}


def test_somebody_may_edit_between_two_changes_of_a_write(memory: MemoryRowsBench | MemoryLabelsBench) -> None:
    def interfere(change: Change) -> None:
        if change.annotation_id == "b":
            memory.edit("b", label="typed")

    changes = _relabel(memory, "a", "b")
    memory.faults.before_change = interfere
    memory.adapter.write(changes)
    assert _labels(memory) == {"a": "Ostracoda", "b": "typed"}


def test_the_calls_of_both_sides_are_told_in_their_order() -> None:
    faults, mapping = Faults(), mapping_of(KINDS)
    rows, labels = MemoryRows(mapping, faults=faults), MemoryLabels(mapping, faults=faults)
    rows.read_all()
    labels.read_since(datetime.now(timezone.utc))
    rows.write([])
    assert faults.calls == ["read_all", "read_since", "write"]


def test_a_value_that_cannot_be_read_is_a_problem_and_is_never_overwritten(
    memory: MemoryRowsBench | MemoryLabelsBench,
) -> None:
    if isinstance(memory.adapter, MemoryRows):
        memory.adapter.put("odd", {"label": "x"}, problems={"note": "[1, 2]"})
    else:
        memory.adapter.add_sample("/odd.png", [Label("odd", {"label": "x"}, problems={"note": "[1, 2]"})])
    row = memory.adapter.read_ids(["odd"]).rows.row(0, named=True)
    assert (row["value.note"], row["problems"]) == (None, '{"note":"[1, 2]"}')
    results = memory.adapter.write([memory.update("odd", "note", None, "new"), memory.delete("odd")])
    assert not any(applied(memory.mapping, each) for each in results)
    memory.edit("odd", note="readable")
    assert held(memory.adapter.read_ids(["odd"]))["odd"]["note"] == "readable"


def test_a_clock_of_the_tests_own_stamps_what_is_written() -> None:
    moment = datetime(2024, 1, 1, tzinfo=timezone.utc)
    rows = MemoryRows(mapping_of(KINDS), clock=lambda: moment)
    rows.put("a", {"label": "x"})
    assert rows.read_since(moment).size == 1
    assert rows.read_since(moment + timedelta(milliseconds=1)).size == 0
    assert rows.now() == moment


def test_a_table_without_stamps_says_so() -> None:
    rows = MemoryRows(mapping_of(KINDS), capabilities=replace(TABLE, stamps=Stamps.NONE))
    rows.put("a", {"label": "x"})
    assert rows.read_all().rows["edited_at"].to_list() == [None]


def test_a_dataset_that_is_dropped_is_missing_and_one_made_anew_is_another() -> None:
    labels = MemoryLabels(mapping_of(KINDS, LabelType.DETECTIONS))
    labels.add_sample("/1.png", [Label("a", {"label": "x"})])
    before = labels.origin()
    labels.recreate()
    with pytest.raises(DatasetChanged):
        labels.read_all()
    assert labels.origin().identity != before.identity
    labels.reopen()
    assert labels.read_all().size == 0
    labels.drop()
    for ask in (labels.origin, labels.read_all):
        with pytest.raises(DatasetMissing):
            ask()


def test_a_deleted_sample_leaves_the_datasets_stamp_behind() -> None:
    labels = MemoryLabels(mapping_of(KINDS))
    sample = labels.add_sample("/1.png", [Label("a", {"label": "x"})])
    assert labels.origin().deleted_at is None
    labels.remove_sample(sample.sample_id)
    origin = labels.origin()
    assert origin.rows == 0
    assert origin.deleted_at is not None
