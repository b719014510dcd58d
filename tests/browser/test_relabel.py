"""A lasso, a class, and both sides: relabelling as a reviewer does it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lab import Lab
from playwright.sync_api import BrowserContext, expect

from chromium import ask, choose_term, lasso, open_dataset, open_points, open_sample, tick_sample
from reviewers import NO_BRAKES, VOCABULARY, log, told
from served_app import ServedApp

POINTS = "by_class"


@pytest.fixture(scope="module")
def binding() -> dict[str, Any]:
    return {"vocabulary": VOCABULARY, "brakes": NO_BRAKES}


@pytest.fixture(scope="module")
def points(lab: Lab) -> str:
    """A layout in which labels of one class are beside each other; its key."""
    import fiftyone.brain as fob
    import numpy as np

    dataset = lab.dataset()
    labels = dataset.values("ground_truth.detections.label", unwind=True)
    classes = sorted(set(labels))
    random = np.random.default_rng(7)
    places = [(float(classes.index(each)), 0.0) + 0.1 * random.normal(size=2) for each in labels]
    fob.compute_visualization(dataset, patches_field="ground_truth", points=np.array(places), brain_key=POINTS)
    return POINTS


def test_a_lasso_is_given_a_class_on_both_sides_and_the_log_counts_as_the_button_did(
    person: BrowserContext, app: ServedApp, lab: Lab, points: str
) -> None:
    before = {name: each["label"] for name, each in lab.rows().items()}
    page = open_dataset(person, app.url, lab.dataset_name)
    open_points(page, points)
    count = lasso(page)
    assert 0 < count < len(before)
    form = ask(page, "syncd: relabel")
    choose_term(page, form, "pennate", "Pennate chain")
    button = form.get_by_role("button", name=re.compile(r"^Relabel \d+ labels \(lasso\)$"))
    # The number is that of the labels that will change: others may be of the class already.
    expect(form).to_contain_text("Diatoms > Pennate chain")
    promised = int(button.inner_text().split()[1])
    button.click()
    told(page, f"{promised} labels (lasso) now Pennate chain on both sides, as ada")
    after, shown = lab.rows(), lab.labels()
    changed = {name for name in before if after[name]["label"] != before[name]}
    assert len(changed) == promised
    assert {shown[name]["label"] for name in changed} == {after[name]["label"] for name in changed} == {"Pennate chain"}
    entries = [each for each in log(lab) if each["reason"] == "relabelled"]
    assert {each["annotation_id"] for each in entries} == changed
    assert {each["actor"] for each in entries} == {"ada"}


def test_a_class_that_is_no_term_cannot_be_submitted(person: BrowserContext, app: ServedApp, lab: Lab) -> None:
    page = open_dataset(person, app.url, lab.dataset_name)
    tick_sample(page)
    form = ask(page, "syncd: relabel")
    button = form.get_by_role("button", name=re.compile(r"^Relabel \d+ labels? \(ticked samples\)$"))
    expect(button).to_be_disabled()
    form.locator(".MuiAutocomplete-root input").type("Penate chain")
    expect(form).to_contain_text("No such term; nearest: Pennate chain")
    expect(button).to_be_disabled()


def test_an_open_sample_that_is_written_is_closed_for_it_would_show_old_labels(
    person: BrowserContext, app: ServedApp, lab: Lab
) -> None:
    page = open_dataset(person, app.url, lab.dataset_name)
    open_sample(page)
    form = ask(page, "syncd: relabel")
    expect(form).to_contain_text("Nothing is selected")
    form.get_by_text("Everything in the view, with its filters").click()
    choose_term(page, form, "detri", "Detritus")
    form.get_by_role("button", name=re.compile(r"^Relabel \d+ labels \(whole dataset\)$")).click()
    told(page, "now Detritus on both sides, as ada")
    expect(page.locator("[data-cy=modal]")).not_to_be_visible()
    assert {each["label"] for each in lab.rows().values()} == {"Detritus"}
