"""The HTML report in a real browser."""

from __future__ import annotations

import html
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from browser import Browser, browser
from syncd.report.content import Report, report_of
from syncd.report.disputes import CONFLICTS
from syncd.report.html.page import write_html
from syncd.report.models import PREDICTED
from syncd.report.read import CHANGES
from syncd.report.refused import Refused
from syncd.report.sides import Predicted, Sides
from syncd.report.totals import Tally
from unit.report.logs import AT, approved, change, moved, report

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
MANY = 100_000


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        # Whatever opens a dialogue would be remembered here, and stop nothing.
        found.call("Page.addScriptToEvaluateOnNewDocument", source="window.alert = (x) => { window.alerted = x }")
        yield found


def shown(window: Browser, folder: Path, made: Report, width: int = 1280) -> str:
    """Opens the report, which complains of nothing and asks no network, and returns the text that it shows."""
    file = io.BytesIO()
    write_html(made, file, None, "http://localhost:5151")
    path = folder / "report.html"
    path.write_bytes(file.getvalue())
    window.open(path, width)
    assert (window.complaints, window.requests) == ([], [])
    text: str = window.run("document.body.innerText")
    return text


def hostile() -> Report:
    """Everything that people write is markup."""
    rows = [
        moved(1, EVIL, EVIL, "y", EVIL) | {"run_id": EVIL, "reason": EVIL, "binding": EVIL, "sample_id": EVIL},
        moved(2, EVIL, "y", EVIL, "bob") | {"binding": EVIL},
        moved(3, "b", "x", "海胆", EVIL),
        moved(4, "c", "x", "\u202eقنديل", "bob"),
        approved(5, "b", "bob"),
        change(6, field=EVIL, old=None, new='"' + EVIL + '"', old_label=None, new_label=None),
    ]
    predicted = pl.DataFrame([("b", EVIL, "x"), ("c", "x", EVIL)], schema=PREDICTED, orient="row")
    return report(
        *rows,
        title=EVIL,
        disputed=pl.DataFrame([{"binding": "b", "kind": EVIL, "opened_at": AT, "status": "open"}], schema=CONFLICTS),
        refused=(Refused(EVIL, 2, 1, (Tally(EVIL, 1),)),),
        sides=Sides({"b": EVIL}, (EVIL,), (Predicted("b", EVIL, predicted),), (EVIL,)),
    )


def great() -> Report:
    """A long log."""
    number = pl.int_range(1, MANY + 1)
    text = {name: pl.lit(None, dtype=kind).alias(name) for name, kind in CHANGES.items()}
    made: dict[str, Any] = {
        "seq": number,
        "run_id": pl.format("run-{}", number // 500),
        "binding": pl.lit("b"),
        "annotation_id": pl.format("{}-8b1c-4f0e-9d6a-1f2e3d4c5b6a", number),
        "sample_id": pl.format("65f0c0ffee{}", number + 10**13),
        "direction": pl.lit("to_database"),
        "action": pl.lit("update"),
        "field": pl.lit("label"),
        "reason": pl.lit("reviewed"),
        "actor": pl.format("person {}", number % 7),
        "status": pl.lit("applied"),
        "applied_at": pl.lit(AT) + number * pl.duration(seconds=1),
        "old_label": pl.format("class {}", number % 120),
        "new_label": pl.format("class {}", number * 7 % 113),
    }
    frame = pl.select(**(text | made)).with_columns(
        old=pl.format('"{}"', pl.col("old_label")), new=pl.format('"{}"', pl.col("new_label"))
    )
    return report_of(
        frame.cast(CHANGES).select(*CHANGES),  # type: ignore[arg-type]
        pl.DataFrame(schema=CONFLICTS),
        selection=report().selection,
        made_at=AT,
    )


def test_what_people_wrote_is_text_wherever_it_stands(window: Browser, tmp_path: Path) -> None:
    text = shown(window, tmp_path, hostile())
    assert text.count(EVIL) > 5
    assert "海胆" in text
    assert window.run("window.alerted ?? null") is None
    assert window.run("document.querySelectorAll('script').length") == (tmp_path / "report.html").read_text().count(
        "</script>"
    )
    assert window.run("document.querySelectorAll('img[src=x]').length") == 0


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("made", [report(), report(change()), hostile()], ids=["empty", "one", "everything"])
def test_nothing_is_wider_than_the_window(window: Browser, tmp_path: Path, made: Report, width: int) -> None:
    shown(window, tmp_path, made, width)
    assert window.run("document.documentElement.scrollWidth") <= width


def test_an_empty_report_says_so(window: Browser, tmp_path: Path) -> None:
    assert "No change" in shown(window, tmp_path, report())


def test_a_hundred_thousand_changes_are_one_file_of_less_than_30_mb_of_which_few_rows_are_drawn(
    window: Browser, tmp_path: Path
) -> None:
    text = shown(window, tmp_path, great())
    assert (tmp_path / "report.html").stat().st_size < 30e6
    assert "100,000 changes" in text
    assert window.run("document.querySelectorAll('#log *').length") < 2_000
    found = window.run(
        """(() => { const find = document.getElementById('find'); find.value = '31337-8b1c';
        find.dispatchEvent(new Event('input', {bubbles: true}));
        return new Promise((done) => { const look = () => { const text = document.getElementById('log').innerText;
          text.includes('syncd undo 31337') ? done(text) : setTimeout(look, 20); }; look(); }); })()"""
    )
    assert "class 17" in found
    assert found.count("syncd undo") == 1


def test_a_header_sorts_and_a_choice_filters(window: Browser, tmp_path: Path) -> None:
    shown(window, tmp_path, report(moved(1, "a", "x", "m"), moved(2, "b", "z", "n", "bob"), moved(3, "c", "y", "m")))

    def order() -> list[str]:
        found: list[str] = window.run("document.getElementById('log').innerText.match(/syncd undo \\d+/g)")
        return [each.removeprefix("syncd undo ") for each in found]

    assert order() == ["3", "2", "1"]
    window.run(
        "[...document.querySelectorAll('#log button')].find((each) => each.innerText.startsWith('From')).click()"
    )
    window.wait("document.getElementById('log').innerText.match(/syncd undo \\d+/g)[0] === 'syncd undo 1'")
    assert order() == ["1", "3", "2"]


def test_every_control_has_a_name_and_the_page_a_language_and_one_title(window: Browser, tmp_path: Path) -> None:
    shown(window, tmp_path, hostile())
    nameless = """[...document.querySelectorAll('input, select, button')].filter((each) => !(each.labels?.length
        || each.innerText.trim() || each.ariaLabel)).length"""
    assert window.run(nameless) == 0
    assert window.run("document.documentElement.lang") == "en"
    assert window.run("document.querySelectorAll('h1').length") == 1


def test_the_page_forbids_itself_every_network(tmp_path: Path) -> None:
    file = io.BytesIO()
    write_html(report(change()), file, None, None)
    page = html.unescape(file.getvalue().decode())
    assert "default-src 'none'" in page
    assert "connect-src" not in page
