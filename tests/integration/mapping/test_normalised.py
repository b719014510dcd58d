"""An ordinary schema, end to end: read, edited on both sides, drawn in, deleted from, undone."""

from __future__ import annotations

import pytest

from integration.mapping.ordinary import row
from mapping_lab import MappingLab
from syncd.doctor import diagnose
from syncd.doctor.grants import grants
from syncd.engine.direct_plan import DirectOptions
from syncd.engine.session import open_session
from syncd.engine.undo import undo
from syncd.engine.verify import verify
from syncd.model.run import RunMode
from syncd.store import changes


def test_everything_is_read_in_the_terms_of_fiftyone(lab: MappingLab) -> None:
    labels = lab.labels()
    assert len(labels) == 6, "those of another project are not meant"
    one = next(each for name, each in labels.items() if name.endswith("|1"))
    assert one["label"] == "Copepoda"
    assert one["bounding_box"] == pytest.approx([0.05, 0.1, 0.25, 0.3])
    assert (one["quality"], one["checked"], one["depth"]) == ("good", True, 12.5)
    assert lab.reconcile().plan.is_empty


def test_edits_go_both_ways_as_keys_and_values(lab: MappingLab) -> None:
    one, two, *_ = sorted(lab.labels())
    lab.review(one, label="Diatom", quality="poor", checked=False, depth=7.25, bounding_box=[0.1, 0.2, 0.303, 0.3])
    lab.sql('UPDATE "Objects" SET taxon_id = 4, x2 = 190 WHERE no = 2 AND image_id = CAST(:i AS uuid)', i=two[:36])
    lab.until_quiet()
    found = row(lab, one)
    assert (found["taxon_id"], found["quality"], found["checked"]) == (3, "poor", "N")
    assert found["meta"] == {"env": {"depth": 7.25}}
    assert [found[each] for each in ("x1", "y1", "x2", "y2")] == [20, 20, 81, 50]
    assert found["version"] > 1
    assert found["person_id"] == 1
    assert lab.labels()[one]["bounding_box"] == pytest.approx([0.1, 0.2, 0.305, 0.3]), "whole pixels are no edit"
    assert lab.named()[two] == "Ciliate"
    assert lab.labels()[two]["bounding_box"][2] == pytest.approx(170 / 200)
    assert not lab.conflicts()
    assert ["label", "Copepoda", "Diatom"] in [[each["field"], each["old"], each["new"]] for each in lab.log("applied")]


def test_a_drawn_label_gets_its_keys_its_number_and_constants(lab: MappingLab) -> None:
    lab.draw("a.png", "Ostracoda", quality="good")
    lab.until_quiet()
    [new] = lab.sql(
        'SELECT o.*, i.path FROM "Objects" o JOIN images i ON i.id = o.image_id WHERE project = 7 AND no = 10'
    )
    assert (new["taxon_id"], new["path"], new["quality"], new["checked"]) == (2, "a.png", "good", "N")
    assert [new[each] for each in ("x1", "y1", "x2", "y2")] == [100, 50, 140, 70]
    assert lab.named()[f"{new['image_id']}|10"] == "Ostracoda"


def test_columns_of_the_image_are_fields_of_the_sample(lab: MappingLab) -> None:
    one, two = lab.documents()
    assert (one["station"], one["water_depth"], one["taken"].hour) == ("M1", 12.5, 10)
    assert two.get("station") is None
    lab.sql("UPDATE images SET station = 'M2', depth = 3 WHERE path <> 'c.png'")
    lab.reconcile(full=True)
    assert [(each["station"], each["water_depth"]) for each in lab.documents()] == [("M2", 3.0), ("M2", 3.0)]
    stamps = [each["last_modified_at"] for each in lab.documents()]
    lab.reconcile(full=True)
    assert [each["last_modified_at"] for each in lab.documents()] == stamps, "what is right is left alone"


def test_what_is_deleted_is_flagged_and_what_is_flagged_goes(lab: MappingLab) -> None:
    one, two, three, *_ = sorted(lab.labels())
    lab.erase(one)
    lab.sql('UPDATE "Objects" SET "deletedAt" = now() WHERE no = 2 AND image_id = CAST(:i AS uuid)', i=two[:36])
    lab.until_quiet()
    assert row(lab, one)["deletedAt"] is not None
    assert one not in lab.labels() and two not in lab.labels() and three in lab.labels()
    assert not lab.conflicts()
    lab.sql('UPDATE "Objects" SET "deletedAt" = NULL')
    lab.until_quiet()
    assert {one, two} <= set(lab.labels())
    assert not lab.conflicts()


def test_a_renamed_taxon_is_noticed_by_a_poll(lab: MappingLab) -> None:
    assert lab.reconcile().mode == "incremental"
    lab.sql("""UPDATE "Taxa" SET "Name" = 'Calanoida' WHERE id = 1""")
    lab.until_quiet()
    assert sorted(lab.named().values()).count("Calanoida") == 2


def test_a_name_that_no_row_has_is_a_conflict_that_says_so(lab: MappingLab) -> None:
    one = min(lab.labels())
    lab.review(one, label="Medusa")
    lab.reconcile()
    [conflict] = lab.conflicts()
    assert "Medusa" in str(conflict)
    assert row(lab, one)["taxon_id"] == 1


def findings(lab: MappingLab) -> dict[str, tuple[str, str]]:
    return {each.check: (each.status, each.detail) for each in diagnose(lab.config()) if each.scope == "lab"}


def test_doctor_finds_nothing_to_mend(lab: MappingLab) -> None:
    found = findings(lab)
    bad = {title: said for title, said in found.items() if said[0] in ("fault", "warning")}
    assert bad == {}
    assert "images (images.path)" in found["How columns are mapped"][1]


def test_doctor_names_what_of_a_mapping_is_wrong(lab: MappingLab) -> None:
    lab.sql('ALTER TABLE "Taxa" RENAME COLUMN "Name" TO label')
    found = findings(lab)
    assert found["How columns are mapped"] == ("fault", "\"Taxa\" has no column 'Name'")


def test_the_grants_suffice_for_everything(lab: MappingLab) -> None:
    statements = [each.sql for each in grants(lab.config(), ["lab"]) if each.sql and not each.by_hand]
    text = "\n".join(statements)
    assert 'GRANT SELECT ("id", "Name") ON "Taxa"' in text
    assert 'GRANT SELECT ("id", "path", "width", "height") ON "images"' in text
    assert 'GRANT SELECT ("id", "login") ON "people"' in text
    assert "GRANT DELETE" not in text, "nothing is ever deleted there"


def test_everything_is_taken_back(lab: MappingLab) -> None:
    before = rows(lab), lab.named()
    one, two, three, *_ = sorted(lab.labels())
    lab.review(one, label="Diatom", depth=3.5, bounding_box=[0.1, 0.1, 0.5, 0.5])
    lab.erase(two)
    lab.sql('UPDATE "Objects" SET taxon_id = 4 WHERE no = 3 AND image_id = CAST(:i AS uuid)', i=three[:36])
    run = lab.reconcile()
    assert (rows(lab), lab.named()) != before
    with open_session(lab.config(), "lab") as session:
        entries = changes.query(session.state, session.tables, bindings=["lab"], status="applied", run_id=run.run_id)
        undone = undo(session, entries, DirectOptions(RunMode.UNDO))
    assert undone.left == ()
    assert (rows(lab), lab.named()) == before
    lab.until_quiet()
    with open_session(lab.config(), "lab") as session:
        assert verify(session, print).exit_code == 0


def rows(lab: MappingLab) -> list[dict[str, object]]:
    return lab.sql(
        'SELECT image_id, no, taxon_id, x1, y1, x2, y2, meta, "deletedAt" IS NULL AS live FROM "Objects" ORDER BY 1, 2'
    )


def test_both_sides_at_once_is_a_conflict_in_the_words_of_people(lab: MappingLab) -> None:
    one = min(lab.labels())
    lab.review(one, label="Diatom")
    lab.sql('UPDATE "Objects" SET taxon_id = 4 WHERE no = 1 AND image_id = CAST(:i AS uuid)', i=one[:36])
    lab.reconcile()
    [conflict] = lab.conflicts()
    assert (conflict["kind"], conflict["base"], conflict["fiftyone"], conflict["database"]) == (
        "edit_edit", "Copepoda", "Diatom", "Ciliate",
    )  # fmt: skip
