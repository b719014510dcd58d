"""Arrays in files of numpy's own format, written completely or not at all; reading them runs nothing of theirs."""

from __future__ import annotations

import os
import secrets
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def save_arrays(file: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write the arrays under their names, readable by their owner alone. ``OSError`` where it cannot."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
            stream.flush()
            os.fsync(stream.fileno())
        half.replace(file)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def load_arrays(file: Path) -> dict[str, npt.NDArray[Any]] | None:
    """The arrays by name; ``None`` where the file is not there or damaged: what it held is computed again."""
    try:
        # numpy leaves a file open that it cannot read.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (FileNotFoundError, ValueError, EOFError, zipfile.BadZipFile):
        return None
