"""Relations and columns that are not there or of the wrong type, each broken once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from integration.doctor.cases import Case, column, edit, on_table, view
from integration.doctor.lab import Lab, copy_dataset, find, remove_dataset, wanting

USERS = "CREATE TABLE users (login text PRIMARY KEY); INSERT INTO users VALUES ('ada'); "
COMPOSED = {"id": "annotation_id", "label": "gr\u00f6\u00dfe", "media": "media_uri"}

CASES = [
    Case("no table", on_table(table="anotation"), "Table", "fault", "no table 'anotation'", "].table: annotation"),
    Case("view as table", on_table(table="annotation_with_media"), "Table", "fault", "is a view", "read: annotation_w"),
    Case(
        "simple view as table",
        on_table("CREATE VIEW simple AS SELECT * FROM annotation", table="simple"),
        "Table",
        "warning",
        "simple is a view: its keys",
        "THE TABLE BEHIND IT",
    ),
    Case("no view", edit(read="other"), "Read relation", "fault", "'other'", "].read"),
    Case(
        "bad query",
        edit(read="SELECT * FROM nowhere"),
        "Read relation",
        "fault",
        'relation "nowhere" does not exist',
        "].read",
    ),
    Case(
        "no column",
        column("label", "lable"),
        "Column 'lable' (label)",
        "fault",
        "it has annotation_id, media_uri",
        "columns.label: label",
    ),
    Case(
        "not in the view",
        view("narrow", "CREATE VIEW narrow AS SELECT * FROM annotation; ALTER VIEW narrow RENAME label TO old"),
        "Column 'label' (label)",
        "fault",
        "narrow does not give it",
        "Add label",
    ),
    Case(
        "unknown type",
        on_table("ALTER TABLE annotation ALTER label TYPE jsonb USING to_jsonb(label)"),
        "Column 'label' (label)",
        "fault",
        "jsonb, expected text",
        "columns.label",
    ),
    Case(
        "type of the id",
        on_table("ALTER TABLE annotation RENAME annotation_id TO old; ALTER TABLE annotation ADD annotation_id date"),
        "Column 'annotation_id' (id)",
        "fault",
        "date, expected text, integer or UUID",
        "columns.id",
    ),
    Case(
        "type of the stamp",
        column("updated_at", "camera"),
        "Column 'camera' (updated_at)",
        "fault",
        "text, expected a timestamp",
        "timestamptz",
    ),
    Case(
        "type of the other stamp",
        on_table("ALTER TABLE annotation ALTER updated_by TYPE integer USING 1"),
        "Column 'updated_by' (updated_by)",
        "fault",
        "integer, expected text",
        "leave it out",
    ),
    Case(
        "names where a user is meant",
        on_table(USERS + "ALTER TABLE annotation ADD FOREIGN KEY (updated_by) REFERENCES users"),
        "Column 'updated_by' (updated_by)",
        "fault",
        "the foreign key of 'updated_by' to public.users.login does not take 'syncd'",
        "INSERT INTO public.users (login) VALUES ('syncd');",
    ),
    Case(
        "names that a list lacks",
        on_table("ALTER TABLE annotation ADD CHECK (updated_by IN ('ada', 'ben'))"),
        "Column 'updated_by' (updated_by)",
        "fault",
        "the CHECK of 'updated_by' does not take 'syncd'",
        "or leave ",
    ),
    Case(
        "an enum of people",
        on_table(
            "CREATE TYPE people AS ENUM ('ada'); ALTER TABLE annotation ALTER updated_by TYPE people USING NULL::people"
        ),
        "Column 'updated_by' (updated_by)",
        "fault",
        "the type people of 'updated_by' does not take 'syncd'",
        "or leave ",
    ),
    Case(
        "keys for labels",
        on_table(
            "CREATE TABLE taxon (taxon_id int PRIMARY KEY, name text); ALTER TABLE annotation DROP label, "
            "ADD label int REFERENCES taxon",
            vocabulary={"table": "taxon", "column": "name"},
        ),
        "Label fits both sides",
        "fault",
        "'label' of public.annotation is integer and holds the keys of public.taxon.taxon_id",
        "columns.label: {column: label, lookup: {table: public.taxon, key: taxon_id, value: name}}",
    ),
    Case(
        "codes for labels",
        on_table(
            "CREATE TABLE taxon (code text PRIMARY KEY, name text); INSERT INTO taxon VALUES ('T1', 'Copepoda'); "
            "UPDATE annotation SET label = 'T1'; ALTER TABLE annotation ADD FOREIGN KEY (label) REFERENCES taxon",
            vocabulary={"table": "taxon", "column": "name"},
        ),
        "Labels of the rows are terms",
        "fault",
        "holds e.g. 'T1', the keys of public.taxon.code; the vocabulary has e.g. 'Copepoda'",
        "columns.label: {column: label, lookup: {table: public.taxon, key: code, value: name}}",
    ),
    Case(
        "a term that the column does not take",
        on_table(
            "UPDATE annotation SET label = 'Copepoda'; ALTER TABLE annotation ADD CHECK (label IN ('Copepoda'))",
            vocabulary={"classes": ["Copepoda"]},
            extra_labels=["noise"],
        ),
        "Values that columns take",
        "warning",
        "the CHECK of 'label' does not take 'noise'",
        ".extra_labels",
    ),
    Case(
        "a column in another unicode form",
        on_table('ALTER TABLE annotation RENAME label TO "gro\u0308\u00dfe"', columns=COMPOSED),
        "Column 'gr\u00f6\u00dfe' (label)",
        "fault",
        "written with decomposed characters (NFD), and asked for with composed characters (NFC)",
        "columns.label: gro\u0308\u00dfe",
    ),
    Case(
        "of another type where it is read",
        view(
            "others",
            "CREATE VIEW others AS SELECT annotation_id, media_uri, true AS label, x, y, w, h, depth_m, verified, "
            "updated_at, updated_by FROM annotation",
        ),
        "Mapping",
        "fault",
        "'label' is text in public.annotation, but boolean where it is read",
        "Mend",
    ),
    Case(
        "type of the label",
        on_table("ALTER TABLE annotation ALTER label TYPE boolean USING true"),
        "Label fits both sides",
        "fault",
        "'label' is text",
        "change the type",
    ),
    Case(
        "type of the box",
        on_table("ALTER TABLE annotation ALTER x TYPE text"),
        "Box fits both sides",
        "fault",
        "'x'",
        "four",
    ),
    Case(
        "not of the table",
        lambda lab: lab.binding["attributes"].update(camera={"column": "camera", "direction": "both"}),
        "Column 'camera' (camera)",
        "fault",
        "not a column of public.annotation",
        "attributes.camera.direction: to_fiftyone",
    ),
    Case(
        "generated",
        on_table(
            "ALTER TABLE annotation ADD deep boolean GENERATED ALWAYS AS (depth_m > 9) STORED",
            attributes={"deep": {"column": "deep", "direction": "both"}},
        ),
        "Column 'deep' (deep)",
        "fault",
        "generated by the table",
        "attributes.deep.direction: to_fiftyone",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_found_and_its_remedy_helps(broken_lab: Lab, case: Case) -> None:
    case.run(broken_lab)


@pytest.fixture
def another_dataset(lab: Lab) -> Iterator[str]:
    name = f"{lab.binding['dataset']}-2"
    copy_dataset(lab.mongo, name)
    yield name
    remove_dataset(lab.mongo, name)


def test_a_table_that_is_gone_skips_what_needs_it_and_nothing_else(broken_lab: Lab, another_dataset: str) -> None:
    other = {**broken_lab.binding, "name": "other", "table": "gone", "read": None, "dataset": another_dataset}
    broken_lab.settings["bindings"] = [other, broken_lab.binding]
    findings = broken_lab.diagnose()
    assert wanting([each for each in findings if each.scope != "other"]) == []
    assert [check for _, check, _ in wanting(findings, "fault")] == ["Table"]
    assert find(findings, "Labels", "other").status == "ok"
    skipped = find(findings, "Column 'label' (label)", "other")
    assert (skipped.status, skipped.detail) == ("skipped", "needs “Table” to be well")


def test_a_table_of_users_that_has_syncd_is_well(broken_lab: Lab) -> None:
    on_table(
        USERS + "INSERT INTO users VALUES ('syncd'); UPDATE annotation SET updated_by = NULL; "
        "ALTER TABLE annotation ADD FOREIGN KEY (updated_by) REFERENCES users"
    )(broken_lab)
    assert broken_lab.finding("Column 'updated_by' (updated_by)").status == "ok"


def test_a_foreign_key_of_names_is_what_a_label_should_have(broken_lab: Lab) -> None:
    vocabulary = {"table": "taxon", "column": "name"}
    on_table(
        "CREATE TABLE taxon (name text PRIMARY KEY); INSERT INTO taxon SELECT DISTINCT label FROM annotation; "
        "ALTER TABLE annotation ADD FOREIGN KEY (label) REFERENCES taxon",
        vocabulary=vocabulary,
    )(broken_lab)
    findings = broken_lab.diagnose()
    assert wanting(findings) == []
    assert "every term among them" in find(findings, "Values that columns take", "plankton").detail


def test_what_doctor_says_of_keys_helps(broken_lab: Lab) -> None:
    """The lookup that it names, taken as it stands, shows the names and lets the rest of the mapping be well."""
    on_table(
        "CREATE TABLE taxon (taxon_id serial PRIMARY KEY, name text UNIQUE); INSERT INTO taxon (name) SELECT DISTINCT "
        "label FROM annotation; ALTER TABLE annotation ADD k int REFERENCES taxon; UPDATE annotation SET k = taxon_id "
        "FROM taxon WHERE name = label; ALTER TABLE annotation DROP label",
        vocabulary={"table": "taxon", "column": "name"},
    )(broken_lab)
    broken_lab.binding["columns"]["label"] = "k"
    remedy = str(broken_lab.finding("Label fits both sides").remedy)
    broken_lab.binding["columns"]["label"] = yaml.safe_load(remedy.partition("`columns.label: ")[2].partition("`")[0])
    assert wanting(broken_lab.diagnose(), "fault") == []
