"""The panels, event by event: what they show is right, quick whatever its number, and never a traceback."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from app_plugin import Plugin, clicked
from integration.engine.answers import both, ids
from integration.engine.test_resolve import disagree
from integration.engine.test_review_tags import VOCABULARY
from worlds import LIST, World

TABS = ("Status", "Conflicts", "Waiting", "Changes", "Held", "Suspects")


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_is_drawn_where_there_is_nothing_and_the_panel_keeps_its_timer(plugin: Plugin, tab: str) -> None:
    drawn = plugin.panel("on_load", {"tab": tab})
    assert drawn.failed == []
    assert "TimerView" in drawn.text
    assert len(drawn.text) < 20_000
    assert plugin.panel("tick", {"tab": tab}).data.keys() == drawn.data.keys()
    assert plugin.panel("tick", {"tab": tab, "ids": []}).state == {}, "a look moves nothing that is everybody's"
    again = plugin.panel("on_load", {"tab": tab, "ids": [], "shown": {"part1": "of another tab"}})
    assert again.state == {"shown": None}, "what is shown stays out of what is everybody's"
    assert again.tab == tab


def test_an_answer_that_comes_late_shows_the_tab_that_was_chosen_since(plugin: Plugin) -> None:
    plugin.panel("on_load", {"tab": "Status"})
    plugin.panel("on_tab", {"tab": "Held"})
    late = plugin.panel("tick", {"tab": "Status", "page": 7})
    assert late.tab == "Held"
    assert "No brake holds anything" in late.text
    assert plugin.panel("on_load", {"tab": "Status"}).tab == "Status", "as a page that is loaded anew has it"


def test_status_says_how_it_stands_and_what_needs_somebody(world: World, plugin: Plugin) -> None:
    assert "in agreement" in plugin.panel("on_load").text
    disagree(world, ids(world)[0])
    drawn = plugin.panel("tick")
    assert "conflicts are open" in drawn.text
    assert "no daemon attends to it" in drawn.text


def test_a_card_shows_both_values_the_picture_and_the_answers_and_one_click_answers(
    world: World, plugin: Plugin
) -> None:
    one, two = ids(world)[:2]
    disagree(world, one, two)
    drawn = plugin.panel("on_load", {"tab": "Conflicts"})
    assert drawn.text.count("data:image/webp;base64,") == 2
    assert "1 to 2 of 2" in drawn.text
    labels = [each["label"] for each in drawn.buttons()]
    assert labels.count("FiftyOne's: One") == labels.count("Database's: Other") == 2
    take = next(each["params"] for each in drawn.buttons() if each["label"] == "Database's: Other")
    asked = plugin.panel("take", {"tab": "Conflicts"}, take)
    (prompt,) = asked.prompts
    assert prompt["operator_uri"] == "@syncd/syncd/resolve"
    assert prompt["params"]["take"] == "database"
    plugin.call("resolve", prompt["params"] | {"actor": "ada"})
    assert both(world, one)[0]["label"] == "Other"
    assert "1 to 1 of 1" in plugin.panel("done", {"tab": "Conflicts"}).text

    narrowed = plugin.panel("on_filter", {"tab": "Conflicts", "filters": {"kind": "edit_edit"}})
    assert "Answer all 1 that match" in narrowed.text
    kind = {"filters": {"kind": "edit_edit"}}
    (prompt,) = plugin.panel("take_all", {"tab": "Conflicts"} | kind).prompts
    assert prompt["params"]["kind"] == "edit_edit"
    assert (
        "No open conflict matches"
        in plugin.panel("on_filter", {"tab": "Conflicts", "filters": {"kind": "all", "person": "nobody"}}).text
    )
    shown = plugin.panel("show", {"tab": "Conflicts"}, {"sample": str(world.place(two)[0])})
    assert [name for name, _ in shown.requests][:2] == ["set_view", "open_sample"]


def test_a_page_of_ten_thousand_conflicts_is_as_small_as_one_of_ten(world: World, plugin: Plugin) -> None:
    disagree(world, ids(world)[0])
    (one,) = world.conflicts()
    world.sql(
        "INSERT INTO syncd.conflict (binding, subject, annotation_id, kind, field, base, fiftyone, database, "
        "suggestions, status, run_id, opened_at, updated_at) SELECT :binding, 's' || n, 'a' || n, 'edit_edit', 'label',"
        " '\"a\"', '\"b\"', '\"c\"', '[]', 'open', 'r', now(), now() FROM generate_series(1, 10000) AS n",
        binding=one["binding"],
    )
    first = plugin.panel("on_load", {"tab": "Conflicts"})
    assert "1 to 5 of 10,001" in first.text
    last = plugin.panel("to_page", {"tab": "Conflicts"}, {"page": 2000})
    assert last.state["page"] == 2000
    assert "10,001 to 10,001 of 10,001" in last.text
    beyond = plugin.panel("on_load", {"tab": "Conflicts", "page": 9999})
    assert "of 10,001" in beyond.text, "a page that is gone shows the last one"
    assert len(json.dumps(first.data)) < 30_000


@pytest.mark.parametrize("world", [VOCABULARY | {"review": {"mode": "tagged"}}], indirect=True)
def test_what_waits_is_listed_and_a_row_stands_for_what_it_showed(world: World, plugin: Plugin) -> None:
    one, two = ids(world)[:2]
    terms = [row["name"] for row in world.sql("SELECT name FROM taxon ORDER BY name")]
    for each in (one, two):
        world.review(each, label=next(term for term in terms if term != both(world, each)[1]["label"]))
    world.reconcile()
    drawn = plugin.panel("on_load", {"tab": "Waiting"})
    assert [each["annotation"] for each in drawn.rows] == [f"{each[:8]}…" for each in (one, two)]
    seen = drawn.state["ids"]
    (prompt,) = plugin.panel("approve_row", {"tab": "Waiting", "ids": seen}, {"row": 1}).prompts
    assert prompt["params"]["label_ids"] == [str(world.place(two)[1])]
    plugin.call("approve", prompt["params"] | {"actor": "bob"})
    assert both(world, two)[0]["label"] == both(world, two)[1]["label"]
    gone = plugin.panel("approve_row", {"tab": "Waiting", "ids": seen}, {"row": 7})
    assert "That row is gone" in gone.text
    assert gone.prompts == []


def test_changes_are_listed_and_taken_back_from_their_row(world: World, plugin: Plugin) -> None:
    one = ids(world)[0]
    plugin.call("relabel", {"label": "New", "actor": "ada"}, selected_labels=clicked(world, one))
    drawn = plugin.panel("on_load", {"tab": "Changes"})
    assert {each["who"] for each in drawn.rows} == {"ada"}
    (row,) = drawn.rows
    assert "→ New" in row["change"]
    assert "both sides" in row["why"]
    (prompt,) = plugin.panel("undo_run", {"tab": "Changes", "ids": drawn.state["ids"]}, {"row": 0}).prompts
    plugin.call("undo", prompt["params"] | {"actor": "bob"})
    assert both(world, one)[0]["label"] != "New"
    assert {
        each["who"] for each in plugin.panel("on_filter", {"tab": "Changes", "filters": {"person": "bob"}}).rows
    } == {"bob"}


def test_suspects_are_cards_with_what_the_neighbours_say_and_one_click_relabels(world: World, plugin: Plugin) -> None:
    assert "No model is configured" in plugin.panel("on_load", {"tab": "Suspects"}).text
    document = world.document(embedding={"model": "dino_vits8", "of": "patches"})
    document["embedding"] = {"models": {"dino_vits8": {}}}
    plugin.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    assert "No label is suspect" in plugin.panel("on_load", {"tab": "Suspects"}).text
    one, two = ids(world)[:2]
    for each, score in ((one, 0.7), (two, 0.9)):
        sample, label = world.place(each)
        given = {f"{LIST}.$[it].suspect_dino_vits8": score, f"{LIST}.$[it].suspect_dino_vits8_label": "Said"}
        world.samples.update_one({"_id": sample}, {"$set": given}, array_filters=[{"it._id": label}])
    plugin.panel("done", {"tab": "Suspects"})
    drawn = plugin.panel("on_load", {"tab": "Suspects"})
    assert "1 to 2 of 2" in drawn.text
    assert drawn.text.count("data:image/webp;base64,") == 2
    relabel = [each["params"] for each in drawn.buttons() if each["label"] == "Relabel: Said"]
    assert [each["label_ids"] for each in relabel] == [[str(world.place(each)[1])] for each in (two, one)]
    (prompt,) = plugin.panel("relabel_suspect", {"tab": "Suspects"}, relabel[0]).prompts
    assert prompt["operator_uri"] == "@syncd/syncd/relabel"
    assert plugin.form("relabel", prompt["params"] | {"actor": "ada"}).button == "Relabel 1 label (named labels)"
    plugin.call("relabel", prompt["params"] | {"actor": "ada"})
    assert both(world, two)[0]["label"] == both(world, two)[1]["label"] == "Said"
    assert "1 to 1 of 1" in plugin.panel("done", {"tab": "Suspects"}).text
    (prompt,) = plugin.panel("relabel_other", {"tab": "Suspects"}, relabel[1]).prompts
    assert prompt["params"]["label_ids"] == relabel[1]["label_ids"]
    assert plugin.panel("judge", {"tab": "Suspects"}).prompts[0]["operator_uri"] == "@syncd/syncd/suspects"


def test_beside_a_sample_its_annotations_tell_their_lives_and_which_rule_decides(world: World, plugin: Plugin) -> None:
    one = ids(world)[0]
    sample, _ = world.place(one)
    plugin.call("relabel", {"label": "New", "actor": "ada"}, selected_labels=clicked(world, one))
    opened: dict[str, Any] = {"current_sample": str(sample), "selected_labels": clicked(world, one)}

    def event(name: str, state: dict[str, Any], **params: Any) -> str:
        given = {"panel_id": "p2", "panel_state": state, "__method__": name, **params}
        return json.dumps(plugin.send("/operators/execute", "syncd_history", given, opened), ensure_ascii=False)

    drawn = event("on_load", {})
    assert "→ New" in drawn
    assert "ada" in drawn
    assert "there is nothing to do" in event("explain", {}, annotation_id=one)
    opened = {"current_sample": None, "selected_labels": []}
    assert "No annotation with an id" in event("on_change_current_sample", {"annotation": one})


def test_the_dashboard_counts_the_log(world: World, plugin: Plugin) -> None:
    assert "Nothing was changed yet" in plugin.panel("on_load", name="syncd_dashboard").text
    plugin.call("relabel", {"label": "New", "actor": "ada"}, selected_labels=clicked(world, ids(world)[0]))
    drawn = plugin.panel("on_load", name="syncd_dashboard")
    assert "→ New" in drawn.text
    assert drawn.failed == []
