"""The HTML page in a real browser: it draws without a word in the console, and its list sorts and filters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from browser import Browser, browser
from syncd.report.content import Report, report_of
from syncd.report.disputes import CONFLICTS
from syncd.report.html.page import write_html
from syncd.report.pictures import Picture, Pictures
from syncd.report.selection import Selection
from syncd.report.sides import Sides
from unit.report.logs import AT, log, moved, report

EVIL = "<script>alert(1)</script><img src=x onerror='alert(2)'>"
RTL = "ميدوسا"
SHAPE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
ROWS = "[...document.querySelectorAll('#log .body .row')]"
MANY = 100_000


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def written(folder: Path, found: Report, pictures: Pictures | None = None) -> Path:
    path = folder / "report.html"
    with path.open("wb") as file:
        write_html(found, file, pictures, "http://localhost:5151")
    return path


def varied() -> Report:
    return report(
        moved(1, "a1", "Copepoda", "Calanus"),
        moved(2, "a2", "Copepoda", EVIL, EVIL),
        moved(3, "a3", EVIL, RTL, "bob"),
        moved(4, "a4", "Copepoda", "Calanus", None),
        moved(5, "a4", "Calanus", "Copepoda", "bob"),
        moved(6, "a5", None, "海", "bob") | {"action": "insert", "field": None, "new": '{"label": "海"}'},
        title=EVIL,
    )


def texts(window: Browser, cell: str) -> list[str]:
    found: list[str] = window.run(f"{ROWS}.map((row) => row.querySelector('{cell} bdi')?.textContent ?? null)")
    return found


def choose(window: Browser, name: str, shown: str) -> None:
    window.run(
        f"(() => {{ const it = document.getElementById('choose-{name}');"
        f"it.value = [...it.options].find((each) => each.text === {shown!r}).value;"
        "it.dispatchEvent(new Event('change')); })()"
    )


def test_hostile_text_is_text_in_list_plots_and_headings_and_nothing_is_fetched(
    window: Browser, tmp_path: Path
) -> None:
    picture = Picture("b", "a2", SHAPE, "Copepoda", EVIL, EVIL, AT)
    window.open(written(tmp_path, varied(), Pictures((picture,), (("b", "a3"),))))
    assert (window.complaints, window.requests) == ([], [])
    assert window.run("document.querySelector('h1').textContent") == EVIL
    assert EVIL in texts(window, ".to")
    assert window.run("document.querySelectorAll('[onerror]').length") == 0
    drawn = window.run("document.getElementById('plot-matrix').textContent.replace(/[\\u2068\\u2069]/g, '')")
    assert "<script>alert(1)</script>" in drawn
    assert RTL in drawn
    assert window.run(f"{ROWS}.filter((row) => row.querySelector('img')?.src.startsWith('data:')).length") == 1
    assert window.run("document.querySelectorAll('.row .absent').length") == 1


def test_the_list_is_filtered_by_words_and_choices_and_shows_all_again(window: Browser, tmp_path: Path) -> None:
    window.open(written(tmp_path, varied()))
    choose(window, "actor", "bob")
    assert texts(window, ".to") == ["海", "Copepoda", RTL]
    choose(window, "class", "Calanus")
    assert texts(window, ".to") == ["Copepoda"]
    window.run("document.getElementById('clear').click()")
    assert len(texts(window, ".to")) == 6
    window.run(
        "(() => { const it = document.getElementById('find'); it.value = 'SCRIPT bob';"
        "it.dispatchEvent(new Event('input')); })()"
    )
    window.wait("document.getElementById('count').textContent === '1 of 6 changes'")
    assert texts(window, ".from") == [EVIL]


def test_the_list_is_sorted_by_a_click_on_its_head_and_back(window: Browser, tmp_path: Path) -> None:
    window.open(written(tmp_path, varied()))
    click = "document.querySelector('.head [data-name=annotation_id] button').click()"
    window.run(click)
    which = f"{ROWS}.map((row) => row.querySelector('.which').textContent)"
    assert window.run(which) == ["a1", "a2", "a3", "a4", "a4", "a5"]
    window.run(click)
    assert window.run(which) == ["a5", "a4", "a4", "a3", "a2", "a1"]
    assert window.run("document.querySelector('[data-name=annotation_id]').ariaSort") == "descending"


def test_a_change_has_its_undo_command_and_a_link_to_its_sample(window: Browser, tmp_path: Path) -> None:
    window.open(written(tmp_path, varied()))
    assert window.run("document.querySelector('.row code + button').ariaLabel") == "Copy: syncd undo 6"
    assert window.run("document.querySelector('.row a').href") == "http://localhost:5151/datasets/d%201?id=s"


def test_a_cell_of_the_matrix_lists_its_changes(window: Browser, tmp_path: Path) -> None:
    window.open(written(tmp_path, varied()))
    window.run("dispatchEvent(new CustomEvent('pair', { detail: ['Copepoda', 'Calanus'] }))")
    assert texts(window, ".to") == ["Calanus", "Calanus"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(window: Browser, tmp_path: Path, scheme: str) -> None:
    window.open(written(tmp_path, varied()), 390, 844, scheme=scheme)
    assert window.run("document.documentElement.scrollWidth") == 390
    colour = window.run("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
    assert (sum(colour) > 600) is (scheme == "light")


def test_an_empty_period_and_a_single_change_draw_as_well(window: Browser, tmp_path: Path) -> None:
    window.open(written(tmp_path, report()))
    assert window.complaints == []
    assert window.run("document.querySelectorAll('section').length") == 1
    window.open(written(tmp_path, report(moved(1, "a", "x", "y"))))
    assert window.complaints == []
    assert window.run("document.getElementById('count').textContent") == "1 change"


def test_every_control_has_a_name_and_every_heading_its_place(window: Browser, tmp_path: Path) -> None:
    picture = Picture("b", "a2", SHAPE, "Copepoda", EVIL, EVIL, AT)
    window.open(written(tmp_path, varied(), Pictures((picture,))))
    nameless = (
        "[...document.querySelectorAll('button, a, input, select')].filter((each) => !each.ariaLabel && "
        "!each.textContent.trim() && !each.labels?.length).length"
    )
    assert window.run(nameless) == 0
    assert window.run("document.querySelectorAll('img:not([alt])').length") == 0
    levels = window.run("[...document.querySelectorAll('h1, h2, h3')].map((each) => Number(each.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert window.run("[...document.querySelectorAll('[id]')].length") == window.run(
        "new Set([...document.querySelectorAll('[id]')].map((each) => each.id)).size"
    )


def test_of_many_changes_only_those_in_view_are_elements(window: Browser, tmp_path: Path) -> None:
    number = pl.int_range(1, MANY + 1)
    rows = pl.concat([log(moved(1, "a", "x", "y"))] * MANY).with_columns(
        seq=number, annotation_id=pl.format("id-{}", number), new_label=pl.format("label {}", number % 50)
    )
    conflicts = pl.DataFrame(schema=CONFLICTS)
    found = report_of(rows, conflicts, selection=Selection(), made_at=AT, sides=Sides({"b": "d"}))
    window.open(written(tmp_path, found))
    assert window.run(f"{ROWS}.length") < 60
    window.run("document.getElementById('log').scrollTop = 1e9")
    window.wait(f"{ROWS}.some((row) => row.querySelector('.which').textContent === 'id-1')")
    assert window.run(f"{ROWS}.length") < 60
    choose(window, "class", "label 7")
    assert window.run("document.getElementById('count').textContent") == "2,000 of 100,000 changes"
    assert texts(window, ".to")[0] == "label 7"
