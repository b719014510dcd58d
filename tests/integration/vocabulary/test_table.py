"""Vocabularies in tables of real databases, and the other places where one may stand."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.connect import open_database
from syncd.config import BindingConfig, parse_config
from syncd.errors import MappingError
from syncd.model.vocabulary import Term, Vocabulary
from syncd.vocabulary.load import load_vocabulary, load_with_notes
from syncd.vocabulary.terms import InvalidVocabulary


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """A table of taxa with a name that must be quoted."""
    url = f"sqlite:///{tmp_path / 'lab.db'}" if request.param == "sqlite" else request.getfixturevalue("database_url")
    with open_database(url) as connection:
        run(
            connection,
            'CREATE TABLE "Taxon list" (id integer, "Name" varchar(40), "parent %" text, rank text, aphia integer)',
        )
        fill(connection, ("Copepoda", None, "subclass", 1080), ("Calanus", "Copepoda", "genus", 104152))
        yield connection
        connection.engine.dispose()


def run(connection: Connection, statement: str, **values: Any) -> None:
    connection.execute(sa.text(statement), values)
    connection.commit()


def fill(connection: Connection, *rows: tuple[str | None, str | None, str | None, int | None]) -> None:
    for number, (name, parent, rank, code) in enumerate(rows):
        run(
            connection,
            'INSERT INTO "Taxon list" VALUES (:id, :name, :parent, :rank, :code)',
            id=number,
            name=name,
            parent=parent,
            rank=rank,
            code=code,
        )


TABLE = {"table": '"Taxon list"', "column": "Name", "parent": "parent %", "rank": "rank", "code": "aphia"}


def binding(**overrides: Any) -> BindingConfig:
    columns = {"id": "i", "label": "l", "media": "m"}
    plain = {"name": "b", "dataset": "d", "label_field": "f", "table": "t", "columns": columns}
    return parse_config({"database": {"url": "sqlite://"}, "bindings": [plain | overrides]}).bindings[0]


def test_names_parents_ranks_and_codes_are_read(database: Connection) -> None:
    chosen = binding(vocabulary=TABLE, extra_labels=["unknown"], aliases={"Copepda": "Copepoda"})
    assert load_vocabulary(chosen, database) == Vocabulary(
        (Term("Calanus", "Copepoda", "genus", "104152"), Term("Copepoda", None, "subclass", "1080")),
        ("unknown",),
        {"Copepda": "Copepoda"},
    )


def test_a_term_is_known_in_either_unicode_form(database: Connection) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Größe") for form in ("NFC", "NFD"))
    fill(database, (decomposed, None, None, 7))
    found = load_vocabulary(binding(vocabulary={"table": '"Taxon list"', "column": "Name"}), database)
    assert found is not None
    assert (found.meant(composed), found.meant(decomposed)) == (decomposed, decomposed)
    assert found.meant("Grosse") is None
    fill(database, (composed, None, None, 8))
    both = load_vocabulary(binding(vocabulary={"table": '"Taxon list"', "column": "Name"}), database)
    assert both is not None
    assert (both.meant(composed), both.meant(decomposed)) == (composed, decomposed)


def test_names_alone_are_enough(database: Connection) -> None:
    found = load_vocabulary(binding(vocabulary={"table": '"Taxon list"', "column": "Name"}), database)
    assert found is not None
    assert found.terms == (Term("Calanus"), Term("Copepoda"))


def test_a_view_will_do(database: Connection) -> None:
    run(database, 'CREATE VIEW v AS SELECT upper("Name") AS n FROM "Taxon list"')
    found = load_vocabulary(binding(vocabulary={"table": "v", "column": "n"}), database)
    assert found is not None
    assert found.names == {"CALANUS", "COPEPODA"}


def test_rows_that_are_the_same_in_what_is_read_count_once(database: Connection) -> None:
    fill(database, ("Copepoda", None, "subclass", 1080))
    found = load_vocabulary(binding(vocabulary=TABLE), database)
    assert found is not None
    assert len(found.terms) == 2


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ((None, None, None, None), "a row without Name: found a blank"),
        (("  ", "Copepoda", None, None), "a row without Name, parent % = 'Copepoda': found a blank"),
        (("Calanus", None, None, None), "found 'Calanus' a second time"),
        (("Copepoda ", None, None, None), "found 'Copepoda' a second time"),
    ],
)
def test_rows_that_are_no_terms_are_named_and_cost_no_other_term(database: Connection, row: Any, fault: str) -> None:
    before = load_vocabulary(binding(vocabulary=TABLE), database)
    fill(database, row)
    found = load_with_notes(binding(vocabulary=TABLE), database)
    assert before is not None and found is not None
    assert (found.vocabulary.names, found.left_out) == (before.names, 1)
    assert any(fault in each for each in found.notes) and any(fault in each for each in found.vocabulary.left_out)


def test_parents_in_a_circle_are_none(database: Connection) -> None:
    run(database, """UPDATE "Taxon list" SET "parent %" = 'Calanus' WHERE "Name" = 'Copepoda'""")
    found = load_vocabulary(binding(vocabulary=TABLE), database)
    assert found is not None
    assert [(each.name, each.parent) for each in found.terms] == [("Calanus", None), ("Copepoda", None)]
    assert "circle of parents, Calanus → Copepoda → Calanus" in found.left_out[0]


def test_an_empty_table_is_refused(database: Connection) -> None:
    run(database, 'DELETE FROM "Taxon list"')
    with pytest.raises(InvalidVocabulary, match="found no term"):
        load_vocabulary(binding(vocabulary=TABLE), database)


def test_a_column_that_is_not_there_is_named_with_the_nearest(database: Connection) -> None:
    with pytest.raises(MappingError, match=r"no column 'name'.*did you mean Name\?"):
        load_vocabulary(binding(vocabulary=TABLE | {"column": "name"}), database)


def test_a_table_that_is_not_there_is_named(database: Connection) -> None:
    with pytest.raises(MappingError, match="nowhere") as caught:
        load_vocabulary(binding(vocabulary=TABLE | {"table": "nowhere"}), database)
    assert "vocabulary.table" in str(caught.value.remedy)
    assert database.execute(sa.text("SELECT 1")).scalar() == 1


def test_parents_that_are_ids_are_refused_with_what_to_do(database: Connection) -> None:
    with pytest.raises(MappingError, match="expected text: the names of terms") as caught:
        load_vocabulary(binding(vocabulary=TABLE | {"parent": "id"}), database)
    assert "where parents are keys: parent: {column: parent_id, key: id}" in str(caught.value.remedy)


def test_classes_of_the_configuration_keep_their_order(database: Connection) -> None:
    found = load_vocabulary(binding(vocabulary={"classes": ["b", "a"]}), database)
    assert found is not None
    assert found.terms == (Term("b"), Term("a"))


def test_a_file_is_read(database: Connection, tmp_path: Path) -> None:
    (tmp_path / "terms.txt").write_text("b\na\n", encoding="utf-8")
    found = load_vocabulary(binding(vocabulary={"file": str(tmp_path / "terms.txt")}), database)
    assert found is not None
    assert found.terms == (Term("b"), Term("a"))


def test_a_binding_without_a_vocabulary_has_none(database: Connection) -> None:
    assert load_vocabulary(binding(extra_labels=["unknown"]), database) is None


def test_an_alias_of_nothing_is_noted(database: Connection) -> None:
    found = load_with_notes(binding(vocabulary=TABLE, aliases={"Calanas": "Calanuss", "Copepoda": "Calanus"}), database)
    assert found is not None
    assert found.notes == (
        "the alias 'Calanas' means 'Calanuss', which is no term (did you mean Calanus?)",
        "the alias 'Copepoda' is a term itself, and stays as it is",
    )
