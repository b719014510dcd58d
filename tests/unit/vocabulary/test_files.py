"""Vocabularies in files: what is read, and what is said of those that are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.vocabulary import Term
from syncd.vocabulary.file import read_vocabulary_file
from syncd.vocabulary.terms import Entry, InvalidVocabulary, build_terms

PACK = Path(__file__).resolve().parents[4] / "shared" / "plankton"


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def faults_of(path: Path) -> tuple[str, ...]:
    with pytest.raises(InvalidVocabulary) as caught:
        read_vocabulary_file(path)
    assert str(path) in caught.value.message
    assert caught.value.remedy
    assert caught.value.exit_code == 2
    return caught.value.faults


TREE = (
    Term("Copepoda"),
    Term("Calanoida", "Copepoda", "order", "1100"),
    Term("Calanus", "Calanoida"),
    Term("Cyclopoida", "Copepoda"),
    Term("unsorted"),
)


def test_lines_of_text_are_terms_in_their_order(tmp_path: Path) -> None:
    path = written(tmp_path, "v.txt", "# the lab's list\r\nPennate\r\n\r\nCopepoda\r\nChain #2\r\n  # more\r\n")
    assert read_vocabulary_file(path).terms == (Term("Pennate"), Term("Copepoda"), Term("Chain #2"))


def test_a_byte_order_mark_is_no_part_of_a_term(tmp_path: Path) -> None:
    assert read_vocabulary_file(written(tmp_path, "v.txt", "\ufeffPennate\n")).terms == (Term("Pennate"),)


@pytest.mark.parametrize("name", ["name", "label", "term", "Label "])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_columns_are_found_by_their_header(tmp_path: Path, name: str, mark: str) -> None:
    rows = [
        ["x", name, "parent", "rank", "code"],
        ["1", "Copepoda", "", "", ""],
        ["2", "a b", "Copepoda", "order", "7"],
    ]
    text = "\n".join(mark.join(row) for row in rows)
    assert read_vocabulary_file(written(tmp_path, "v.csv", text)).terms == (
        Term("Copepoda"),
        Term("a b", "Copepoda", "order", "7"),
    )


def test_quoted_cells_may_hold_anything(tmp_path: Path) -> None:
    text = 'name,parent\n"Other, ""biota""",\n"two\nlines",\n'
    terms = read_vocabulary_file(written(tmp_path, "v.csv", text)).terms
    assert terms == (Term('Other, "biota"'), Term("two\nlines"))


YAML = """
- Copepoda:
    - name: Calanoida
      rank: order
      code: "1100"
      children: [Calanus]
    - Cyclopoida
- unsorted
"""
MAPPING = """
terms:
  Copepoda:
    Calanoida: [Calanus]
    Cyclopoida:
  unsorted: []
"""


def test_a_tree_of_lists(tmp_path: Path) -> None:
    assert read_vocabulary_file(written(tmp_path, "v.yaml", YAML)).terms == TREE


def test_a_tree_of_mappings(tmp_path: Path) -> None:
    terms = read_vocabulary_file(written(tmp_path, "v.yml", MAPPING)).terms
    assert [(each.name, each.parent) for each in terms] == [(each.name, each.parent) for each in TREE]


def test_a_tree_in_json(tmp_path: Path) -> None:
    calanoida = {"name": "Calanoida", "rank": "order", "code": "1100", "children": ["Calanus"]}
    data = {"classes": [{"Copepoda": [calanoida, "Cyclopoida"]}, "unsorted"]}
    assert read_vocabulary_file(written(tmp_path, "v.json", json.dumps(data, indent="\t"))).terms == TREE


def test_parents_may_be_named_instead_of_nested(tmp_path: Path) -> None:
    text = "[{name: Calanus, parent: Copepoda}, {name: Copepoda}]"
    assert read_vocabulary_file(written(tmp_path, "v.yaml", text)).terms == (
        Term("Calanus", "Copepoda"),
        Term("Copepoda"),
    )


def test_a_header_is_no_term(tmp_path: Path) -> None:
    text = "[{name: Crustacea, select: false, children: [Copepoda]}]"
    found = read_vocabulary_file(written(tmp_path, "v.yaml", text))
    assert found.terms == (Term("Copepoda", "Crustacea"),)
    assert found.notes()[0].endswith("parents that are no terms, and stand as headers only: 'Crustacea'")


def test_parents_that_are_no_terms_are_headers_and_noted_with_what_may_have_been_meant(tmp_path: Path) -> None:
    path = written(tmp_path, "v.csv", "name,parent\nCopepoda,Crustacea\nCalanoida,Copepda\nCalanus,Calanoida\n")
    found = read_vocabulary_file(path)
    assert found.terms[1] == Term("Calanoida", "Copepda")
    said = "parents that are no terms, and stand as headers only: 'Crustacea', 'Copepda' (did you mean 'Copepoda'?)"
    assert found.notes() == (f"{path}: {said}",)


def test_spaces_around_a_term_are_left_out_and_noted(tmp_path: Path) -> None:
    found = read_vocabulary_file(written(tmp_path, "v.txt", "Copepoda \n"))
    assert found.terms == (Term("Copepoda"),)
    assert "line 1: 'Copepoda ' has spaces" in found.notes()[0]


WRONG = [
    ("v.txt", "", "an empty file"),
    ("v.txt", "# nothing\n", "found no term, expected at least one"),
    ("v.txt", b"a\nCop\xe9pode\n", "line 2: found bytes that are not UTF-8"),
    ("v.doc", "a", "expected one of .txt, .csv"),
    ("v.csv", "id,taxon\n1,a\n", "line 1: found the columns 'id', 'taxon', expected one called name, label, term"),
    ("v.csv", "nmae,id\na,1\n", "(nmae: did you mean name?)"),
    ("v.csv", "name\na,b\n", "line 2: found 2 columns, expected the 1 of the header"),
    ("v.csv", 'name\n"a\n', "found text that is not CSV"),
    ("v.csv", "name\n", "found no term"),
    ("v.yaml", "- a\n- 20240101\n", "line 2: found 20240101, expected a term"),
    ("v.yaml", "- a\n- 1.5\n", "line 2: found 1.5"),
    ("v.yaml", "- name: a\n  parnet: b\n", "line 2: found the key 'parnet', expected one of name, parent"),
    ("v.yaml", "- name: [a]\n", "line 1: found a list, expected text"),
    ("v.yaml", "- rank: [a\n", "expected"),
    ("v.yaml", "a:\n  - b\na:\n", "line 3: found the key a second time"),
    ("v.yaml", "a: b\n", "line 1: found 'b', expected a list of terms"),
    ("v.yaml", "- a:\n    - {name: c, select: false}\n", "a header at the top"),
    ("v.yaml", "- {name: c, select: maybe}\n", "expected true or false"),
    ("v.yaml", "- a: [{name: c, parent: b}]\n", "found 'b', expected 'a', below which the term stands"),
    ("v.json", '["a",]', "line 1: found text that is not JSON"),
    ("v.json", '{"a": [], "a": []}', "found the key 'a' twice"),
    ("v.json", '["a", ["b"]]', "[1]: found a list, expected a term"),
    ("v.json", "[" * 100_000, "nested too deeply"),
]


LEFT_OUT = [
    ("v.txt", "a\nb\na\n", "line 3: found 'a' a second time (first: line 1)"),
    ("v.txt", "a\nb\n a\n", "line 3: found 'a' a second time"),
    ("v.csv", "name,parent\na,\n,a\n", "line 3: found a blank"),
    ("v.csv", "name,parent\na,b\nb,c\nc,a\n", "found a circle of parents, a → b → c → a: these have no parent"),
    ("v.csv", "name,parent\na,a\n", "found a circle of parents, a → a"),
    ("v.json", '["a", "half \\ud800"]', "[1]: found half of a surrogate pair"),
]


@pytest.mark.parametrize(("name", "text", "fault"), LEFT_OUT)
def test_an_entry_that_is_no_term_costs_itself_and_is_named_with_its_line(
    tmp_path: Path, name: str, text: str, fault: str
) -> None:
    found = read_vocabulary_file(written(tmp_path, name, text))
    assert found.terms[0].name == "a" and len({each.name for each in found.terms}) == len(found.terms)
    assert len(found.left_out) == 1 and fault in found.left_out[0]
    assert any(fault in each for each in found.notes())


@pytest.mark.parametrize(("name", "text", "fault"), WRONG)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, name: str, text: str | bytes, fault: str) -> None:
    assert any(fault in each for each in faults_of(written(tmp_path, name, text)))


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    assert len(faults_of(written(tmp_path, "v.yaml", "- 1.5\n- [a]\n"))) == 2


def test_very_many_faults_are_counted_rather_than_listed() -> None:
    with pytest.raises(InvalidVocabulary) as caught:
        build_terms([Entry(" ", f"line {number}") for number in range(1000)], "v.txt")
    assert len(caught.value.faults) == 1001
    assert caught.value.message.endswith("and 981 more")
    found = build_terms([Entry("a", f"line {number}") for number in range(1000)], "v.txt")
    assert len(found.left_out) == 999
    assert found.notes()[20] == "v.txt: and 979 more that are no terms"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert faults_of(tmp_path / "none.txt") == ("cannot be read: No such file or directory",)


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), min_size=1),
        unique_by=str.strip,
        min_size=1,
    )
)
def test_json_gives_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    names = [name for name in names if name.strip()]
    path = written(tmp_path_factory.mktemp("v"), "v.json", json.dumps(["first one", *names]))
    assert [each.name for each in read_vocabulary_file(path).terms] == ["first one", *(name.strip() for name in names)]


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abcdefgh"), min_size=1))
def test_parents_are_dropped_if_and_only_if_they_run_in_a_circle(above: dict[str, str]) -> None:
    def ends(name: str) -> bool:
        for _ in range(10):
            if name not in above:
                return True
            name = above[name]
        return False

    found = build_terms([Entry(name, name, parent) for name, parent in above.items()], "v")
    kept = {each.name: each.parent for each in found.terms if each.parent is not None}
    circled = above.keys() - kept.keys()
    assert len(found.terms) == len(above) and kept.items() <= above.items()
    assert bool(circled) == bool(found.left_out) == (not all(map(ends, above)))
    assert not any(map(ends, circled))
    above = kept
    assert all(map(ends, above))


@pytest.mark.skipif(not PACK.is_dir(), reason="the plankton pack is not here")
def test_the_pack_s_own_vocabulary_is_read() -> None:
    terms = {each.name: each for each in read_vocabulary_file(PACK / "vocabulary.csv").terms}
    assert terms["Diatom_Long_Chain"].parent == "Diatoms"
    assert terms["Mesodinium_rubrum"] == Term("Mesodinium_rubrum", None, None, "232069")
