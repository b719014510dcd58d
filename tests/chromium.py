"""Debian's Chromium, driven by Playwright, looking at the App; skipped with a reason where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

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
