"""What goes wrong with keys, versions and images is named, and costs nothing else."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from integration.mapping.ordinary import row
from mapping_lab import MappingLab
from syncd.errors import MappingError, RightMissing


def test_two_taxa_of_one_name_are_a_conflict_that_names_them(lab: MappingLab) -> None:
    lab.sql('ALTER TABLE "Taxa" DROP CONSTRAINT "Taxa_Name_key"')
    lab.sql("""INSERT INTO "Taxa" ("Name") VALUES ('Diatom')""")
    one = min(lab.labels())
    lab.review(one, label="Diatom", depth=1.0)
    lab.until_quiet()
    [conflict] = lab.conflicts()
    assert conflict["field"] == "label"
    assert "stands for 2 rows" in str(conflict)
    assert row(lab, one)["taxon_id"] == 1
    assert row(lab, one)["meta"] == {"env": {"depth": 1.0}}, "the other edit of the label goes through"


def test_a_key_that_vanished_is_no_cleared_label(lab: MappingLab) -> None:
    lab.sql('ALTER TABLE "Objects" DROP CONSTRAINT "Objects_taxon_id_fkey"')
    lab.sql('DELETE FROM "Taxa" WHERE id = 1')
    before = lab.named()
    lab.reconcile()
    assert lab.named() == before
    assert {each["field"] for each in lab.conflicts()} == {"label"}


def test_a_version_that_somebody_else_bumps_hinders_nothing(lab: MappingLab) -> None:
    one = min(lab.labels())
    lab.sql('UPDATE "Objects" SET version = 40')
    lab.review(one, label="Diatom")
    lab.until_quiet()
    assert (row(lab, one)["taxon_id"], row(lab, one)["version"]) == (3, 41)
    assert not lab.conflicts()


def test_an_image_that_moved_is_named_and_its_annotations_are_safe(lab: MappingLab) -> None:
    lab.sql("UPDATE images SET path = 'elsewhere.png' WHERE path = 'a.png'")
    before = lab.named()
    lab.reconcile(full=True)
    assert lab.named() == before
    assert {each["kind"] for each in lab.conflicts()} == {"moved"}
    lab.sql("UPDATE images SET path = 'a.png' WHERE path = 'elsewhere.png'")
    lab.until_quiet()
    assert not lab.conflicts()


def test_a_referred_table_that_may_not_be_read_is_named_with_its_grant(lab: MappingLab) -> None:
    lab.sql("CREATE ROLE reader LOGIN")
    for each in ("public", "syncd"):
        lab.sql(f"GRANT USAGE ON SCHEMA {each} TO reader")
        lab.sql(f"GRANT ALL ON ALL TABLES IN SCHEMA {each} TO reader")
        lab.sql(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {each} TO reader")
    lab.sql('REVOKE ALL ON "Taxa" FROM reader')
    lab.url = sa.make_url(lab.url).set(username="reader").render_as_string(hide_password=False)
    try:
        with pytest.raises(RightMissing, match=r'GRANT SELECT ."Name", id. ON "Taxa" TO reader'):
            lab.reconcile()
    finally:
        lab.url = sa.make_url(lab.url).set(username="postgres").render_as_string(hide_password=False)
        lab.sql("DROP OWNED BY reader")
        lab.sql("DROP ROLE reader")


def test_a_lookup_that_does_not_fit_is_said_before_anything_is_read(lab: MappingLab) -> None:
    lab.sql('ALTER TABLE "Taxa" RENAME TO "Names"')
    with pytest.raises(MappingError, match="no table or view '\"Taxa\"'"):
        lab.reconcile()
