"""What Tator's adapter reads, what it makes of failures, and what it says of the server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import tator_lab
from syncd.adapters.base import Verdict
from syncd.adapters.rest.errors import TokenRefused
from syncd.adapters.tator import read
from syncd.adapters.tator.connect import connect
from syncd.adapters.tator.describe import describe
from syncd.adapters.tator.probes import probes
from syncd.adapters.tator.project import find_place
from syncd.adapters.tator.store import TatorStore
from syncd.errors import ConfigError, DatabaseUnavailable, SyncdError
from syncd.model import BOX, FLAG, Kind
from syncd.model.capabilities import Guard, Stamps, Transactions
from syncd.model.vocabulary import Term
from tator_double import FaultKind, Tator, serving
from tator_lab import Lab, binding_of, config


@pytest.fixture
def lab() -> Iterator[Lab]:
    with tator_lab.lab() as found:
        yield found


def labels(lab: Lab) -> dict[str, str]:
    return dict(lab.adapter.read_all().rows.select("annotation_id", "value.label").iter_rows())


def test_what_is_edited_between_two_pages_is_read_once_and_as_it_is_now(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "PAGE", 4)
    rows = lab.put(10)
    lab.server.at("read", lambda: lab.server.at("read", lambda: [lab.label(each, "edited") for each in rows[:3]]))
    found = labels(lab)
    assert len(found) == 10
    assert [found[str(each.elemental_id)] for each in rows[:4]] == ["edited"] * 3 + ["Copepoda"]


def test_what_is_drawn_and_deleted_while_all_is_read_spoils_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "PAGE", 4)
    rows = lab.put(10)

    def meanwhile() -> None:
        lab.delete(rows[0])
        lab.delete(rows[9])
        lab.put(1)

    lab.server.at("read", lambda: lab.server.at("read", meanwhile))
    snapshot = lab.adapter.read_all()
    assert snapshot.complete
    assert {str(each.elemental_id) for each in rows[1:9]} <= set(snapshot.rows["annotation_id"])


def test_a_read_that_gives_less_than_the_server_counts_is_no_snapshot(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in lab.put(10):
        each.modified = datetime(2024, 1, 1, tzinfo=timezone.utc)
    pages = read.Rows._pages
    monkeypatch.setattr(read.Rows, "_pages", lambda *given: [page[:-2] for page in pages(*given)])
    with pytest.raises(DatabaseUnavailable, match="gave 8 boxes, and the server counts 10"):
        lab.adapter.read_all()


def test_a_cut_answer_is_asked_for_again_and_in_the_end_an_error(lab: Lab) -> None:
    lab.put(10)
    lab.server.fails(FaultKind.CUT, "GET /Localizations", times=2)
    assert len(labels(lab)) == 10
    lab.server.fails(FaultKind.CUT, "GET /Localizations", times=99)
    with pytest.raises(DatabaseUnavailable):
        lab.adapter.read_all()


@pytest.mark.parametrize("kind", [FaultKind.HTML_500, FaultKind.HTML_502, FaultKind.HTML_404, FaultKind.LOST_ANSWER])
def test_a_failing_server_is_asked_again_and_in_the_end_named(lab: Lab, kind: FaultKind) -> None:
    lab.put(3)
    lab.server.fails(kind, "Localizations", times=3)
    assert len(labels(lab)) == 3
    assert lab.slept == [0.5, 1.0, 2.0]
    lab.server.fails(kind, "Localizations", times=99)
    with pytest.raises(DatabaseUnavailable, match="does not answer as expected") as caught:
        lab.adapter.read_all()
    assert caught.value.remedy


def test_a_throttling_server_is_waited_for_as_long_as_it_says(lab: Lab) -> None:
    lab.put(3)
    lab.server.fails(FaultKind.THROTTLED, "", times=5)
    assert len(labels(lab)) == 3
    assert lab.slept == [1.1] * 5
    lab.server.fails(FaultKind.THROTTLED, "", times=10_000)
    with pytest.raises(DatabaseUnavailable, match="throttles"):
        lab.adapter.read_all()


def test_a_version_or_a_type_that_is_gone_is_no_empty_store(lab: Lab) -> None:
    lab.put(3)
    lab.server.versions = [each for each in lab.server.versions if each["id"] != 102]
    with pytest.raises(DatabaseUnavailable, match="version 'ground_truth' is no longer"):
        lab.adapter.read_all()


def test_a_token_that_expired_is_named_and_never_shown(lab: Lab) -> None:
    lab.put(1)
    token = lab.server.token
    lab.server.users[0].token = "another-token"
    with pytest.raises(TokenRefused) as caught:
        lab.adapter.read_all()
    assert "refuses the token" in str(caught.value)
    assert token not in str(caught.value) + repr(lab.client) + repr(lab.adapter) + repr(caught.value.__cause__)


def test_a_token_in_a_servers_own_words_is_hidden(lab: Lab) -> None:
    token = lab.server.token
    with pytest.raises(DatabaseUnavailable) as caught:
        lab.client.get(f"ChangeLog/1?{token}")
    assert token not in str(caught.value)
    assert token not in repr(config(lab.server))


def test_what_was_deleted_is_told_by_an_incremental_read_with_its_time(lab: Lab) -> None:
    rows = lab.put(3)
    for each in rows:
        each.modified = datetime(2024, 1, 1, tzinfo=timezone.utc)
    since = datetime.now(timezone.utc) - timedelta(seconds=1)
    lab.delete(rows[0])
    lab.label(rows[1], "edited")
    snapshot = lab.adapter.read_since(since)
    assert snapshot.rows["annotation_id"].to_list() == [rows[1].elemental_id]
    assert list(snapshot.deleted) == [rows[0].elemental_id]
    edited = snapshot.deleted[str(rows[0].elemental_id)]
    assert edited.by is None, "Tator does not say who deleted it"
    assert edited.at is not None
    assert edited.at >= since


def test_an_edit_in_place_is_seen_by_a_sweep_alone(lab: Lab) -> None:
    rows = lab.put(3)
    for each in rows:
        each.modified = datetime(2024, 1, 1, tzinfo=timezone.utc)
    lab.in_place(rows, Label="bulk")
    assert lab.adapter.count_since(datetime(2024, 1, 2, tzinfo=timezone.utc), 10) == 0
    assert set(labels(lab).values()) == {"bulk"}
    assert lab.adapter.capabilities.stamps is Stamps.NOMINATE


def test_an_unchanged_poll_takes_two_calls(lab: Lab) -> None:
    lab.put(30)
    since = lab.adapter.now() + timedelta(hours=1)
    lab.server.calls.clear()
    assert lab.adapter.count_since(since, 10) == 0
    assert lab.adapter.read_since(since).size == 0
    assert lab.server.calls.total() == 2


def test_the_same_id_in_another_version_and_null_ids_are_kept_apart(lab: Lab) -> None:
    [row] = lab.put()
    lab.server.put(elemental_id=row.elemental_id, version=101, attributes={"Label": "another layer"})
    lab.server.put(elemental_id=None, attributes={"Label": "very old"})
    rows = lab.adapter.read_all().rows
    assert sorted(rows["value.label"]) == ["Copepoda", "very old"]
    assert rows["annotation_id"].null_count() == 1
    [result] = lab.write(lab.change(row, "label", "Copepoda", "Ostracoda"))
    assert result.matched
    assert [each.attributes["Label"] for each in lab.server.live(101)] == ["another layer"]


def test_a_value_of_another_type_is_a_problem_and_is_never_overwritten(lab: Lab) -> None:
    [row] = lab.put(depth="deep")
    [read_back] = lab.adapter.read_all().rows.iter_rows(named=True)
    assert (read_back["value.depth"], read_back["problems"]) == (None, '{"depth":"\\"deep\\""}')
    [result] = lab.write(lab.change(row, "depth", None, 3.0))
    assert result.matched is False


def test_editors_are_named_even_those_who_left_the_project(lab: Lab) -> None:
    rows = lab.put(3)
    rows[0].modified_by, rows[1].modified_by = 4, 77
    lab.server.users[3].is_active = False
    actors = lab.adapter.read_all().rows["actor"].to_list()
    assert actors == ["owner", "user 77", "curator"]


def test_what_a_medium_is_called_ties_a_box_to_its_sample() -> None:
    with tator_lab.lab(media="id") as lab:
        [row] = lab.put()
        assert lab.adapter.read_all().rows["media"].to_list() == [str(row.media)]


def test_the_clock_is_never_ahead_of_the_servers_however_that_is_set(lab: Lab) -> None:
    for skew in (timedelta(minutes=7), timedelta(minutes=-30)):
        lab.server.skew = skew
        lab.client.get("User/GetCurrent")
        told = lab.adapter.now()
        assert timedelta(0) <= lab.server.now() - told <= timedelta(seconds=1.5)


def test_the_origin_is_the_layer(lab: Lab) -> None:
    lab.put(2)
    origin = lab.adapter.origin()
    assert origin.rows == 2
    assert "version 102" in origin.identity
    assert lab.adapter.origin(count_rows=False).rows is None


def test_it_says_what_it_can_do(lab: Lab) -> None:
    found = lab.adapter.capabilities
    assert (found.guard, found.transactions) == (Guard.PROVABLE, Transactions.NONE)
    assert found.history
    assert found.deletion_feed


def test_over_a_real_network_it_is_the_same() -> None:
    server = Tator([dict(each) for each in tator_lab.TYPES])
    with serving(server) as url:
        client = connect(url, server.token, rate=0, sleep=lambda _: None)
        place = find_place(client, config(server))
        for number in range(20):
            server.put(attributes={"Label": f"a {number}"})
        server.fails(FaultKind.CUT, "GET", times=1)
        server.fails(FaultKind.LOST_ANSWER, "GET", times=1)
        rows = read.Rows(client, place)
        assert sum(map(len, rows.everything("id,elemental_id,mark,attributes.Label"))) == 20
        assert rows.histories([str(uuid.uuid4())]) == {}
        client.close()
    client = connect(url, server.token, sleep=lambda _: None)
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        client.get("User/GetCurrent")
    client.close()


# What it says of the server


def described(lab: Lab, *, crops: bool = False, **attributes: str) -> Any:
    binding = binding_of(tator_lab.ATTRIBUTES | attributes)
    return describe(binding, config(lab.server), lab.place, lab.client.where, crops=crops)


def test_attributes_are_described_with_what_they_hold(lab: Lab) -> None:
    found = described(lab)
    assert found.faults == ()
    assert {name: each.kind for name, each in found.fields.items()} == {
        "label": Kind.TEXT,
        BOX: Kind.BOX,
        "verified": Kind.BOOLEAN,
        "depth": Kind.FLOAT,
        "taxon": Kind.TEXT,
    }
    assert list(found.fields)[:2] == ["label", BOX]
    assert found.id.kind is Kind.UUID
    assert lab.adapter.values_taken() == {
        "taxon": (frozenset(["Copepoda", "Ostracoda"]), "the choices of attribute 'taxon' in Tator")
    }


def test_of_crops_the_box_is_no_field(lab: Lab) -> None:
    found = described(lab, crops=True)
    assert BOX not in found.fields
    assert not found.can_insert


def test_a_wrong_name_of_an_attribute_is_told_with_the_right_one(lab: Lab) -> None:
    [(what, remedy)] = described(lab, depth="Depth").faults
    assert "no attribute 'Depth'" in what
    assert "'depth'" in remedy


def test_an_attribute_that_holds_no_single_value_cannot_be_mapped(lab: Lab) -> None:
    lab.place.type["attribute_types"].append({"name": "where", "dtype": "geopos"})
    [(what, _)] = described(lab, place="where").faults
    assert "geopos" in what


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"version": "truth"}, "no version 'truth'; there are: 'Baseline' (101), 'ground_truth' (102)"),
        ({"type": "Line"}, "no type 'Line'"),
        ({"project": 7}, "no project 7"),
        ({"project": "Fish"}, "no project 'Fish'"),
    ],
)
def test_a_wrong_place_is_told_with_what_there_is(lab: Lab, wrong: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_place(lab.client, config(lab.server, **wrong))
    assert expected in caught.value.message


def test_a_name_that_two_versions_have_is_refused(lab: Lab) -> None:
    lab.server.versions.append({"id": 103, "name": "ground_truth", "number": 2})
    with pytest.raises(ConfigError, match="several versions"):
        find_place(lab.client, config(lab.server))
    assert find_place(lab.client, config(lab.server, version=103)).version == 103


def store(lab: Lab, label: str = "Label", **section: Any) -> TatorStore:
    binding = binding_of({"label": label})
    return TatorStore(lab.client, config(lab.server, **section), binding)


def test_the_vocabulary_is_the_tree_of_leaves_or_the_choices_of_an_enum(lab: Lab) -> None:
    assert store(lab).terms() is None
    assert store(lab, "taxon").terms() == (Term("Copepoda"), Term("Ostracoda"))
    root = lab.server.add_leaf("Crustacea")
    lab.server.add_leaf("Copepoda", root)
    tree = (Term("Crustacea"), Term("Copepoda", "Crustacea"))
    assert store(lab).terms() == tree
    assert store(lab, "taxon").terms() == (Term("Copepoda"), Term("Ostracoda"))
    assert store(lab, "taxon", leaves="Taxonomy").terms() == tree
    with pytest.raises(ConfigError, match="no leaf type 'Fish'"):
        store(lab, leaves="Fish").terms()


def test_doctor_looks_at_everything_that_decides_and_leaves_no_trace(lab: Lab) -> None:
    lab.put(3)
    binding = binding_of()
    before = (len(lab.server.rows.by_id), list(lab.server.change_log))
    found = {each.subject: each for each in probes(lab.client, config(lab.server), lab.place, binding)}
    assert {each.verdict for each in found.values()} == {Verdict.OK}
    assert {"token", "permission", "account", "slim reads", "search by time", "elemental ids", "clock"} <= set(found)
    assert (len(lab.server.rows.by_id), list(lab.server.change_log)) == before
    assert not any(method.startswith(("PATCH", "POST", "DELETE")) for method in lab.server.calls)


def test_doctor_names_what_is_not_as_it_should_be(lab: Lab) -> None:
    rows = lab.put(3)
    lab.server.users[0].permission = "View Only"
    lab.server.put(elemental_id=None)
    lab.server.skew = timedelta(minutes=3)
    lab.server.add_leaf("Krill")
    ids = [each.id for each in rows]
    lab.server.users[0].permission = "Can Edit"
    with lab.server.person(lab.server.token) as person:
        person.patch("Localizations/1", params={"version": 102}, json={"ids": ids, "attributes": {"note": "x"}})
    lab.server.users[0].permission = "View Only"
    lab.client.get("User/GetCurrent")
    section = config(lab.server, leaves="Taxonomy")
    place = find_place(lab.client, section)
    found = {each.subject: each for each in probes(lab.client, section, place, binding_of({"label": "taxon"}))}
    assert found["permission"].verdict is Verdict.FAULT
    wrong = {name for name, each in found.items() if each.verdict is not Verdict.OK}
    assert wrong == {"permission", "account", "attribute 'taxon'", "elemental ids", "clock"}
    assert all(found[name].remedy for name in wrong)


def test_a_column_for_error_tags_is_an_attribute_too(lab: Lab) -> None:
    binding = binding_of()
    binding.review.error_column = "verified"
    found = describe(binding, config(lab.server), lab.place, lab.client.where, crops=False)
    assert found.flag is not None
    assert found.flag.kind is Kind.BOOLEAN
    assert FLAG not in found.fields


def test_every_error_is_one_of_ours(lab: Lab) -> None:
    """Whatever the server answers to whatever call."""
    rows = lab.put(3)
    calls = [
        lab.adapter.read_all,
        lambda: lab.adapter.read_since(datetime.now(timezone.utc)),
        lambda: lab.adapter.read_ids([str(rows[0].elemental_id)]),
        lambda: lab.write(lab.change(rows[0], "label", "Copepoda", "x"), lab.change(rows[1], "label", "Copepoda", "x")),
        lab.adapter.origin,
        lab.adapter.values_taken,
    ]
    for kind in (FaultKind.HTML_500, FaultKind.HTML_404, FaultKind.LOST_ANSWER, FaultKind.LOST_REQUEST, FaultKind.CUT):
        for call in calls:
            lab.server.faults.clear()
            lab.server.fails(kind, times=99)
            with pytest.raises(SyncdError):
                call()
