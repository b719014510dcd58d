"""What is selected in the App gets another class: as many labels as the button says, on both sides, under a name."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId

from app_plugin import Plugin, clicked, label_ids
from integration.engine.answers import both, ids, quiet
from integration.engine.test_review_tags import VOCABULARY, other_term, tags
from syncd.demo.lab import LABEL_FIELD
from worlds import World

SOURCES = (
    "selected labels",
    "ticked samples",
    "ticked patches",
    "lasso of labels",
    "lasso of patches",
    "lasso of samples",
)
BRAKED = {"brakes": {"min_rows": 1, "min_count": 2, "max_change_fraction": 0.01}}


def patches_of(fiftyone: Any, world: World) -> list[dict[str, Any]]:
    """The view of patches as the App sends it: with the generated dataset that it is shown from."""
    view = fiftyone.load_dataset(world.dataset).to_patches(LABEL_FIELD)
    found: list[dict[str, Any]] = view._serialize()
    return found


def crowded(world: World) -> tuple[str, list[str]]:
    """A sample with several labels, and their annotation ids."""
    found: dict[str, list[str]] = {}
    for each in world.raw_labels():
        found.setdefault(str(each["sample"]), []).append(str(each["annotation_id"]))
    return next((sample, names) for sample, names in found.items() if len(names) > 2)


@pytest.mark.parametrize("source", [*SOURCES, "filtered view", "whole view"])
@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_the_number_on_the_button_is_that_of_the_log_whatever_was_selected_how(
    world: World, plugin: Plugin, fiftyone: Any, source: str
) -> None:
    world.reconcile()
    sample, there = crowded(world)
    meant, params, request = there, {}, {}
    if source == "selected labels":
        meant, request = there[:2], {"selected_labels": clicked(world, *there[:2])}
    elif source == "ticked samples":
        request = {"selected_samples": [{"id": sample, "type": "default"}]}
    elif source == "ticked patches":
        meant, request = there[1:3], {"view": patches_of(fiftyone, world), "selected": label_ids(world, *there[1:3])}
    elif source == "lasso of labels":
        lasso = {
            "ids": label_ids(world, *there[:2]),
            "fields": [LABEL_FIELD],
            "bool": True,
            "filter": None,
            "tags": None,
        }
        meant, request = there[:2], {"extended": {"fiftyone.core.stages.MatchLabels": lasso}}
    elif source == "lasso of patches":
        lasso = {"sample_ids": label_ids(world, *there[:1]), "ordered": False}
        view = patches_of(fiftyone, world)
        meant, request = there[:1], {"view": view, "extended": {"fiftyone.core.stages.Select": lasso}}
    elif source == "lasso of samples":
        request = {"extended": {"fiftyone.core.stages.Select": {"sample_ids": [sample], "ordered": False}}}
    else:
        label = both(world, there[0])[0]["label"]
        meant = [name for name, each in world.labels().items() if each["label"] == label]
        filters = {f"{LABEL_FIELD}.detections.label": {"values": [label], "exclude": False, "isMatching": False}}
        view = [{"_cls": "fiftyone.core.stages.Select", "kwargs": [["sample_ids", [sample]], ["ordered", False]]}]
        request = {"filters": filters} if source == "filtered view" else {"view": view}
        meant = meant if source == "filtered view" else there
        params = {"scope": "view"}
    term = other_term(world, there[0])
    to_change = [each for each in meant if both(world, each)[0]["label"] != term]
    params |= {"label": term, "actor": "ada", "note": "the cluster at the top", "force": True}

    shown = plugin.form("relabel", params, **request)
    kind = "lasso" if source.startswith("lasso") else source
    assert shown.wrong == {}
    assert shown.button == f"Relabel {len(to_change)} label{'s' * (len(to_change) != 1)} ({kind})"

    said = plugin.call("relabel", params, **request)
    assert said["selection"] == {"source": kind, "labels": len(meant), "other_fields": 0}
    logged = [each for each in world.log("applied") if each["run_id"] == said["run_id"]]
    assert {each["annotation_id"] for each in logged} == set(to_change)
    assert {(each["actor"], each["new"]) for each in logged} == {("ada", term)}
    assert said["relabelled"] == len(to_change) == len([each for each in logged if each["direction"] == "to_database"])
    assert all(both(world, each)[0]["label"] == both(world, each)[1]["label"] == term for each in meant)
    assert plugin.asked == ["notify", "reload_dataset"]
    quiet(world)

    plugin.call("undo", {"run": said["run_id"], "actor": "bob"})
    assert all(both(world, each)[0]["label"] == both(world, each)[1]["label"] for each in meant)
    assert both(world, to_change[0])[0]["label"] != term
    assert world.log("applied")[-1]["actor"] == "bob"


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_terms_are_offered_as_one_types_and_nothing_else_can_be_submitted(world: World, plugin: Plugin) -> None:
    one = ids(world)[0]
    request = {"selected_labels": clicked(world, one)}
    term = other_term(world, one)
    empty = plugin.form("relabel", {"actor": "ada"}, **request)
    assert empty.wrong == {"label": "Choose a class."}
    assert 0 < len(empty.choices("label")) <= 30
    typed = plugin.form("relabel", {"label": term[:4].lower(), "actor": "ada"}, **request)
    assert term in typed.choices("label")
    assert "label" in typed.wrong
    wrong = plugin.form("relabel", {"label": f"{term}x", "actor": "ada"}, **request)
    assert term in wrong.wrong["label"]
    before = both(world, one)
    said = plugin.call("relabel", {"label": f"{term}x", "actor": "ada"}, **request)
    assert said["error"] == "ConfigError"
    assert term in said["message"]
    assert "reload_dataset" not in plugin.asked
    assert both(world, one) == before
    plugin.call("relabel", {"label": term, "actor": "ada"}, **request)
    assert plugin.form("relabel", {"actor": "ada"}, **request).choices("label")[0] == term, "used lately"


def test_without_a_selection_or_a_name_nothing_is_done_and_the_form_says_so(world: World, plugin: Plugin) -> None:
    one = ids(world)[0]
    nothing = plugin.form("relabel", {"label": "New", "actor": "ada"})
    assert "Nothing is selected" in nothing.wrong["selection"]
    assert "Nothing is selected" in plugin.call("relabel", {"label": "New", "actor": "ada"})["message"]
    request = {"selected_labels": clicked(world, one)}
    assert "without a name" in plugin.form("relabel", {"label": "New"}, **request).wrong["actor"]
    said = plugin.call("relabel", {"label": "New"}, **request)
    assert (said["error"], "without a name" in said["message"]) == ("NoActor", True)
    for blank in ("", "  ", 7, None):
        assert plugin.call("relabel", {"label": "New", "actor": blank}, **request)["error"] == "NoActor"
    assert "No class" in plugin.call("relabel", {"actor": "ada"}, **request)["message"]
    assert "scope 'all'" in plugin.call("relabel", {"label": "New", "actor": "ada", "scope": "all"})["message"]
    assert world.log() == []
    assert both(world, one)[0]["label"] != "New"


@pytest.mark.parametrize("world", [BRAKED], indirect=True)
def test_a_brake_is_shown_with_its_reason_before_it_can_be_released(world: World, plugin: Plugin) -> None:
    some = ids(world)[:5]
    request = {"selected_labels": clicked(world, *some)}
    shown = plugin.form("relabel", {"label": "New", "actor": "ada"}, **request)
    assert "A brake holds this" in shown.text()
    assert "force" in shown.fields
    said = plugin.call("relabel", {"label": "New", "actor": "ada"}, **request)
    assert said["held"]
    assert said["held"] in said["message"]
    assert plugin.asked == ["notify"]
    assert both(world, some[0])[0]["label"] != "New"
    assert plugin.call("relabel", {"label": "New", "actor": "ada", "force": True}, **request)["relabelled"] == 5


@pytest.mark.parametrize("world", [VOCABULARY | {"review": {"mode": "tagged"}}], indirect=True)
def test_where_edits_wait_it_waits_and_is_approved_flagged_or_sent_back(world: World, plugin: Plugin) -> None:
    world.reconcile()
    one, two, three = ids(world)[:3]
    old = {each: both(world, each)[1]["label"] for each in (one, two, three)}
    term = next(each for each in (other_term(world, one, nth) for nth in range(4)) if each not in old.values())
    said = plugin.call("relabel", {"label": term, "actor": "ada"}, selected_labels=clicked(world, one, two, three))
    assert "waits for review" in said["message"]
    assert [both(world, each)[1]["label"] for each in old] == list(old.values())
    waits = {each["annotation_id"]: each["actor"] for each in world.sql("SELECT * FROM syncd.waiting")}
    assert waits == dict.fromkeys(old, "ada"), "it is listed at once"

    approved = plugin.call("approve", {"actor": "bob", "note": "clear"}, selected_labels=clicked(world, one))
    assert (approved["labels"], both(world, one)[1]["label"]) == (1, term)
    entries = [each for each in world.log("applied") if each["annotation_id"] == one]
    who = {(each["field"], each["direction"], each["actor"]) for each in entries}
    assert ("review.approve", None, "bob") in who
    assert ("label", "to_database", "ada") in who
    assert ("verified", "to_database", "bob") in who
    assert both(world, one)[0]["verified"] is both(world, one)[1]["verified"] is True

    back = plugin.call("send_back", {"actor": "bob"}, selected_labels=clicked(world, two))
    assert "sent back" in back["message"]
    assert both(world, two)[0]["label"] == both(world, two)[1]["label"] == old[two]
    assert ("sent_back", "bob") in {(each["reason"], each["actor"]) for each in world.log("applied")}
    assert tags(world, two) == []

    flagged = plugin.call("flag", {"actor": "bob"}, selected_labels=clicked(world, three))
    assert flagged["tag"] == "bad"
    assert both(world, three)[1]["label"] == old[three], "what is flagged is not approved by that"
    assert "bad" in tags(world, three)
    assert [each["actor"] for each in world.log("applied") if each["reason"] == "flagged"] == ["bob"]
    world.reconcile()
    assert [each["actor"] for each in world.log("applied") if each["reason"] == "flagged"] == ["bob"], "logged once"
    waits = {(each["kind"], each["annotation_id"]) for each in world.sql("SELECT * FROM syncd.waiting")}
    assert {each[1] for each in waits} == {three}
    assert both(world, three)[1]["label"] == old[three]


def test_a_sample_that_is_open_is_closed_where_it_was_written_and_nowhere_else(world: World, plugin: Plugin) -> None:
    one, two = ids(world)[:2]
    sample = str(world.place(one)[0])
    plugin.call("relabel", {"label": "New", "actor": "ada"}, selected_labels=clicked(world, one), current_sample=sample)
    assert plugin.asked == ["notify", "close_sample", "reload_dataset"]
    other = next(str(each["sample"]) for each in world.raw_labels() if str(each["sample"]) != str(world.place(two)[0]))
    plugin.call("relabel", {"label": "New", "actor": "ada"}, selected_labels=clicked(world, two), current_sample=other)
    assert plugin.asked == ["notify", "reload_dataset"]


def test_a_drawn_label_gets_its_class_and_its_row(world: World, plugin: Plugin) -> None:
    sample, _ = world.place(ids(world)[0])
    image = world.samples.find_one({"_id": sample})["filepath"]
    drawn = world.draw(image, "Drawn", label_id=ObjectId())
    said = plugin.call("relabel", {"label": "New", "actor": "ada", "label_ids": [str(drawn)]})
    assert "1 label that had no row has one now" in said["message"]
    assert next(each for each in world.raw_labels() if each["_id"] == drawn)["label"] == "New"
    assert [each["label"] for each in world.rows().values()].count("New") == 1
    assert [each["actor"] for each in world.log("applied") if each["action"] == "insert"] == ["ada"]
    quiet(world)
