"""Debian's Chromium, driven by Playwright, looking at the App; skipped with a reason where there is none."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from browser import CHROMIUM
from daemons import until

FLAGS = [
    *("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"),
    # The Embeddings panel draws by WebGL, which a machine without a graphics card does in software.
    *("--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader", "--ignore-gpu-blocklist"),
]
PATIENCE_MS = 60_000
NEEDED = "SYNCD_TEST_NEEDS_CHROMIUM"
"""Where this is set, a missing browser fails the tests."""

# A popover of the App's, whose invisible backdrop would take every click.
NO_POPOVER = "localStorage.setItem('fiftyone-enterprise-tooltip-seen', 'true')"

expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    if CHROMIUM is None:
        reason = "there is no Chromium here (Debian, Ubuntu: make browser)"
        assert not os.environ.get(NEEDED), reason
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def window(
    browser: Browser,
    *,
    size: tuple[int, int] = (1400, 900),
    headers: dict[str, str] | None = None,
    scheme: str = "dark",
) -> BrowserContext:
    """A browser's window of one person, whose requests bear ``headers``; ``scheme`` is dark or light."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, extra_http_headers=headers or {}, reduced_motion="reduce"
    )
    context.add_init_script(NO_POPOVER)
    context.add_init_script(f"localStorage.setItem('mui-mode', '{scheme}')")
    context.set_default_timeout(PATIENCE_MS)
    return context


def open_dataset(context: BrowserContext, url: str, dataset: str, query: str = "") -> Page:
    """The App with a dataset, when its grid is there; ``query`` such as ``view=needs-a-person``."""
    page = context.new_page()
    page.goto(f"{url}/datasets/{dataset}" + (f"?{query}" if query else ""))
    page.locator("[data-cy=looker]").first.wait_for()
    return page


def open_panel(page: Page, name: str) -> None:
    """Opens a panel beside the grid, by the name that it has among operators."""
    page.locator("[data-cy=new-panel-btn]").first.click()
    page.locator(f'[data-cy="new-panel-option-{name}"]').click()
    page.locator(f'[data-cy="panel-content-{name}"]').wait_for()


def open_sample(page: Page, index: int = 0) -> None:
    """Opens a sample of the grid; its lower part is clicked, since the upper one ticks it."""
    modal, tile = page.locator("[data-cy=modal]"), page.locator("[data-cy=looker]").nth(index)

    def opened() -> bool:
        # A tile that is there already may not listen yet, and the grid moves while it is filled.
        if not modal.is_visible() and (box := tile.bounding_box()) is not None:
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.8)
            page.wait_for_timeout(1_000)
        return modal.is_visible()

    until(opened, "the sample does not open")


def tick_sample(page: Page, index: int = 0) -> None:
    """Ticks a sample of the grid, by the upper part of its picture."""
    ticked, tile = page.locator("[data-cy^=looker-checkbox] input:checked"), page.locator("[data-cy=looker]").nth(index)

    def done() -> bool:
        if not ticked.count() and (box := tile.bounding_box()) is not None:
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.mouse.click(box["x"] + 12, box["y"] + 12)
            page.wait_for_timeout(1_000)
        return ticked.count() > 0

    until(done, "the sample is not ticked")


def open_points(page: Page, brain_key: str) -> None:
    """Opens the Embeddings panel with a layout, in the mode in which points are selected."""
    open_panel(page, "Embeddings")
    page.get_by_text(brain_key, exact=True).click()
    page.locator(".emb-plot canvas").first.wait_for()
    page.locator('.emb-mode-segment:has-text("Select")').click()


def lasso(page: Page, *, right: float = 0.5) -> int:
    """Draws a lasso around the left part of the points, up to ``right`` of the width; how many are in it."""
    selected = page.get_by_text(re.compile(r"^\d[\d,]* selected$"))

    def drawn() -> bool:
        # The points may still be on their way when the plot is there already.
        canvas = page.locator(".emb-plot canvas").first.bounding_box()
        if canvas is None or selected.count():
            return selected.count() > 0
        corners = [(0.02, 0.1), (right, 0.1), (right, 0.5), (right, 0.97), (0.02, 0.97), (0.02, 0.5), (0.02, 0.1)]
        places = [(canvas["x"] + canvas["width"] * x, canvas["y"] + canvas["height"] * y) for x, y in corners]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=6)
        page.mouse.up()
        page.wait_for_timeout(2_000)
        return selected.count() > 0

    until(drawn, "nothing is selected")
    return int(selected.first.inner_text().split()[0].replace(",", ""))


def ask(page: Page, title: str) -> Locator:
    """Opens the form of an operator, as somebody does who knows its name; the form."""
    page.keyboard.press("`")
    page.keyboard.type(title)
    page.get_by_text(title, exact=True).first.wait_for()
    page.keyboard.press("Enter")
    form = page.get_by_role("dialog").filter(has_text=title)
    form.wait_for()
    return form


def choose_term(page: Page, form: Locator, typed: str, term: str) -> None:
    """Types a part of a class into a form, and picks the class."""
    field = form.locator(".MuiAutocomplete-root input")
    field.click()
    field.type(typed)
    page.get_by_role("option").filter(has_text=term).first.click()


def tab(page: Page, name: str) -> Locator:
    """Chooses a tab of the panel syncd; the panel."""
    panel = page.locator('[data-cy="panel-content-syncd"]')
    panel.get_by_role("tab", name=name).click()
    return panel
