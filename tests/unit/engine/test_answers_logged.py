"""What the log says of the database's answers, of several labels on several samples."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model import BOX, LABEL
from syncd.model.reasons import Reason
from trust_model.memory import rounded
from trust_model.sides import TERMS
from unit.engine.test_answered_tags import Lab, lab, servers
from unit.engine.test_dead_runs import read

__all__ = ["lab", "servers"]


@pytest.mark.parametrize("samples", [(2, 3, 2, 3), (2, 2, 3, 3)], ids=["in turns", "one after the other"])
def test_each_answer_is_logged_for_the_label_that_was_given_it(lab: Lab, samples: tuple[int, ...]) -> None:
    lab.run()
    for number, sample in enumerate(samples):
        depth = 300.5 + 3 * number
        assert rounded("depth", depth) != depth, "the database answers"
        values = {LABEL: TERMS[60], BOX: [number / 10, 0.5, 0.05, 0.05], "depth": depth}
        lab.sides.draw(lab.sides.samples()[sample], values)
    lab.run()
    books = read(lab)
    drawn: dict[Any, Any] = {each["label_id"]: each for each in books.log if each["action"] == "insert"}
    answers: dict[Any, Any] = {each["label_id"]: each for each in books.log if each["reason"] == Reason.ANSWERED}
    assert drawn.keys() == answers.keys() and len(drawn) == len(samples)
    for label_id, answer in answers.items():
        asked = drawn[label_id]
        told = (answer["annotation_id"], answer["sample_id"], answer["old"], answer["status"])
        assert told == (asked["annotation_id"], asked["sample_id"], asked["new"]["depth"], "applied")
        assert answer["new"] == books.rows[answer["annotation_id"]]["depth"]
