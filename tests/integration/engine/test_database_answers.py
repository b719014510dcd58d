"""A value of which the database makes something else for good is its answer, and both sides hold it without a question.

What comes back different in any other way is undone and named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integration.engine.answers import ids, take_back
from syncd.engine.session import open_session
from syncd.engine.steps import Step, observed
from syncd.engine.verify import verify
from worlds import BINDING, NO_BRAKES, World, at_step

BOTH_WAYS: dict[str, Any] = {"brakes": NO_BRAKES, "directions": {"box": "both"}}
pytestmark = pytest.mark.parametrize("world", [BOTH_WAYS], indirect=True)

THIRD = [1 / 3, 0.2, 0.25, 0.3]
ROUNDED = [0.3333, 0.2, 0.25, 0.3]


def rounding(world: World) -> None:
    """The lab's column holds four digits."""
    world.sql("ALTER TABLE annotation ALTER x TYPE numeric(6, 4)")
    world.until_quiet()
    world.reconcile(full=True)


def normalising(world: World) -> None:
    """The lab's trigger writes labels in capitals."""
    world.sql(
        "CREATE FUNCTION lab_rule() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.label := upper(NEW.label); RETURN NEW; END $$"
    )
    world.sql(
        "CREATE TRIGGER a_lab_rule BEFORE INSERT OR UPDATE OF label ON annotation "
        "FOR EACH ROW EXECUTE FUNCTION lab_rule()"
    )


def check_quiet(world: World) -> None:
    for full in (False, True):
        assert world.reconcile(full=full).recorded == ()
    assert (world.conflicts(), world.disagreements()) == ([], {})


def reasons(world: World, annotation_id: str) -> list[tuple[str, str]]:
    return [(each["reason"], each["status"]) for each in world.log() if each["annotation_id"] == annotation_id]


def test_a_box_that_the_column_rounds_is_what_both_sides_hold(world: World) -> None:
    rounding(world)
    one = ids(world)[0]
    before = reasons(world, one)
    world.review(one, bounding_box=THIRD)
    result = world.reconcile()
    assert world.labels()[one]["box"] == world.rows()[one]["box"] == ROUNDED
    assert (result.to_database, result.to_fiftyone) == (1, 1)
    assert reasons(world, one)[len(before) :] == [("reviewed", "applied"), ("answered", "applied")]
    check_quiet(world)
    with open_session(world.config(), BINDING) as session:
        assert verify(session, lambda _: None).differences == ()


def test_a_drawn_box_that_the_column_rounds_too(world: World) -> None:
    rounding(world)
    drawn = world.draw(world.data.rows[0].image, "Drawn", bounding_box=THIRD)
    world.reconcile()
    own = next(each for each in world.raw_labels() if each["_id"] == drawn)
    assert own["bounding_box"] == world.rows()[own["annotation_id"]]["box"] == ROUNDED
    world.until_quiet()
    check_quiet(world)


def test_a_drawn_box_is_rounded_where_a_trigger_numbers_the_row(world: World) -> None:
    rounding(world)
    world.sql(
        "CREATE FUNCTION number() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.annotation_id := gen_random_uuid(); RETURN NEW; END $$"
    )
    world.sql("CREATE TRIGGER number BEFORE INSERT ON annotation FOR EACH ROW EXECUTE FUNCTION number()")
    drawn = [world.draw(world.data.rows[each].image, f"Drawn {each}", bounding_box=THIRD) for each in range(3)]
    world.reconcile()
    for label in (each for each in world.raw_labels() if each["_id"] in drawn):
        assert label["bounding_box"] == world.rows()[label["annotation_id"]]["box"] == ROUNDED
    check_quiet(world)


def test_a_box_that_fits_the_column_asks_for_nothing(world: World) -> None:
    rounding(world)
    one = ids(world)[0]
    world.review(one, bounding_box=[0.1234, 0.2, 0.25, 0.3])
    result = world.reconcile()
    assert (result.to_database, result.to_fiftyone) == (1, 0)
    check_quiet(world)


def test_a_label_that_a_trigger_normalises_is_what_both_sides_hold(world: World) -> None:
    normalising(world)
    one = ids(world)[0]
    world.review(one, label="Reviewed")
    world.reconcile()
    assert world.labels()[one]["label"] == world.rows()[one]["label"] == "REVIEWED"
    check_quiet(world)


def test_the_trials_leave_nothing_behind(world: World) -> None:
    """The lab's own history of its rows holds one entry for each edit."""
    normalising(world)
    world.sql("CREATE TABLE history (label text)")
    world.sql(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO history VALUES (NEW.label); RETURN NULL; END $$"
    )
    world.sql("CREATE TRIGGER keep AFTER UPDATE ON annotation FOR EACH ROW EXECUTE FUNCTION keep()")
    world.review(ids(world)[0], label="Reviewed")
    world.until_quiet()
    assert [each["label"] for each in world.sql("SELECT label FROM history")] == ["REVIEWED"]


def test_an_edit_made_after_the_answer_is_an_edit(world: World) -> None:
    normalising(world)
    one = ids(world)[0]
    world.review(one, label="First")
    world.reconcile()
    world.review(one, label="Second")
    world.reconcile()
    assert world.labels()[one]["label"] == world.rows()[one]["label"] == "SECOND"
    check_quiet(world)


def test_an_edit_made_before_the_answer_arrives_is_kept(world: World) -> None:
    normalising(world)
    one = ids(world)[0]
    world.review(one, label="First")
    with observed(at_step(Step.ANSWERS_COMMITTED, lambda: world.review(one, label="Second"))):
        world.reconcile()
    assert (world.labels()[one]["label"], reasons(world, one)[-1]) == ("Second", ("answered", "superseded"))
    world.until_quiet()
    assert world.labels()[one]["label"] == world.rows()[one]["label"] == "SECOND"
    check_quiet(world)


class Died(BaseException):
    """Ends a run as Ctrl-C does."""


@pytest.mark.parametrize("apart", [False, True], ids=["one transaction", "its own tables elsewhere"])
@pytest.mark.parametrize(
    "step",
    [Step.DATABASE_COMMITTED, Step.OUTCOMES_RECORDED, Step.ANSWERS_COMMITTED, Step.ANSWERS_WRITTEN, Step.COMMITTED],
)
def test_a_run_that_dies_before_the_answer_arrived_ends_the_same(world: World, step: Step, apart: bool) -> None:
    if step is Step.DATABASE_COMMITTED and not apart:
        pytest.skip("there is one transaction")
    config = world.config(state={"url": world.url}) if apart else world.config()
    normalising(world)
    one = ids(world)[0]
    world.review(one, label="Reviewed")

    def die() -> None:
        raise Died

    with pytest.raises(Died), observed(at_step(step, die)):
        world.reconcile(config=config)
    world.until_quiet(config=config)
    assert world.labels()[one]["label"] == world.rows()[one]["label"] == "REVIEWED"
    assert world.log("pending") == []
    check_quiet(world)


TOGETHER = [Step.DATABASE_WRITTEN, Step.OUTCOMES_RECORDED, Step.COMMITTED, Step.STAMPED, Step.ANSWERS_WRITTEN]
APART = [Step.IDS_NOTED, Step.DATABASE_COMMITTED, *TOGETHER[1:]]


@pytest.mark.parametrize(("step", "apart"), [*((each, False) for each in TOGETHER), *((each, True) for each in APART)])
def test_a_run_that_dies_over_a_drawn_label_whose_box_is_rounded_ends_the_same(
    world: World, step: Step, apart: bool
) -> None:
    """One row, under the id that its label bears, with the box that the column made of it."""
    config = world.config(state={"url": world.url}) if apart else world.config()
    rounding(world)
    drawn, before = world.draw(world.data.rows[0].image, "Drawn", bounding_box=THIRD), len(world.rows())

    def die() -> None:
        raise Died

    with pytest.raises(Died), observed(at_step(step, die)):
        world.reconcile(config=config)
    world.until_quiet(config=config)
    assert len(world.rows()) == before + 1
    own = next(each for each in world.raw_labels() if each["_id"] == drawn)
    assert own["bounding_box"] == world.rows()[own["annotation_id"]]["box"] == ROUNDED
    assert (world.log("pending"), world.conflicts()) == ([], [])


def test_an_answered_run_is_taken_back_on_both_sides(world: World) -> None:
    normalising(world)
    one = ids(world)[0]
    label = world.data.rows[0].label.upper()
    world.sql("UPDATE annotation SET label = :label WHERE annotation_id = :id", label=label, id=one)
    world.until_quiet()
    before = (world.labels(), world.rows())
    world.review(one, label="Reviewed")
    run = world.reconcile()
    done = take_back(world, run_id=run.run_id)
    assert (done.left, world.labels(), world.rows()) == ((), *before)
    check_quiet(world)


UNITS = "SELECT annotation_id, media_uri, label, x / 8 AS x, y, w, h, depth_m, verified, updated_at, updated_by"
"""A SELECT that makes pixels relative; the rest as it stands."""


def undone(world: World, one: str, config: Any) -> dict[str, Any]:
    """The one conflict that is said once, of a change that left no trace in the table; others go through."""
    other = ids(world)[1]
    before = world.rows()[one]
    world.review(other, label="Other")
    for full in (False, True, False):
        world.reconcile(config=config, full=full)
        assert world.rows()[one] == before
        assert [status for _, status in reasons(world, one)] == ["refused"]
    assert world.rows()[other]["label"] == "Other"
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["annotation_id"]) == ("refused_by_database", one)
    return conflict


def test_a_box_in_another_unit_is_no_answer(world: World) -> None:
    world.sql("UPDATE annotation SET x = x * 8")
    world.sql("CREATE VIEW relative AS " + UNITS + " FROM annotation")
    config = world.config(read="relative")
    world.reconcile(config=config, full=True)
    one = ids(world)[0]
    was = world.labels()[one]["box"]
    world.review(one, bounding_box=THIRD)
    conflict = undone(world, one, config)
    assert (conflict["base"], conflict["fiftyone"]) == (was, THIRD)
    assert conflict["database"] == pytest.approx(was)


def test_a_drawn_label_whose_path_the_view_completes_leaves_no_row(world: World) -> None:
    world.sql(
        "CREATE VIEW completed AS SELECT annotation_id, '/' || media_uri AS media_uri, label, x, y, w, h, depth_m, "
        "verified, updated_at, updated_by FROM annotation"
    )
    world.sql("ALTER TABLE annotation DROP CONSTRAINT IF EXISTS annotation_media_uri_fkey")
    world.sql("UPDATE annotation SET media_uri = substr(media_uri, 2)")
    config = world.config(read="completed")
    world.reconcile(config=config, full=True)
    before = world.rows()
    world.draw(world.data.rows[0].image, "Drawn")
    for full in (False, True):
        world.reconcile(config=config, full=full)
        assert world.rows() == before
    (conflict,) = world.conflicts()
    assert conflict["kind"] == "refused_by_database"
    assert "would not be tied to its sample" in conflict["suggestions"][0]


@pytest.mark.parametrize("rule", ["NEW.label := OLD.label", "NEW.label := NEW.label || '!'"])
def test_a_trigger_that_keeps_the_old_value_or_never_rests_gives_no_answer(world: World, rule: str) -> None:
    world.sql(
        "CREATE FUNCTION lab_rule() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF NEW.label <> 'Other' THEN {rule}; END IF; RETURN NEW; END $$"
    )
    world.sql("CREATE TRIGGER a_lab_rule BEFORE UPDATE ON annotation FOR EACH ROW EXECUTE FUNCTION lab_rule()")
    one = ids(world)[0]
    label = world.data.rows[0].label
    world.review(one, label="Reviewed")
    conflict = undone(world, one, world.config())
    assert (conflict["base"], conflict["fiftyone"], conflict["database"]) == (label, "Reviewed", label)


def test_another_term_is_no_answer(world: World) -> None:
    labels = sorted({each.label for each in world.data.rows} | {"Other", "Reviewed"})
    taken = world.data.rows[2].label
    world.sql(
        "CREATE FUNCTION lab_rule() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF NEW.label = 'Reviewed' THEN NEW.label := '{taken}'; END IF; RETURN NEW; END $$"
    )
    world.sql("CREATE TRIGGER a_lab_rule BEFORE UPDATE ON annotation FOR EACH ROW EXECUTE FUNCTION lab_rule()")
    one = next(each.annotation_id for each in world.data.rows if each.label != taken)
    assert one != ids(world)[1]
    world.review(one, label="Reviewed")
    conflict = undone(world, one, world.config(vocabulary={"classes": labels}))
    assert "another term" in conflict["suggestions"][0]


def test_a_materialised_view_that_does_not_show_the_write_has_it_undone(world: World) -> None:
    world.sql("CREATE MATERIALIZED VIEW shown AS SELECT * FROM annotation")
    config = world.config(read="shown")
    world.reconcile(config=config, full=True)
    one, other = ids(world)[:2]
    before = world.rows()
    world.review(one, label="Reviewed")
    world.draw(world.data.rows[0].image, "Drawn")
    world.erase(other)
    policy = world.config(read="shown", policy={"on_fiftyone_delete": "delete"})
    for full in (True, False, True):
        world.reconcile(config=policy, full=full)
        assert world.rows() == before
        assert {each["status"] for each in world.log() if each["direction"] == "to_database"} == {"refused"}
    said = {each["annotation_id"]: each["suggestions"][0] for each in world.conflicts()}
    assert "materialised view" in said[one] and "materialised view" in said[other]
    assert len([each for each in world.log() if each["annotation_id"] == one]) == 1


@pytest.mark.parametrize("make", [normalising, rounding])
def test_through_a_plain_view_it_is_the_same(world: World, make: Callable[[World], None]) -> None:
    make(world)
    world.sql("CREATE VIEW shown AS SELECT * FROM annotation")
    config = world.config(read="shown")
    world.until_quiet(config=config)
    one = ids(world)[0]
    world.review(one, label="Reviewed", bounding_box=THIRD)
    world.until_quiet(config=config)
    (labels, rows) = world.labels()[one], world.rows()[one]
    assert labels["label"] == rows["label"]
    assert labels["box"] == rows["box"]
    check_quiet(world)
