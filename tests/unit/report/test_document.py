"""The report as JSON."""

from __future__ import annotations

import io
import json
from typing import Any

import jsonschema
import polars as pl
import pytest

from syncd.report.content import Report
from syncd.report.disputes import CONFLICTS
from syncd.report.document import schema, write_json
from syncd.report.models import PREDICTED
from syncd.report.refused import Refused
from syncd.report.sides import Predicted, Sides
from syncd.report.totals import Tally
from unit.report.logs import AT, approved, change, moved, report

MODEL = Predicted("b", "pred", pl.DataFrame([("a", "y", "x"), ("c", "y", "y")], schema=PREDICTED, orient="row"))
CONFLICT = {"binding": "b", "kind": "edit_edit", "opened_at": AT, "resolved_at": AT, "status": "resolved"}


def whole() -> Report:
    """Something of everything."""
    disputed = pl.DataFrame([CONFLICT | {"resolution": "fiftyone"}], schema=CONFLICTS)
    rows = [
        moved(1, "a", "x", "y"),
        moved(2, "a", "y", "x", "bob"),
        moved(3, "a", "x", "海</script>"),
        approved(4, "a", "bob"),
        change(
            5,
            annotation_id="n",
            action="insert",
            field=None,
            old=None,
            old_label=None,
            new='{"label": "x", "box": [0.5, 1]}',
            new_label="x",
        ),
        change(6, status="pending", applied_at=None, hash=None, direction=None, actor=None),
    ]
    refused = (Refused("Acartai", 2, 1, (Tally(None, 1),)),)
    sides = Sides({"b": "d"}, ("y", "x"), (MODEL,), ("a note",))
    return report(*rows, disputed=disputed, refused=refused, sides=sides)


def written(report: Report, app_url: str | None = None) -> dict[str, Any]:
    file = io.StringIO()
    write_json(report, file, app_url=app_url)
    document: dict[str, Any] = json.loads(file.getvalue())
    return document


@pytest.mark.parametrize("made", [report(), report(change()), whole()], ids=["empty", "one", "whole"])
def test_the_document_is_what_its_schema_says(made: Report) -> None:
    jsonschema.Draft202012Validator(schema()).validate(written(made, "http://app"))


def test_the_schema_is_one_and_knows_no_other_key() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    document = written(report(change())) | {"further": 1}
    with pytest.raises(jsonschema.ValidationError, match="further"):
        jsonschema.Draft202012Validator(schema()).validate(document)


def test_every_change_is_there_with_its_values_as_they_were_logged() -> None:
    changes = written(whole())["changes"]
    assert [each["seq"] for each in changes] == [1, 2, 3, 4, 5, 6]
    assert changes[2]["new"] == "海</script>"
    assert changes[4]["new"] == {"label": "x", "box": [0.5, 1]}
    assert changes[0]["applied_at"] == "2026-11-01T23:31:00.000005Z"


def test_a_change_has_its_way_back_and_its_link() -> None:
    first, *_, last = written(whole(), "http://app/")["changes"]
    assert (first["undo"], first["app"]) == ("syncd undo 1", "http://app/datasets/d?id=s")
    assert last["undo"] is None
    assert written(whole())["changes"][0]["app"] is None


def test_the_numbers_are_those_of_the_report() -> None:
    document = written(whole())
    assert document["totals"]["changes"] == 5
    assert document["transitions"][0] == {"old": "x", "new": "y", "count": 1}
    assert document["classes"][0] == {"label": "x", "gained": 2, "lost": 2, "net": 0}
    assert document["conflicts"]["waited"] == 0.0
    assert document["models"][0]["corrected"] == 1
    assert document["order"][:2] == ["y", "x"]
    assert document["agreement"][0]["both"] == 1
