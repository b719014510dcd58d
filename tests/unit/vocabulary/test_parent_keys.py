"""A taxonomic tree whose table says which term is above by a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.connect import open_database
from syncd.config import BindingConfig, parse_config
from syncd.errors import ConfigError, MappingError
from syncd.vocabulary.add import add_term
from syncd.vocabulary.load import load_vocabulary
from unit.config.support import Row, check_row, in_binding

TABLE = """
CREATE TABLE taxon (id INTEGER PRIMARY KEY, name TEXT, rank TEXT, parent_id INTEGER REFERENCES taxon);
INSERT INTO taxon VALUES (1, 'Crustacea', 'subphylum', NULL), (2, 'Copepoda', 'subclass', 1),
    (3, 'Calanoida', 'order', 2), (4, 'Orphan', 'genus', 99), (5, 'larvae', NULL, 1), (6, 'larvae', NULL, 2)
"""
TREE = {"table": "taxon", "column": "name", "rank": "rank", "parent": {"column": "parent_id", "key": "id"}}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with open_database(f"sqlite:///{tmp_path / 'lab.db'}") as opened:
        for statement in TABLE.split(";\n"):
            opened.exec_driver_sql(statement)
        yield opened
    opened.engine.dispose()


def binding(**vocabulary: object) -> BindingConfig:
    columns = {"id": "id", "label": "label", "media": "media"}
    given = {"name": "lab", "dataset": "d", "label_field": "f", "table": "t", "columns": columns}
    document = {"database": {"url": "sqlite:///x"}, "bindings": [given | {"vocabulary": TREE | vocabulary}]}
    return parse_config(document).bindings[0]


def test_a_key_is_read_as_the_name_of_the_term_above(connection: Connection) -> None:
    found = load_vocabulary(binding(), connection)
    assert found is not None
    parents = {each.name: each.parent for each in found.terms}
    assert parents["Calanoida"] == "Copepoda"
    assert parents["Copepoda"] == "Crustacea"
    assert parents["Crustacea"] is None


def test_a_key_that_no_row_has_is_no_parent(connection: Connection) -> None:
    found = load_vocabulary(binding(), connection)
    assert found is not None
    assert next(each for each in found.terms if each.name == "Orphan").parent is None


def test_an_accepted_term_gets_the_key_of_the_one_above(connection: Connection) -> None:
    add_term(binding(), connection, "Cyclopoida", "Copepoda")
    row = connection.execute(sa.text("SELECT parent_id FROM taxon WHERE name = 'Cyclopoida'")).one()
    assert row == (2,)


def test_below_a_name_of_two_terms_nothing_is_added(connection: Connection) -> None:
    with pytest.raises(ConfigError, match="2 rows of taxon are called 'larvae'"):
        add_term(binding(), connection, "zoea", "larvae")


def test_keys_without_the_column_that_they_refer_to_are_told_how_to_be_written(connection: Connection) -> None:
    with pytest.raises(MappingError) as error:
        load_vocabulary(binding(parent="parent_id"), connection)
    assert "parent: {column: parent_id, key: id}" in str(error.value.remedy)


FAULTS: dict[str, Row] = {
    "a parent without its column": (
        in_binding("vocabulary: {table: t, column: c, parent: {key: id}}"),
        "bindings[0].vocabulary.parent.column",
        9,
        "nothing",
        "a column name",
        None,
    ),
    "a list": (
        in_binding("vocabulary: {table: t, column: c, parent: [id]}"),
        "bindings[0].vocabulary.parent",
        9,
        "a list of 1",
        "a column name",
        None,
    ),
}


@pytest.mark.parametrize("row", FAULTS.values(), ids=FAULTS)
def test_each_fault_of_the_parent_is_named(tmp_path: Path, row: Row) -> None:
    check_row(tmp_path, row)
