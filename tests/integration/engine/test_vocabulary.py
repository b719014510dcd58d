"""The vocabulary on the real servers: misspelt labels wait with what was typed, aliases become terms."""

from __future__ import annotations

import pytest

from integration.engine.test_review_tags import VOCABULARY, ids, other_term, tags
from syncd.doctor import diagnose
from worlds import World


def misspelt(world: World, annotation_id: str) -> str:
    return other_term(world, annotation_id) + "x"


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_a_misspelt_label_never_reaches_the_database_and_is_kept(world: World) -> None:
    one = ids(world)[0]
    before, typed = world.rows()[one]["label"], misspelt(world, one)
    world.review(one, label=typed)
    assert world.reconcile().exit_code == 3
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["fiftyone"], conflict["database"]) == ("unknown_label", typed, before)
    assert other_term(world, one) in conflict["suggestions"]
    assert (world.rows()[one]["label"], world.labels()[one]["label"]) == (before, typed)
    assert tags(world, one) == ["syncd:unknown-label"]


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_a_waiting_edit_goes_through_when_the_vocabulary_gains_the_term(world: World) -> None:
    one = ids(world)[0]
    typed = misspelt(world, one)
    world.review(one, label=typed)
    world.reconcile()
    assert world.reconcile().mode == "incremental"
    world.sql("INSERT INTO taxon (name) VALUES (:name)", name=typed)
    result = world.reconcile()
    assert (result.mode, result.to_database) == ("full", 1)
    assert (world.rows()[one]["label"], world.conflicts(), tags(world, one)) == (typed, [], [])
    assert world.reconcile().mode == "incremental"


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_a_waiting_edit_goes_through_when_the_vocabulary_gains_an_alias(world: World) -> None:
    one = ids(world)[0]
    typed, term = misspelt(world, one), other_term(world, one)
    world.review(one, label=typed)
    world.reconcile()
    result = world.reconcile(config=world.config(aliases={typed: term}))
    assert (result.to_database, result.to_fiftyone) == (1, 1)
    assert world.rows()[one]["label"] == world.labels()[one]["label"] == term
    assert (world.conflicts(), world.disagreements()) == ([], {})


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_a_misspelt_drawn_label_waits_without_a_row(world: World) -> None:
    label_id = world.draw(world.data.rows[0].image, "No such thing")
    before = world.rows()
    assert world.reconcile().exit_code == 3
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["label_id"]) == ("unknown_label", str(label_id))
    assert world.rows() == before
    world.reconcile(config=world.config(extra_labels=["No such thing"]))
    assert (len(world.rows()), world.conflicts()) == (len(before) + 1, [])


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_a_drawn_alias_is_its_term_on_both_sides_in_the_end(world: World) -> None:
    term = world.rows()[ids(world)[0]]["label"]
    config = world.config(aliases={"Odd spelling": term})
    world.draw(world.data.rows[0].image, "Odd spelling")
    world.until_quiet(config=config)
    assert world.disagreements() == {}
    assert "Odd spelling" not in {each["label"] for each in world.labels().values()}


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
@pytest.mark.parametrize("first", ["rows", "alias"])
def test_renaming_a_term_is_one_alias_and_no_conflict(world: World, first: str) -> None:
    old = world.rows()[ids(world)[0]]["label"]
    count = sum(each["label"] == old for each in world.rows().values())
    world.sql(
        "INSERT INTO taxon (name, parent_name) SELECT 'Renamed', parent_name FROM taxon WHERE name = :old", old=old
    )
    world.sql("UPDATE taxon SET parent_name = 'Renamed' WHERE parent_name = :old", old=old)
    world.sql("DELETE FROM taxon WHERE name = :old", old=old)
    config = world.config(aliases={old: "Renamed"}, brakes={"min_rows": 1_000_000})
    if first == "alias":
        assert world.reconcile(config=config).recorded == (), "the rows still bear the old name, and nobody edited them"
    world.sql("UPDATE annotation SET label = 'Renamed' WHERE label = :old", old=old)
    result = world.reconcile(config=config)
    assert (result.to_fiftyone, result.to_database, result.open_conflicts) == (count, 0, 0)
    assert world.disagreements() == {}
    assert {each["reason"] for each in world.log("applied")} == {"alias"}


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_an_unknown_label_in_the_database_is_its_own_business(world: World) -> None:
    one = ids(world)[0]
    world.correct(one, label="Whatever it is")
    assert world.reconcile().to_fiftyone == 1
    assert world.labels()[one]["label"] == "Whatever it is"
    assert world.reconcile(full=True).recorded == ()


@pytest.mark.parametrize("bad", ["", "  ", "Padded ", "twice"])
@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_an_entry_that_is_no_term_stops_nothing_and_is_named(world: World, bad: str) -> None:
    home, reviewed = ids(world)[:2]
    terms = other_term(world, home), other_term(world, reviewed)
    world.sql("ALTER TABLE taxon DROP CONSTRAINT IF EXISTS taxon_pkey CASCADE")
    world.sql("ALTER TABLE taxon ALTER name DROP NOT NULL")
    names = [row["name"] for row in world.sql("SELECT name FROM taxon")]
    bad = {"Padded ": f"{names[0]} ", "twice": f" {names[0]}"}.get(bad, bad)
    world.sql("INSERT INTO taxon (name) VALUES (:name)", name=bad)
    world.correct(home, label=terms[0])
    world.review(reviewed, label=terms[1])
    result = world.reconcile()
    assert (result.to_database, result.to_fiftyone, world.conflicts()) == (1, 1, [])
    assert len(result.notes) == 1 and "was left out" in result.notes[0]
    (found,) = (each for each in diagnose(world.config()) if each.check == "Vocabulary")
    assert found.status == "warning" and "and 1 fault in their source" in found.detail
