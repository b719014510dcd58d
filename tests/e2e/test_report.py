"""``syncd report`` as its readers call it."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import jsonschema
import polars as pl
import pytest
from lab import Lab

from syncd.report.document import schema


@pytest.fixture
def changed(lab: Lab) -> Lab:
    """Three labels corrected in FiftyOne and one in the database, reconciled."""
    keys = sorted(lab.rows())
    dataset = lab.dataset()
    for sample in dataset:
        for label in sample["ground_truth"].detections if sample["ground_truth"] else []:
            if str(label["annotation_id"]) in keys[:3]:
                label.label = "<script>alert(1)</script>"
        sample.save()
    lab.sql(
        "UPDATE annotation SET label = '海胆', updated_at = now() WHERE annotation_id = CAST(:k AS uuid)", k=keys[3]
    )
    assert lab.syncd("reconcile").code == 0
    return lab


def test_every_format_tells_of_every_change(changed: Lab, tmp_path: Path) -> None:
    texts = {}
    for name in ("week.md", "week.csv", "week.json", "week.html", "week.parquet"):
        done = changed.syncd("report", "-o", str(tmp_path / name), "--thumbnails", "2")
        assert (done.code, done.out) == (0, "")
        assert "4 applied changes" in done.err
        texts[name] = (tmp_path / name).read_bytes()
    document = json.loads(texts["week.json"])
    jsonschema.Draft202012Validator(schema()).validate(document)
    logged = changed.syncd("log", json=True).json["changes"]
    assert {each["seq"] for each in document["changes"]} == {each["seq"] for each in logged}
    assert len(list(csv.reader(io.StringIO(texts["week.csv"].decode())))) == 1 + len(logged)
    assert pl.read_parquet(tmp_path / "week.parquet").height == len(logged)
    assert "海胆" in texts["week.md"].decode()
    assert b"<script>alert(1)" not in texts["week.md"].replace(b"\\<", b"") + texts["week.html"]
    assert (tmp_path / "week.md").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    found = os.umask(0o022)
    os.umask(found)
    return found


def test_without_a_file_it_is_markdown_or_json_on_standard_output(changed: Lab) -> None:
    assert changed.syncd("report", "--title", "My week").out.startswith("## My week\n")
    assert changed.syncd("report", json=True).json["totals"]["changes"] == 4
    assert changed.syncd("report", "--format", "csv", "-o", "-").out.startswith("seq,run_id,")


def test_it_is_narrowed_as_the_log_is(changed: Lab) -> None:
    def count(*options: str) -> int:
        return int(changed.syncd("report", *options, json=True).json["totals"]["changes"])

    run = changed.syncd("log", json=True).json["changes"][0]["run_id"]
    assert count("--direction", "to_fiftyone") == count("--label", "海胆") == 1
    assert count("--run", run[:-1]) == count("--since", "1h", "--field", "label") == 4
    assert count("--until", "yesterday") == count("--actor", "nobody") == 0


def test_an_empty_report_looks_like_one(lab: Lab, tmp_path: Path) -> None:
    assert "No change was applied." in lab.syncd("report").out
    assert lab.syncd("report", "-o", str(tmp_path / "none.html")).code == 0
    assert lab.syncd("report", json=True).json["changes"] == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-o", "week.doc"], "--format html|markdown"),
        (["--json", "--format", "csv"], "two formats"),
        (["--run", "nothing"], "There is no run 'nothing'"),
        (["--since", "someday"], "no moment"),
        (["--since", "1h", "--until", "2h"], "nothing between them"),
        (["--app-url", "javascript:alert(1)"], "no web address"),
        (["-o", "/nowhere/week.md"], "cannot be written"),
    ],
)
def test_wrong_usage_is_2_with_what_to_do(lab: Lab, options: list[str], told: str) -> None:
    done = lab.syncd("report", *options)
    assert done.code == 2
    assert told in done.err
