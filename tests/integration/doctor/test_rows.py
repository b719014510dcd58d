"""Rows without ids, with the same id, without samples."""

from __future__ import annotations

import pytest
import yaml

from integration.doctor.cases import Case, on_table, sql, view
from integration.doctor.lab import IDS, Lab

COPY = f"INSERT INTO annotation (annotation_id, media_uri) VALUES ('{IDS[0]}', '/images/0.png')"
NO_KEY = "ALTER TABLE annotation DROP CONSTRAINT annotation_pkey;"
CASES = [
    Case(
        "ids twice",
        on_table(NO_KEY + COPY),
        "Row ids",
        "fault",
        f"1 row too many: an id stands on several ({IDS[0]}",
        "",
    ),
    Case(
        "rows twice by a join",
        view("joined", "CREATE VIEW joined AS SELECT a.* FROM annotation a, generate_series(1, 2)"),
        "Row ids",
        "fault",
        "6 rows too many",
        "HAVING count(*) > 1",
    ),
    Case(
        "null ids",
        on_table(
            NO_KEY
            + "ALTER TABLE annotation ALTER annotation_id DROP NOT NULL; UPDATE annotation SET annotation_id = NULL"
        ),
        "Row ids",
        "warning",
        "6 rows of 6 without an id",
        "IS NULL",
    ),
    Case(
        "rows hidden by a flag",
        view(
            "in_use",
            "ALTER TABLE annotation ADD deleted_at timestamptz; UPDATE annotation SET deleted_at = now() "
            f"WHERE annotation_id = '{IDS[0]}'; "
            "CREATE VIEW in_use AS SELECT * FROM annotation WHERE deleted_at IS NULL",
        ),
        "Hidden rows",
        "warning",
        "shows rows by 'deleted_at' (1 row of the table not shown)",
        "policy.on_hidden: remove",
    ),
    Case(
        "pixels for boxes",
        sql("UPDATE annotation SET x = 100, y = 50, w = 200, h = 100"),
        "Boxes are relative to their image",
        "fault",
        "6 of 6 boxes lie far out of their image, such as 100, 50, 200, 100: these seem to be pixels",
        "columns.box: {columns: [x, y, w, h], unit: pixels, size: [IMAGE_WIDTH, IMAGE_HEIGHT]}",
    ),
    Case(
        "pixels in one row",
        sql(f"UPDATE annotation SET x = 100, y = 50, w = 20, h = 10 WHERE annotation_id = '{IDS[0]}'"),
        "Boxes are relative to their image",
        "warning",
        "1 of 6 boxes lie far out of their image, such as 100, 50, 20, 10",
        "Correct",
    ),
    Case(
        "corners for boxes",
        sql("UPDATE annotation SET x = 0.4, y = 0.4, w = 0.9, h = 0.8"),
        "Boxes are relative to their image",
        "warning",
        "6 of 6 boxes reach out of their image",
        "columns.box",
    ),
    Case("no rows", sql("TRUNCATE annotation"), "Rows", "warning", "none", "Fill it"),
    Case(
        "row without sample",
        sql("UPDATE annotation SET media_uri = '/images/99.png' WHERE media_uri = '/images/0.png'"),
        "Rows have samples",
        "warning",
        "1 of 6 rows have none, such as /images/99.png",
        "syncd ingest plankton",
    ),
    Case(
        "no row has a sample",
        sql("UPDATE annotation SET media_uri = 's3://lab' || media_uri"),
        "Rows have samples",
        "fault",
        "holds e.g. 's3://lab/images/",
        "sample_key",
    ),
    Case(
        "null media",
        on_table("ALTER TABLE annotation ALTER media_uri DROP NOT NULL; UPDATE annotation SET media_uri = NULL"),
        "Rows have samples",
        "fault",
        "none of 6 rows",
        "columns.media",
    ),
    Case(
        "a row on another image",
        sql("UPDATE annotation SET media_uri = '/images/1.png' WHERE media_uri = '/images/0.png'"),
        "Rows and labels are on the same images",
        "warning",
        "1 of 6 annotations on another image than their row says",
        "syncd reconcile plankton --full --dry-run",
    ),
    Case(
        "sample_key names something else",
        sql("UPDATE annotation SET media_uri = '/mnt' || media_uri"),
        "Rows and labels are on the same images",
        "fault",
        "6 of 6 annotations are on another image than their row says: 'filepath' holds e.g. '/images/",
        "sample_key",
    ),
    Case(
        "an image that one side does not name",
        on_table(
            "ALTER TABLE annotation ALTER media_uri DROP NOT NULL; UPDATE annotation SET media_uri = NULL "
            "WHERE media_uri = '/images/0.png'"
        ),
        "Rows and labels are on the same images",
        "warning",
        "1 of 6 annotations cannot be compared, since a side names no image",
        "Fill 'media_uri'",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_found_and_its_remedy_helps(broken_lab: Lab, case: Case) -> None:
    case.run(broken_lab)


def test_of_many_rows_a_part_is_looked_up(broken_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_lab.sql(
        "INSERT INTO annotation (media_uri) SELECT '/images/' || n % 12 || '.png' FROM generate_series(1, 600) AS n"
    )
    monkeypatch.setattr("syncd.doctor.rows.LOOKED_AT", 200)
    found = broken_lab.finding("Rows have samples")
    assert found.status == "warning"
    assert "(of 606, chosen by chance) have none, such as /images/" in found.detail


def test_boxes_that_reach_out_of_their_image_are_boxes(broken_lab: Lab) -> None:
    broken_lab.sql(f"UPDATE annotation SET x = -0.2, w = 1.4 WHERE annotation_id = '{IDS[0]}'")
    assert broken_lab.finding("Boxes are relative to their image").status == "ok"


def test_the_unit_that_makes_pixels_relative_does(broken_lab: Lab) -> None:
    broken_lab.sql(
        "DROP VIEW annotation_with_media; ALTER TABLE annotation ADD wide int DEFAULT 1000, ADD high int DEFAULT 500; "
        "UPDATE annotation SET x = 100, y = 50, w = 200, h = 100"
    )
    broken_lab.binding |= {"read": None, "ingest": {"size": ["wide", "high"]}}
    remedy = str(broken_lab.finding("Boxes are relative to their image").remedy)
    broken_lab.binding["columns"]["box"] = yaml.safe_load(remedy.partition(".columns.box: ")[2])
    findings = {each.check: each for each in broken_lab.diagnose()}
    assert findings["Boxes are relative to their image"].status == "ok"
    assert findings["Box fits both sides"].status == "ok"
