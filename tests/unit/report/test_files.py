"""The report as Markdown, and the changes as files for other programs."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timezone

import polars as pl

from syncd.report.labels import Transition, net, transitions, wavering
from syncd.report.markdown import markdown
from syncd.report.read import CHANGES
from syncd.report.tables import write_csv, write_parquet
from syncd.report.totals import totals

AT = datetime(2026, 11, 1, 23, 30, 0, 5, tzinfo=timezone.utc)
EVIL = "<script>alert(1)</script> | *海*\nsecond"
LOGGED = [name for name in CHANGES if name not in ("old_label", "new_label")]


def one(**more: object) -> pl.DataFrame:
    row = {"seq": 1, "run_id": "r", "binding": "b", "annotation_id": "a", "direction": "to_database"}
    row |= {"action": "update", "field": "label", "reason": "reviewed", "status": "applied", "applied_at": AT}
    row |= {"old": '"x"', "new": '"y, \\"z\\""', "old_label": "x", "new_label": 'y, "z"'}
    return pl.DataFrame([row | more], schema=CHANGES)


def rendered(changes: pl.DataFrame) -> str:
    return markdown("week", totals(changes), transitions(changes), net(changes), wavering(changes))


def test_an_empty_period_says_so_in_one_sentence() -> None:
    assert rendered(one().clear()) == "## week\n\nNo change was applied.\n"


def test_a_label_is_text_in_markdown_and_stays_in_its_cell() -> None:
    text = rendered(one(new_label=EVIL))
    assert r"| x | \<script\>alert(1)\</script\> \| \*海\* second | 1 |" in text.splitlines()
    assert "<script>" not in text.replace("\\<", "")


def test_a_change_by_nobody_known_and_a_label_taken_away_have_words() -> None:
    lines = rendered(one(new_label=None, direction=None)).splitlines()
    assert {"| unknown | 1 |", "| both sides alike | 1 |", "| x | – | 1 |"} <= set(lines)


def test_a_long_table_says_how_much_it_leaves_out() -> None:
    many = [Transition(f"{number:02}", "z", 1) for number in range(13)]
    text = markdown("week", totals(one()), many, (), ())
    assert "| 09 | z | 1 |" in text
    assert "| 10 | z | 1 |" not in text
    assert "… and 3 more" in text


def test_csv_has_every_column_of_the_log_exactly() -> None:
    file = io.BytesIO()
    write_csv(one(actor="Zoë"), file)
    (row,) = csv.DictReader(io.StringIO(file.getvalue().decode()))
    assert list(row) == LOGGED
    assert (row["new"], row["actor"], row["edited_at"]) == ('"y, \\"z\\""', "Zoë", "")
    assert row["applied_at"] == "2026-11-01T23:30:00.000005Z"


def test_parquet_has_every_column_of_the_log_exactly() -> None:
    file = io.BytesIO()
    write_parquet(one(), file)
    file.seek(0)
    assert pl.read_parquet(file).equals(one().select(LOGGED))
