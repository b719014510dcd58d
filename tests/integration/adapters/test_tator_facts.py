"""What was measured of Tator 1.5.0: the double does the same, and so does a real server, if one is at hand.

``SYNCD_TEST_TATOR_URL`` and ``SYNCD_TEST_TATOR_TOKEN`` (of an account with full control of a project to play with; its
id in ``SYNCD_TEST_TATOR_PROJECT``) run the same tests against a real server. There the tests that look into the server,
or play a race by stopping a request half way, are skipped.
"""

from __future__ import annotations

import base64
import json
import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tator_double import FaultKind, Tator, serving

URL = os.environ.get("SYNCD_TEST_TATOR_URL")
TYPES = [
    {"name": "Label", "dtype": "string"},
    {"name": "Other", "dtype": "string"},
    {"name": "taxon", "dtype": "enum", "choices": ["Copepoda", "Ostracoda"]},
    {"name": "verified", "dtype": "bool"},
    {"name": "count", "dtype": "int"},
    {"name": "score", "dtype": "float", "minimum": 0, "maximum": 1},
    {"name": "seen", "dtype": "datetime"},
]


class Server:
    """A project of its own content: a version, a type and a medium; ``double`` is None of a real server."""

    def __init__(self, url: str, tokens: dict[str, str], project: int, double: Tator | None) -> None:
        self.url, self.project, self.double = url, project, double
        self.tokens = tokens
        self.http = self.client("syncd")
        if double is None:
            self._make()
        else:
            self.version, self.other_version, self.type = 102, 101, double.box_type
            self.medium = double.medium("one.png").id

    def _make(self) -> None:
        name = f"syncd-test-{uuid.uuid4().hex[:8]}"
        media_type = next(each for each in self.get(f"MediaTypes/{self.project}") if each["dtype"] == "image")
        versions = [
            self.http.post(f"Versions/{self.project}", json={"name": f"{name}-{each}"}).json()["id"] for each in "ab"
        ]
        self.version, self.other_version = versions
        spec = {"name": name, "dtype": "box", "media_types": [media_type["id"]], "attribute_types": TYPES}
        self.type = self.http.post(f"LocalizationTypes/{self.project}", json=spec).json()["id"]
        self.medium = self.get(f"Medias/{self.project}?stop=1")[0]["id"]

    def client(self, who: str | None) -> httpx.Client:
        headers = {"Authorization": f"Token {self.tokens[who]}"} if who else {}
        return httpx.Client(base_url=f"{self.url}/rest/", headers=headers, timeout=60)

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(path, params=query or None).json()

    @property
    def layer(self) -> dict[str, int]:
        return {"version": self.version, "type": self.type}

    def make(self, label: str | None = "Copepoda", count: int = 1, **more: Any) -> list[dict[str, Any]]:
        """New boxes with elemental ids of ours, as they are read back."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        attributes = {"Label": label} if label is not None else {}
        specs = [self.spec(each, **{"attributes": attributes} | more) for each in ids]
        answer = self.http.post(f"Localizations/{self.project}", json=specs)
        assert answer.status_code == 201, answer.text
        found = {each["elemental_id"]: each for each in self.rows(elemental_ids=ids)}
        return [found[each] for each in ids]

    def spec(self, elemental_id: str, **more: Any) -> dict[str, Any]:
        box = {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}
        return {"elemental_id": elemental_id, "media_id": self.medium, "frame": 0, **self.layer, **box, **more}

    def rows(self, *, layer: bool = True, query: dict[str, Any] | None = None, **body: Any) -> list[dict[str, Any]]:
        asked = (self.layer if layer else {}) | (query or {})
        return list(self.http.put(f"Localizations/{self.project}", params=asked, json=body).json())

    def history(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        query = {"show_all_marks": 1, "show_deleted": 1}
        return sorted(self.rows(query=query, elemental_ids=[row["elemental_id"]]), key=lambda each: each["mark"])

    def now(self, row: dict[str, Any]) -> dict[str, Any]:
        return self.history(row)[-1]

    def edit(self, row: dict[str, Any], who: str = "syncd", **body: Any) -> httpx.Response:
        """A: one call for one box."""
        with self.client(who) as person:
            return person.patch(f"Localization/{row['id']}", json=body)

    def bulk(self, query: dict[str, Any] | None = None, who: str = "syncd", **body: Any) -> httpx.Response:
        """C, or D with ``ids``."""
        with self.client(who) as person:
            return person.patch(f"Localizations/{self.project}", params=self.layer | (query or {}), json=body)

    def delete(self, query: dict[str, Any] | None = None, **body: Any) -> httpx.Response:
        return self.http.request(
            "DELETE", f"Localizations/{self.project}", params=self.layer | (query or {}), json=body
        )


@pytest.fixture
def server() -> Iterator[Server]:
    if URL is not None:
        token = os.environ["SYNCD_TEST_TATOR_TOKEN"]
        project = int(os.environ["SYNCD_TEST_TATOR_PROJECT"])
        real = Server(URL, {"syncd": token, "owner": token}, project, None)
        yield real
        real.http.close()
        return
    double = Tator(TYPES)
    with serving(double) as url:
        tokens = {each.username: each.token for each in double.users}
        made = Server(url, tokens, double.project, double)
        yield made
        made.http.close()


@pytest.fixture
def double(server: Server) -> Tator:
    if server.double is None:
        pytest.skip("a real server cannot be looked into, or stopped half way")
    return server.double


def labelled(old: str | None) -> dict[str, Any]:
    if old is None:
        operation: dict[str, Any] = {"attribute": "Label", "operation": "isnull", "value": True}
    else:
        operation = {"attribute": "Label", "operation": "in", "value": [old]}
    return {"method": "and", "operations": [operation]}


def message(answer: httpx.Response) -> str:
    return str(answer.json()["message"])


# What an annotation is


def test_an_edit_makes_a_new_row_with_a_new_id_and_the_next_mark(server: Server) -> None:
    [row] = server.make()
    assert server.edit(row, attributes={"Label": "Krill"}).status_code == 200
    now = server.now(row)
    assert now["id"] != row["id"]
    assert (now["elemental_id"], now["mark"], now["version"]) == (row["elemental_id"], 1, row["version"])


def test_the_same_elemental_id_may_live_in_two_versions(server: Server) -> None:
    [row] = server.make()
    spec = server.spec(row["elemental_id"], attributes={"Label": "Krill"}) | {"version": server.other_version}
    assert server.http.post(f"Localizations/{server.project}", json=[spec]).status_code == 201
    found = server.rows(layer=False, elemental_ids=[row["elemental_id"]])
    assert sorted(each["mark"] for each in found) == [0, 0]
    assert server.now(row)["attributes"]["Label"] == "Copepoda"


def test_no_answer_has_the_latest_mark(server: Server) -> None:
    [row] = server.make()
    assert "mark" in row
    assert "latest_mark" not in row


def test_a_very_old_row_gets_its_elemental_id_on_the_first_edit(server: Server, double: Tator) -> None:
    old = double.put(elemental_id=None, attributes={"Label": "Copepoda"})
    server.edit({"id": old.id}, attributes={"Label": "Krill"})
    [row] = server.get(f"Localizations/{server.project}", **server.layer)
    assert row["elemental_id"] is not None
    assert row["attributes"]["Label"] == "Krill"


def test_an_enum_is_enforced_and_a_string_is_not(server: Server) -> None:
    [row] = server.make()
    refused = server.edit(row, attributes={"taxon": "Krill"})
    assert refused.status_code == 400
    assert "Copepoda" in refused.text, "the choices are named"
    assert server.edit(row, attributes={"Label": "whatever"}).status_code == 200


def test_an_unknown_attribute_is_refused_and_names_are_case_sensitive(server: Server) -> None:
    [row] = server.make()
    assert server.edit(row, attributes={"label": "x"}).status_code == 400


def test_texts_of_numbers_and_booleans_are_converted(server: Server) -> None:
    [row] = server.make()
    server.edit(row, attributes={"verified": "True", "count": "7"})
    assert server.now(row)["attributes"] == {"Label": "Copepoda", "verified": True, "count": 7}


# Statuses lie


def test_a_bad_token_is_400_and_none_is_404(server: Server) -> None:
    headers = {"Authorization": "Token 0000000000000000000000000000000000000000"}
    bad = httpx.get(f"{server.url}/rest/User/GetCurrent", headers=headers)
    assert (bad.status_code, bad.json()["message"]) == (400, "Invalid token.")
    assert httpx.get(f"{server.url}/rest/Versions/{server.project}").status_code == 404


def test_a_throttled_call_is_400_without_retry_after(server: Server, double: Tator) -> None:
    double.fails(FaultKind.THROTTLED)
    answer = server.http.get("User/GetCurrent")
    assert answer.status_code == 400
    assert message(answer).startswith("Request was throttled. Expected available in")
    assert "Retry-After" not in answer.headers


def test_a_stale_pedantic_write_is_400(server: Server) -> None:
    [row] = server.make()
    server.edit(row, attributes={"Label": "Krill"})
    answer = server.edit(row, attributes={"Label": "Salpa"}, pedantic=1)
    assert answer.status_code == 400
    assert message(answer).startswith("Pedantic mode is enabled. Can not edit prior object")
    assert server.now(row)["attributes"]["Label"] == "Krill"


def test_a_guard_that_is_not_met_is_400(server: Server) -> None:
    [row] = server.make()
    answer = server.bulk({"count": 2}, elemental_ids=[row["elemental_id"]], attributes={"Label": "Krill"})
    assert (answer.status_code, message(answer)) == (400, "Safety check failed - expected 2 but would update 1")
    answer = server.delete({"count": 2}, elemental_ids=[row["elemental_id"]])
    assert (answer.status_code, message(answer)) == (400, "Safety check failed - expected 2 but would delete 1")
    assert len(server.history(row)) == 1


def test_a_null_within_attributes_is_refused_and_null_attributes_are_not(server: Server) -> None:
    [row] = server.make()
    assert server.edit(row, attributes={"Label": None}).status_code == 400
    assert server.edit(row, null_attributes=["Label"]).status_code == 200
    assert server.now(row)["attributes"]["Label"] is None


def test_an_object_that_is_not_there_is_404_and_a_deleted_one_is_not(server: Server) -> None:
    [row] = server.make()
    answer = server.http.get("Localization/999999999")
    assert (answer.status_code, message(answer)) == (404, "No Localization matches the given query.")
    server.http.request("DELETE", f"Localization/{row['id']}", json={})
    assert server.http.get(f"Localization/{row['id']}").status_code == 200


def test_a_wrong_search_value_is_500_with_a_page(server: Server) -> None:
    answer = server.http.put(
        f"Localizations/{server.project}", params=server.layer, json={"elemental_ids": ["no uuid"]}
    )
    assert answer.status_code == 500
    assert "html" in answer.headers["Content-Type"]


def test_a_fault_while_streaming_is_200_and_an_early_end(server: Server) -> None:
    server.make()
    with pytest.raises((httpx.RemoteProtocolError, json.JSONDecodeError)):
        server.http.get(f"Localizations/{server.project}", params=server.layer | {"fields": "attributes.Label"}).json()


def test_a_viewer_reads_and_does_not_write(server: Server, double: Tator) -> None:
    [row] = server.make()
    with server.client("viewer") as viewer:
        assert viewer.get(f"ChangeLog/{server.project}", params={"entity_id": row["id"]}).status_code == 200
        assert viewer.patch(f"Localization/{row['id']}", json={"attributes": {"Label": "x"}}).status_code == 403


def test_an_unknown_project_is_404(server: Server) -> None:
    assert server.http.get("Localizations/999999").status_code == 404


def test_changing_the_choices_takes_full_control(server: Server, double: Tator) -> None:
    assert server.http.patch(f"LocalizationType/{server.type}", json={}).status_code == 403
    with server.client("owner") as owner:
        assert owner.patch(f"LocalizationType/{server.type}", json={}).status_code == 200


# The ways to write


def test_a_single_edit_makes_a_mark_and_moves_the_time_and_is_in_no_change_log(server: Server) -> None:
    [row] = server.make()
    server.edit(row, attributes={"Label": "Krill"}, pedantic=1)
    now = server.now(row)
    assert now["mark"] == 1
    assert now["modified_datetime"] > row["modified_datetime"]
    assert server.get(f"ChangeLog/{server.project}", entity_id=now["id"]) == []
    assert [each["attributes"]["Label"] for each in server.history(row)] == ["Copepoda", "Krill"]


def test_a_single_edit_in_place_makes_no_mark_and_is_in_the_change_log(server: Server) -> None:
    [row] = server.make()
    server.edit(row, attributes={"Label": "Krill"}, in_place=1, pedantic=1)
    [now] = server.history(row)
    assert (now["id"], now["attributes"]["Label"]) == (row["id"], "Krill")
    [entry] = server.get(f"ChangeLog/{server.project}", entity_id=row["id"])
    assert entry["description_of_change"]["old"] == [{"name": "Label", "value": "Copepoda"}]


def test_pedantic_and_in_place_count_in_the_body_alone(server: Server) -> None:
    [row] = server.make()
    server.edit(row, attributes={"Label": "Krill"})
    answer = server.http.patch(
        f"Localization/{row['id']}", params={"pedantic": 1, "in_place": 1}, json={"attributes": {"Label": "Salpa"}}
    )
    assert answer.status_code == 200
    assert [each["attributes"]["Label"] for each in server.history(row)] == ["Copepoda", "Krill", "Salpa"]


def test_without_pedantic_an_old_id_edits_the_latest_mark(server: Server) -> None:
    [row] = server.make()
    server.edit(row, attributes={"Label": "Krill"})
    server.edit(row, attributes={"Other": "x"})
    assert server.now(row)["attributes"] == {"Label": "Krill", "Other": "x"}


def test_a_bulk_edit_by_elemental_ids_makes_a_mark_of_each(server: Server) -> None:
    rows = server.make(count=3)
    answer = server.bulk({"count": 3}, elemental_ids=[each["elemental_id"] for each in rows], attributes={"Label": "K"})
    assert answer.status_code == 200
    for row in rows:
        before, now = server.history(row)
        assert (now["mark"], now["attributes"]["Label"]) == (1, "K")
        assert now["modified_datetime"] > before["modified_datetime"]
        assert server.get(f"ChangeLog/{server.project}", entity_id=now["id"]) == []


def test_a_bulk_edit_by_ids_is_in_place_and_moves_no_time(server: Server) -> None:
    rows = server.make(count=2)
    server.bulk(who="owner", ids=[each["id"] for each in rows], attributes={"Label": "K", "Other": "x"})
    for row in rows:
        [now] = server.history(row)
        assert now["attributes"] == {"Label": "K", "Other": "x"}
        assert now["modified_datetime"] == row["modified_datetime"]
        assert now["mark"] == 0
    [entry] = server.get(f"ChangeLog/{server.project}", entity_id=rows[1]["id"])
    assert entry["description_of_change"]["old"][0]["value"] == "Copepoda", "of the first object alone"


def test_a_bulk_edit_by_ids_of_old_marks_rewrites_history(server: Server) -> None:
    [row] = server.make()
    server.edit(row, attributes={"Label": "Krill"})
    answer = server.bulk(ids=[row["id"]], attributes={"Label": "wrong"})
    assert message(answer).startswith("Successfully updated 1")
    assert [each["attributes"]["Label"] for each in server.history(row)] == ["wrong", "Krill"]


@pytest.mark.parametrize("text", ["it's", "100 %", "tab\there"])
def test_a_bulk_edit_by_ids_cannot_carry_quotes_and_is_left_half_done(server: Server, text: str) -> None:
    [row] = server.make()
    answer = server.bulk(ids=[row["id"]], attributes={"Label": "first", "Other": text})
    assert answer.status_code == 400
    assert server.now(row)["attributes"] == {"Label": "first"}


@pytest.mark.parametrize("text", ["it's", "100 %", 'say "x"', "back\\slash", "line\nbreak", "Größe 漢字"])
def test_single_and_bulk_edits_carry_any_text(server: Server, text: str) -> None:
    one, two = server.make(count=2)
    assert server.edit(one, attributes={"Label": text}).status_code == 200
    assert server.bulk(elemental_ids=[two["elemental_id"]], attributes={"Label": text}).status_code == 200
    assert [server.now(each)["attributes"]["Label"] for each in (one, two)] == [text, text]


def test_an_empty_list_of_ids_is_no_filter(server: Server) -> None:
    rows = server.make(count=3)
    server.bulk(elemental_ids=[], attributes={"Label": "all"})
    assert {server.now(each)["attributes"]["Label"] for each in rows} == {"all"}
    server.delete(ids=[])
    assert server.get(f"LocalizationCount/{server.project}", **server.layer) == 0


def test_a_bulk_edit_without_a_version_writes_into_every_layer(server: Server) -> None:
    [row] = server.make()
    spec = server.spec(row["elemental_id"], attributes={"Label": "b"}) | {"version": server.other_version}
    server.http.post(f"Localizations/{server.project}", json=[spec])
    server.http.patch(
        f"Localizations/{server.project}",
        json={"elemental_ids": [row["elemental_id"]], "attributes": {"Label": "both"}},
    )
    found = server.rows(layer=False, elemental_ids=[row["elemental_id"]])
    assert {each["attributes"]["Label"] for each in found} == {"both"}


def test_a_width_of_0_is_ignored_and_an_x_of_0_is_not(server: Server) -> None:
    [row] = server.make()
    server.edit(row, x=0, width=0)
    now = server.now(row)
    assert (now["x"], now["width"]) == (0, 0.3)


def test_an_edit_of_a_deleted_box_is_200_and_makes_another_deleted_mark(server: Server) -> None:
    [row] = server.make()
    server.http.request("DELETE", f"Localization/{row['id']}", json={})
    answer = server.edit(server.now(row), attributes={"Label": "Krill"})
    assert answer.status_code == 200
    assert answer.json()["object"]["variant_deleted"]
    assert server.rows(elemental_ids=[row["elemental_id"]]) == []


def test_the_answer_to_a_single_edit_names_the_old_mark_and_holds_the_new_row(server: Server) -> None:
    [row] = server.make()
    answer = server.edit(row, attributes={"Label": "Krill"}).json()
    assert f"@{row['version']}/0" in answer["message"]
    assert answer["object"]["mark"] == 1
    assert answer["object"]["id"] == server.now(row)["id"]


def test_an_insert_with_an_elemental_id_that_is_there_becomes_its_next_mark(server: Server) -> None:
    [row] = server.make()
    answer = server.http.post(
        f"Localizations/{server.project}", json=[server.spec(row["elemental_id"], attributes={"Label": "Krill"})]
    )
    assert answer.status_code == 201
    assert [each["mark"] for each in server.history(row)] == [0, 1]
    assert len(server.rows(elemental_ids=[row["elemental_id"]])) == 1


def test_an_insert_undoes_a_deletion_and_keeps_the_history(server: Server) -> None:
    [row] = server.make()
    server.http.request("DELETE", f"Localization/{row['id']}", json={})
    server.http.post(f"Localizations/{server.project}", json=[server.spec(row["elemental_id"])])
    assert [each["variant_deleted"] for each in server.history(row)] == [False, True, False]


def test_a_deletion_adds_a_mark_and_says_not_by_whom(server: Server, double: Tator) -> None:
    row = double.put(attributes={"Label": "x"}, modified_by=2)
    answer = server.http.request("DELETE", f"Localization/{row.id}", json={})
    gone = server.now({"elemental_id": row.elemental_id})
    assert (gone["id"], gone["variant_deleted"], gone["mark"]) == (answer.json()["id"], True, 1)
    assert gone["modified_by"] == 2, "the last editor stays"


def test_pruning_the_latest_mark_brings_the_one_before_back(server: Server) -> None:
    [row] = server.make()
    server.edit(row, attributes={"Label": "Krill"})
    server.http.request("DELETE", f"Localization/{server.now(row)['id']}", json={"prune": 1})
    assert [each["attributes"]["Label"] for each in server.rows(elemental_ids=[row["elemental_id"]])] == ["Copepoda"]
    server.edit(row, attributes={"Label": "again"})
    assert [each["mark"] for each in server.history(row)] == [0, 1], "the number is used again"


def test_at_most_500_are_made_by_one_call(server: Server) -> None:
    specs = [server.spec(str(uuid.uuid4())) for _ in range(501)]
    answer = server.http.post(f"Localizations/{server.project}", json=specs)
    assert (answer.status_code, message(answer)) == (400, "Request body validation error")
    assert server.http.post(f"Localizations/{server.project}", json=specs[:500]).status_code == 201


# Compare-and-set


@pytest.mark.parametrize(
    "old", ["Copepoda", "it's", 'say "x"', "back\\slash", "100 %", "a,b", "line\nbreak", "漢字", None]
)
def test_a_bulk_edit_changes_only_what_still_meets_its_search(server: Server, old: str | None) -> None:
    [row] = server.make(old)
    [other] = server.make("something else")
    ids = [row["elemental_id"], other["elemental_id"]]
    answer = server.bulk(elemental_ids=ids, object_search=labelled(old), attributes={"Label": "new"})
    assert message(answer).startswith("Successfully updated 1")
    assert server.now(row)["attributes"]["Label"] == "new"
    assert server.now(other)["attributes"]["Label"] == "something else"
    again = server.bulk(elemental_ids=ids, object_search=labelled(old), attributes={"Label": "newer"})
    assert (again.status_code, message(again)) == (200, "Successfully updated 0 localizations!")


@pytest.mark.parametrize("text", ['say "x"', "back\\slash", "line\nbreak"])
def test_a_search_by_eq_misses_quotes_backslashes_and_line_breaks(server: Server, text: str) -> None:
    [row] = server.make(text)
    search = {"method": "and", "operations": [{"attribute": "Label", "operation": "eq", "value": text}]}
    assert server.rows(elemental_ids=[row["elemental_id"]], object_search=search) == []


def test_a_stored_null_meets_no_condition(server: Server) -> None:
    [row] = server.make()
    server.edit(row, null_attributes=["Label"])
    for value in (True, False):
        operation = {"attribute": "Label", "operation": "isnull", "value": value}
        search = {"method": "and", "operations": [operation]}
        assert server.rows(elemental_ids=[row["elemental_id"]], object_search=search) == []


@pytest.mark.parametrize(("name", "value"), [("verified", True), ("count", 7), ("score", 0.25), ("taxon", "Copepoda")])
def test_numbers_booleans_and_enums_are_found_by_eq(server: Server, name: str, value: Any) -> None:
    [row] = server.make(attributes={name: value})
    search = {"method": "and", "operations": [{"attribute": name, "operation": "eq", "value": value}]}
    assert len(server.rows(elemental_ids=[row["elemental_id"]], object_search=search)) == 1


@pytest.mark.parametrize("name", ["label", "renamed", "$mark", "$latest_mark", "$variant_deleted"])
def test_an_unknown_attribute_in_a_search_matches_nothing(server: Server, name: str) -> None:
    [row] = server.make()
    search = {"method": "and", "operations": [{"attribute": name, "operation": "in", "value": ["Copepoda"]}]}
    answer = server.bulk(elemental_ids=[row["elemental_id"]], object_search=search, attributes={"Label": "x"})
    assert message(answer).startswith("Successfully updated 0")
    assert server.now(row)["attributes"]["Label"] == "Copepoda"


def test_a_search_by_elemental_id_is_500(server: Server) -> None:
    search = {"attribute": "$elemental_id", "operation": "eq", "value": str(uuid.uuid4())}
    assert server.http.put(f"Localizations/{server.project}", json={"object_search": search}).status_code == 500


def test_an_unknown_name_in_the_attribute_parameter_is_dropped_and_the_write_goes_through(server: Server) -> None:
    [row] = server.make()
    server.bulk({"attribute": "label::Salpa"}, elemental_ids=[row["elemental_id"]], attributes={"Label": "unguarded"})
    assert server.now(row)["attributes"]["Label"] == "unguarded"


def test_the_attribute_parameter_breaks_at_commas(server: Server) -> None:
    assert server.http.get(f"Localizations/{server.project}", params={"attribute": "Label::a,b"}).status_code == 400


def test_the_message_of_a_bulk_edit_is_counted_before_it_writes(server: Server, double: Tator) -> None:
    [row] = server.make()
    double.at("list.counted", lambda: server.edit(row, "curator", attributes={"Label": "Krill"}))
    answer = server.bulk(
        {"count": 1}, elemental_ids=[row["elemental_id"]], object_search=labelled("Copepoda"), attributes={"Label": "x"}
    )
    assert message(answer).startswith("Successfully updated 1")
    assert [each["attributes"]["Label"] for each in server.history(row)] == ["Copepoda", "Krill"]


def test_two_pedantic_writers_may_both_succeed_and_the_marks_show_it(server: Server, double: Tator) -> None:
    [row] = server.make()
    double.at("detail.loaded", lambda: server.edit(row, "curator", attributes={"Label": "theirs"}, pedantic=1))
    assert server.edit(row, attributes={"Label": "ours"}, pedantic=1).status_code == 200
    history = server.history(row)
    assert [(each["mark"], each["attributes"]["Label"]) for each in history] == [
        (0, "Copepoda"),
        (1, "theirs"),
        (2, "ours"),
    ]


def test_a_write_undoes_what_others_wrote_into_other_attributes_after_it_was_loaded(
    server: Server, double: Tator
) -> None:
    [row] = server.make()
    double.at("list.loaded", lambda: server.edit(row, "curator", attributes={"Other": "theirs"}))
    server.bulk(elemental_ids=[row["elemental_id"]], attributes={"Label": "ours"})
    assert [each["attributes"].get("Other") for each in server.history(row)] == [None, "theirs", None]


# Reading


def test_reading_by_position_loses_what_is_edited_between_two_pages(server: Server) -> None:
    rows = server.make(count=10)
    query = server.layer | {"start": 0, "stop": 5}
    first = server.get(f"Localizations/{server.project}", **query)
    for row in rows[:3]:
        server.edit(row, attributes={"Label": "edited"})
    second = server.get(f"Localizations/{server.project}", **server.layer | {"start": 5, "stop": 20})
    found = {each["elemental_id"] for each in (*first, *second)}
    assert len(found) < 10


def test_reading_after_an_id_loses_nothing_and_the_later_row_is_the_current_one(server: Server) -> None:
    rows = server.make(count=10)
    first = server.get(f"Localizations/{server.project}", **server.layer | {"stop": 5})
    for row in rows[:3]:
        server.edit(row, attributes={"Label": "edited"})
    second = server.get(f"Localizations/{server.project}", **server.layer | {"after": first[-1]["id"], "stop": 20})
    found = {each["elemental_id"]: each["attributes"]["Label"] for each in (*first, *second)}
    assert len(found) == 10
    assert sum(each == "edited" for each in found.values()) == 3


def test_an_unknown_version_or_type_is_an_empty_store(server: Server) -> None:
    server.make()
    for wrong in ({"version": 999_999}, {"type": 999_999}):
        answer = server.http.get(f"Localizations/{server.project}", params=server.layer | wrong)
        assert (answer.status_code, answer.json()) == (200, [])


def test_deleting_a_medium_takes_its_boxes_away_at_once(server: Server, double: Tator) -> None:
    [row] = server.make()
    medium = double.media[server.medium]
    double.delete_medium(medium)
    assert server.history(row) == []
    assert server.http.get(f"Localization/{row['id']}").status_code == 404
    spec = server.spec(str(uuid.uuid4()))
    assert server.http.post(f"Localizations/{server.project}", json=[spec]).status_code == 201


def test_a_version_with_live_boxes_cannot_be_deleted(server: Server, double: Tator) -> None:
    server.make()
    assert server.http.request("DELETE", f"Version/{server.version}").status_code == 400


def test_single_attributes_can_be_read(server: Server) -> None:
    [row] = server.make(attributes={"Label": "a", "Other": "b"})
    query = {"fields": "id,elemental_id,mark,modified_by,attributes.Label"}
    [slim] = server.rows(query=query, elemental_ids=[row["elemental_id"]])
    assert set(slim) == {"id", "elemental_id", "mark", "modified_by", "attributes"}
    assert slim["attributes"] == {"Label": "a"}


def test_many_ids_fit_in_one_body(server: Server) -> None:
    [row] = server.make()
    ids = [row["elemental_id"], *(str(uuid.uuid4()) for _ in range(20_000))]
    assert [each["id"] for each in server.rows(elemental_ids=ids)] == [row["id"]]


def test_what_was_modified_since_is_found_by_each_kind_of_search_and_deleted_ones_too(server: Server) -> None:
    one, two = server.make(count=2)
    server.edit(two, attributes={"Label": "later"})
    server.http.request("DELETE", f"Localization/{one['id']}", json={})
    since = server.now(one)["modified_datetime"]
    operation = {"attribute": "$modified_datetime", "operation": "gte", "value": since}
    encoded = base64.b64encode(json.dumps(operation).encode()).decode()
    asked = server.layer | {"show_deleted": 1}
    path = f"Localizations/{server.project}"
    for found in (
        server.rows(query={"show_deleted": 1}, object_search=operation),
        server.get(path, **asked | {"encoded_search": encoded}),
        server.get(path, **asked | {"attribute_gte": f"$modified_datetime::{since}"}),
    ):
        assert [(each["elemental_id"], each["variant_deleted"]) for each in found] == [(one["elemental_id"], True)]


def test_without_its_dollar_the_condition_on_the_time_is_ignored(server: Server) -> None:
    server.make(count=2)
    query = server.layer | {"attribute_gte": "modified_datetime::2100-01-01T00:00:00Z"}
    assert len(server.get(f"Localizations/{server.project}", **query)) == 2


def test_a_search_by_time_misses_bulk_edits_in_place_and_pruned_rows(server: Server) -> None:
    one, two = server.make(count=2)
    time.sleep(0.01)
    [three] = server.make()
    server.http.request("DELETE", f"Localization/{two['id']}", json={"prune": 1})
    server.bulk(ids=[one["id"]], attributes={"Label": "unseen"})
    operation = {"attribute": "$modified_datetime", "operation": "gte", "value": three["modified_datetime"]}
    found = server.rows(query={"show_deleted": 1}, object_search=operation)
    assert {each["elemental_id"] for each in found} <= {three["elemental_id"]}


def test_lists_show_milliseconds_always_and_single_objects_only_where_there_are_any(
    server: Server, double: Tator
) -> None:
    whole = double.now().replace(microsecond=400)
    row = double.put(modified=whole)
    [listed] = server.rows(elemental_ids=[row.elemental_id])
    assert listed["modified_datetime"].endswith(".000Z")
    assert server.get(f"Localization/{row.id}")["modified_datetime"] == whole.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_change_log_wants_one_of_three_filters(server: Server) -> None:
    assert server.http.get(f"ChangeLog/{server.project}").status_code == 400


def test_addresses_of_images_expire(server: Server, double: Tator) -> None:
    double.media[server.medium].content = b"pixels"
    [medium] = server.http.put(f"Medias/{server.project}?presigned=60", json={"ids": [server.medium]}).json()
    address = medium["media_files"]["image"][0]["path"]
    assert httpx.get(address).content == b"pixels"
    assert httpx.get(address.replace("expires=", "expires=0")[: address.index("=") + 2]).status_code == 403


def test_the_later_mark_of_an_elemental_address_is_always_the_latest(server: Server) -> None:
    [row] = server.make()
    server.edit(row, attributes={"Label": "Krill"})
    path = f"Localization/{server.version}/{row['elemental_id']}"
    assert server.get(path)["attributes"]["Label"] == "Krill"
    assert server.get(path, mark=0)["attributes"]["Label"] == "Copepoda"
    answer = server.http.patch(path, json={"attributes": {"Label": "x"}, "pedantic": 1})
    assert answer.status_code == 200, "there is nothing for it to refuse"
