"""How long each click in the App takes until its effect is seen: ``python tests/clicks.py``, a table in Markdown.

On the lab of ``tests/screenshots.py``, in Chromium, once each; the effect is the App's own sentence or list.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from screenshots import POINTS, fresh_page, lab_of_pictures, make_conflicts

TOOK: list[tuple[str, float]] = []


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Takes down how long the block takes."""
    began = time.monotonic()
    yield
    TOOK.append((what, time.monotonic() - began))


def main() -> None:
    """Measures, and prints the table."""
    with tempfile.TemporaryDirectory(prefix="syncd-clicks-") as place, ExitStack() as stack:
        os.environ |= {"HOME": place, "FIFTYONE_DATABASE_NAME": "clicks", "FIFTYONE_DO_NOT_TRACK": "true"}
        lab = stack.enter_context(lab_of_pictures(Path(place)))
        from chromium import chromium, window
        from served_app import served_app

        app = stack.enter_context(served_app(lab.config, Path(place), "--as", "ada"))
        context = stack.enter_context(window(stack.enter_context(chromium()), size=(1440, 900)))
        _relabelled(context, app, lab)
        _decided(context, app, lab)
    print("| click | seconds |\n|---|---|")
    for what, seconds in TOOK:
        print(f"| {what} | {seconds:.1f} |")
    print(f"\nload of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", file=sys.stderr)


def _relabelled(context: Any, app: Any, lab: Any) -> None:
    from chromium import ask, choose_term, lasso, open_dataset, open_points

    with timed("the link, to the grid"):
        page = open_dataset(context, app.url, lab.dataset_name)
    open_points(page, POINTS)
    lasso(page, right=0.3)
    with timed("`syncd: relabel`, to its form with the number of labels"):
        form = ask(page, "syncd: relabel")
        form.get_by_role("button", name=re.compile("^Relabel [0-9]+ labels")).wait_for()
    with timed("the first letters of a class, to the class chosen"):
        choose_term(page, form, "pennate", "Pennate chain")
    button = form.get_by_role("button", name=re.compile("^Relabel [0-9]+ labels"))
    page.wait_for_timeout(3_000)
    with timed(f"{button.inner_text()}: to both sides and the log"):
        button.click()
        page.get_by_text("on both sides, as ada").first.wait_for()


def _decided(context: Any, app: Any, lab: Any) -> None:
    from chromium import open_panel, tab

    make_conflicts(lab)
    page = fresh_page(context, app, lab)
    with timed("the panel, to its first content"):
        open_panel(page, "syncd")
        page.get_by_text("You are ada").wait_for()
    for name, seen in (("Changes", "→ Pennate chain"), ("Held", "No brake holds"), ("Conflicts", "1 to 5 of")):
        with timed(f"the tab {name}, to its content"):
            panel = tab(page, name)
            panel.get_by_text(seen).first.wait_for()
    page.wait_for_timeout(3_000)
    with timed("*Database's: …* on a card, to both sides and the log"):
        panel.get_by_role("button", name=re.compile("^Database's")).first.click()
        page.get_by_text("1 conflict resolved").first.wait_for()
    panel = tab(page, "Status")
    page.get_by_text("You are ada").wait_for()
    page.wait_for_timeout(3_000)
    with timed("*Sync now*, to the word that it is begun"):
        panel.get_by_role("button", name="Sync now").click()
        page.get_by_text("in the background").first.wait_for()


if __name__ == "__main__":
    main()
