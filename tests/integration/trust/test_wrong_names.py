"""Tables, columns and ids under odd names are themselves and nothing else: not another, and no part of a query."""

from __future__ import annotations

from typing import Any

import pytest

from trust import many, tried
from worlds import NO_BRAKES, World

NAMES = (
    "Select",
    "two words",
    " padded ",
    'quo"te',
    "apo'strophe",
    "50%",
    "%s",
    "%(id)s",
    ":colon",
    "dot.ted",
    "back\\slash",
    "semi;colon--",
    "ünïcode",
    "表",
    "$1",
    "{brace}",
    "{}",
    "x" * 63,
    "USER",
    "?",
)
IDS = (
    "A",
    "a",
    "a ",
    " a",
    "é",
    "e\u0301",
    "ａ",
    "\u0430",
    "1",
    "01",
    "1.0",
    "null",
    "'",
    '"',
    "%s",
    ":x",
    "$id",
    "a.b",
)
IDS += ("\\", "{}", "a\u200b", "ß", "ss", "\u202ea", "00000000-0000-4000-8000-00000000000A")
IDS += ("00000000-0000-4000-8000-00000000000a", "0000000000004000800000000000000a")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def run(world: World, statement: str) -> Any:
    """A statement with names in it, as it stands."""
    return world.sql(statement.replace(":", "\\:"))


@pytest.mark.parametrize("first", range(0, len(NAMES), many(4, 1)))
def test_schemas_tables_and_columns_may_have_any_name(world: World, first: int) -> None:
    schema, table, name, label, depth = ((NAMES * 2)[first + each] for each in range(5))
    place = f"{quoted(schema)}.{quoted(table)}"
    run(world, f"CREATE SCHEMA {quoted(schema)}")
    run(world, f"ALTER TABLE annotation SET SCHEMA {quoted(schema)}")
    run(world, f"ALTER TABLE {quoted(schema)}.annotation RENAME TO {quoted(table)}")
    for old, new in (("annotation_id", name), ("label", label), ("depth_m", depth)):
        run(world, f"ALTER TABLE {place} RENAME COLUMN {old} TO {quoted(new)}")
    columns = world.document()["bindings"][0]["columns"] | {"id": name, "label": label}
    attributes = {"depth": {"column": depth, "direction": "both"}, "verified": {"column": "verified"}}
    config = world.config(table=place, columns=columns, attributes=attributes, brakes=NO_BRAKES)
    assert world.reconcile(config=config, full=True).recorded == ()

    one, other = (row.annotation_id for row in world.data.rows[:2])
    world.review(one, label="Reviewed", depth=7.25)
    drawn = world.draw(world.data.rows[0].image, "Drawn")
    statement = f"UPDATE {place} SET {quoted(label)} = 'Corrected' WHERE {quoted(name)} = '{other}'"
    run(world, statement)
    world.reconcile(config=config)
    rows = {str(row[name]): row for row in run(world, f"SELECT * FROM {place}")}
    labels = world.labels()
    tried("cases")
    assert (rows[one][label], float(rows[one][depth])) == ("Reviewed", 7.25)
    assert labels[other]["label"] == "Corrected"
    assert "Drawn" in {row[label] for row in rows.values()}
    assert len(rows) == len(labels) == len(world.data.rows) + 1
    assert str(drawn) in {str(each["_id"]) for each in world.raw_labels()}
    assert world.conflicts() == []
    assert world.reconcile(config=config, full=True).recorded == ()


def with_ids_of(world: World, type_: str) -> None:
    world.sql("ALTER TABLE annotation ALTER annotation_id DROP DEFAULT")
    world.sql("DELETE FROM annotation")
    using = "annotation_id::text" if type_ == "text" else "0"
    world.sql(f"ALTER TABLE annotation ALTER annotation_id TYPE {type_} USING {using}")
    world.sql("TRUNCATE syncd.baseline, syncd.cursor")
    world.samples.update_many({}, {"$set": {"ground_truth.detections": []}})


def check_each_is_its_own(world: World, ids: list[str]) -> None:
    """Every id is inserted, edited from both sides and deleted as itself, whatever its neighbours look like."""
    config = world.config(brakes=NO_BRAKES, policy={"on_fiftyone_delete": "delete", "stale_window": "0s"})
    images = [row.image for row in world.data.rows]
    for number, each in enumerate(ids):
        world.add_row(images[number // 3], f"old {number}", annotation_id=each)
    world.reconcile(config=config)
    assert {each: row["label"] for each, row in world.labels().items()} == {
        each: f"old {number}" for number, each in enumerate(ids)
    }
    for number, each in enumerate(ids):
        if number % 2:
            world.correct(each, label=f"new {number}")
        else:
            world.review(each, label=f"new {number}")
    world.reconcile(config=config)
    wanted = {each: f"new {number}" for number, each in enumerate(ids)}
    tried("cases", len(ids))
    lost = [each for each in ids if world.rows()[each]["label"] != wanted[each]]
    tried("lost", len(lost))
    assert not lost
    assert {each: row["label"] for each, row in world.labels().items()} == wanted
    for number, each in enumerate(ids):
        if number % 4 == 0:
            world.erase(each)
        elif number % 4 == 1:
            world.remove_row(each)
    world.reconcile(config=config, full=True)
    left = {each for number, each in enumerate(ids) if number % 4 > 1}
    assert (set(world.rows()), set(world.labels())) == (left, left)
    assert (world.conflicts(), world.disagreements()) == ([], {})


def test_ids_that_look_alike_are_not_the_same(world: World) -> None:
    with_ids_of(world, "text")
    check_each_is_its_own(world, list(IDS))


def test_whole_numbers_beyond_what_a_float_holds_are_not_the_same(world: World) -> None:
    with_ids_of(world, "bigint")
    numbers = [2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2, 2**63 - 1, 2**63 - 2, -(2**63), -(2**63) + 1, 0, -1, 1, 10]
    check_each_is_its_own(world, [str(each) for each in numbers])


def test_a_uuid_in_another_spelling_is_the_same_annotation(world: World) -> None:
    spelt = {}
    spellings = (str.upper, lambda text: text.replace("-", ""), lambda text: "{" + text + "}", str.title)
    for row, spell in zip(world.data.rows, spellings, strict=False):
        sample, label = world.place(row.annotation_id)
        spelt[label] = (row.annotation_id, spell(row.annotation_id))
        world.samples.update_one(
            {"_id": sample},
            {"$set": {"ground_truth.detections.$[it].annotation_id": spelt[label][1]}},
            array_filters=[{"it._id": label}],
        )
    assert world.reconcile(config=world.config(brakes=NO_BRAKES), full=True).recorded == ()
    assert world.conflicts() == []
    for each, _ in spelt.values():
        world.correct(each, label="Corrected")
    world.reconcile(config=world.config(brakes=NO_BRAKES))
    found = {label["_id"]: label for label in world.raw_labels()}
    tried("cases", len(spelt))
    assert {found[each]["label"] for each in spelt} == {"Corrected"}
    assert {each: found[each]["annotation_id"] for each in spelt} == {each: text for each, (_, text) in spelt.items()}
