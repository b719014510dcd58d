"""Files with a laboratory's data: only their owner reads them, and they are written completely or not at all."""

from __future__ import annotations

import errno
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO


@contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """A file to write as UTF-8, of mode 0600; otherwise as :func:`syncd.files.whole_file`."""
    with whole_file(path, private=True) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
        yield text
        text.detach()


@contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """A file to write, which takes its name when the block ends well. ``OSError`` where it cannot.

    Nobody but its owner reads a ``private`` one (mode 0600); the others have the mode that the system gives new files.
    A name that belongs to something other than a file (a device, a folder) is refused, never replaced.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "this is not a file")
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
