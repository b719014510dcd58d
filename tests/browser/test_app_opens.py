"""The App opens with the plugin in it."""

from __future__ import annotations

from lab import Lab
from playwright.sync_api import BrowserContext, expect

from chromium import open_dataset, open_panel, open_sample
from served_app import ServedApp


def test_the_link_shows_the_dataset_and_a_sample_opens(person: BrowserContext, app: ServedApp, lab: Lab) -> None:
    page = open_dataset(person, app.url, lab.dataset_name)
    expect(page.locator("[data-cy=entry-counts]")).to_contain_text("60 samples")
    open_sample(page)
    expect(page.locator("[data-cy=modal]")).to_contain_text("ground_truth")


def test_the_panel_knows_who_looks_at_it(person: BrowserContext, app: ServedApp, lab: Lab) -> None:
    page = open_dataset(person, app.url, lab.dataset_name)
    open_panel(page, "syncd")
    expect(page.locator('[data-cy="panel-content-syncd"]')).to_contain_text("You are ada")
