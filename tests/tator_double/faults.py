"""What goes wrong on demand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class FaultKind(Enum):
    """What happens to a request."""

    LOST_REQUEST = "the connection ends before the server has seen the request"
    LOST_ANSWER = "the request is carried out, and the connection ends before the answer"
    CUT = "200, and the answer ends half way"
    HTML_500 = "an error page"
    HTML_404 = "a page of the proxy: not found"
    HTML_502 = "a page of the proxy: nobody behind it"
    THROTTLED = "400, as the server throttles"
    SLOW = "the answer comes late"


@dataclass
class Fault:
    """A fault of the requests whose "METHOD path" the pattern finds, ``times`` times, after ``skip`` of them."""

    kind: FaultKind
    pattern: str = ""
    times: int = 1
    skip: int = 0
    seconds: float = 0.0

    def takes(self, method: str, path: str) -> bool:
        """Whether the fault befalls this request; counts it."""
        if self.times <= 0 or not re.search(self.pattern, f"{method} {path}"):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True
