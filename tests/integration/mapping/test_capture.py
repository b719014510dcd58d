"""Triggers on what keys refer to name the annotations that a rename concerns, and wake the daemon."""

from __future__ import annotations

from mapping_lab import MappingLab
from syncd.adapters.connect import open_database
from syncd.adapters.sql.mapping import table_mapping
from syncd.store import capture_referred
from syncd.store.capture_install import Script, carry_out, plan_install, plan_remove
from syncd.store.capture_target import find_target
from syncd.store.tables import tables_for


def run(lab: MappingLab, *, remove: bool = False) -> Script:
    binding = lab.config().binding("lab")
    with open_database(lab.url) as connection:
        target = find_target(connection, binding.table, binding.columns.id.name, "syncd", table_mapping(binding))
        script = (
            plan_remove(connection, target)
            if remove
            else plan_install(connection, tables_for(connection, "syncd"), target)
        )
        carry_out(connection, script)
        assert capture_referred.is_installed(connection, target) is not remove
    connection.engine.dispose()
    return script


def test_what_runs_with_the_rights_of_its_owner_reads_the_tables_that_were_meant(lab: MappingLab) -> None:
    functions = [each for each in run(lab).statements if "SECURITY DEFINER" in each]
    assert functions
    for each in functions:
        assert "SET search_path = pg_catalog, pg_temp AS" in each
        assert ' FROM "' not in each, "a table without its schema"


def test_a_renamed_taxon_names_its_annotations(lab: MappingLab) -> None:
    assert run(lab).statements
    assert not run(lab).statements, "twice changes nothing"
    lab.until_quiet()
    assert lab.reconcile().mode == "incremental"
    lab.sql("""UPDATE "Taxa" SET "Name" = 'Calanoida' WHERE id = 1""")
    captured = lab.sql("SELECT annotation_id FROM syncd.captured WHERE op = 'U' ORDER BY 1")
    assert [each["annotation_id"] for each in captured] == sorted(n for n in lab.labels() if n.endswith("|1"))
    lab.until_quiet()
    assert sorted(lab.named().values()).count("Calanoida") == 2
    lab.sql("""UPDATE "Taxa" SET "Name" = "Name" """)
    lab.sql("UPDATE images SET station = 'M9'")
    assert len(lab.sql("SELECT 1 FROM syncd.captured WHERE op = 'U' AND annotation_id LIKE '%|3'")) == 0, (
        "nothing is shown of it"
    )
    lab.sql("UPDATE images SET width = 400 WHERE path = 'a.png'")
    assert lab.reconcile().mode == "incremental"
    boxes = sorted(each["bounding_box"][2] for each in lab.labels().values())
    assert boxes == [0.125, 0.125, 0.125, 0.25, 0.25, 0.25], "the size of an image changes its boxes"
    one = min(lab.labels())
    lab.sql('DELETE FROM "Objects" WHERE no = 1 AND image_id = CAST(:i AS uuid)', i=one[:36])
    lab.reconcile()
    assert one not in lab.labels(), "a composite id is captured as it is joined"
    assert run(lab, remove=True).statements
    lab.sql("""UPDATE "Taxa" SET "Name" = 'Other' WHERE id = 2""")
    lab.until_quiet()
    assert "Other" in lab.named().values()
