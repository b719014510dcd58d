"""What moving a label to another sample, and tying a row to another image, promise."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from syncd.adapters.base import LabelStore
from syncd.model import MEDIA_FIELD, SAMPLE_FIELD, Action, Change, Direction, Side
from syncd.model.snapshot import column
from syncd.testing.contract.bench import Bench, applied, item
from syncd.testing.contract.values import ONE, OTHER

HERE, THERE = "/images/here.png", "/images/there.png"


def moves(bench: Bench, *names: str, to: str = THERE) -> Sequence[Change]:
    """The labels' way to another sample, or the rows' to another image."""
    rows = {row["annotation_id"]: row for row in bench.adapter.read_all().rows.iter_rows(named=True)}
    if bench.adapter.side is Side.DATABASE:
        return [_change(each, None, None, MEDIA_FIELD, rows[each]["media"], to) for each in names]
    target = _sample(bench, to)
    return [
        _change(each, rows[each]["label_id"], rows[each]["sample_id"], SAMPLE_FIELD, rows[each]["sample_id"], target)
        for each in names
    ]


def _sample(bench: Bench, media: str) -> str:
    store = bench.adapter
    assert hasattr(store, "find_samples")
    labels: LabelStore = store  # type: ignore[assignment]
    return str(labels.find_samples([media])["sample_id"][0])


def _change(name: str, label: str | None, sample: str | None, field: str, old: str, new: str) -> Change:
    way = Direction.TO_FIFTYONE if field == SAMPLE_FIELD else Direction.TO_DATABASE
    return Change(name, label, sample, way, Action.UPDATE, field, old, new, "moved", media=THERE)


def media(bench: Bench) -> dict[str, str]:
    return dict(bench.adapter.read_all().rows.select("annotation_id", "media").iter_rows())


def holds_one(bench: Bench) -> bool:
    """Whether a sample of it holds one label at most."""
    return bench.adapter.side is Side.FIFTYONE and bench.mapping.label_type.list_name is None


def test_a_field_of_one_label_takes_another_only_where_there_is_room(bench: Bench) -> None:
    if not holds_one(bench):
        pytest.skip("it holds several")
    bench.put(item("a", media=HERE, **ONE), item("c", media=THERE, **OTHER))
    [refused] = bench.write(*moves(bench, "a"))
    assert not applied(bench.mapping, refused)
    assert media(bench) == {"a": HERE, "c": THERE}
    before = dict(bench.stored())
    [row] = [each for each in bench.adapter.read_all().rows.iter_rows(named=True) if each["annotation_id"] == "c"]
    values = {name: row[column(name)] for name in bench.mapping.names}
    place = (row["label_id"], row["sample_id"])
    bench.write(Change("c", *place, Direction.TO_FIFTYONE, Action.DELETE, None, values, None, "test"))
    [result] = bench.write(*moves(bench, "a"))
    assert applied(bench.mapping, result)
    assert (media(bench), dict(bench.stored())) == ({"a": THERE}, {"a": before["a"]})


@pytest.fixture
def filled(bench: Bench) -> Bench:
    if holds_one(bench):
        pytest.skip("it holds one label, and here a sample has two")
    if not bench.moves:
        pytest.skip("an annotation of it stays on its image")
    bench.put(item("a", media=HERE, **ONE), item("b", media=HERE, **OTHER), item("c", media=THERE, **ONE))
    return bench


def test_what_is_moved_keeps_its_id_and_all_its_values(filled: Bench) -> None:
    before = dict(filled.stored())
    [result] = filled.write(*moves(filled, "a"))
    assert applied(filled.mapping, result)
    assert dict(filled.stored()) == before
    assert media(filled) == {"a": THERE, "b": HERE, "c": THERE}


def test_what_is_elsewhere_by_now_is_left_alone(filled: Bench) -> None:
    changes = moves(filled, "a")
    filled.write(*moves(filled, "a"))
    filled.write(*moves(filled, "a", to=HERE))
    again = moves(filled, "b")
    assert all(applied(filled.mapping, each) for each in filled.write(*changes, *again))
    assert media(filled) == {"a": THERE, "b": THERE, "c": THERE}
    [late] = filled.write(*changes)
    assert applied(filled.mapping, late) == (filled.adapter.side is Side.FIFTYONE), "it is where it was to go"
    assert sorted(str(name) for name, _ in filled.stored()) == ["a", "b", "c"]
