"""A report in which everything that people write is markup, in a real browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from browser import Browser, browser
from syncd.report.content import Report
from syncd.report.disputes import CONFLICTS
from syncd.report.html.page import write_html
from syncd.report.models import PREDICTED
from syncd.report.refused import Refused
from syncd.report.sides import Predicted, Sides
from syncd.report.totals import Tally
from unit.report.logs import AT, approved, change, moved, report

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


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
