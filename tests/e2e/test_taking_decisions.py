"""What a curator does at the command line: answers conflicts, takes a bad afternoon back, applies what was held."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import Lab


def relabel(lab: Lab, annotation_id: str, label: str) -> None:
    """A reviewer changes a class with the SDK."""
    dataset = lab.dataset()
    for sample in dataset:
        for each in sample["ground_truth"].detections:
            if each["annotation_id"] == annotation_id:
                each.label = label
                sample.save()


def disagree(lab: Lab, annotation_id: str) -> int:
    lab.sql("UPDATE annotation SET label = 'at home' WHERE annotation_id = CAST(:id AS uuid)", id=annotation_id)
    relabel(lab, annotation_id, "in review")
    assert lab.syncd("reconcile").code == 3
    (conflict,) = lab.syncd("conflicts", "list", json=True).json["conflicts"]
    return int(conflict["id"])


def sides(lab: Lab, annotation_id: str) -> tuple[str, str]:
    return lab.labels()[annotation_id]["label"], lab.rows()[annotation_id]["label"]


def test_a_conflict_is_shown_with_the_commands_that_resolve_it_and_resolved_by_one_of_them(lab: Lab) -> None:
    one = min(lab.rows())
    number = str(disagree(lab, one))
    shown = lab.syncd("conflicts", "show", number).out
    for take in ("--take fiftyone", "--take database", "--value TEXT"):
        assert f"syncd conflicts resolve {number} {take}" in shown
    assert "in review  by fiftyone, 20" in shown

    dry = lab.syncd("conflicts", "resolve", number, "--take", "database", "--dry-run")
    assert dry.code == 0
    assert "1 would resolve" in dry.out
    assert sides(lab, one) == ("in review", "at home")

    done = lab.syncd("conflicts", "resolve", number, "--take", "database", "--note", "asked Ada")

    assert done.code == 0
    assert "1 resolved of 1 conflict" in done.out
    assert sides(lab, one) == ("at home", "at home")
    assert "asked Ada" in lab.syncd("log").out
    assert lab.syncd("log", json=True).json["changes"][-1]["note"] == "asked Ada"
    assert lab.syncd("log", "--verify").code == 0
    again = lab.syncd("conflicts", "resolve", number, "--take", "database")
    assert again.code == 2
    assert "not open any more: took database" in again.err
    assert lab.syncd("status", json=True).json["bindings"][0]["state"] in ("conflicts", "in_agreement")
    assert lab.syncd("reconcile").code == 0


def test_a_value_that_reads_like_a_side_is_given_as_a_value(lab: Lab) -> None:
    one = min(lab.rows())
    number = str(disagree(lab, one))
    assert lab.syncd("conflicts", "resolve", number, "--value", "database").code == 0
    assert sides(lab, one) == ("database", "database")


def test_conflicts_are_resolved_in_bulk_by_what_they_have_in_common(lab: Lab) -> None:
    for each in sorted(lab.rows())[:3]:
        lab.sql("UPDATE annotation SET label = 'at home' WHERE annotation_id = CAST(:id AS uuid)", id=each)
        relabel(lab, each, "in review")
    lab.syncd("reconcile")
    listed = lab.syncd("conflicts", "list", "--label", "in review", "--since", "1h", json=True).json
    assert len(listed["conflicts"]) == 3
    assert listed["groups"][0]["count"] == 3
    another = min(each["label"] for each in lab.rows().values())
    assert lab.syncd("conflicts", "list", "--label", another, json=True).json["conflicts"] == []
    assert lab.syncd("conflicts", "list", "--label", "nothing").code == 2

    chosen = ["--kind", "edit_edit", "--field", "label", "--label", "in review", "--binding", "demo"]
    done = lab.syncd("conflicts", "resolve", *chosen, "--take", "fiftyone", json=True)

    assert done.code == 0
    assert [each["status"] for each in done.json["bindings"][0]["conflicts"]] == ["resolved"] * 3
    assert lab.syncd("conflicts", "list", json=True).json["conflicts"] == []


def test_what_cannot_be_resolved_is_named_and_is_3(lab: Lab) -> None:
    one = min(lab.rows())
    number = str(disagree(lab, one))
    relabel(lab, one, "newer")
    done = lab.syncd("conflicts", "resolve", number, "--take", "database")
    assert done.code == 3
    assert "has moved on" in done.out
    assert sides(lab, one) == ("newer", "at home")


def test_resolve_says_what_is_wrong_with_the_call(lab: Lab) -> None:
    for arguments, said in (
        (["1"], "Say what to take"),
        (["1", "--take", "database", "--value", "x"], "Say what to take"),
        (["--take", "database"], "Which conflicts?"),
        (["999", "--take", "database"], "There is no conflict 999"),
    ):
        done = lab.syncd("conflicts", "resolve", *arguments)
        assert done.code == 2
        assert said in done.err
    nothing = lab.syncd("conflicts", "resolve", "--kind", "edit_edit", "--take", "database")
    assert nothing.code == 0
    assert "No open conflict matches" in nothing.out


def test_a_run_is_taken_back_and_so_is_that(lab: Lab) -> None:
    one = min(lab.rows())
    before = lab.labels(), lab.rows()
    relabel(lab, one, "in review")
    run = lab.syncd("reconcile", json=True).json["bindings"][0]["run_id"]
    after = lab.labels(), lab.rows()

    dry = lab.syncd("undo", run, "--dry-run")
    assert dry.code == 0
    assert "in review" in dry.out
    assert (lab.labels(), lab.rows()) == after
    done = lab.syncd("undo", run[:-2], "--note", "a bad afternoon", json=True)

    assert done.code == 0
    assert (lab.labels(), lab.rows()) == before
    assert "takes back" in lab.syncd("log").out
    assert lab.syncd("undo", done.json["bindings"][0]["run_id"]).code == 0
    assert (lab.labels(), lab.rows()) == after
    assert lab.syncd("log", "--verify").code == 0
    assert lab.syncd("reconcile").code == 0


def test_one_change_is_taken_back_by_its_number(lab: Lab) -> None:
    one, two = sorted(lab.rows())[:2]
    relabel(lab, one, "in review")
    relabel(lab, two, "in review")
    lab.syncd("reconcile")
    seq = next(each for each in lab.syncd("log", json=True).json["changes"] if each["annotation_id"] == one)["seq"]
    assert lab.syncd("undo", str(seq)).code == 0
    assert "in review" not in sides(lab, one)
    assert sides(lab, two) == ("in review", "in review")
    again = lab.syncd("undo", str(seq))
    assert again.code == 1
    assert "is so already" in again.out


def test_all_since_a_moment_is_taken_back(lab: Lab) -> None:
    before = lab.labels(), lab.rows()
    relabel(lab, min(lab.rows()), "in review")
    lab.syncd("reconcile")
    assert lab.syncd("undo", "--since", "1h", "demo").code == 0
    assert (lab.labels(), lab.rows()) == before
    assert lab.syncd("undo", "--since", "1h", "--actor", "nobody").code == 2
    assert lab.syncd("undo").code == 2
    assert lab.syncd("undo", "no-such-run").code == 2


def test_a_saved_inverse_is_applied_and_refused_once_stale(lab: Lab, tmp_path: Path) -> None:
    one = min(lab.rows())
    before = lab.labels(), lab.rows()
    relabel(lab, one, "in review")
    run = lab.syncd("reconcile", json=True).json["bindings"][0]["run_id"]
    plan = tmp_path / "undo.json"
    assert lab.syncd("undo", run, "-o", str(plan)).code == 0
    lab.sql("UPDATE annotation SET label = 'newer' WHERE annotation_id = CAST(:id AS uuid)", id=one)
    stale = lab.syncd("apply", str(plan))
    assert stale.code == 1
    assert "stale" in stale.err
    lab.sql("UPDATE annotation SET label = 'in review' WHERE annotation_id = CAST(:id AS uuid)", id=one)
    altered = tmp_path / "altered.json"
    altered.write_text(plan.read_text().replace('"in review"', '"something"'))
    assert lab.syncd("apply", str(altered)).code == 2
    assert lab.syncd("apply", str(plan)).code == 0
    assert (lab.labels(), lab.rows()) == before


def test_a_held_plan_is_saved_shown_and_applied(lab: Lab) -> None:
    lab.sql("UPDATE annotation SET label = 'Ciliate'")
    run = lab.syncd("reconcile", json=True).json["bindings"][0]["run_id"]
    status = lab.syncd("status", json=True).json["bindings"][0]
    assert status["held_plan"]["run_id"] == run
    assert status["held_plan"]["changes"] > 0
    assert f"syncd apply {run}" in lab.syncd("status").out
    lab.syncd("reconcile")
    assert lab.syncd("status", json=True).json["bindings"][0]["held_plan"]["run_id"] == run, "held since the first"

    done = lab.syncd("apply", run)

    assert done.code == 0
    assert {each["label"] for each in lab.labels().values()} == {"Ciliate"}
    status = lab.syncd("status", json=True).json["bindings"][0]
    assert (status["state"], status["held_plan"]) == ("in_agreement", None)
    gone = lab.syncd("apply", "demo")
    assert gone.code == 2
    assert "no held plan" in gone.err


def test_a_folder_called_like_the_binding_is_not_taken_for_a_plan(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    none = lab.syncd("apply", "demo")
    assert none.code == 2
    assert "no held plan" in none.err


def test_a_held_plan_is_refused_once_stale(lab: Lab) -> None:
    lab.sql("UPDATE annotation SET label = 'Ciliate'")
    assert lab.syncd("reconcile").code == 4
    before = lab.labels()
    one = min(lab.rows())
    lab.sql("UPDATE annotation SET label = 'other' WHERE annotation_id = CAST(:id AS uuid)", id=one)
    stale = lab.syncd("apply", "demo")
    assert stale.code == 1
    assert "stale" in stale.err
    assert lab.labels() == before
    assert lab.syncd("reconcile").code == 4
    assert lab.syncd("apply", "demo").code == 0


def test_a_held_plan_is_dropped(lab: Lab) -> None:
    lab.sql("UPDATE annotation SET label = 'Ciliate'")
    lab.syncd("reconcile")
    assert lab.syncd("apply", "--drop", "demo").code == 0
    assert lab.syncd("status", json=True).json["bindings"][0]["held_plan"] is None
    assert lab.syncd("apply", "demo").code == 2
    assert lab.syncd("reconcile").code == 4, "the edits are still there"


def test_a_run_that_is_not_held_any_more_clears_the_held_plan(lab: Lab) -> None:
    labels = {each: row["label"] for each, row in lab.rows().items()}
    lab.sql("UPDATE annotation SET label = 'Ciliate'")
    assert lab.syncd("reconcile").code == 4
    for each, label in labels.items():
        lab.sql("UPDATE annotation SET label = :label WHERE annotation_id = CAST(:id AS uuid)", id=each, label=label)
    assert lab.syncd("reconcile").code == 0
    assert lab.syncd("status", json=True).json["bindings"][0]["held_plan"] is None


def test_the_brakes_hold_an_undo_too(lab: Lab) -> None:
    before = lab.labels(), lab.rows()
    lab.sql("UPDATE annotation SET label = 'Ciliate'")
    run = lab.syncd("reconcile", "--force", json=True).json["bindings"][0]["run_id"]
    held = lab.syncd("undo", run)
    assert held.code == 4
    assert "max_into_one_label" in held.out
    assert lab.labels() != before[0]
    assert lab.syncd("undo", run, "--force").code == 0
    assert (lab.labels(), lab.rows()) == before
