"""Values that differ look different, whatever they differ in."""

from __future__ import annotations

import itertools
import unicodedata
from datetime import datetime, timezone

import pytest
from rich.text import Text

from syncd.cli.render.values import arrow, in_full, shown, told_apart, versus
from syncd.printable import visible
from syncd.report.markdown import cell
from syncd.report.text import plotted

LOOK_ALIKE = ["Copepoda", "Copepoda ", " Copepoda", "Copepoda\xa0", "Copepoda\u2003", '"Copepoda "', "Copepoda\t"]
DOUBLED = ["Diatom chain", "Diatom  chain", "Diatom\xa0chain", "Diatom\u2009chain", "Diatom\nchain"]


@pytest.mark.parametrize("shows", [visible, shown, in_full, cell, plotted], ids=lambda each: each.__name__)
@pytest.mark.parametrize("labels", [LOOK_ALIKE, DOUBLED, ["", '""', " "]])
def test_labels_that_differ_in_their_blanks_look_different(shows: object, labels: list[str]) -> None:
    texts = [shows(each) for each in labels]  # type: ignore[operator]
    # As a page or a terminal draws them: without blanks at the ends, several of them as one.
    drawn = [" ".join(each.replace("\xa0", " ").split()) for each in texts]
    assert len(set(drawn)) == len(labels), drawn


@pytest.mark.parametrize("label", ["Copepoda", "Pennate diatom", "Größe", "a 'b'", 'the "small" one', "日本 語"])
def test_an_ordinary_label_is_shown_as_it_is(label: str) -> None:
    assert visible(label) == shown(label) == in_full(label) == label


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (unicodedata.normalize("NFC", "Größe"), unicodedata.normalize("NFD", "Größe")),
        (0.1234567, 0.1234568),
        ([0.1, 0.2, 0.3, 0.40001], [0.1, 0.2, 0.3, 0.40002]),
    ],
)
def test_two_values_that_would_look_the_same_are_told_apart(one: object, other: object) -> None:
    texts = told_apart(one, other)
    assert unicodedata.normalize("NFC", texts[0]) != unicodedata.normalize("NFC", texts[1])
    was, now = (Text.from_markup(each).plain for each in (arrow(one, other), arrow(other, one)))
    assert was != now
    conflict = {"fiftyone": one, "database": other, "base": None}
    assert texts[0] in Text.from_markup(versus(conflict)).plain


def test_others_are_told_apart_as_they_are_shown() -> None:
    for one, other in itertools.permutations(["krill", "salp", None, 1.5, True], 2):
        assert told_apart(one, other) == (shown(one), shown(other))
    moment = datetime(2026, 5, 4, tzinfo=timezone.utc)
    assert told_apart(moment, moment) == (shown(moment), shown(moment))
