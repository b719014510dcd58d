"""What Tator's adapter does when others write at the same moment, and when answers do not come."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import tator_lab
from syncd.adapters.rest.errors import LostAnswer
from syncd.adapters.tator import update
from syncd.errors import DatabaseUnavailable, RightMissing
from syncd.model import BOX, Action, Change, Direction
from syncd.model.result import Readback
from tator_double import FaultKind
from tator_lab import Lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    with tator_lab.lab() as found:
        yield found


@pytest.fixture(params=[1, 3], ids=["one call each", "in bulk"])
def count(request: pytest.FixtureRequest) -> int:
    return int(request.param)


LOADED = {1: "detail.loaded", 3: "list.loaded"}


def relabel(lab: Lab, rows: list[Any]) -> list[Change]:
    return [lab.change(each, "label", "Copepoda", "Ostracoda") for each in rows]


def test_equal_changes_take_one_call_and_each_is_proven(lab: Lab) -> None:
    rows = lab.put(300)
    results = lab.write(*relabel(lab, rows))
    assert all(each.matched and each.after == "Ostracoda" and each.displaced is None for each in results)
    assert lab.server.calls["PATCH /Localizations"] == 1
    assert lab.server.calls["PATCH /Localization"] == 0
    assert lab.server.calls.total() == 3, "read, written, proven"


def test_calls_go_by_distinct_pairs_of_values(lab: Lab) -> None:
    rows = lab.put(100)
    for number, row in enumerate(rows):
        row.attributes["Label"] = f"from {number % 2}"
    changes = [lab.change(row, "label", f"from {n % 2}", f"to {n % 5}") for n, row in enumerate(rows)]
    assert all(each.matched for each in lab.write(*changes))
    assert lab.server.calls["PATCH /Localizations"] == 10
    assert [lab.now(row).attributes["Label"] for row in rows] == [f"to {n % 5}" for n in range(100)]


def test_fields_of_one_annotation_are_set_together(lab: Lab) -> None:
    [row] = lab.put(verified=False)
    results = lab.write(
        lab.change(row, "label", "Copepoda", "Ostracoda"),
        lab.change(row, "verified", False, True),
        lab.change(row, BOX, [0.1, 0.1, 0.2, 0.2], [0.3, 0.3, 0.2, 0.2]),
    )
    assert [each.matched for each in results] == [True, True, True]
    assert lab.server.calls["PATCH /Localization"] == 1
    assert (lab.now(row).mark, lab.now(row).x) == (1, 0.3)


def test_what_changed_before_the_write_is_left_alone(lab: Lab, count: int) -> None:
    rows = lab.put(count)
    changes = relabel(lab, rows)
    lab.label(rows[0], "theirs")
    results = lab.write(*changes)
    assert (results[0].matched, results[0].after) == (False, "theirs")
    assert all(each.matched for each in results[1:])
    assert lab.marks(rows[0]) == ["Copepoda", "theirs"]


@pytest.mark.parametrize("point", ["list.counted", "patch"])
def test_what_changes_between_the_look_and_the_write_is_left_alone(lab: Lab, count: int, point: str) -> None:
    rows = lab.put(count)

    def before(method: str, path: str) -> None:
        if method == "PATCH":
            lab.server.before_call = None
            lab.label(rows[0], "theirs")

    if point == "patch" or count == 1:
        lab.server.before_call = before
    else:
        lab.server.at(point, lambda: lab.label(rows[0], "theirs"))
    results = lab.write(*relabel(lab, rows))
    assert (results[0].matched, results[0].after, results[0].displaced) == (False, "theirs", None)
    assert all(each.matched for each in results[1:])
    assert lab.marks(rows[0]) == ["Copepoda", "theirs"]


def test_a_lost_race_is_told_with_what_was_overwritten_by_whom_and_when(lab: Lab, count: int) -> None:
    rows = lab.put(count)
    before = datetime.now(timezone.utc) - timedelta(milliseconds=1)
    lab.server.at(LOADED[count], lambda: lab.label(rows[0], "theirs"))
    results = lab.write(*relabel(lab, rows))
    assert all(each.matched and each.after == "Ostracoda" for each in results)
    displaced = results[0].displaced
    assert displaced is not None
    assert (displaced.content, displaced.edited.by) == ("theirs", "curator")
    assert displaced.edited.at is not None
    assert before <= displaced.edited.at <= datetime.now(timezone.utc)
    assert [each.displaced for each in results[1:]] == [None] * (count - 1)


def test_an_edit_in_place_just_before_the_write_is_told_too_though_it_moves_no_time(lab: Lab, count: int) -> None:
    rows = lab.put(count)
    lab.server.at(LOADED[count], lambda: lab.in_place(rows[:1], Label="theirs"))
    results = lab.write(*relabel(lab, rows))
    displaced = results[0].displaced
    assert displaced is not None
    assert (displaced.content, displaced.edited.by) == ("theirs", "curator")


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("name", "value"), [("note", "theirs"), ("verified", True), ("depth", 12.5)])
def test_what_others_wrote_into_other_attributes_meanwhile_stays(
    lab: Lab, count: int, name: str, value: Any, in_place: bool
) -> None:
    rows = lab.put(count)

    def meanwhile() -> None:
        if in_place:
            lab.in_place(rows[:1], **{name: value})
        else:
            lab.edit(rows[0], attributes={name: value})

    lab.server.at(LOADED[count], meanwhile)
    results = lab.write(*relabel(lab, rows))
    assert all(each.matched and each.displaced is None for each in results)
    now = lab.now(rows[0])
    assert (now.attributes["Label"], now.attributes[name]) == ("Ostracoda", value)


def test_a_value_that_others_cleared_meanwhile_stays_cleared(lab: Lab, count: int) -> None:
    rows = lab.put(count, note="old")
    lab.server.at(LOADED[count], lambda: lab.edit(rows[0], null_attributes=["note"]))
    lab.write(*relabel(lab, rows))
    assert lab.now(rows[0]).attributes["note"] is None


def test_a_box_that_others_moved_meanwhile_stays_where_it_is(lab: Lab, count: int) -> None:
    rows = lab.put(count)
    lab.server.at(LOADED[count], lambda: lab.edit(rows[0], x=0.5, width=0.3))
    results = lab.write(*relabel(lab, rows))
    assert results[0].matched
    now = lab.now(rows[0])
    assert (now.x, now.width, now.attributes["Label"]) == (0.5, 0.3, "Ostracoda")


def test_what_others_deleted_meanwhile_stays_deleted(lab: Lab, count: int) -> None:
    rows = lab.put(count)
    lab.server.at(LOADED[count], lambda: lab.delete(rows[0]))
    results = lab.write(*relabel(lab, rows))
    assert (results[0].matched, results[0].present) == (False, False)
    assert lab.now(rows[0]).variant_deleted
    assert all(each.matched for each in results[1:])


def test_what_others_deleted_before_it_was_loaded_stays_deleted(lab: Lab) -> None:
    rows = lab.put(3)
    lab.server.at("list.counted", lambda: lab.delete(rows[0]))
    results = lab.write(*relabel(lab, rows))
    assert [(each.matched, each.present) for each in results] == [(False, False), (True, True), (True, True)]


def test_what_is_put_back_undoes_nothing_either(lab: Lab) -> None:
    [row] = lab.put()

    def while_it_is_written() -> None:
        lab.edit(row, attributes={"note": "first"})
        lab.server.at("detail.loaded", while_it_is_put_back)

    def while_it_is_put_back() -> None:
        lab.edit(row, attributes={"depth": 7.0, "note": "second"})

    lab.server.at("detail.loaded", while_it_is_written)
    [result] = lab.write(*relabel(lab, [row]))
    assert result.matched
    assert lab.now(row).attributes == {"Label": "Ostracoda", "note": "second", "depth": 7.0}


def test_a_write_that_a_stale_copy_undid_at_once_is_made_again(lab: Lab) -> None:
    """Somebody else's row was loaded before ours was there, and came after it, with a change of another attribute."""
    [row] = lab.put()

    def meanwhile() -> None:
        # Their request loads the row, ours is written, and then theirs.
        lab.server.at("detail.loaded", lambda: results.extend(lab.write(*relabel(lab, [row]))))
        lab.edit(row, attributes={"note": "theirs"})

    results: list[Any] = []
    meanwhile()
    assert lab.marks(row) == ["Copepoda", "Ostracoda", "Copepoda"]
    # Ours was proven before theirs came; what stands there now is found like any edit.
    assert results[0].matched
    lab.server.rows.remove(lab.now(row))

    def after(method: str, path: str) -> None:
        if method == "PATCH":
            lab.server.after_call = None
            copy = {"Label": "Ostracoda", "note": "theirs"}
            lab.server.put(elemental_id=row.elemental_id, media=row.media, attributes=copy, modified_by=2)

    lab.server.after_call = after
    [result] = lab.write(lab.change(row, "label", "Ostracoda", "Krill"))
    assert (result.matched, result.after) == (True, "Krill")
    assert lab.now(row).attributes == {"Label": "Krill", "note": "theirs"}


def test_a_value_that_is_put_back_on_purpose_right_after_the_write_was_written(lab: Lab) -> None:
    [row] = lab.put()

    def after(method: str, path: str) -> None:
        if method == "PATCH":
            lab.server.after_call = None
            lab.label(row, "Copepoda")

    lab.server.after_call = after
    [result] = lab.write(*relabel(lab, [row]))
    assert (result.matched, result.after) == (True, "Copepoda")


def test_others_who_write_all_the_time_are_not_waited_for_without_end(lab: Lab) -> None:
    [row] = lab.put()
    number = iter(range(1000))

    def before(method: str, path: str) -> None:
        if method == "PATCH":
            lab.edit(row, attributes={"note": f"edit {next(number)}"})

    lab.server.before_call = before
    [result] = lab.write(*relabel(lab, [row]))
    assert result.refused == update.TOO_BUSY
    assert lab.now(row).attributes["Label"] == "Copepoda"


# Values


@pytest.mark.parametrize("text", ["it's", "100 %", 'say "x"', "back\\slash", "line\nbreak", "Größe 漢字", "a,b", ""])
def test_any_text_is_expected_and_written_in_bulk(lab: Lab, text: str) -> None:
    rows = lab.put(3, Label=text)
    there = [lab.change(each, "label", text, "new") for each in rows]
    assert all(each.matched for each in lab.write(*there))
    back = [lab.change(each, "label", "new", text) for each in rows]
    assert all(each.matched and each.after == text for each in lab.write(*back))
    assert lab.server.calls["PATCH /Localizations"] == 2


def test_a_stored_null_is_absent_and_is_filled(lab: Lab) -> None:
    rows = lab.put(3)
    for row in rows:
        row.attributes["taxon"] = None
    changes = [lab.change(each, "taxon", None, "Copepoda") for each in rows]
    assert all(each.matched for each in lab.write(*changes))
    assert all(each.after is None for each in lab.write(*(lab.change(r, "taxon", "Copepoda", None) for r in rows)))


def test_a_choice_that_an_enum_lacks_is_refused_for_all_after_a_few_calls(lab: Lab) -> None:
    rows = lab.put(50)
    bad = [lab.change(each, "taxon", None, "Krill") for each in rows]
    good = [lab.change(each, "verified", None, True) for each in rows[:3]]
    results = lab.write(*bad, *good)
    assert all("Valid choices are" in str(each.refused) for each in results[:50])
    assert [each.matched for each in results[50:]] == [True] * 3
    assert lab.server.calls.total() < 25


def test_a_width_of_0_and_a_box_beyond_its_image_are_refused(lab: Lab) -> None:
    [row] = lab.put()
    old = [0.1, 0.1, 0.2, 0.2]
    for new in ([0.1, 0.1, 0.0, 0.2], [0.9, 0.1, 1.2, 0.2], None):
        [result] = lab.write(lab.change(row, BOX, old, new))
        assert result.refused
        assert result.after == old


def test_an_integer_and_a_text_that_cannot_be_sent_are_refused(lab: Lab) -> None:
    [row] = lab.put()
    for field, old, new in (("label", "Copepoda", "nul\x00"), ("label", "Copepoda", "\ud800"), ("depth", None, 1e999)):
        [result] = lab.write(lab.change(row, field, old, new))
        assert result.refused, new


def test_what_the_server_makes_of_a_value_is_its_answer_if_the_judge_says_so_else_it_is_put_back(lab: Lab) -> None:
    [row] = lab.put()
    row.attributes["note"] = "x"
    for each in lab.server.attribute_types:
        if each["name"] == "depth":
            each["dtype"] = "int"  # the project's owner has just changed it

    asked: list[Readback] = []

    def judge(readback: Readback) -> str | None:
        asked.append(readback)
        return None if len(asked) == 1 else "no answer"

    change = lab.change(row, "depth", None, 2.5)
    [result] = lab.adapter.write([change], judge)
    assert (result.matched, result.after, result.answered) == (True, 2.0, frozenset({"depth"}))
    [result] = lab.adapter.write([lab.change(row, "depth", 2.0, 3.5)], judge)
    assert (result.matched, result.refused, result.after) == (False, "no answer", 2.0)


def test_a_reviewers_name_goes_into_the_attribute_for_it() -> None:
    with tator_lab.lab(person="reviewer") as lab:
        rows = lab.put(2)
        assert lab.adapter.signature("ada") == "ada"
        lab.write(*(lab.change(each, "label", "Copepoda", "Ostracoda", actor="ada") for each in rows))
        assert [lab.now(each).attributes["reviewer"] for each in rows] == ["ada", "ada"]
        assert lab.adapter.read_all().rows["actor"].to_list() == ["ada", "ada"]
        lab.label(rows[0], "theirs")
        actors = dict(lab.adapter.read_all().rows.select("annotation_id", "actor").iter_rows())
        assert actors[str(rows[0].elemental_id)] == "curator", "the name that we left is no evidence of who edited next"


# Whole annotations


def insertion(lab: Lab, id_: str, media: str, **values: Any) -> Change:
    new = {"label": "Copepoda", BOX: [0.1, 0.2, 0.3, 0.4], "verified": None, "depth": None, "taxon": None} | values
    return Change(id_, None, None, Direction.TO_DATABASE, Action.INSERT, None, None, new, "test", media=media)


def deletion(lab: Lab, row: Any) -> Change:
    found = lab.adapter.read_ids([row.elemental_id]).rows.row(0, named=True)
    old = {name: found[f"value.{name}"] for name in lab.mapping.names}
    return Change(row.elemental_id, None, None, Direction.TO_DATABASE, Action.DELETE, None, old, None, "test")


def test_inserts_go_by_500_and_what_is_refused_is_found_by_halves(lab: Lab) -> None:
    lab.server.medium("0.png")
    ids = [str(uuid.uuid4()) for _ in range(1100)]
    changes = [insertion(lab, each, "0.png", taxon="Krill" if n == 700 else None) for n, each in enumerate(ids)]
    results = lab.write(*changes)
    assert [n for n, each in enumerate(results) if each.refused] == [700]
    assert sum(bool(each.matched) for each in results) == 1099
    assert lab.server.calls["POST /Localizations"] < 25


def test_an_insert_needs_its_medium_and_a_name_that_means_two_is_refused(lab: Lab) -> None:
    lab.server.add_medium("twice.png")
    lab.server.add_medium("twice.png")
    new = str(uuid.uuid4())
    results = lab.write(insertion(lab, new, "nowhere.png"), insertion(lab, str(uuid.uuid4()), "twice.png"))
    assert "no medium" in str(results[0].refused)
    assert "several media" in str(results[1].refused)
    assert lab.server.live() == []


def test_a_frame_of_a_video_is_an_image_of_its_own(lab: Lab) -> None:
    lab.server.medium("dive.mp4", video=True)
    new = str(uuid.uuid4())
    [result] = lab.write(insertion(lab, new, "dive.mp4#17"))
    assert result.matched
    assert lab.adapter.read_ids([new]).rows["media"].to_list() == ["dive.mp4#17"]
    assert lab.server.live()[0].frame == 17


def test_an_insert_with_no_uuid_is_refused(lab: Lab) -> None:
    lab.server.medium("0.png")
    [result] = lab.write(insertion(lab, "crop-17", "0.png"))
    assert "UUID" in str(result.refused)


def test_a_deleted_annotation_comes_back_with_its_history(lab: Lab) -> None:
    [row] = lab.put()
    change = deletion(lab, row)
    [gone] = lab.write(change)
    assert (gone.matched, gone.present) == (True, False)
    [back] = lab.write(insertion(lab, str(row.elemental_id), "0.png"))
    assert back.matched
    assert [each.variant_deleted for each in lab.server.rows.of(str(row.elemental_id), 102)] == [False, True, False]


def test_a_deletion_that_overtook_an_edit_tells_what_was_there(lab: Lab) -> None:
    [row] = lab.put()
    change = deletion(lab, row)
    lab.server.at("delete.loaded", lambda: lab.label(row, "theirs"))
    [result] = lab.write(change)
    assert (result.matched, result.present) == (True, False)
    displaced = result.displaced
    assert displaced is not None
    assert isinstance(displaced.content, dict)
    assert (displaced.content["label"], displaced.media, displaced.edited.by) == ("theirs", "0.png", "curator")


def test_one_that_was_edited_before_is_not_deleted_and_the_others_are(lab: Lab) -> None:
    rows = lab.put(3)
    changes = [deletion(lab, each) for each in rows]
    lab.server.at("delete.counted", lambda: None)

    def before(method: str, path: str) -> None:
        if method == "DELETE":
            lab.server.before_call = None
            lab.delete(rows[1])
            lab.label(rows[0], "theirs")

    lab.server.before_call = before
    results = lab.write(*changes)
    assert [each.present for each in results] == [True, False, False]
    assert results[0].matched is False
    assert lab.now(rows[0]).attributes["Label"] == "theirs"


# Answers that do not come


def test_a_lost_answer_is_an_error_and_never_a_second_write(lab: Lab, count: int) -> None:
    rows = lab.put(count)
    since = datetime.now(timezone.utc)
    lab.server.fails(FaultKind.LOST_ANSWER, "PATCH")
    changes = relabel(lab, rows)
    with pytest.raises(LostAnswer):
        lab.write(*changes)
    assert all(lab.marks(each) == ["Copepoda", "Ostracoda"] for each in rows)
    found = lab.adapter.find_writes(changes, since)
    assert all(each is not None and each.matched and each.after == "Ostracoda" for each in found)


def test_a_request_that_never_arrived_is_known_not_to_have_been_made(lab: Lab) -> None:
    rows = lab.put(3)
    since = datetime.now(timezone.utc)
    lab.server.fails(FaultKind.LOST_REQUEST, "PATCH")
    changes = relabel(lab, rows)
    with pytest.raises(LostAnswer):
        lab.write(*changes)
    assert lab.adapter.find_writes(changes, since) == [None] * 3
    assert all(each.matched for each in lab.write(*changes))


def test_a_lost_write_is_found_though_somebody_has_edited_it_since(lab: Lab) -> None:
    rows = lab.put(2)
    since = datetime.now(timezone.utc)
    lab.server.fails(FaultKind.LOST_ANSWER, "PATCH")
    changes = relabel(lab, rows)
    with pytest.raises(LostAnswer):
        lab.write(*changes)
    lab.label(rows[0], "later")
    lab.delete(rows[1])
    one, two = lab.adapter.find_writes(changes, since)
    assert one is not None
    assert (one.matched, one.after, one.displaced) == (True, "later", None)
    assert two is not None
    assert (two.matched, two.present) == (True, False)


def test_what_a_lost_write_displaced_and_undid_is_found_and_put_back(lab: Lab) -> None:
    rows = lab.put(2)
    since = datetime.now(timezone.utc)

    def meanwhile() -> None:
        lab.edit(rows[0], attributes={"Label": "theirs", "note": "kept"})

    lab.server.at("list.loaded", meanwhile)
    lab.server.fails(FaultKind.LOST_ANSWER, "PATCH")
    changes = relabel(lab, rows)
    with pytest.raises(LostAnswer):
        lab.write(*changes)
    assert lab.now(rows[0]).attributes.get("note") is None
    one, _ = lab.adapter.find_writes(changes, since)
    assert one is not None
    assert one.displaced is not None
    assert one.displaced.content == "theirs"
    assert lab.now(rows[0]).attributes == {"Label": "Ostracoda", "note": "kept"}


def test_lost_inserts_and_deletions_are_found(lab: Lab) -> None:
    [row] = lab.put()
    since = datetime.now(timezone.utc)
    made, gone = insertion(lab, str(uuid.uuid4()), "0.png"), deletion(lab, row)
    lab.server.fails(FaultKind.LOST_ANSWER, "POST|DELETE", times=2)
    for change in (made, gone):
        with pytest.raises(LostAnswer):
            lab.write(change)
    found = lab.adapter.find_writes([made, gone], since)
    assert [each is not None and each.matched for each in found] == [True, True]
    again = lab.write(made)
    assert again[0].matched is False, "it is there: it is not made twice"


def test_an_error_page_after_a_write_is_a_lost_answer(lab: Lab) -> None:
    rows = lab.put(2)
    lab.server.fails(FaultKind.HTML_502, "PATCH")
    with pytest.raises(LostAnswer):
        lab.write(*relabel(lab, rows))
    assert lab.server.calls["PATCH /Localizations"] == 1


def test_a_throttled_write_is_waited_for(lab: Lab) -> None:
    rows = lab.put(3)
    lab.server.fails(FaultKind.THROTTLED, "PATCH", times=3)
    assert all(each.matched for each in lab.write(*relabel(lab, rows)))
    assert len(lab.slept) == 3
    assert all(each >= 1 for each in lab.slept)
    assert all(lab.marks(each) == ["Copepoda", "Ostracoda"] for each in rows)


def test_an_account_that_may_not_write_is_told_so(lab: Lab) -> None:
    rows = lab.put(2)
    lab.server.users[0].permission = "View Only"
    with pytest.raises(RightMissing, match="permission"):
        lab.write(*relabel(lab, rows))


def test_a_server_that_edits_in_place_where_a_mark_was_expected_stops_syncd(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = lab.put(2)

    def in_place(server: Any, row: Any, new: Any, user: Any, **columns: Any) -> Any:
        held = server.rows.by_id[row.id]
        held.attributes, held.modified_by = held.attributes | new, user.id
        return held

    monkeypatch.setattr(type(lab.server), "_next_mark", in_place)
    with pytest.raises(DatabaseUnavailable, match="in place"):
        lab.write(*relabel(lab, rows))


def test_no_call_ever_names_no_ids(lab: Lab) -> None:
    lab.put(2)
    assert lab.write() == []
    assert lab.adapter.read_ids([]).size == 0
    assert lab.adapter.find_writes([], datetime.now(timezone.utc)) == []
    assert lab.adapter.read_ids(["no uuid"]).size == 0
    assert lab.server.calls["PUT /Localizations"] == 0
