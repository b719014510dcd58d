"""A hint names the word that was meant; where two differ in what no eye can see, it says in what."""

from __future__ import annotations

import unicodedata

from syncd.config.nearest import did_you_mean, nearest, other_form

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "größe") for form in ("NFC", "NFD"))


def test_the_same_name_in_another_unicode_form_is_named_as_that() -> None:
    assert nearest(COMPOSED, ["grosse", DECOMPOSED]) == DECOMPOSED
    told = did_you_mean(COMPOSED, ["grosse", DECOMPOSED])
    assert told == (
        f"{DECOMPOSED} is there, written with decomposed characters (NFD), and asked for with composed characters (NFC)"
    )
    assert other_form(DECOMPOSED, [COMPOSED]) is not None


def test_other_words_are_no_other_form() -> None:
    assert other_form(COMPOSED, [COMPOSED, "grosse", "Größe"]) is None
    assert other_form("label", ["label", "lable"]) is None
    assert did_you_mean("lable", ["label"]) == "did you mean label?"
