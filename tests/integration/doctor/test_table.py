"""Keys, indexes, triggers and columns that must not be null, each broken once and mended by its own remedy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.doctor.cases import Case, column, edit, on_table, sql
from integration.doctor.lab import Lab

TOKYO = """DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), 'Asia/Tokyo');
END $$"""
STRICT = "ALTER TABLE annotation ADD COLUMN cruise text; UPDATE annotation SET cruise = 'x'; "
STRICT += "ALTER TABLE annotation ALTER cruise SET NOT NULL"
SHORT = "ALTER TABLE annotation ALTER annotation_id DROP DEFAULT, "
SHORT += "ALTER annotation_id TYPE varchar(20) USING right(annotation_id::text, 20)"
NO_KEY = "ALTER TABLE annotation DROP CONSTRAINT annotation_pkey;"


def without_updated_at(lab: Lab) -> None:
    del lab.binding["columns"]["updated_at"]


CASES = [
    Case(
        "rule that keeps deleted rows",
        on_table(
            "CREATE RULE kept AS ON DELETE TO annotation DO INSTEAD UPDATE annotation SET label = 'gone' "
            "WHERE annotation_id = OLD.annotation_id",
            policy={"on_fiftyone_delete": "delete"},
        ),
        "Rules of the table",
        "warning",
        "kept (on DELETE)",
        "A VIEW THAT LEAVES OUT",
    ),
    Case(
        "no key", on_table(NO_KEY), "Id column is unique", "fault", "neither a primary key", "ADD UNIQUE", mends=False
    ),
    Case(
        "broken index",
        on_table(
            NO_KEY + "CREATE UNIQUE INDEX half ON annotation (annotation_id); "
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'half'::regclass"
        ),
        "Id column is unique",
        "fault",
        "neither a primary key",
        "ADD UNIQUE",
    ),
    Case(
        "null id possible",
        on_table(NO_KEY + "ALTER TABLE annotation ADD UNIQUE (annotation_id), ALTER annotation_id DROP NOT NULL"),
        "Id column is unique",
        "warning",
        "may be null",
        "SET NOT NULL",
        mends=True,
    ),
    Case(
        "no stamp",
        without_updated_at,
        "updated_at is mapped",
        "warning",
        "every poll",
        "columns.updated_at: updated_at",
    ),
    Case(
        "stamp without zone",
        on_table("ALTER TABLE annotation ALTER updated_at TYPE timestamp; " + TOKYO),
        "updated_at is mapped",
        "warning",
        "time zone, which is Asia/Tokyo",
        "TYPE timestamptz",
        mends=True,
    ),
    Case(
        "no index",
        sql("DROP INDEX annotation_updated_at_idx"),
        "Index on updated_at",
        "warning",
        "none",
        "",
        mends=True,
    ),
    Case(
        "no trigger",
        sql("DROP TRIGGER touched ON annotation"),
        "updated_at is kept",
        "warning",
        "default",
        "",
        mends=True,
    ),
    Case(
        "another trigger",
        sql("CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"),
        "updated_at is kept",
        "warning",
        "the trigger touched does not name it",
        "",
        mends=True,
    ),
    Case(
        "column that must be", sql(STRICT), "Rows can be inserted", "warning", "'cruise'", "policy.on_new", mends=True
    ),
    Case(
        "no room for an id",
        on_table(SHORT),
        "Rows can be inserted",
        "warning",
        "nobody gives new rows",
        "policy.on_new: quarantine",
    ),
    Case(
        "media of another table",
        column("media", "camera"),
        "Rows can be inserted",
        "warning",
        "no column 'camera'",
        "policy.on_new: quarantine",
    ),
    Case(
        "read: a materialised view",
        sql(
            "DROP VIEW annotation_with_media; CREATE MATERIALIZED VIEW annotation_with_media AS "
            "SELECT a.*, m.camera FROM annotation a LEFT JOIN media m USING (media_uri)"
        ),
        "Read as written",
        "warning",
        "does not show what syncd writes",
        "a plain view",
    ),
    Case(
        "read: a SELECT over a materialised view",
        lambda lab: (
            lab.sql("CREATE MATERIALIZED VIEW shown AS SELECT * FROM annotation_with_media"),
            lab.binding.update(read="SELECT * FROM shown"),
        ),
        "Read as written",
        "warning",
        "materialised view public.shown",
        "a plain view",
    ),
    Case(
        "read: another unit",
        edit(
            read="SELECT annotation_id, label, media_uri, x, y, w, h, depth_m * 100 AS depth_m, verified, "
            "updated_at, updated_by FROM annotation",
            attributes={"depth": {"column": "depth_m", "direction": "both"}, "verified": {"column": "verified"}},
        ),
        "Read as written",
        "warning",
        "'depth' (",
        "attributes.depth.direction: to_fiftyone",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_found_and_its_remedy_helps(broken_lab: Lab, case: Case) -> None:
    case.run(broken_lab)


def test_a_name_that_needs_quotes(broken_lab: Lab) -> None:
    broken_lab.sql('ALTER TABLE annotation RENAME updated_at TO "Order"; DROP INDEX annotation_updated_at_idx')
    broken_lab.sql("DROP VIEW annotation_with_media; DROP TRIGGER touched ON annotation")
    broken_lab.binding |= {"read": None}
    broken_lab.binding["columns"]["updated_at"] = "Order"
    for check in ("Index on updated_at", "updated_at is kept"):
        found = broken_lab.finding(check)
        assert found.status == "warning"
        broken_lab.follow(found)
        assert broken_lab.finding(check).status == "ok"


def test_a_materialised_view_beside_the_table_is_no_matter(broken_lab: Lab) -> None:
    broken_lab.sql("CREATE MATERIALIZED VIEW station AS SELECT media_uri, camera FROM media")
    broken_lab.binding |= {"read": "SELECT a.*, s.camera FROM annotation a LEFT JOIN station s USING (media_uri)"}
    assert broken_lab.finding("Read as written").status == "ok"


@pytest.fixture
def my_lab(broken_lab: Lab) -> Iterator[Lab]:
    """With a schema whose name needs quotes."""
    broken_lab.sql('CREATE SCHEMA "my.lab"')
    yield broken_lab
    broken_lab.sql('DROP SCHEMA "my.lab" CASCADE')


def test_a_schema_and_a_table_whose_names_need_quotes(my_lab: Lab) -> None:
    my_lab.sql("DROP VIEW annotation_with_media; DROP TRIGGER touched ON annotation")
    my_lab.sql("DROP INDEX annotation_updated_at_idx")
    my_lab.sql('ALTER TABLE annotation SET SCHEMA "my.lab"; ALTER TABLE "my.lab".annotation RENAME TO "an""no.t"')
    my_lab.binding |= {"read": None, "table": '"my.lab"."an""no.t"'}
    for check in ("Index on updated_at", "updated_at is kept"):
        found = my_lab.finding(check)
        assert found.status == "warning"
        my_lab.follow(found)
        assert my_lab.finding(check).status == "ok"


def test_a_table_that_is_not_there_is_looked_for_by_a_name_that_the_configuration_takes(my_lab: Lab) -> None:
    my_lab.sql('CREATE TABLE "my.lab"."labels" (annotation_id uuid PRIMARY KEY)')
    my_lab.binding["table"] = "labels"
    assert 'table: "my.lab".labels' in str(my_lab.finding("Table").remedy)


def test_a_partitioned_table_is_not_asked_for_a_key_that_it_cannot_have(broken_lab: Lab) -> None:
    broken_lab.sql(
        "CREATE TABLE parted (LIKE annotation INCLUDING DEFAULTS) PARTITION BY RANGE (updated_at); "
        "CREATE TABLE parted_rest PARTITION OF parted DEFAULT; INSERT INTO parted SELECT * FROM annotation"
    )
    broken_lab.binding |= {"read": None, "table": "parted"}
    found = broken_lab.finding("Id column is unique")
    assert found.status == "warning"
    assert "partitioned by RANGE (updated_at)" in found.detail
    assert "HAVING count(*) > 1" in str(found.remedy)
    assert "ADD UNIQUE" not in str(found.remedy)
