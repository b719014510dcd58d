"""Where all is well nothing is said to be wrong, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from integration.doctor.lab import IDS, MEDIA, Lab, find, wanting
from syncd.adapters.connect import open_database
from syncd.doctor import diagnose
from syncd.store.migrate import migrate


def test_nothing_is_wanting(lab: Lab) -> None:
    findings = lab.diagnose()
    assert wanting(findings) == []
    assert {each.scope for each in findings} == {"servers", "plankton"}
    assert findings == sorted(findings, key=lambda each: each.scope != "servers"), "the servers come first"


def test_what_was_found_is_told(lab: Lab) -> None:
    findings = lab.diagnose()
    assert find(findings, "Database version", "servers").detail.startswith("PostgreSQL ")
    assert find(findings, "MongoDB version", "servers").detail.startswith("MongoDB ")
    assert find(findings, "Labels", "plankton").detail == "6 labels"
    assert find(findings, "Rows", "plankton").detail == "6"
    assert find(findings, "Column 'label' (label)", "plankton").detail == "text, may be null, written"
    assert find(findings, "Attribute 'depth' fits both sides", "plankton").detail == (
        "decimal in the table, float in FiftyOne"
    )


def test_findings_come_one_by_one(lab: Lab) -> None:
    found = diagnose(lab.config)
    assert next(found).check == "Database answers"
    found.close()  # type: ignore[attr-defined]


def test_nothing_is_written(lab: Lab) -> None:
    def state() -> tuple[Any, ...]:
        engine = sa.create_engine(lab.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT xmin::text, annotation::text FROM annotation ORDER BY 2").all()
            tables = connection.exec_driver_sql("SELECT oid, relname FROM pg_class ORDER BY 1").all()
        document = lab.samples.database["datasets"].find_one({"name": lab.binding["dataset"]})
        return rows, tables, list(lab.samples.find().sort("_id")), document, lab.samples.index_information()

    before = state()
    lab.diagnose()
    assert state() == before


@pytest.mark.parametrize("read", ["SELECT * FROM annotation WHERE label <> '100%:x'", None])
def test_any_kind_of_read(lab: Lab, read: str | None) -> None:
    lab.binding["read"] = read
    assert wanting(lab.diagnose()) == []


def test_classifications_without_boxes(lab: Lab) -> None:
    fo = lab.fo
    for sample, each in zip(lab.dataset, IDS, strict=True):
        sample["species"] = fo.Classification(label="Copepod", annotation_id=each)
        sample.save()
    lab.dataset.add_sample_field("species.annotation_id", fo.StringField)
    lab.dataset.create_index("species.annotation_id")
    lab.binding |= {"label_field": "species", "attributes": {}}
    del lab.binding["columns"]["box"]
    assert wanting(lab.diagnose()) == []


def test_sqlite_says_what_it_lacks_and_no_more(lab: Lab, tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/lab.db"
    lab.sql(
        "CREATE TABLE annotation (annotation_id CHAR(36) PRIMARY KEY NOT NULL, media_uri TEXT NOT NULL, label TEXT, "
        "x FLOAT, y FLOAT, w FLOAT, h FLOAT, depth_m NUMERIC(8, 2), verified BOOLEAN, updated_at DATETIME, "
        "updated_by TEXT)",
        url=url,
    )
    lab.sql("CREATE INDEX stamp ON annotation (updated_at)", url=url)
    for each, media in zip(IDS, MEDIA, strict=True):
        lab.sql(f"INSERT INTO annotation (annotation_id, media_uri) VALUES ('{each}', '{media}')", url=url)
    with open_database(url) as connection:
        migrate(connection, "syncd")
    lab.settings["database"] = {"url": url}
    for read in (None, "SELECT * FROM annotation"):
        lab.binding |= {"table": "annotation", "read": read}
        findings = lab.diagnose()
        assert wanting(findings, "fault") == []
        assert [check for _, check, _ in wanting(findings)] == [
            "Database version",
            "Rights on syncd's tables",
            "updated_at is kept",
            "Right to read the rows",
            "Right to write the table",
        ]


def test_a_missing_sqlite_file_is_not_made(lab: Lab, tmp_path: Any) -> None:
    lab.settings["database"] = {"url": f"sqlite:///{tmp_path}/typo.db"}
    found = lab.finding("Database answers", "servers")
    assert found.status == "fault"
    assert "typo.db" in found.detail
    assert not (tmp_path / "typo.db").exists()
