"""What waits for review, from FiftyOne's SDK to the command line."""

from __future__ import annotations

import yaml
from lab import Lab


def test_edits_without_approval_and_error_tags_are_listed_and_counted(lab: Lab) -> None:
    import fiftyone as fo

    document = yaml.safe_load(lab.config.read_text())
    document["bindings"][0]["review"] = {"mode": "tagged", "error": ["bad"]}
    lab.config.write_text(yaml.safe_dump(document))
    assert lab.syncd("reconcile").code == 0
    assert "Nothing waits" in lab.syncd("review", "list").out

    dataset = fo.load_dataset(lab.dataset_name)
    sample = dataset.first()
    label = sample.ground_truth.detections[0]
    label.label = "Something else"
    label.tags.append("by:anna")
    sample.save()
    last = dataset.last()
    last.ground_truth.detections[0].tags.append("bad")
    last.save()

    dry = lab.syncd("reconcile", "--dry-run")
    assert "awaiting approval" in dry.out
    assert "Something else" in dry.out
    done = lab.syncd("reconcile")
    assert done.code == 0
    assert "syncd review list" in done.out
    found = lab.syncd("review", "list", json=True).json["waiting"]
    assert {(each["kind"], each["new"], each["actor"]) for each in found} == {
        ("awaiting_review", "Something else", "anna"),
        ("error", "bad", "fiftyone"),
    }
    shown = lab.syncd("review", "list").out
    assert "Something else" in shown
    assert "anna" in shown
    (status,) = lab.syncd("status", json=True).json["bindings"]
    assert (status["awaiting_review"], status["flagged"]) == (1, 1)
    assert "waiting for review: 1; flagged as wrong: 1" in lab.syncd("status").out

    sample.reload()
    sample.tags.append("ok")
    sample.save()
    (result,) = lab.syncd("reconcile", json=True).json["bindings"]
    assert (result["awaiting_review"], result["flagged"]) == (0, 1)
    assert result["applied"]["to_database"] >= 1
    dataset.reload()
    assert "ok" not in dataset[sample.id].tags
    assert [each["kind"] for each in lab.syncd("review", "list", json=True).json["waiting"]] == ["error"]
