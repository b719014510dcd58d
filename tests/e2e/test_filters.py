"""Filters of the commands: what names nothing that there is, is wrong usage; what only has no answer, is not."""

from __future__ import annotations

import pytest
from lab import Lab


@pytest.fixture
def disputed(lab: Lab) -> Lab:
    """A lab with a conflict about a label, and a change that is logged."""
    one, two = sorted(lab.rows())[:2]
    lab.sql("UPDATE annotation SET label = 'Rotifera' WHERE annotation_id = CAST(:id AS uuid)", id=one)
    dataset = lab.dataset()
    for sample in dataset:
        for each in sample["ground_truth"].detections:
            if each["annotation_id"] == two:
                each.label = "in review"
                sample.save()
    lab.sql("UPDATE annotation SET label = 'at home' WHERE annotation_id = CAST(:id AS uuid)", id=two)
    assert lab.syncd("reconcile").code == 3
    return lab


WRONG = {
    "conflicts list --kind edit_edti": "edit_edit",
    "conflicts list --field lable": "label",
    "conflicts list --label Rotifer": "Rotifera",
    "conflicts list --binding dmeo": "demo",
    "conflicts resolve --take database --kind edit_edti": "edit_edit",
    "conflicts resolve --take database --field lable": "label",
    "conflicts resolve --take database --label Rotifer": "Rotifera",
    "log --status aplied": "applied",
    "log --direction to_datbase": "to_database",
    "log --field lable": "label",
    "log --run nothing": "no run",
    "log dmeo": "demo",
    "report --field lable": "label",
    "report --label Rotifer": "Rotifera",
    "report --direction to_datbase": "to_database",
    "report --run nothing": "no run",
}

RIGHT = (
    "conflicts list --kind moved",
    "conflicts list --field annotation_id",
    "conflicts list --label Rotifera",
    "conflicts list --kind edit_edit --field label --label Rotifera",
    "conflicts resolve --take database --label Rotifera",
    "log --status refused",
    "log --annotation no-such-id",
    "log --actor nobody-yet",
    "report --actor nobody-yet",
    "report --label Rotifera --direction to_database",
)


def test_what_there_is_not_is_wrong_usage_and_the_nearest_is_named(disputed: Lab) -> None:
    for command, near in WRONG.items():
        called = disputed.syncd(*command.split())
        assert called.code == 2, (command, called)
        assert near in called.err, (command, called)
    assert [each["status"] for each in disputed.syncd("conflicts", "list", json=True).json["conflicts"]] == ["open"]


def test_what_merely_has_no_answer_is_none(disputed: Lab) -> None:
    for command in RIGHT:
        called = disputed.syncd(*command.split())
        assert called.code == 0, (command, called)
    in_use = next(row["label"] for row in disputed.rows().values() if row["label"] != "at home")
    assert disputed.syncd("conflicts", "list", "--label", in_use).code == 0, "a label that was only ever agreed on"
    run = disputed.syncd("log", json=True).json["changes"][0]["run_id"]
    assert disputed.syncd("log", "--run", run[:-1]).out == disputed.syncd("log", "--run", run).out != ""
    assert "nothing by 'nobody-yet'" in disputed.syncd("log", "--actor", "nobody-yet").err
