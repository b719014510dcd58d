from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.diff.vocabulary import folded, nearest_terms, safe_term, safe_terms, spelling
from syncd.model.vocabulary import Term, Vocabulary

PACK = Path(__file__).resolve().parents[4] / "shared" / "plankton"

SIMILAR = [
    ("Copepda", "Copepoda"),
    ("copepoda", "Copepoda"),
    ("Copepoda ", "Copepoda"),
    ("Pseudo nitzschia", "Pseudo-nitzschia"),
    ("Psuedo-nitzschia", "Pseudo-nitzschia"),
    ("pseudonitzschia", "Pseudo-nitzschia"),
    ("unkown", "unknown"),
    ("Chaetocerous", "Chaetoceros"),
    ("Ditylm", "Ditylum"),
    ("fecal pelet long", "fecal_pellet_long"),
    ("fecal_pellet_shrot", "fecal_pellet_short"),
    ("diatom-chain-2", "diatom_chain_2"),
    ("Aurélia", "Aurelia"),
    ("\uff23\uff4f\uff50\uff45\uff50\uff4f\uff44\uff41", "Copepoda"),  # in full-width letters
    ("egg<other", "other_egg"),
    ("blurry", "blur"),
    ("Noctilluca", "Noctiluca"),
    ("Salpid", "Salpida"),
]
"""A label as somebody typed it, and what was meant."""

DISTINCT = [
    ("Salpida", "Salpidae"),
    ("Chlorococcales", "Chroococcales"),
    ("diatom_chain_1", "diatom_chain_2"),
    ("diatom_chain_1_2", "diatom_chain_12"),
    ("size_1.5", "size_1-5"),
    ("size_1.5", "size_15"),
    ("shapeA", "shapeB"),
    ("<5", "5"),
    ("<5", ">5"),
    ("temp -5", "temp 5"),
    (".5", "5"),
    ("A-", "A"),
    ("Copepoda?", "Copepoda"),
    ("Copepoda+", "Copepoda"),
    ("sp", "spp"),
    ("Aurélia", "Aurelia"),
]
"""Labels that are not one and the same, however alike they look."""


def words(*names: str, extra: tuple[str, ...] = (), **aliases: str) -> Vocabulary:
    return Vocabulary(tuple(map(Term, names)), extra, aliases)


LAB = words(
    *dict.fromkeys(term for _, term in SIMILAR), "trichodesmium_puff", "trichodesmium_tuft", "Diatom_Long_Chain"
)


@pytest.mark.parametrize(("typed", "meant"), SIMILAR)
def test_the_term_that_was_meant_comes_first(typed: str, meant: str) -> None:
    assert nearest_terms([typed], LAB)[typed][0] == meant


@pytest.mark.parametrize(("one", "other"), DISTINCT)
def test_what_may_mean_something_else_is_never_taken_for_the_term(one: str, other: str) -> None:
    assert safe_term(one, words(other)) is None
    assert safe_term(other, words(one)) is None


@pytest.mark.parametrize(
    "typed",
    [
        *("pseudo-nitzschia", "Pseudo_Nitzschia", "PSEUDO NITZSCHIA", " Pseudo-nitzschia", "Pseudo-nitzschia_"),
        *("Pseudonitzschia", "Pseudo.nitzschia", "Pseudo/nitzschia", "Pseudo\u00a0nitzschia", "Pseudo\u2013nitzschia"),
        *("Pseudo:_nitzschia", "Pseudo<nitzschia", "Pseudo-\u200bnitzschia"),
    ],
)
def test_case_spaces_and_separators_make_no_other_term(typed: str) -> None:
    assert safe_term(typed, words("Pseudo-nitzschia", "Nitzschia")) == "Pseudo-nitzschia"


@pytest.mark.parametrize(("typed", "term"), [("chain-1", "chain 1"), ("chain1", "chain_1"), ("sp. 1", "sp 1")])
def test_a_separator_before_a_number_may_be_left_out(typed: str, term: str) -> None:
    assert safe_term(typed, words(term)) == term


def test_blank_and_underscore_between_digits_are_the_same() -> None:
    assert safe_term("chain 1 2", words("chain_1_2")) == "chain_1_2"


def test_where_two_terms_would_do_none_is_safe() -> None:
    assert safe_term("CHAETOCEROS", words("Chaetoceros", "chaetoceros")) is None


def test_a_term_is_no_misspelling_of_another() -> None:
    assert safe_term("chaetoceros", words("Chaetoceros", "chaetoceros")) is None
    assert safe_term("Copepoda", words("Copepoda")) is None


def test_extra_labels_are_found_like_terms() -> None:
    lab = words("Copepoda", extra=("unknown",))
    assert safe_term("Unknown", lab) == "unknown"
    assert nearest_terms(["unkown"], lab) == {"unkown": ("unknown",)}


def test_a_label_of_nothing_but_separators_is_like_nothing() -> None:
    lab = words("--", "Copepoda")
    assert safe_term("__", lab) is None
    assert nearest_terms(["__", ""], lab) == {"__": (), "": ()}


def test_what_is_like_nothing_has_no_suggestion() -> None:
    assert nearest_terms(["xyzzyx"], LAB) == {"xyzzyx": ()}


def test_an_alias_is_suggested_as_its_term() -> None:
    lab = words("Margalefidinium", "Gymnodinium", Cochlodinium="Margalefidinium", Gone="no such term")
    assert nearest_terms(["Cochlodinum"], lab) == {"Cochlodinum": ("Margalefidinium",)}
    assert nearest_terms(["Gonne"], lab) == {"Gonne": ()}


def test_words_in_another_order_are_found() -> None:
    assert nearest_terms(["chain, long diatom"], LAB)["chain, long diatom"][0] == "Diatom_Long_Chain"


def test_no_more_suggestions_than_asked_for() -> None:
    lab = words(*(f"chain_{letter}" for letter in "abcdef"))
    assert len(nearest_terms(["chain_x"], lab)["chain_x"]) == 3
    assert len(nearest_terms(["chain_x"], lab, limit=5)["chain_x"]) == 5


def test_a_page_of_text_is_compared_with_nothing_at_length() -> None:
    text = "plankton " * 100_000
    assert nearest_terms([text], LAB) == {text: ()}


def test_an_empty_vocabulary_has_nothing_near() -> None:
    assert nearest_terms(["Copepoda"], words()) == {"Copepoda": ()}


@given(st.text())
def test_folding_twice_is_folding_once(label: str) -> None:
    assert folded(folded(label)) == folded(label)


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_what_is_safely_the_same_also_looks_the_same(one: str, other: str) -> None:
    if safe_term(one, words(other)) is not None:
        assert folded(one) == folded(other)


@given(
    st.lists(st.text("ab-_ .<1", min_size=1), unique=True, min_size=1, max_size=6), st.text("ABab-_ .<1", min_size=1)
)
def test_a_safe_term_is_the_only_one_and_a_term(names: list[str], label: str) -> None:
    term = safe_term(label, words(*names))
    if term is not None:
        assert term in names
        others = [each for each in names if each != term]
        assert safe_term(label, words(*others)) is None


def test_five_hundred_labels_against_five_thousand_terms_take_a_moment() -> None:
    names = [f"{first}{second}_{third}" for first in ODD for second in ODD for third in ODD]
    lab = words(*names[:5000])
    typed = [f"{name[:4]}{name[5:]}x" for name in sorted(lab.names)[::10]]
    before = time.process_time()
    found = nearest_terms(typed, lab)
    safe_terms(typed, lab)
    assert len(found) == 500
    assert time.process_time() - before < 10


ODD = [
    *("copep", "diato", "medus", "cilia", "salpi", "chaet", "nitzs", "pelle", "larva", "spher", "chain", "polyc"),
    *("eucam", "ditlm", "aggre", "ophiu", "echin", "radio"),
]


@pytest.fixture
def pack() -> list[dict[str, str]]:
    if not PACK.is_dir():
        pytest.skip("the plankton pack is not here")
    with (PACK / "label_inconsistencies.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _everything(rows: list[dict[str, str]], besides: str) -> Vocabulary:
    with (PACK / "vocabulary.csv").open(encoding="utf-8") as stream:
        names = [row["label"] for row in csv.DictReader(stream)]
    names += [row["other_label"] for row in rows if not row["other_label"].startswith("(")]
    return words(*(name for name in dict.fromkeys(names) if name != besides))


def test_on_the_pack_the_right_term_is_first(pack: list[dict[str, str]]) -> None:
    wrong = {}
    rows = [row for row in pack if any(word in row["relation"] for word in ("misspelling", "case", "separator"))]
    for row in rows:
        label = row["label"]
        first = nearest_terms([label], _everything(pack, besides=label))[label][:1]
        if first != (row["other_label"],):
            wrong[label] = first
    assert len(rows) >= 30
    assert len(wrong) <= len(rows) // 20, wrong


def test_on_the_pack_distinct_classes_are_never_merged(pack: list[dict[str, str]]) -> None:
    rows = [row for row in pack if row["relation"] == "distinct classes"]
    assert rows
    for row in rows:
        one, other = row["label"], row["other_label"]
        assert safe_term(one, words(other)) is None
        assert safe_term(other, words(one)) is None
        assert safe_term(one, _everything(pack, besides=one)) is None


def test_a_separator_at_an_end_is_left_out_unless_it_makes_another_number() -> None:
    assert spelling(".Copepoda.") == spelling("/Copepoda/") == spelling("Copepoda")
    assert spelling("/5") == spelling("5") != spelling(".5")
