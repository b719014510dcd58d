"""The report as Markdown, and the changes as files for other programs."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import polars as pl

from syncd.printable import printable_lines
from syncd.report.formats import write_csv, write_parquet
from syncd.report.labels import Transition
from syncd.report.markdown import LISTED, markdown
from syncd.report.refused import Refused
from syncd.report.selection import CHANGES
from syncd.report.totals import Tally
from unit.report.logs import approved, change, log, moved, report

EVIL = "<script>alert(1)</script> | *海*\nsecond"
LOGGED = [name for name in CHANGES if name not in ("old_label", "new_label")]


def test_an_empty_period_says_so_in_one_sentence() -> None:
    assert markdown(report()) == "## week\n\nNo change was applied.\n"


def test_one_change_is_not_spoken_of_as_many() -> None:
    assert "**1 change** of **1 annotation**." in markdown(report(change()))


def test_a_label_is_text_in_markdown_and_stays_in_its_cell() -> None:
    text = markdown(report(change(new_label=EVIL)))
    assert r"| x | \<script\>alert(1)\</script\> \| \*海\*\\nsecond | 1 |" in text.splitlines()
    assert "<script>" not in text.replace("\\<", "")


def test_a_change_by_nobody_known_and_a_label_taken_away_have_words() -> None:
    lines = markdown(report(change(new_label=None, direction=None, actor=None))).splitlines()
    assert {"| unknown | 1 |", "| both sides alike | 1 |", "| x | – | 1 |"} <= set(lines)


def test_a_long_table_says_how_much_it_leaves_out() -> None:
    many = tuple(Transition(f"{number:02}", "z", 1) for number in range(13))
    text = markdown(replace(report(change()), transitions=many))
    assert "| 09 | z | 1 |" in text
    assert "| 10 | z | 1 |" not in text
    assert "… and 3 more" in text


def test_the_list_has_the_newest_changes_with_what_takes_them_back() -> None:
    lines = markdown(report(*(change(seq) for seq in range(1, LISTED + 4)))).splitlines()
    listed = [each for each in lines if "syncd undo" in each]
    assert len(listed) == LISTED
    assert listed[0].startswith(f"| {LISTED + 3} | ")
    assert listed[0].endswith(f"| x → y | reviewed | `syncd undo {LISTED + 3}` |")
    assert "… and 3 more" in lines


def test_a_change_that_never_came_into_effect_is_listed_without_a_way_back() -> None:
    text = markdown(report(change(), change(2, status="superseded", applied_at=None)))
    assert "| 2 | superseded | ada | a | x → y | reviewed | – |" in text.splitlines()


def test_an_annotation_links_to_its_sample_in_the_app() -> None:
    text = markdown(report(change()), app_url="http://app:5151/")
    assert "[a](<http://app:5151/datasets/d%201?id=s>)" in text


def test_what_became_of_refused_labels_is_told() -> None:
    refused = Refused("Acartai", 5, 2, (Tally("Acartia", 2), Tally(None, 1)))
    text = markdown(report(change(), refused=(refused,)))
    assert "| Acartai | 5 | 2 | Acartia (2), – (1) |" in text.splitlines()
    assert "2 refused labels to be dealt with" in text


def test_what_could_not_be_told_is_noted() -> None:
    assert "> the vocabulary is left out" in markdown(replace(report(), notes=("the vocabulary is left out",)))


def test_csv_has_every_column_of_the_log_exactly() -> None:
    file = io.BytesIO()
    write_csv(log(change(actor="Zoë", new='"y, \\"z\\""')), file)
    (row,) = csv.DictReader(io.StringIO(file.getvalue().decode()))
    assert list(row) == LOGGED
    assert (row["new"], row["actor"], row["edited_at"]) == ('"y, \\"z\\""', "Zoë", "")
    assert row["applied_at"] == "2026-11-01T23:31:00.000005Z"


def test_parquet_has_every_column_of_the_log_exactly() -> None:
    file = io.BytesIO()
    write_parquet(log(change()), file)
    file.seek(0)
    assert pl.read_parquet(file).equals(log(change()).select(LOGGED))


def test_labels_of_one_annotation_that_come_back_are_shown_as_a_path() -> None:
    text = markdown(report(moved(1, "a", "x", "y"), moved(2, "a", "y", "x")))
    assert "| a | x → y → x |" in text.splitlines()


def test_nothing_in_markdown_steers_the_terminal_that_it_is_printed_on() -> None:
    evil = "a\x1b[2J\u202eb\u200bc"
    text = markdown(report(moved(1, evil, evil, evil, evil), approved(2, evil, evil), title=evil))
    assert text == printable_lines(text)
    assert r"a\\x1b\[2J\\u202eb\\u200bc" in text
