"""The real App in a real browser: a sample's Annotate window, in which somebody drags a box."""

from __future__ import annotations

import json
import time
from typing import Any

from app_server import AppServer
from browser import Browser
from daemons import until

WIDTH, HEIGHT = 1280, 900
TEXT = """(text => {
  const found = [...document.querySelectorAll('*')].filter(
    each => !each.children.length && each.textContent.trim() === text && each.offsetParent
  ).pop();
  if (!found) return null;
  const at = found.getBoundingClientRect();
  return [at.x + at.width / 2, at.y + at.height / 2];
})(%s)"""
CANVAS = """(() => {
  const canvas = document.getElementById('lighter-singleton-canvas');
  if (!canvas) return null;
  const at = canvas.getBoundingClientRect();
  return [at.x, at.y, at.width, at.height];
})()"""
CHOSEN = "[...document.querySelectorAll('input')].some(each => each.value === %s && each.offsetParent)"
PATIENCE_S = 60


class Annotating:
    """The window of one sample, whose picture is ``size`` pixels, shown as the App fits it into its pane."""

    def __init__(self, page: Browser, app: AppServer, dataset: str, sample: Any, size: tuple[int, int]) -> None:
        self._page, self._size = page, size
        page.look(WIDTH, HEIGHT)
        page.call("Page.navigate", url=f"http://127.0.0.1:{app.port}/datasets/{dataset}?id={sample}")
        self._click("Annotate", then="document.body?.innerText.includes('PRIMITIVES')")

    def choose(self, label: str) -> None:
        """Opens the label that is listed under this class."""
        self._click(label, then=CHOSEN % json.dumps(label))

    def drag(self, box: list[float], by: tuple[float, float]) -> None:
        """Takes the chosen label's box by its middle, and moves it by so many pixels."""
        left, top, width, height = self._page.run(CANVAS)
        scale = min(width / self._size[0], height / self._size[1])
        shown = [side * scale for side in self._size]
        x = left + (width - shown[0]) / 2 + (box[0] + box[2] / 2) * shown[0]
        y = top + (height - shown[1]) / 2 + (box[1] + box[3] / 2) * shown[1]
        self._mouse("mouseMoved", x, y, held=0)
        self._mouse("mousePressed", x, y)
        for part in (0.25, 0.5, 0.75, 1.0):
            self._mouse("mouseMoved", x + by[0] * part, y + by[1] * part)
            time.sleep(0.05)  # as a hand does it: the App leaves out what comes at once
        self._mouse("mouseReleased", x + by[0], y + by[1], held=0)

    def _click(self, text: str, then: str) -> None:
        """Clicks until it has come about: what is shown already may not listen yet."""

        def clicked() -> bool:
            found = None if self._page.run(then) else self._page.run(TEXT % json.dumps(text))
            if found:
                self._mouse("mouseMoved", found[0], found[1], held=0)
                self._mouse("mousePressed", found[0], found[1])
                self._mouse("mouseReleased", found[0], found[1], held=0)
                time.sleep(0.5)
            return bool(self._page.run(then))

        until(clicked, lambda: str(self._page.run("document.body.innerText")), PATIENCE_S)

    def _mouse(self, what: str, x: float, y: float, held: int = 1) -> None:
        count = {} if what == "mouseMoved" else {"clickCount": 1}
        self._page.call("Input.dispatchMouseEvent", type=what, x=x, y=y, button="left", buttons=held, **count)
