"""`syncd vocabulary` as a curator calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab import Lab


def with_vocabulary(lab: Lab, vocabulary: Any = None, **binding: Any) -> None:
    """Adds a vocabulary to the configuration: the lab's own table of taxa, unless another is given."""
    settings = yaml.safe_load(lab.config.read_text(encoding="utf-8"))
    table = {"table": "public.taxon", "column": "name", "parent": "parent_name"}
    settings["bindings"][0] |= {"vocabulary": vocabulary or table, "extra_labels": ["unknown"], **binding}
    lab.config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")


def name_of(lab: Lab) -> str:
    return str(yaml.safe_load(lab.config.read_text(encoding="utf-8"))["bindings"][0]["name"])


def retype(lab: Lab, count: int, old: str, new: str) -> list[str]:
    """A reviewer types labels anew; the rows follow by hand, as after a script of the lab's own."""
    chosen = [each for each, label in lab.labels().items() if label["label"] == old][:count]
    assert len(chosen) == count
    dataset = lab.dataset()
    for sample in dataset:
        for label in sample["ground_truth"].detections if sample["ground_truth"] else []:
            if label.annotation_id in chosen:
                label.label = new
        sample.save()
    for each in chosen:
        lab.sql("UPDATE public.annotation SET label = :new WHERE annotation_id = :id", new=new, id=each)
    return chosen


def commonest(lab: Lab) -> str:
    labels = [label["label"] for label in lab.labels().values()]
    return max(set(labels), key=labels.count)


def test_check_says_that_all_is_well(lab: Lab) -> None:
    with_vocabulary(lab)
    done = lab.syncd("vocabulary", "check", name_of(lab))
    assert done.code == 0
    assert "Every label in use is in the vocabulary." in done.out


def test_check_tells_what_is_not_in_it_and_json_is_one_document(lab: Lab) -> None:
    with_vocabulary(lab)
    term = commonest(lab)
    retype(lab, 2, term, term.upper())
    retype(lab, 1, term, f"{term}zz")
    done = lab.syncd("vocabulary", "check", name_of(lab))
    assert done.code == 3
    assert f"can only be {term}" in done.out
    assert f"perhaps {term}" in done.out
    document = lab.syncd("vocabulary", "check", name_of(lab), json=True)
    assert document.code == 3
    assert document.json["unknown"] == [
        {"label": term.upper(), "fiftyone": 2, "database": 2, "nearest": [term], "means": term, "is_alias": False},
        {"label": f"{term}zz", "fiftyone": 1, "database": 1, "nearest": [term], "means": None, "is_alias": False},
    ]


def test_the_plan_of_fix_goes_through_apply_and_the_log(lab: Lab, tmp_path: Path) -> None:
    with_vocabulary(lab)
    term = commonest(lab)
    # Few enough for the brakes.
    chosen = retype(lab, 2, term, term.upper())
    assert lab.syncd("reconcile", "--full").code == 0
    plan = tmp_path / "fix.json"
    done = lab.syncd("vocabulary", "check", name_of(lab), "--fix", "-o", str(plan))
    assert done.code == 3
    assert f"syncd apply {plan}" in done.out
    assert len(json.loads(plan.read_text(encoding="utf-8"))["plans"][0]["changes"]) == 4
    assert {label["label"] for each, label in lab.labels().items() if each in chosen} == {term.upper()}
    assert lab.syncd("apply", str(plan)).code == 0
    assert {label["label"] for each, label in lab.labels().items() if each in chosen} == {term}
    assert {row["label"] for each, row in lab.rows().items() if each in chosen} == {term}
    assert lab.syncd("vocabulary", "check", name_of(lab)).code == 0
    assert lab.syncd("verify", name_of(lab)).code == 0
    entries = lab.syncd("log", json=True).json["changes"]
    assert {each["reason"] for each in entries if each["annotation_id"] in chosen} >= {"vocabulary_fix"}
    assert lab.syncd("apply", str(plan)).code == 1


def test_a_plan_over_the_brakes_is_held_unless_it_was_made_to_pass_them(lab: Lab, tmp_path: Path) -> None:
    with_vocabulary(lab, brakes={"max_change_fraction": 0.001, "min_rows": 1, "min_count": 1})
    term = commonest(lab)
    chosen = retype(lab, 2, term, term.upper())
    plan = tmp_path / "fix.json"
    lab.syncd("vocabulary", "check", name_of(lab), "--fix", "-o", str(plan))
    assert lab.syncd("apply", str(plan)).code == 4
    assert {lab.rows()[each]["label"] for each in chosen} == {term.upper()}
    lab.syncd("vocabulary", "check", name_of(lab), "--fix", "--force", "-o", str(plan))
    assert lab.syncd("apply", str(plan)).code == 0
    assert {lab.rows()[each]["label"] for each in chosen} == {term}


def test_without_anything_certain_no_plan_is_made(lab: Lab, tmp_path: Path) -> None:
    with_vocabulary(lab)
    plan = tmp_path / "fix.json"
    done = lab.syncd("vocabulary", "check", name_of(lab), "--fix", "-o", str(plan), json=True)
    assert (done.code, done.json["fix"]) == (0, {"plan": None, "changes": 0, "left": {}})
    assert not plan.exists()


def test_push_offers_the_tree_and_a_second_push_finds_it_there(lab: Lab) -> None:
    with_vocabulary(lab)
    first = lab.syncd("vocabulary", "push", name_of(lab), json=True)
    assert first.code == 0
    assert (first.json["changed"], first.json["kind"], first.json["left_out"]) == (True, "taxonomy", [])
    assert lab.dataset().label_schemas["ground_truth"]["applied_ontology"]
    again = lab.syncd("vocabulary", "push", name_of(lab))
    assert "offers already" in again.out


WATCHED = """
import sys
from pymongo import monitoring
class Ear(monitoring.CommandListener):
    def started(self, event):
        if "$currentOp" in str(event.command):
            print("asked whether others are connected", file=sys.stderr)
    succeeded = failed = lambda self, event: None
monitoring.register(Ear())
from syncd.cli.main import main
main()
"""


def test_push_in_a_process_of_its_own_connects_fiftyone_to_the_configuration_s_mongodb(lab: Lab) -> None:
    with_vocabulary(lab, {"classes": ["Copepoda", "20240101"]})
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "vocabulary", "push", name_of(lab), "--config", str(lab.config)],
        capture_output=True,
        text=True,
        env=os.environ | {"FIFTYONE_DATABASE_NAME": "somewhere_else"},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "never pushed: '20240101'" in done.stdout
    assert lab.dataset().label_schemas["ground_truth"]["classes"] == ["unknown", "Copepoda"]
    # That is how FiftyOne's hook at the end of a process begins, which deletes datasets that are not persistent.
    assert "asked whether others are connected" not in done.stderr


@pytest.mark.parametrize("command", ["check", "push"])
def test_a_binding_without_a_vocabulary_is_told_how_to_name_one(lab: Lab, command: str) -> None:
    done = lab.syncd("vocabulary", command, name_of(lab))
    assert done.code == 2
    assert "has no vocabulary" in done.err
    assert "classes: [...]" in done.err


def test_faults_of_a_vocabulary_file_come_with_their_lines(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "terms.csv"
    path.write_text("name,parent\nCopepoda,\nCopepoda,\n", encoding="utf-8")
    with_vocabulary(lab, {"file": str(path)})
    done = lab.syncd("vocabulary", "check", name_of(lab))
    assert done.code == 3
    assert "line 3: found 'Copepoda' a second time (first: line 2), which was left out" in done.out


def test_a_name_for_a_plan_that_nobody_asked_for_is_refused(lab: Lab) -> None:
    with_vocabulary(lab)
    assert lab.syncd("vocabulary", "check", name_of(lab), "-o", "x.json").code == 2


def test_what_fiftyone_says_of_itself_is_not_in_the_output(lab: Lab) -> None:
    with_vocabulary(lab)
    talkative = {"FIFTYONE_DATABASE_VALIDATION": "true", "PYTHONWARNINGS": "default"}
    done = lab.process("vocabulary", "push", name_of(lab), "--json", **talkative)
    assert done.code == 0
    json.loads(done.out)
    assert not [line for line in done.err.splitlines() if "voxel51" in line or "fiftyone/" in line or "eta/" in line]
