"""The real App in a real browser: a lab in agreement, ``syncd app`` on it, and Chromium."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from lab import Lab, found_lab

import servers
from chromium import chromium, window
from served_app import ServedApp, served_app
from syncd.demo import images

SIZE = 60
"""Images in the lab."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser for all tests."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def binding() -> dict[str, Any]:
    """What a file has its binding be besides the usual; overridden there."""
    return {}


@pytest.fixture(scope="module")
def arguments() -> tuple[str, ...]:
    """How a file has the App served: everybody is Ada; overridden there."""
    return ("--as", "ada")


@pytest.fixture(scope="module")
def lab(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, mongo_uri: str, binding: dict[str, Any]
) -> Iterator[Lab]:
    """A lab with a baseline, for the tests of one file: a server takes its time to start."""
    import uuid

    import fiftyone as fo
    import sqlalchemy as sa

    folder = tmp_path_factory.mktemp("lab")
    name = f"syncd_test_{uuid.uuid4().hex[:12]}"
    url = sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    with servers.engine_for_admin(postgres_url).connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    built = found_lab(folder, url, mongo_uri, images.generate(folder / "images", SIZE, 7), **binding)
    assert built.syncd("migrate").code == 0
    assert built.syncd("reconcile").code == 0
    yield built
    fo.delete_dataset(built.dataset_name)
    with servers.engine_for_admin(postgres_url).connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture(scope="module")
def app(
    lab: Lab, browser: Browser, tmp_path_factory: pytest.TempPathFactory, arguments: tuple[str, ...]
) -> Iterator[ServedApp]:
    """The App of the lab, for the tests of one file."""
    with served_app(lab.config, tmp_path_factory.mktemp("app"), *arguments, headers={}) as served:
        yield served


@pytest.fixture
def person(app: ServedApp, lab: Lab, browser: Browser) -> Iterator[BrowserContext]:
    """Somebody's window, in an App in which nothing is open."""
    app.reset(lab.dataset_name)
    with _closing(window(browser)) as context:
        yield context


@contextmanager
def _closing(context: BrowserContext) -> Iterator[BrowserContext]:
    try:
        yield context
    finally:
        context.close()
