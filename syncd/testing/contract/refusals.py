"""What a side promises about values that it will not take, and about very many changes."""

from __future__ import annotations

from dataclasses import replace

from syncd.testing.contract.bench import Bench, applied, held, item
from syncd.testing.contract.values import ONE

BAD = "refused"


def test_a_refused_value_costs_its_own_change_only(bench: Bench) -> None:
    ids = [f"id-{index}" for index in range(30)]
    bench.put(*(item(each, note="old") for each in ids))
    bench.refuse("note", BAD)
    bad = {ids[3], ids[17], ids[29]}
    results = bench.write(*bench.updates((each, "note", "old", BAD if each in bad else "new") for each in ids))
    for each, result in zip(ids, results, strict=True):
        assert applied(bench.mapping, result) is (each not in bad)
        assert (result.refused is not None) is (each in bad)
        assert result.present
        assert result.after == ("old" if each in bad else "new")
    assert {id_: content["note"] for id_, content in bench.stored()} == {
        each: "old" if each in bad else "new" for each in ids
    }


def test_a_refused_insert_costs_itself_only(bench: Bench) -> None:
    bench.put_sample("/images/new.png")
    bench.put_sample("/images/bad.png")
    bench.refuse("note", BAD)
    results = bench.write(
        bench.insert("bad", "/images/bad.png", **ONE | {"note": BAD}),
        bench.insert("new", "/images/new.png", **ONE),
    )
    assert [applied(bench.mapping, each) for each in results] == [False, True]
    assert results[0].refused
    assert not results[0].present
    assert results[0].after is None
    assert dict(bench.stored()) == {"new": bench.expected(ONE)}


def test_a_refusal_says_why_in_one_line(bench: Bench) -> None:
    bench.put(item("a", note="old"))
    bench.refuse("note", BAD)
    [result] = bench.write(bench.update("a", "note", "old", BAD))
    assert result.refused
    assert "\n" not in result.refused
    assert len(result.refused) < 500


def test_a_stale_change_is_not_refused_but_missed(bench: Bench) -> None:
    bench.put(item("a", note="moved on"))
    bench.refuse("note", BAD)
    [result] = bench.write(bench.update("a", "note", "old", BAD))
    assert result.refused is None
    assert result.after == "moved on"


def test_an_integer_that_no_server_holds_is_refused(bench: Bench) -> None:
    if bench.labels is None and not hasattr(bench, "connection"):
        return  # memory holds everything
    if type(bench).__name__.startswith("Memory"):
        return
    bench.put(item("a", count=1), item("b", count=1))
    results = bench.write(*bench.updates([("a", "count", 1, 2**70), ("b", "count", 1, 2)]))
    assert [bool(each.refused) for each in results] == [True, False]
    assert [each.after for each in results] == [1, 2]


def test_ids_of_a_wrong_form_find_nothing(bench: Bench) -> None:
    bench.put(item("a"))
    stale = bench.update("a", "label", "Copepoda", "Ostracoda")
    wrong = replace(stale, annotation_id="nul\x00byte", label_id=stale.label_id and "0" * 24)
    [result] = bench.write(wrong)
    assert not applied(bench.mapping, result)
    assert bench.look("a") == bench.expected(item("a").values)


def test_five_thousand_changes_in_one_write(bench: Bench) -> None:
    count = 5_001 if bench.bulk else 501
    ids = [f"id-{index:05d}" for index in range(count)]
    bench.put_many(ids)
    changes = bench.updates((each, "label", "Copepoda", "Ostracoda") for each in ids)
    changes[400] = replace(changes[400], old="something else")
    results = bench.write(*changes)
    assert [index for index, each in enumerate(results) if not applied(bench.mapping, each)] == [400]
    labels = [content["label"] for content in held(bench.adapter.read_all()).values()]
    assert labels.count("Ostracoda") == count - 1
    assert labels.count("Copepoda") == 1
