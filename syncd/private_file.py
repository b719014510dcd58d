"""Files with a laboratory's data: only their owner reads them, and they are written completely or not at all."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from syncd.whole_file import whole_file


@contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """A file to write as UTF-8, of mode 0600; otherwise as :func:`syncd.whole_file.whole_file`."""
    with whole_file(path, private=True) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
        yield text
        text.detach()
