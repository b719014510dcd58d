"""Terms found as somebody types, among ten thousand, with their place in the tree."""

from __future__ import annotations

import threading

from syncd.app.plugin.terms import Kept, TermIndex
from syncd.model.vocabulary import Term, Vocabulary

TREE = Vocabulary(
    (
        Term("Crustacea"),
        Term("Copepoda", "Crustacea", code="1080"),
        Term("Calanoida", "Copepoda"),
        Term("Acartia tonsa", "Calanoida"),
        Term("Oithona (Cyclopoida)", "Copepoda"),
    ),
    ("unknown",),
    {"Copepda": "Copepoda"},
)


def names(text: str, *recent: str) -> list[str]:
    return [each.name for each in TermIndex(TREE).search(text, recent)]


def test_a_part_of_a_name_finds_it_whatever_its_case_and_punctuation() -> None:
    assert names("cop")[0] == "Copepoda"
    assert names("TONSA")[0] == "Acartia tonsa"
    assert names("cyclopoida")[0] == "Oithona (Cyclopoida)"
    assert names("1080")[0] == "Copepoda"
    assert names("calanioda")[0] == "Calanoida", "misspelt"


def test_a_term_stands_with_those_above_it() -> None:
    (found, *_) = TermIndex(TREE).search("acartia")
    assert found.path == "Crustacea > Copepoda > Calanoida"
    circle = Vocabulary((Term("a", "b"), Term("b", "a")))
    assert TermIndex(circle).path("a") == "a > b"


def test_what_was_used_lately_comes_first_and_only_if_it_is_a_term_still() -> None:
    assert names("", "Calanoida", "Gone")[0] == "Calanoida"
    assert names("o", "Oithona (Cyclopoida)")[0] == "Oithona (Cyclopoida)"
    assert TermIndex(TREE).search("", ["Calanoida"])[0].description == "recently used · Crustacea > Copepoda"


def test_of_ten_thousand_terms_a_handful_is_offered() -> None:
    many = TermIndex(Vocabulary(tuple(Term(f"Genus{at % 97} species{at}", f"Family{at % 97}") for at in range(10_000))))
    assert len(many.search("")) == len(many.search("genus")) == 30
    assert many.search("species4711")[0].name == "Genus55 species4711"


def test_what_is_kept_is_found_once_by_several_threads_and_anew_when_it_is_forgotten() -> None:
    kept: Kept[int] = Kept(60.0, most=2)
    found: list[int] = []

    def find() -> int:
        found.append(1)
        return len(found)

    assert kept.get("a", find) == 1
    threads = [threading.Thread(target=kept.get, args=("a", find)) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == 1
    kept.forget()
    assert kept.get("a", find) == 2
    for key in "bcd":
        kept.get(key, find)
    assert kept.get("a", find) > 2, "more than it keeps"
