"""`syncd why`: one annotation in one screen."""

from __future__ import annotations

from lab import Lab
from test_taking_decisions import disagree, relabel


def test_one_screen_tells_the_values_the_rule_and_the_way_out(lab: Lab) -> None:
    one, two = sorted(lab.rows())[:2]
    called = lab.syncd("why", one)
    assert called.code == 0
    assert "in agreement: both sides hold what was agreed" in called.out
    assert "Nothing was ever changed by syncd." in called.out

    relabel(lab, two, "in review")
    shown = lab.syncd("why", two).out
    assert "reviewed: label: it was edited in FiftyOne" in shown
    assert lab.syncd("reconcile").code == 0
    number = disagree(lab, one)
    shown = lab.syncd("why", one).out
    assert "edit edit" in shown
    assert f"syncd conflicts show {number}" in shown
    assert "not synced" in shown
    for value in ("at home", "in review", str(lab.rows()[one]["label"])):
        assert value in shown
    assert "fiftyone was read last: 20" in shown
    document = lab.syncd("why", one, "--binding", "plankton", json=True)
    assert document.code == 2, "that is no binding here"
    document = lab.syncd("why", two, json=True)
    assert document.code == 0
    assert document.json["annotation_id"] == two
    assert [each["new"] for each in document.json["history"]] == ["in review"]
    assert len(shown.splitlines()) < 40


def test_an_id_that_nobody_knows_is_wrong_usage(lab: Lab) -> None:
    called = lab.syncd("why", "nobody")
    assert called.code == 2
    assert "Nobody knows an annotation 'nobody'" in called.err
    assert called.out == ""
