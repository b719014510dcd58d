"""A viewer changes nothing through any door of FiftyOne's server, and a stranger does not even come in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from bson import json_util

from app_server import JSON_PATCH, stamp_of
from served_app import JSON, ServedApp
from syncd.demo.lab import LABEL_FIELD
from worlds import World

pytestmark = pytest.mark.filterwarnings("ignore:Passing a class to strawberry:DeprecationWarning")

GUEST, ADA = {"X-Forwarded-User": "guest"}, {"X-Forwarded-User": "ada"}
CHANGING = ("POST", "PUT", "PATCH", "DELETE")

LOOKING = {
    *("/aggregate", "/frames", "/geo", "/get-similar-labels-frames", "/tagging", "/values"),
    *("/video-labels/index", "/video-labels/window"),
    *(f"/embeddings/{name}" for name in ("plot", "selection", "extended-stage", "color-by-choices")),
    *(
        f"/embeddings/v2/{name}"
        for name in ("runs-status", "run-info", "geometry", "ids", "color", "masks", "lasso-stage", "sample-info")
    ),
    *("/operators", "/operators/resolve-placements"),
}
"""What a viewer's window posts to see something."""

REFUSED = {
    ("PATCH", "/dataset/{dataset_id}/sample/{sample_id}"),
    ("PATCH", "/dataset/{dataset_id}/sample/{sample_id}/{field_path}/{field_id}"),
    ("POST", "/dataset/{dataset_id}/sample/{sample_id}/commit-mask"),
    ("PATCH", "/dataset/{dataset_id}/sample/{sample_id}/tags/{tag_id}"),
    ("POST", "/dataset/{dataset_id}/sample/{sample_id}/tags"),
    ("DELETE", "/dataset/{dataset_id}/sample/{sample_id}/tags"),
    ("POST", "/event"),
    ("POST", "/operators/execute"),
    ("POST", "/operators/execute/generator"),
    ("POST", "/operators/resolve-type"),
    ("POST", "/operators/resolve-execution-options"),
    ("POST", "/operators/subscribe-execution-store"),
    ("POST", "/sort"),
    ("POST", "/tag"),
}
"""What would change something: all else that the installed server answers to, but for /events and GraphQL."""


def doors() -> Iterator[tuple[str, str]]:
    """Every method but GET that every route of the installed server answers to."""
    from fiftyone.server.routes import routes

    for path, endpoint in routes:
        for method in CHANGING:
            if hasattr(endpoint, method.lower()):
                yield method, path


def test_all_doors_of_the_installed_server_are_known(fiftyone: Any) -> None:
    found = {door for door in doors() if not (door[0] == "POST" and door[1] in LOOKING)}
    assert found == REFUSED | {("POST", "/events")}


def everything(world: World) -> str:
    """A digest of all that FiftyOne keeps, of this dataset and beside it."""
    digest = hashlib.sha256()
    for name in sorted(world.mongo.list_collection_names()):
        if name != "config":
            documents = sorted(json_util.dumps(each, sort_keys=True) for each in world.mongo[name].find())
            digest.update(json.dumps([name, documents]).encode())
    return digest.hexdigest()


def requests(world: World) -> Iterator[tuple[str, str, Any, dict[str, str]]]:
    """Requests that change something when an editor sends them."""
    dataset = world.mongo["datasets"].find_one({"name": world.dataset})
    sample = world.samples.find_one({f"{LABEL_FIELD}.detections": {"$exists": True, "$ne": []}})
    assert dataset is not None
    label = sample[LABEL_FIELD]["detections"][0]["_id"]
    here = f"/dataset/{dataset['_id']}/sample/{sample['_id']}"
    patch = {"If-Match": stamp_of(sample), "Content-Type": JSON_PATCH}
    relabel = [{"op": "replace", "path": f"/{LABEL_FIELD}/detections/0/label", "value": "Guessed"}]
    yield "PATCH", here, relabel, patch
    yield "PATCH", here, {"tags": ["guessed"]}, patch | JSON
    one = [{"op": "replace", "path": "/label", "value": "Guessed"}]
    yield "PATCH", f"{here}/{LABEL_FIELD}.detections/{label}", one, patch
    yield "PATCH", f"{here}/tags/{label}", {"value": "a"}, JSON
    yield "POST", f"{here}/tags", {"value": "a"}, JSON
    yield "DELETE", f"{here}/tags", {"tag_ids": [str(label)]}, JSON
    yield "POST", f"{here}/commit-mask", {"field": LABEL_FIELD, "detection_id": str(label)}, patch | JSON
    tag = {"dataset": world.dataset, "view": [], "filters": {}, "modal": False, "sample_ids": [str(sample["_id"])]}
    yield "POST", "/tag", tag | {"target_labels": False, "changes": {"guessed": True}, "label_fields": []}, JSON
    yield "POST", "/event", {"subscription": "a", "event": "select_samples", "data": {"samples": []}}, JSON
    state = {"_CLS": "fiftyone.core.state.StateDescription", "dataset": world.dataset}
    yield "POST", "/events", {"initializer": state, "events": [], "subscription": "a", "polling": True}, JSON
    yield "POST", "/sort", {"dataset": world.dataset, "extended": {}, "subscription": "a"}, JSON
    operators = (
        ("@voxel51/operators/delete_selected_samples", {}),
        ("@voxel51/operators/save_workspace", {"name": "guessed", "spaces": {}}),
        ("@voxel51/operators/add_dynamic_sample_fields", {}),
        ("@syncd/syncd/relabel", {"label": "Guessed"}),
        ("@test/echo/echo", {}),
    )
    for uri, params in operators:
        body = {"operator_uri": uri, "dataset_name": world.dataset, "params": params, "selected": [str(sample["_id"])]}
        for path in ("execute", "execute/generator", "resolve-type", "resolve-execution-options"):
            yield "POST", f"/operators/{path}", body, JSON
        yield "POST", "/operators/subscribe-execution-store", body, JSON
    for query in mutations(world):
        yield "POST", "/graphql", {"query": query}, JSON


def mutations(world: World) -> Iterator[str]:
    """One of each mutation that writes to the database."""
    named = f'datasetName: "{world.dataset}"'
    yield f'mutation a {{ createSavedView(subscription: "a", session: null, viewName: "guessed", {named}) {{ id }} }}'
    yield f'mutation a {{ deleteSavedView(subscription: "a", session: null, viewName: "guessed", {named}) }}'
    yield (
        f'mutation a {{ updateSavedView(subscription: "a", session: null, viewName: "guessed", {named},'
        " updatedInfo: {}) { id } }"
    )
    yield (
        f'mutation a {{ setSidebarGroups(subscription: "a", session: null, dataset: "{world.dataset}", stages: [],'
        " sidebarGroups: []) }"
    )
    yield 'mutation a { setColorScheme(subscription: "a", colorScheme: {fields: []}) { id } }'
    yield f'mutation a {{ setDatasetColorScheme(subscription: "a", {named}, colorScheme: {{fields: []}}) }}'


def test_a_viewer_is_refused_at_each_and_nothing_changes(app: ServedApp, shared_world: World) -> None:
    before = everything(shared_world)
    asked = set()
    for method, path, body, headers in requests(shared_world):
        answer = app.send(method, path, body, headers | GUEST)
        assert answer.status == 403, (method, path, body, answer)
        assert answer.body["error"]["message"] == "guest is a viewer here, and changes nothing."
        asked.add((method, _pattern(path)))
    assert asked >= REFUSED
    assert everything(shared_world) == before


def _pattern(path: str) -> str:
    from fiftyone.server.routes import routes
    from starlette.routing import Match, Route

    for each, endpoint in routes:
        if Route(each, endpoint).matches({"type": "http", "method": "GET", "path": path})[0] is not Match.NONE:
            return str(each)
    return path


def test_nobody_comes_in_without_a_name(app: ServedApp, shared_world: World) -> None:
    before = everything(shared_world)
    for method, path, body, headers in [
        *requests(shared_world),
        ("GET", "/", None, {}),
        ("GET", "/fiftyone", None, {}),
    ]:
        answer = app.send(method, path, body, headers)
        assert answer.status == 401, (method, path)
        assert "Nobody is signed in" in str(answer.body)
    assert everything(shared_world) == before


def test_every_mutation_is_known_as_a_windows_or_is_refused(app: ServedApp) -> None:
    from syncd.app.doors import OF_THE_WINDOW

    query = {"query": "{ __schema { mutationType { fields { name } } } }"}
    answer = app.send("POST", "/graphql", query, JSON | GUEST)
    names = {each["name"] for each in answer.body["data"]["__schema"]["mutationType"]["fields"]}
    writing = {"createSavedView", "deleteSavedView", "updateSavedView", "setSidebarGroups", "setColorScheme"}
    assert names - OF_THE_WINDOW == writing | {"setDatasetColorScheme"}
    assert names >= OF_THE_WINDOW


def test_what_a_viewers_window_tells_reaches_no_other(app: ServedApp, shared_world: World) -> None:
    stages = [{"_cls": "fiftyone.core.stages.Limit", "kwargs": [["limit", 3]]}]
    query = (
        "mutation a($name: String!, $view: BSONArray!) {"
        ' setView(subscription: "a", session: null, datasetName: $name, view: $view, form: {}) }'
    )
    body = {"query": query, "variables": {"name": shared_world.dataset, "view": stages}}
    answer = app.send("POST", "/graphql", body, JSON | GUEST)
    assert answer.status == 200
    assert [each["_cls"] for each in answer.body["data"]["setView"]] == ["fiftyone.core.stages.Limit"]
    assert "limit" not in json.dumps(_state(app)).lower(), "the server's own state has no view"
    assert app.send("POST", "/graphql", body, JSON | ADA).status == 200
    assert "limit" in json.dumps(_state(app)).lower(), "an editor's window tells the server"


def _state(app: ServedApp) -> Any:
    """What a window that opens now is told first."""
    listen = {"initializer": {}, "events": ["state_update"], "subscription": "probe", "polling": True}
    return app.send("POST", "/events", listen, JSON | ADA).body


def test_a_viewer_sees_what_there_is(app: ServedApp, shared_world: World) -> None:
    sample = shared_world.samples.find_one()
    query = {"query": f'{{ dataset(name: "{shared_world.dataset}", view: []) {{ name }} }}'}
    assert app.send("POST", "/graphql", query, JSON | GUEST).status == 200
    placements = {"dataset_name": shared_world.dataset}
    assert app.send("POST", "/operators/resolve-placements", placements, JSON | GUEST).status == 200
    assert app.execute_as("guest", "@voxel51/operators/list_workspaces", shared_world.dataset)["error"] is None
    known = {"annotation_id": shared_world.data.rows[0].annotation_id}
    found = app.execute_as("guest", "@syncd/syncd/history", shared_world.dataset, known)
    assert found["error"] is None, found
    answer = app.raw("GET", f"/media?filepath={sample['filepath']}", GUEST)
    assert answer[0] == 200
    assert answer[1].startswith(b"\x89PNG")


@pytest.mark.parametrize("who", [GUEST, ADA], ids=["viewer", "editor"])
def test_no_file_of_the_server_is_handed_out(app: ServedApp, who: dict[str, str]) -> None:
    config = app.log.with_name("syncd.yaml")
    assert config.is_file()
    status, content = app.raw("GET", f"/media?filepath={config}", who)
    assert status == 403
    assert b"postgresql" not in content
    listing = {"operator_uri": "@voxel51/operators/list_files", "params": {"path": str(config.parent)}}
    assert app.send("POST", "/operators/execute", listing, JSON | who).status == 403


def test_a_page_of_another_site_changes_nothing_with_an_editors_cookies(app: ServedApp, shared_world: World) -> None:
    before = everything(shared_world)
    for method, path, body, headers in requests(shared_world):
        answer = app.send(method, path, body, headers | ADA | {"Sec-Fetch-Site": "cross-site"})
        assert answer.status == 403, (method, path)
    assert everything(shared_world) == before


def test_an_editor_goes_through(app: ServedApp, shared_world: World) -> None:
    method, path, body, headers = next(requests(shared_world))
    answer = app.send(method, path, body, headers | ADA)
    assert answer.status == 200, answer
    assert "Guessed" in json.dumps(answer.body)
