"""The HTML page as text: one file, nothing that people wrote is markup, and small enough."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from typing import Any

import polars as pl
import pytest

from syncd.report.content import Report, report_of
from syncd.report.disputes import CONFLICTS
from syncd.report.html.data import columns, script_json
from syncd.report.html.figures import matrix
from syncd.report.html.page import write_html
from syncd.report.html.words import attention, summary
from syncd.report.labels import Transition
from syncd.report.pictures import Picture, Pictures, chosen
from syncd.report.selection import Selection
from unit.report.logs import AT, log, moved, report

EVIL = "<script>alert(1)</script>"
MB = 1_000_000


def page(found: Report, pictures: Pictures | None = None, app_url: str | None = None) -> str:
    file = io.BytesIO()
    write_html(found, file, pictures, app_url)
    return file.getvalue().decode()


def decoded(column: dict[str, Any]) -> list[Any]:
    if "values" in column:
        return [None if code < 0 else column["values"][code] for code in column["codes"]]
    total, found = 0, []
    for each in column["differences"]:
        total += each or 0
        found.append(None if each is None else total)
    return found


def test_what_people_wrote_is_never_markup() -> None:
    rows = [moved(1, EVIL, EVIL, "x", EVIL), moved(2, EVIL, "x", EVIL, EVIL), moved(3, "b", "x", "z")]
    picture = Picture("b", EVIL, "data:,", EVIL, None, EVIL, AT)
    text = page(report(*rows, title=EVIL), Pictures((picture,), ((EVIL, EVIL),), notes=(EVIL,)))
    assert EVIL not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\\u003cscript\\u003ealert(1)" in text


def test_only_the_pages_own_scripts_may_run_and_nothing_may_be_fetched() -> None:
    text = page(report(moved(1, "a", "x", "y"), moved(2, "b", "x", "z")))
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    hashes = {base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts}
    assert {f"&#39;sha256-{each}&#39;" for each in hashes} == set(re.findall(r"&#39;sha256-[^&]*&#39;", policy))
    assert policy.startswith("default-src &#39;none&#39;; script-src ")
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert not re.findall(r"""<(?:script|img|link|iframe)[^>]*(?:src|href)=["'](?!data:)""", text)


def test_json_in_the_page_cannot_end_its_element_and_stays_the_same_json() -> None:
    value = {"a": ["</script>", "<!--", "&lt;", "\u2028", "海"]}
    text = script_json(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value


def test_the_list_holds_each_change_as_logged_newest_first() -> None:
    rows = log(moved(1, "a", "x", "y"), moved(2, "b", None, "海", None) | {"applied_at": None}, moved(5, "a", "y", "x"))
    found = columns(rows, {("b", "a"): 7})
    read = {name: decoded(column) for name, column in found["columns"].items()}
    assert found["count"] == 3
    assert read["seq"] == [5, 2, 1]
    assert read["old"] == ["y", None, "x"]
    assert read["new"] == ["x", "海", "y"]
    assert read["actor"] == ["ada", None, "ada"]
    times = [None if at is None else round(at.timestamp() * 1000) for at in reversed(rows["applied_at"].to_list())]
    assert read["time"] == pytest.approx([times[0], None, times[2]], abs=1)
    assert found["pictures"] == [7, -1, 7]


def test_other_values_are_shown_in_few_words() -> None:
    box = {"field": "box", "old": "[0.123456,0.2,0.3,0.4]", "new": "null", "old_label": None, "new_label": None}
    found = columns(log(moved(1, "a", "x", "y") | box), {})["columns"]
    assert (decoded(found["old"]), decoded(found["new"])) == (["0.1235 0.2 0.3 0.4"], [None])


def test_an_empty_period_is_a_page_that_says_so() -> None:
    text = page(report())
    assert "No change was applied in this time." in text
    assert "plotly.js v" not in text
    assert 'id="changes"' not in text


def test_one_change_is_told_in_the_singular() -> None:
    (much, who, what) = map(str, summary(report(moved(1, "a", "x", "y"))))
    assert much.startswith("<strong>1 change</strong> was applied to 1 annotation on 2026-11-01, from FiftyOne")
    assert who == "<bdi>ada</bdi> made it."
    assert what == "1 label went from <bdi>x</bdi> to <bdi>y</bdi>."


def test_what_went_back_and_forth_wants_attention() -> None:
    found = report(moved(1, "a", "x", "y"), moved(2, "a", "y", "x"))
    assert [str(each).partition(":")[0] for each in attention(found)] == [
        "<strong>1 annotation</strong> went back and forth"
    ]


def test_the_matrix_is_in_the_order_of_the_taxonomy_and_adds_up() -> None:
    figure = matrix([Transition("b", "a", 3), Transition("a", None, 2), Transition("zz", "b", 1)], ("a", "b"))
    assert figure is not None
    assert figure.pairs == {"from": ["a", "b", "zz"], "to": ["a", "b", None]}
    assert figure.data[0]["text"] == [["", "", "2"], ["3", "", ""], ["", "1", ""]]


def test_a_sample_is_linked_where_the_app_is_known() -> None:
    found = report(moved(1, "a", "x", "y"))
    assert '"apps":{"b":"http://app:5151/datasets/d%201?id="}' in page(found, app_url="http://app:5151/")
    assert '"apps":{}' in page(found)
    assert '"apps":{}' in page(found, app_url="javascript:alert(1)")


def test_pictures_show_every_transition_before_a_second_of_one() -> None:
    many = [moved(number, f"m{number}", "x", "y") for number in range(1, 6)]
    pending = moved(8, "o", "x", "z") | {"status": "pending"}
    rows = log(*many, moved(6, "n", "x", "z"), moved(7, "m1", "y", "x"), pending)
    assert chosen(rows, 4)["annotation_id"].to_list() == ["m5", "n", "m1", "m4"]
    assert chosen(rows, 99)["annotation_id"].to_list() == ["m5", "n", "m1", "m4", "m3", "m2"]
    assert chosen(rows, 0).height == 0


def test_a_hundred_thousand_changes_stay_far_below_thirty_megabytes() -> None:
    one = log(moved(1, "a", "x", "y"))
    number = pl.int_range(1, 100_001)
    rows = pl.concat([one] * 100_000).with_columns(
        seq=number,
        annotation_id=pl.format("{}-7c11-4e0b-9d6e-0123456789ab", number),
        sample_id=pl.format("65f0c0ffee0000000{}", number + 1_000_000),
        run_id=pl.format("run-{}", number % 500),
        new_label=pl.format("label {}", number % 150),
    )
    found = report_of(rows, pl.DataFrame(schema=CONFLICTS), selection=Selection(), made_at=AT)
    text = page(found)
    assert len(text.encode()) < 25 * MB


def test_what_a_reader_cannot_see_is_shown_by_its_escape() -> None:
    evil = "a\x1b[2J\u202eb\u200bc"
    text = page(report(moved(1, evil, evil, evil, evil), moved(2, evil, evil, "y", evil)))
    assert not set(evil) & {each for each in text if each in "\x1b\u202e\u200b"}
    assert "a\\x1b[2J\\u202eb\\u200bc" in text
