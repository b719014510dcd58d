"""What writing a field promises: the contract (:mod:`syncd.testing.contract.updating`), and what SQL adds to it."""

from __future__ import annotations

from syncd.testing.contract.bench import Bench, item
from syncd.testing.contract.updating import *


def test_the_others_see_nothing_of_a_write_that_is_rolled_back(sql_bench: Bench) -> None:
    sql_bench.put(item("a"), item("b"))
    sql_bench.adapter.write(
        [
            sql_bench.update("a", "label", "Copepoda", "Ostracoda"),
            sql_bench.delete("b"),
            sql_bench.insert("c", "/images/c.png"),
        ]
    )
    sql_bench.connection.rollback()  # type: ignore[attr-defined]
    assert dict(sql_bench.stored()) == {each: sql_bench.expected(item(each).values) for each in ("a", "b")}
