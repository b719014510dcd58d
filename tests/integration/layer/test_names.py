"""Whoever is signed in is known wherever their request is answered, many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from served_app import JSON, ServedApp
from worlds import World

PEOPLE = [f"person-{number}" for number in range(8)]


def operator(app: ServedApp, dataset: str, name: str) -> object:
    return app.execute_as(name, "@test/echo/echo", dataset)["result"]["who"]


def steps(app: ServedApp, dataset: str, name: str) -> object:
    body = {"operator_uri": "@test/echo/echo_steps", "dataset_name": dataset, "params": {}}
    _, text = app.raw("POST", "/operators/execute/generator", {"X-Forwarded-User": name} | JSON, body)
    return [name, "editor"] if f"['{name}', 'editor']" in text.decode() else text


def panel(app: ServedApp, dataset: str, name: str) -> object:
    found = app.execute_as(
        name,
        "@test/echo/echo_panel",
        dataset,
        {"__method__": "on_load", "panel_id": "a", "panel_state": {}},
    )
    (shown,) = [each for each in found["executor"]["requests"] if "patch_panel_data" in each["operator_uri"]]
    return shown["params"]["data"]["who"] if "data" in shown["params"] else shown


@pytest.mark.parametrize("way", [operator, steps, panel], ids=["operator", "generator", "panel"])
def test_each_of_many_at_once_is_known_by_their_own_name(app: ServedApp, shared_world: World, way: object) -> None:
    assert callable(way)
    with ThreadPoolExecutor(len(PEOPLE)) as threads:
        found = list(threads.map(lambda name: way(app, shared_world.dataset, name), PEOPLE * 2))
    assert found == [[name, "editor"] for name in PEOPLE * 2]


def test_a_name_of_any_alphabet_arrives(app: ServedApp, shared_world: World) -> None:
    assert operator(app, shared_world.dataset, "Zoë Müller".encode().decode("latin-1")) == ["Zoë Müller", "editor"]
