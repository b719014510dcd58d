"""The whole story through the command line: a review on both sides comes into agreement, and everything shows it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from lab import Lab

from syncd.demo.review import play_review

EXPECTED_KINDS = {"edit_edit": 1, "box_changed": 1, "deleted_in_fiftyone": 2}


def test_a_review_of_both_sides_ends_in_agreement_with_the_expected_conflicts_open(reviewed: Lab) -> None:
    steps = play_review(reviewed.dataset_name, reviewed.url, reviewed.data, 7)

    done = reviewed.syncd("reconcile", json=True)

    assert done.code == 3, "conflicts are open"
    (result,) = done.json["bindings"]
    expected = Counter(step.expected for step in steps)
    assert result["applied"] == {
        "to_database": expected["to_database"],
        "to_fiftyone": expected["to_fiftyone"],
    }
    assert result["converged"] == 1
    assert result["conflicts"] == {"opened": 4, "open": 4}
    listed = reviewed.syncd("conflicts", "list", json=True).json["conflicts"]
    assert Counter(each["kind"] for each in listed) == EXPECTED_KINDS

    _verify_agrees_with_sql_and_sdk(reviewed, listed)
    _each_change_is_logged_once(reviewed, result)
    _running_again_changes_nothing(reviewed)


def _verify_agrees_with_sql_and_sdk(lab: Lab, listed: list[dict[str, Any]]) -> None:
    rows, labels = lab.rows(), lab.labels()
    apart = {key for key in rows.keys() | labels.keys() if not _same(rows.get(key), labels.get(key))}
    assert apart == {each["annotation_id"] for each in listed}

    verdict = lab.syncd("verify", "demo", json=True)

    assert verdict.code == 3
    assert verdict.json["unexplained"] == 0
    assert {each["annotation_id"] for each in verdict.json["differences"]} == apart
    assert verdict.json["compared"] == len(rows.keys() & labels.keys())


def _same(row: dict[str, Any] | None, label: dict[str, Any] | None) -> bool:
    if row is None or label is None:
        return False
    close = all(abs(one - two) < 1e-9 for one, two in zip(row["box"], label["box"], strict=True))
    return close and all(row[name] == label[name] for name in ("label", "verified", "depth"))


def _each_change_is_logged_once(lab: Lab, result: dict[str, Any]) -> None:
    logged = lab.syncd("log", "--limit", "1000", json=True).json["changes"]
    assert len(logged) == sum(result["applied"].values()) + result["converged"]
    assert all(each["status"] == "applied" and each["run_id"] == result["run_id"] for each in logged)
    assert max(Counter((each["annotation_id"], each["field"]) for each in logged).values()) == 1
    assert all(each["reason"] and each["hash"] and each["applied_at"] for each in logged)
    assert lab.syncd("log", "--verify").code == 0


def _running_again_changes_nothing(lab: Lab) -> None:
    before = (lab.rows(), lab.labels(), lab.sql("SELECT * FROM syncd.baseline ORDER BY annotation_id"))
    for full in ([], ["--full"]):
        (again,) = lab.syncd("reconcile", *full, json=True).json["bindings"]
        assert again["applied"] == {"to_database": 0, "to_fiftyone": 0}
        assert again["converged"] == again["superseded"] == 0
        assert again["conflicts"] == {"opened": 0, "open": 4}
    assert (lab.rows(), lab.labels(), lab.sql("SELECT * FROM syncd.baseline ORDER BY annotation_id")) == before


def test_a_dry_run_shows_the_plan_and_changes_nothing(reviewed: Lab) -> None:
    play_review(reviewed.dataset_name, reviewed.url, reviewed.data, 7)
    before = (reviewed.rows(), reviewed.labels(), reviewed.sql("SELECT count(*) FROM syncd.run"))

    (planned,) = reviewed.syncd("reconcile", "--dry-run", json=True).json["bindings"]
    text = reviewed.syncd("reconcile", "--dry-run").out

    assert planned["dry_run"] is True
    assert planned["run_id"] is None
    counted = Counter(each["direction"] for each in planned["changes"])
    assert counted["to_database"] == planned["planned"]["to_database"] > 0
    assert counted["to_fiftyone"] == planned["planned"]["to_fiftyone"] > 0
    assert "FiftyOne → database" in text
    assert "for a person" in text
    assert (reviewed.rows(), reviewed.labels(), reviewed.sql("SELECT count(*) FROM syncd.run")) == before


def test_a_saved_plan_is_applied_as_it_was_made(reviewed: Lab, tmp_path: Path) -> None:
    play_review(reviewed.dataset_name, reviewed.url, reviewed.data, 7)
    plan = tmp_path / "plan.json"
    (planned,) = reviewed.syncd("reconcile", "-o", str(plan), json=True).json["bindings"]

    done = reviewed.syncd("apply", str(plan), json=True)

    assert done.code == 3
    (result,) = done.json["bindings"]
    assert result["applied"]["to_database"] == planned["planned"]["to_database"]
    assert result["applied"]["to_fiftyone"] == planned["planned"]["to_fiftyone"]


def test_a_saved_plan_is_refused_once_either_side_has_moved(lab: Lab, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    first, second = sorted(lab.rows())[:2]
    lab.sql("UPDATE annotation SET label = 'Ciliate X' WHERE annotation_id = CAST(:id AS uuid)", id=first)
    assert lab.syncd("reconcile", "-o", str(plan)).code == 0
    lab.sql("UPDATE annotation SET label = 'Ciliate Y' WHERE annotation_id = CAST(:id AS uuid)", id=second)

    done = lab.syncd("apply", str(plan))

    assert done.code == 1
    assert "stale" in done.err
    assert lab.labels()[first]["label"] != "Ciliate X", "nothing of a stale plan is applied"
