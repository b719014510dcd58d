"""Labels that were rebuilt without what was known of them, through whole runs."""

from __future__ import annotations

from dataclasses import replace

from syncd.diff.resolution.answer import Take
from syncd.model import BOX, LABEL, Side
from syncd.testing.labels import new_id
from trust_model.sides import TERMS
from unit.engine.test_answered_tags import Lab, lab, servers

__all__ = ["lab", "servers"]

NEW = TERMS[80]


def rebuild(lab: Lab, *, with_id: bool) -> None:
    """A script puts a label of its own in the place of ``a4``."""
    sample, was = next(each for each in lab.sides.dataset.labels() if each[1].annotation_id == "a4")
    values = {LABEL: NEW, BOX: was.values[BOX]}
    made = replace(was, annotation_id="a4" if with_id else None, values=values, label_id=new_id())
    lab.sides.touch_sample(sample.sample_id)
    sample.labels[sample.labels.index(was)] = made


def is_whole(lab: Lab) -> bool:
    return [lab.both("a4", name) for name in (LABEL, "depth", "count")] == [(NEW, NEW), (4.0, 4.0), (4, 4)]


def test_a_label_rebuilt_under_its_id_gets_its_attributes_back(lab: Lab) -> None:
    lab.run()
    rebuild(lab, with_id=True)
    lab.run()
    assert is_whole(lab)
    assert lab.run().is_empty


def test_a_label_rebuilt_without_its_id_gets_them_back_once_a_person_says_that_it_is_the_same(lab: Lab) -> None:
    lab.run()
    rebuild(lab, with_id=False)
    assert [each.kind for each in lab.run().conflicts] == ["replaced"]
    row = lab.sides.table.values("a4")
    assert row is not None and (row[LABEL], row["depth"]) == (TERMS[4], 4.0)
    assert lab.resolve(Take(Side.FIFTYONE)) == ["resolved"]
    lab.run()
    assert is_whole(lab)
    assert lab.run().is_empty


def test_a_person_who_clears_one_attribute_after_the_other_is_taken_at_their_word(lab: Lab) -> None:
    lab.run()
    lab.edit(lambda label: label.values.update(verified=True), "a4")
    lab.run()
    for name in ("depth", "verified"):
        lab.edit(lambda label, name=name: label.values.pop(name), "a4")
        lab.run()
        assert lab.both("a4", name) == (None, None)
