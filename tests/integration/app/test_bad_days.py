"""Bad days in the App, each with the sentence that is shown: nobody sees a traceback, and nothing is half done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from bson import ObjectId

from app_plugin import Drawn, Plugin, clicked, plugin_server
from integration.engine.answers import both, ids
from integration.engine.test_resolve import disagree
from integration.engine.test_review_tags import VOCABULARY
from syncd.engine.session import open_session
from syncd.store.lock import one_run
from worlds import BINDING, World

TABS = ("Status", "Conflicts", "Waiting", "Changes", "Held")
NOBODY = "127.0.0.1:9"
"""An address at which no daemon answers."""


def relabel(plugin: Plugin, world: World, **more: Any) -> dict[str, Any]:
    request = {"selected_labels": clicked(world, ids(world)[0])}
    return plugin.call("relabel", {"label": "New", "actor": "ada"} | more, **request)


def test_the_database_is_gone(world: World, plugin: Plugin) -> None:
    document = world.document()
    gone = sa.make_url(world.url).set(database="gone", password="hush").render_as_string(hide_password=False)
    document["database"]["url"] = gone
    plugin.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    said = relabel(plugin, world)
    assert said["error"] == "DatabaseUnavailable"
    assert "hush" not in str(said)
    for tab in TABS:
        drawn = plugin.panel("on_load", {"tab": tab})
        assert len(drawn.failed) == 1, tab
        assert "TimerView" in drawn.text, "it looks again by itself"
        assert "hush" not in drawn.text
    assert "problem" in plugin.form("relabel", {}, selected_labels=clicked(world, ids(world)[0])).wrong


def test_the_configuration_is_gone_or_wrong(world: World, plugin: Plugin) -> None:
    plugin.config.write_text("bindings: 7\n", encoding="utf-8")
    assert "bindings" in relabel(plugin, world)["message"]
    plugin.config.unlink()
    assert "no configuration file" in relabel(plugin, world)["message"]
    assert "no configuration file" in plugin.panel("on_load").failed[0]


def test_the_dataset_is_bound_to_nothing_or_the_binding_is_none(world: World, plugin: Plugin, fiftyone: Any) -> None:
    other = fiftyone.Dataset()
    plugin.dataset = other.name
    said = plugin.call("sync")
    assert f"No binding is about the dataset '{other.name}'" in said["message"]
    assert world.dataset in said["message"]
    assert "does not keep this dataset" in plugin.panel("on_load").text
    assert "the App shows" in plugin.call("sync", {"binding": BINDING})["message"]
    assert 'no binding "nobody"' in plugin.call("sync", {"binding": "nobody"})["message"]


def test_a_lasso_is_around_labels_that_are_gone_meanwhile(world: World, plugin: Plugin) -> None:
    one = ids(world)[0]
    _, label = world.place(one)
    lasso = {"ids": [str(label), str(ObjectId()), "no id"], "fields": ["ground_truth"]}
    world.erase(one)
    said = plugin.call(
        "relabel",
        {"label": "New", "actor": "ada"},
        extended={"fiftyone.core.stages.MatchLabels": lasso},
    )
    assert "Nothing was to be done" in said["message"]
    assert "there is no such label" in said["message"]
    assert len(said["left"]) == 3


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_the_vocabulary_changed_between_the_form_and_its_button(world: World, plugin: Plugin) -> None:
    one = ids(world)[0]
    world.sql("INSERT INTO taxon (name) VALUES ('Fleeting')")
    request = {"selected_labels": clicked(world, one)}
    plugin.call("relabel", {"label": "xx", "actor": "ada"}, **request)
    assert plugin.form("relabel", {"label": "Fleeting", "actor": "ada"}, **request).wrong == {}
    world.sql("DELETE FROM taxon WHERE name = 'Fleeting'")
    said = plugin.call("relabel", {"label": "Fleeting", "actor": "ada"}, **request)
    assert "is not in the vocabulary" in said["message"]
    assert "label" in plugin.form("relabel", {"label": "Fleeting", "actor": "ada"}, **request).wrong
    assert both(world, one)[0]["label"] != "Fleeting"


def test_the_daemon_is_gone_and_the_panel_says_so_and_works_without(world: World, plugin: Plugin) -> None:
    document = world.document()
    document["daemon"]["http"] = NOBODY
    plugin.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    drawn = plugin.panel("on_load", {"tab": "Status"})
    assert drawn.failed == []
    assert "no daemon attends to it" in drawn.text
    assert "edits travel when somebody syncs" in drawn.text
    assert relabel(plugin, world)["relabelled"] == 1
    assert "Nothing had changed" in plugin.call("sync")["message"]


def test_beside_a_sample_of_a_dataset_with_two_bindings_one_can_be_chosen(world: World, plugin: Plugin) -> None:
    document = world.document()
    document["bindings"].append(document["bindings"][0] | {"name": "second", "label_field": "predictions"})
    plugin.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    one = ids(world)[0]
    given = {"panel_id": "p2", "panel_state": {}, "__method__": "on_load"}
    opened: dict[str, Any] = {"current_sample": str(world.place(one)[0]), "selected_labels": clicked(world, one)}
    drawn = Drawn(plugin.send("/operators/execute", "syncd_history", given, opened))
    assert drawn.failed == []
    assert "second (predictions)" in drawn.text
    assert one in drawn.text


def test_somebody_else_holds_the_lock(world: World, plugin: Plugin) -> None:
    one, two = ids(world)[:2]
    disagree(world, two)
    before = both(world, one)
    with open_session(world.config(), BINDING) as session, one_run(session.state, session.schema, BINDING):
        said = relabel(plugin, world)
        assert said["error"] == "Busy"
        drawn = plugin.panel("on_load", {"tab": "Conflicts"})
        assert drawn.failed == []
    assert both(world, one) == before
    assert relabel(plugin, world)["relabelled"] == 1


def test_four_hundred_thousand_ids_are_selected(world: World, plugin: Plugin) -> None:
    many = [f"{number:024x}" for number in range(400_000)]
    said = plugin.call("relabel", {"label": "New", "actor": "ada", "label_ids": many})
    assert "400,000 labels are meant, and one step takes at most 100,000" in said["message"]
    assert "400,000" in plugin.form("relabel", {"actor": "ada", "label_ids": many}).wrong["selection"]


def test_the_app_server_is_started_again_in_the_middle(
    world: World, plugin: Plugin, mongo_uri: str, tmp_path: Path
) -> None:
    one = ids(world)[0]
    relabel(plugin, world)
    chosen = {"tab": "Changes", "page": 0} | plugin.panel("on_load", {"tab": "Changes"}).state
    with plugin_server(mongo_uri, tmp_path, SYNCD_ACTOR="bob") as again:
        again.serve(world)
        drawn = again.panel("tick", chosen)
        assert (drawn.failed, drawn.rows[0]["who"]) == ([], "ada")
        said = again.call("relabel", {"label": "Second", "actor": "ada"}, selected_labels=clicked(world, one))
        assert "as bob" in said["message"], "whom the server was started for"
        assert "actor" not in again.form("relabel", {}, selected_labels=clicked(world, one)).fields
        back = again.panel("undo_run", drawn.state | chosen, {"row": 0})
        assert back.prompts[0]["params"]["run"] == chosen["ids"][0].partition("/")[2]
    assert both(world, one)[1]["label"] == "Second"
