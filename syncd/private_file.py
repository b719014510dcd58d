"""Files with a lab's data in them: nobody but their owner reads them, and they are there whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """A file to write as UTF-8, of mode 0600; it takes its name when the block ends well. ``OSError`` where it cannot.

    A name that belongs to something other than a file (a device, a folder) is refused, never replaced.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "this is not a file")
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    half = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
