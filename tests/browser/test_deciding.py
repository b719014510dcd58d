"""Conflicts, held plans and second thoughts, decided in the panels; panels with much in them, or with little room."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from lab import Lab
from playwright.sync_api import Browser, BrowserContext, Page, expect

from chromium import open_dataset, open_panel, open_sample, tab, window
from reviewers import both, disagree, log, told
from served_app import ServedApp

HEADER = "X-Forwarded-User"


@pytest.fixture(scope="module")
def binding() -> dict[str, Any]:
    return {"brakes": {"min_rows": 1, "min_count": 3, "max_change_fraction": 0.04}}


@pytest.fixture(scope="module")
def arguments() -> tuple[str, ...]:
    return ("--trust-proxy", HEADER)


@pytest.fixture(autouse=True)
def empty(app: ServedApp, lab: Lab) -> None:
    """Nothing is open in the App, whoever looks."""
    app.headers[HEADER] = "janitor"
    app.reset(lab.dataset_name)


@pytest.fixture
def people(browser: Browser) -> Any:
    """Windows of people whom the proxy names."""
    opened: list[BrowserContext] = []

    def come(name: str, **looks: Any) -> BrowserContext:
        opened.append(window(browser, headers={HEADER: name}, **looks))
        return opened[-1]

    yield come
    for each in opened:
        each.close()


def ids(lab: Lab) -> list[str]:
    return sorted(lab.rows())


def panel_of(context: BrowserContext, app: ServedApp, lab: Lab) -> Page:
    """A window with the panel open; whoever comes second finds it open, since panels are the server's."""
    page = open_dataset(context, app.url, lab.dataset_name)
    if not page.locator('[data-cy="panel-content-syncd"]').count():
        open_panel(page, "syncd")
    return page


def test_of_two_people_at_one_card_the_second_is_told_who_was_first(app: ServedApp, lab: Lab, people: Any) -> None:
    one = ids(lab)[0]
    disagree(lab, one, here="Here", there="There")
    ada, bob = (panel_of(people(name), app, lab) for name in ("ada", "bob"))
    tab(ada, "Conflicts")
    buttons = [
        page.locator('[data-cy="panel-content-syncd"]').get_by_role("button", name=re.compile(name))
        for page, name in ((ada, "FiftyOne's: Here"), (bob, "Database's: There"))
    ]
    for each in buttons:
        each.wait_for()
    for each in buttons:
        each.click(no_wait_after=True)
    told(ada, "resolved")
    told(bob, "not open any more")
    assert both(lab, one) == ("Here", "Here")
    assert log(lab)[-1]["actor"] == "ada"
    (row,) = lab.sql("SELECT resolution FROM syncd.conflict WHERE annotation_id = :id", id=one)
    assert "ada" in row["resolution"]


def test_a_change_is_taken_back_from_the_history_beside_its_sample(app: ServedApp, lab: Lab, people: Any) -> None:
    page = open_dataset(people("ada"), app.url, lab.dataset_name)
    first = lab.dataset().first()
    label = first["ground_truth"].detections[0]
    name, before = label["annotation_id"], both(lab, label["annotation_id"])
    done = app.execute_as(
        "ada", "@syncd/syncd/relabel", lab.dataset_name, {"label": "New", "label_ids": [str(label.id)]}
    )
    assert done["result"]["relabelled"] == 1, done
    open_sample(page)
    page.locator("[data-cy=modal]").get_by_text("syncd history").click()
    panel = page.locator('[data-cy="panel-content-syncd_history"]')
    expect(panel).to_contain_text("→ New")
    panel.get_by_role("button", name="Take back").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
    until_same(lab, name, before)
    assert (log(lab)[-1]["actor"], log(lab)[-1]["undo_of"] is not None) == ("ada", True)


def until_same(lab: Lab, name: str, wanted: tuple[str, str]) -> None:
    end = time.monotonic() + 60
    while both(lab, name) != wanted:
        assert time.monotonic() < end, both(lab, name)
        time.sleep(0.5)


def test_what_a_brake_holds_is_applied_from_its_tab(app: ServedApp, lab: Lab, people: Any) -> None:
    some = ids(lab)[10:16]
    for sample in lab.dataset().iter_samples(autosave=True):
        for label in sample["ground_truth"].detections:
            if label["annotation_id"] in some:
                label.label = "Many"
    assert lab.syncd("reconcile").code == 4
    page = panel_of(people("ada"), app, lab)
    panel = tab(page, "Held")
    expect(panel).to_contain_text("6 changes")
    panel.get_by_role("button", name=re.compile("Apply it")).click()
    form = page.get_by_role("dialog")
    form.get_by_role("button", name=re.compile("[Aa]pply")).last.click()
    expect(panel).to_contain_text("No brake holds anything")
    assert {both(lab, each) for each in some} == {("Many", "Many")}


def test_ten_thousand_conflicts_are_as_quick_as_ten(app: ServedApp, lab: Lab, people: Any) -> None:
    def insert(count: int) -> None:
        lab.sql(
            "INSERT INTO syncd.conflict (binding, subject, annotation_id, kind, field, base, fiftyone, database, "
            "suggestions, status, run_id, opened_at, updated_at) SELECT 'demo', 's' || n, 'a' || n, 'edit_edit', "
            "'label', '\"a\"', '\"b\"', '\"c\"', '[]', 'open', 'r', now(), now() FROM generate_series(1, :n) AS n "
            "ON CONFLICT DO NOTHING",
            n=count,
        )

    page = panel_of(people("ada"), app, lab)
    took = {}
    try:
        for count in (10, 10_000):
            insert(count)
            expect(tab(page, "Status")).to_contain_text("You are ada")
            began = time.monotonic()
            expect(tab(page, "Conflicts")).to_contain_text(f"of {count:,}")
            took[count] = time.monotonic() - began
        panel = page.locator('[data-cy="panel-content-syncd"]')
        panel.get_by_role("button", name="Next").click()
        expect(panel).to_contain_text("6 to 10 of 10,000")
    finally:
        lab.sql("DELETE FROM syncd.conflict WHERE run_id = 'r'")
    # One look each on a machine that is shared: this finds what grows with the number, and no more.
    assert took[10_000] < 3 * took[10] + 2, took


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_in_half_a_windows_width_nothing_is_cut_off_dark_or_light(
    app: ServedApp, lab: Lab, people: Any, scheme: str
) -> None:
    one = ids(lab)[20 if scheme == "dark" else 21]
    disagree(lab, one, here="A rather long name of a class, here", there="Another long name of a class, there")
    page = panel_of(people("ada", size=(900, 800), scheme=scheme), app, lab)
    panel = tab(page, "Conflicts")
    expect(panel).to_contain_text("Another long name")
    edge = panel.bounding_box()
    assert edge is not None
    for part in [*panel.get_by_role("button").all(), *panel.locator("img").all()]:
        box = part.bounding_box()
        assert box is not None
        if part.get_attribute("role") != "tab" and "MuiTabs" not in (part.get_attribute("class") or ""):
            assert edge["x"] - 1 <= box["x"] and box["x"] + box["width"] <= edge["x"] + edge["width"] + 1, (
                part.inner_text(),
                box,
                edge,
            )
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    numbers = [int(each) for each in re.findall(r"\d+", dark)[:3]]
    assert (max(numbers) < 80) == (scheme == "dark"), dark
