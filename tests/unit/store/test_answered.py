"""The tags that had their effect, as they are remembered."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from syncd.model import Scope
from syncd.store import answered
from syncd.store.tables import tables_for

KNOWN = {("a", "krill"), ("b", "krill")}
PAIR = {("a", "krill"), ("a", "salp")}


@pytest.mark.parametrize(
    ("scope", "found", "expected"),
    [
        (Scope(everything=True), {("a", "krill")}, {("a", "krill")}),
        (Scope(everything=False, annotation_ids=frozenset("a")), set(), {("b", "krill")}),
        (Scope(everything=True, left_alone=frozenset("a")), {("a", "krill")}, {("a", "krill")}),
        (Scope(everything=False, annotation_ids=frozenset("b")), PAIR, PAIR),
    ],
    ids=["all judged", "one judged", "known, and left alone", "known, and outside"],
)
def test_what_was_not_judged_is_left_as_it_is_also_where_it_is_found_again(
    scope: Scope, found: set[tuple[str, str]], expected: set[tuple[str, str]]
) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        tables = tables_for(connection, "syncd")
        tables.answered.create(connection)
        answered.update(connection, tables, "demo", KNOWN, Scope(everything=True))
        answered.update(connection, tables, "demo", found, scope)
        assert set(answered.load(connection, tables, "demo").iter_rows()) == expected
    engine.dispose()
