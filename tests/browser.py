"""A real browser (Debian's Chromium), driven over pipes by its own protocol; skipped where there is none."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"),
    "--disable-dev-shm-usage",
)
LONGEST_S = 60.0


@dataclass
class Browser:
    """One page. ``complaints`` are errors in its console, ``requests`` what it asked of any network."""

    to: int
    from_: int
    session: str | None = None
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _rest: bytes = b""

    def call(self, method: str, **given: Any) -> Any:
        """One command of the DevTools protocol, and its answer; what the page does meanwhile is taken down."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": given}
        if self.session is not None:
            message["sessionId"] = self.session
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self.to, content) :]
        while True:
            said = self._next()
            if said.get("id") == number:
                assert "error" not in said, (method, said["error"])
                return said["result"]
            self._note(said)

    def open(self, path: Path, width: int = 1280, height: int = 900, *, scheme: str = "light") -> None:
        """Shows a file, as a window of this size does, and waits until its plots are drawn."""
        self.look(width, height, scheme=scheme)
        self.complaints.clear()
        self.requests.clear()
        self.call("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")
        self.wait(
            "!Object.keys(JSON.parse(document.getElementById('figures').textContent)).length"
            " || document.documentElement.dataset.drawn === 'yes'"
        )

    def look(self, width: int, height: int, *, scheme: str = "light") -> None:
        """Another size of the window, or another look."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        given = {"expression": script, "awaitPromise": True, "returnByValue": True}
        found = self.call("Runtime.evaluate", **given)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until a JavaScript expression is true."""
        end = time.monotonic() + LONGEST_S
        while not self.run(condition):
            assert time.monotonic() < end, condition
            time.sleep(0.02)

    def screenshot(self, path: Path) -> None:
        """The whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, path: Path) -> None:
        """The page on A4."""
        made = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(made["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self.from_, 1 << 20)
            assert more, "the browser has ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        said: dict[str, Any] = json.loads(message)
        return said

    def _note(self, said: dict[str, Any]) -> None:
        about = said.get("params", {})
        if said["method"] == "Network.requestWillBeSent":
            url = about["request"]["url"]
            if not url.startswith(("data:", "file:", "blob:")):
                self.requests.append(url)
        elif said["method"] == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(about["exceptionDetails"])[:500])
        elif said["method"] == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(about["args"])[:500])
        elif said["method"] == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.complaints.append(about["entry"]["text"])


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A window with nothing in it, and an empty profile."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    their_in, our_out = os.pipe()
    our_in, their_out = os.pipe()

    def take_pipes() -> None:
        # The protocol is read from 3 and written to 4. The ends may stand there already, the other way round.
        first, second = os.dup(their_in), os.dup(their_out)
        os.dup2(first, 3)
        os.dup2(second, 4)

    process = subprocess.Popen(
        [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=take_pipes,  # noqa: PLW1509 - it makes system calls only
        close_fds=False,
    )
    os.close(their_in)
    os.close(their_out)
    try:
        window = Browser(our_out, our_in)
        target = next(each for each in _pages(window) if each["type"] == "page")
        attached = window.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        window.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            window.call(f"{domain}.enable")
        yield window
    finally:
        process.terminate()
        process.wait(20)
        os.close(our_out)
        os.close(our_in)


def _pages(window: Browser) -> list[dict[str, Any]]:
    end = time.monotonic() + LONGEST_S
    while True:
        found: list[dict[str, Any]] = window.call("Target.getTargets")["targetInfos"]
        if any(each["type"] == "page" for each in found):
            return found
        assert time.monotonic() < end
        time.sleep(0.05)
