"""Every operator on a real App server: its effect is on both sides and in the log, under the name of who asked."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import tiny_vit
from app_plugin import JSON, NAME, SOURCE, Plugin, clicked
from integration.engine.answers import both, ids, quiet
from integration.engine.test_resolve import disagree
from integration.engine.test_review_tags import VOCABULARY
from syncd.api.binding import open_binding
from worlds import BINDING, World

BRAKED = {"brakes": {"min_rows": 1, "min_count": 1, "max_change_fraction": 0.01}}


def test_what_is_declared_is_what_is_registered_and_every_label_begins_alike(plugin: Plugin) -> None:
    declared = yaml.safe_load((SOURCE / "fiftyone.yml").read_text(encoding="utf-8"))
    answer = plugin.server.send("POST", "/operators", {"dataset_name": plugin.dataset}, JSON).body
    ours = [each for each in answer["operators"] if each["plugin_name"] == NAME]
    panels = {each["config"]["name"] for each in ours if each.get("panel")}
    operators = {each["config"]["name"]: each["config"] for each in ours if not each.get("panel")}
    assert set(operators) == set(declared["operators"])
    assert panels == set(declared["panels"])
    assert all(each["label"].startswith("syncd: ") for each in operators.values())
    wanted = "sync preview relabel approve flag send_back propose resolve undo held history report setup_views"
    assert set(wanted.split()) <= set(operators)


def test_placements_are_told_without_a_server(world: World, plugin: Plugin) -> None:
    plugin.config.write_text("this is no configuration", encoding="utf-8")
    said = plugin.send("/operators/resolve-placements", "relabel", {}, {})
    places = {each["operator_uri"].rpartition("/")[2] for each in said["placements"] if NAME in each["operator_uri"]}
    assert {"relabel", "sync", "undo"} <= places


def test_sync_and_preview_answer_the_commands_document(world: World, plugin: Plugin) -> None:
    one = ids(world)[0]
    world.review(one, label="Typed")
    seen = plugin.call("preview")
    assert seen["planned"] == {"to_database": 1, "to_fiftyone": 0, "conflicts": 0}
    assert [each["annotation_id"] for each in seen["changes"]] == [one]
    assert both(world, one)[1]["label"] != "Typed"
    done = plugin.call("sync", {"full": True})
    assert done["applied"] == {"to_database": 1, "to_fiftyone": 0}
    assert "1 to the database" in done["message"]
    assert "Nothing had changed" in plugin.call("sync")["message"]


def test_sync_goes_on_in_the_background_and_the_panel_says_how_far(world: World, plugin: Plugin) -> None:
    one = ids(world)[0]
    world.review(one, label="Typed")
    assert "in the background" in plugin.call("sync", {"background": True})["message"]
    end = time.monotonic() + 60
    while both(world, one)[1]["label"] != "Typed":
        assert time.monotonic() < end
        time.sleep(0.1)
    while "last sync from here" not in (drawn := plugin.panel("on_load")).text:
        assert time.monotonic() < end, drawn.text
    assert "1 to the database" in drawn.text


def test_a_conflict_is_resolved_under_the_name_and_the_second_person_is_told_who_was_first(
    world: World, plugin: Plugin
) -> None:
    one, two, three = ids(world)[:3]
    disagree(world, one, two, three)
    numbers = {each["annotation_id"]: each["id"] for each in world.conflicts()}
    said = plugin.call("resolve", {"ids": [numbers[one]], "take": "database", "actor": "ada", "note": "asked"})
    assert [each["status"] for each in said["conflicts"]] == ["resolved"]
    assert both(world, one)[0]["label"] == both(world, one)[1]["label"] == "Other"
    assert world.log("applied")[-1]["actor"] == "ada"
    again = plugin.call("resolve", {"ids": [numbers[one]], "take": "fiftyone", "actor": "bob"})
    assert "not open any more: took database, ada: asked" in again["message"]
    assert both(world, one)[0]["label"] == "Other"

    assert plugin.form("resolve", {"kind": "edit_edit", "actor": "bob"}).button == "Resolve 2 conflicts"
    said = plugin.call("resolve", {"kind": "edit_edit", "value": "Third", "actor": "bob"})
    assert "2 conflicts resolved" in said["message"]
    assert {both(world, each)[1]["label"] for each in (two, three)} == {"Third"}
    for params, why in (
        ({"ids": ["x"], "take": "database"}, "no ids"),
        ({"ids": [999_999], "take": "database"}, "no conflict 999999"),
        ({"ids": [numbers[one]]}, "Nothing is said to take"),
        ({"ids": [numbers[one]], "take": "both"}, "no side"),
        ({"take": "database"}, "No conflict is named"),
        ({"kind": "edit_edit", "take": "database"}, "No open conflict matches"),
        ({"kind": "edited", "take": "database"}, "names nothing"),
    ):
        assert why in plugin.call("resolve", params | {"actor": "bob"})["message"]
    quiet(world)


def test_a_change_a_run_and_a_persons_afternoon_are_taken_back(world: World, plugin: Plugin) -> None:
    one, two = ids(world)[:2]
    before = {each: both(world, each) for each in (one, two)}
    done = plugin.call("relabel", {"label": "New", "actor": "ada"}, selected_labels=clicked(world, one, two))
    seq = next(each["seq"] for each in world.log("applied") if each["annotation_id"] == one)
    assert plugin.form("undo", {"actor": "bob"}).choices("run") == [done["run_id"]]
    said = plugin.call("undo", {"change": seq, "actor": "bob"})
    assert "1 label" in said["message"]
    assert {each["actor"] for each in world.log("applied") if each["undo_of"]} == {"bob"}
    assert both(world, one)[1] == before[one][1]
    assert "moment" in plugin.form("undo", {"what": "moment", "moment": "noon", "actor": "bob"}).wrong
    plugin.call("undo", {"what": "moment", "moment": "2020-01-01", "by": "ada", "actor": "bob"})
    assert both(world, two) == before[two]
    for params, why in (
        ({}, "once"),
        ({"run": "x"}, "no run"),
        ({"change": 10**9}, "No applied change"),
        ({"since": "?"}, "no moment"),
    ):
        assert why in plugin.call("undo", params | {"actor": "bob"})["message"]


@pytest.mark.parametrize("world", [BRAKED], indirect=True)
def test_what_a_brake_holds_is_applied_or_forgotten(world: World, plugin: Plugin) -> None:
    assert "No brake holds anything" in plugin.call("held", {"do": "apply", "actor": "ada"})["message"]
    some = ids(world)[:6]
    for each in some:
        world.review(each, label="Typed")
    said = plugin.call("sync")
    assert said["held"]
    assert said["held"] in plugin.form("held", {"actor": "ada"}).text()
    drawn = plugin.panel("on_load", {"tab": "Held"})
    assert "6 changes" in drawn.text
    assert "data:image/webp;base64," in drawn.text, "pictures"
    dropped = plugin.call("held", {"do": "drop", "actor": "ada"})
    assert dropped["dropped"]
    plugin.call("sync", {"full": True})
    assert "no" not in plugin.call("held", {"do": "apply", "actor": "ada"})["message"].split()
    assert {both(world, each)[1]["label"] for each in some} == {"Typed"}
    assert "do 'keep'" in plugin.call("held", {"do": "keep", "actor": "ada"})["message"]


def test_the_life_of_an_annotation_is_told_by_its_id_or_by_what_is_selected(world: World, plugin: Plugin) -> None:
    one = ids(world)[0]
    plugin.call("relabel", {"label": "New", "actor": "ada"}, selected_labels=clicked(world, one))
    by_id = plugin.call("history", {"annotation_id": one})
    assert {each["actor"] for each in by_id["changes"]} == {"ada"}
    assert by_id["changes"] == plugin.call("history", selected_labels=clicked(world, one))["changes"]
    assert "No annotation is named" in plugin.call("history")["message"]
    assert "Nothing was ever logged" in plugin.call("history", {"annotation_id": "nobody"})["message"]


def test_a_report_is_written_and_can_be_opened(world: World, plugin: Plugin) -> None:
    plugin.call("relabel", {"label": "New", "actor": "ada"}, selected_labels=clicked(world, ids(world)[0]))
    said = plugin.call("report")
    path = Path(said["path"])
    assert said["annotations"] == 1
    assert path.parent.stat().st_mode & 0o077 == 0
    page = plugin.server.send("GET", said["url"], None, {})
    assert page.status == 200
    assert "New" in str(page.body)
    path.unlink()
    assert "period" in plugin.call("report", {"period": "year"})["message"]


def test_views_and_workspaces_are_made_and_made_again_and_others_are_left_alone(
    world: World, plugin: Plugin, fiftyone: Any
) -> None:
    one, two = ids(world)[:2]
    disagree(world, one)
    plugin.call("relabel", {"label": "New", "actor": "ada"}, selected_labels=clicked(world, two))
    dataset = fiftyone.load_dataset(world.dataset)
    dataset.save_workspace("dashboard", fiftyone.Space(children=[]), description="mine")
    said = plugin.call("setup_views")
    assert said["left"] == ["dashboard"]
    address = said["links"]["review"].partition("?workspace=")[2]
    # FiftyOne looks a workspace up by its address over all datasets, and opens the first that it finds.
    assert [each["name"] for each in world.mongo["workspaces"].find({"slug": address})] == ["review"]
    assert dataset.slug in address
    dataset.reload()

    def shown(name: str) -> set[str]:
        view = dataset.load_saved_view(name)
        return {each for each in view.values("ground_truth.detections.annotation_id", unwind=True) if each}

    assert shown("syncd: needs a person") == {one}
    assert shown("syncd: changed this week") == {two}
    assert shown("syncd: waiting for review") == shown("syncd: unknown labels") == set()
    assert dataset.load_workspace("review").children
    assert plugin.call("setup_views")["left"] == ["dashboard"]


def test_predictions_are_evaluated_again_and_the_dashboard_says_which_evaluation_is_stale(
    world: World, plugin: Plugin, fiftyone: Any
) -> None:
    assert "no predictions" in plugin.call("evaluate")["message"]
    dataset = fiftyone.load_dataset(world.dataset)
    dataset.clone_sample_field("ground_truth", "guesses")
    plugin.serve(world, predictions=[{"field": "guesses", "label": "label", "box": ["x", "y", "w", "h"]}])
    done = plugin.call("evaluate")
    assert "guesses agrees with 100.0% of the labels" in done["message"]
    (made,) = done["evaluations"]
    assert "No label has changed" in plugin.form("evaluate").text()
    plugin.call("relabel", {"label": "New", "actor": "ada"}, selected_labels=clicked(world, ids(world)[0]))
    drawn = plugin.panel("on_load", name="syncd_dashboard")
    assert f"The evaluation {made['eval_key']} is stale: 1 label changed" in drawn.text
    assert "by scenario" in drawn.text
    (prompt,) = plugin.panel("evaluate", name="syncd_dashboard").prompts
    assert f"{made['eval_key']}: 1 label changed" in plugin.form("evaluate", prompt["params"]).text()
    assert plugin.call("evaluate", prompt["params"])["evaluations"][0]["accuracy"] < 1
    assert "is stale" not in plugin.panel("again", name="syncd_dashboard").text


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_a_proposed_term_is_accepted_and_the_label_that_waits_for_it_goes_through(world: World, plugin: Plugin) -> None:
    one = ids(world)[0]
    world.review(one, label="Novum novum")
    world.reconcile()
    assert [each["kind"] for each in world.conflicts()] == ["unknown_label"]
    said = plugin.call("propose", {"term": "Novum novum", "note": "seen twice", "actor": "ada"})
    assert (said["status"], said["actor"]) == ("open", "ada")
    assert "proposed already, by ada" in plugin.call("propose", {"term": "Novum novum", "actor": "bob"})["message"]
    drawn = plugin.panel("on_load", {"tab": "Waiting"})
    assert "Novum novum" in drawn.text
    accept = next(each for each in drawn.buttons() if each["label"] == "Accept")
    asked = plugin.panel("accept_term", {"tab": "Waiting"}, accept["params"])
    assert asked.prompts[0]["params"]["do"] == "accept", "nobody is known: the form asks for a name"
    done = plugin.call("answer_proposal", {"id": said["id"], "do": "accept", "actor": "curator"})
    assert (done["status"], done["decided_by"]) == ("accepted", "curator")
    assert world.sql("SELECT parent_name FROM taxon WHERE name = 'Novum novum'") == [{"parent_name": None}]
    world.reconcile()
    assert both(world, one)[1]["label"] == "Novum novum"
    assert world.conflicts() == []
    assert (
        "not open any more: curator accepted it"
        in plugin.call("answer_proposal", {"id": said["id"], "do": "reject", "actor": "bob"})["message"]
    )
    term = world.sql("SELECT name FROM taxon LIMIT 1")[0]["name"]
    for params, why in (
        ({"term": term}, "is a term already"),
        ({"term": " "}, "No term is given"),
        ({"term": "20240101"}, "cannot be a term"),
        ({"term": "Other novum", "parent": "Nowhere"}, "is no term"),
    ):
        assert why in plugin.call("propose", params | {"actor": "ada"})["message"]


def test_a_binding_is_named_where_a_dataset_has_two_and_one_that_is_none_is_named_with_the_nearest(
    world: World, plugin: Plugin
) -> None:
    document = world.document()
    document["bindings"].append(document["bindings"][0] | {"name": "second", "label_field": "predictions"})
    plugin.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    request = {"selected_labels": clicked(world, ids(world)[0])}
    assert "has 2 bindings" in plugin.call("relabel", {"label": "New", "actor": "ada"}, **request)["message"]
    assert "choose one" in plugin.form("relabel", {"actor": "ada"}, **request).wrong["binding"]
    plugin.call("relabel", {"label": "New", "actor": "ada", "binding": BINDING}, **request)
    with open_binding(BINDING, world.config()) as b:
        assert b.log()[-1].new == "New"
    wrong = {"label": "New", "actor": "ada", "binding": BINDING + "x"}
    assert BINDING in plugin.call("relabel", wrong, **request)["message"]
    other = {"label": "New", "actor": "ada", "binding": "second"}
    assert "syncd keeps 'predictions' here" in plugin.call("relabel", other, **request)["message"]


def test_what_is_selected_is_embedded_and_nothing_twice(world: World, plugin: Plugin, tmp_path: Path) -> None:
    model = {"weights": str(tiny_vit.save_weights(tmp_path)), "runtime": "torch", "device": "cpu", "max_side": 32}
    wanted = {"model": "tiny", "of": "patches", "layout": None, "similarity": False, "suspects": False}
    document = world.document(embedding=wanted)
    document["embedding"] = {"models": {"tiny": model}, "folder": str(tmp_path / "vectors")}
    plugin.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    one, two, *_ = ids(world)
    request = {"selected_labels": clicked(world, one, two)}
    assert plugin.form("embed", {}, **request).button == "Embed 2 labels (selected labels)"
    done = plugin.call("embed", {}, **request)
    assert (done["vectors"]["embedded"], done["results"]) == (2, None)
    assert "2 vectors computed" in done["message"]
    again = plugin.call("embed", {}, **request)
    assert (again["vectors"]["embedded"], again["vectors"]["unchanged"]) == (0, 2)
    assert plugin.call("refresh_embeddings")["dataset"] == world.dataset


def test_without_a_model_or_without_vectors_a_sentence_says_what_to_do(world: World, plugin: Plugin) -> None:
    assert "No model is configured" in plugin.form("embed").text()
    for name in ("embed", "suspects"):
        said = plugin.call(name, {"scope": "view"})
        assert said["error"] == "ConfigError"
        assert "embedding.models" in said["message"]
