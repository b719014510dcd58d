"""What a check makes of the counts of both sides."""

from __future__ import annotations

import time

from syncd.adapters.fiftyone.dataset import LabelCounts
from syncd.model.vocabulary import Term, Vocabulary
from syncd.vocabulary.check import Checked, compare
from syncd.vocabulary.load import Loaded

LAB = Loaded(Vocabulary((Term("Copepoda"), Term("Medusa")), ("unknown",), {"Jelly": "Medusa"}), ())


def checked(fiftyone: dict[str, int], database: dict[str, int]) -> Checked:
    return compare("lab", LAB, LabelCounts(fiftyone), database)


def test_the_most_frequent_strays_come_first_whichever_side_has_them() -> None:
    found = checked({"Copepda": 1, "copepoda": 2}, {"Copepda": 9, "unkown": 3, "Copepoda": 99})
    assert [(each.label, each.fiftyone, each.database) for each in found.strays] == [
        ("Copepda", 1, 9),
        ("unkown", 0, 3),
        ("copepoda", 2, 0),
    ]
    assert [each.nearest for each in found.strays] == [("Copepoda",), ("unknown",), ("Copepoda",)]
    assert found.meant == {"copepoda": "Copepoda"}
    assert found.unused == 1


def test_an_alias_is_no_unknown_label() -> None:
    found = checked({"Jelly": 1}, {"jelly": 1})
    assert [each.label for each in found.unknown] == ["jelly"]
    assert found.meant == {"Jelly": "Medusa"}


def test_a_column_of_free_text_takes_no_minutes() -> None:
    before = time.process_time()
    found = checked({}, {f"remark {number} about something seen": 1 for number in range(100_000)})
    assert len(found.unknown) == 100_000
    assert time.process_time() - before < 20
