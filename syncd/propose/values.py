"""What some values of a column look like: paths of images, numbers of a range, the same in many rows."""

from __future__ import annotations

import re
from collections.abc import Sequence

_FILE = re.compile(
    r"\.(jpe?g|png|tiff?|bmp|gif|webp|jp2|j2k|exr|pgm|ppm|dng|heic|avif|svg|mp4|avi|mov|mkv|mpe?g|webm|m4v|wmv)$",
    re.IGNORECASE,
)
_REMOTE = re.compile(r"^(s3|gs|file|azure|abfss?|minio)://", re.IGNORECASE)
_WEB = re.compile(r"^https?://", re.IGNORECASE)
_WINDOWS = re.compile(r"^([a-z]:)?\\", re.IGNORECASE)

MOSTLY = 0.8
"""Share of the values from which on it is said of all of them."""


def share(values: Sequence[str], test: re.Pattern[str]) -> float:
    """The share of the values that a pattern is found in; 0 without any."""
    return sum(test.search(value) is not None for value in values) / len(values) if values else 0.0


def media_share(values: Sequence[str]) -> float:
    """The share of the values that could name an image or a video."""
    stripped = [value.split("?")[0] for value in values]
    return max(share(stripped, _FILE), share(values, _REMOTE))


def are_web(values: Sequence[str]) -> bool:
    """Whether they are addresses in the web, which syncd does not fetch."""
    return share(values, _WEB) > 1 - MOSTLY


def are_uris(values: Sequence[str]) -> bool:
    """Whether they are URIs of a store, which say by themselves where a file lies."""
    return share(values, _REMOTE) >= MOSTLY


def are_absolute(values: Sequence[str]) -> bool:
    """Whether they are whole paths of a file system."""
    return bool(values) and all(value.startswith("/") for value in values)


def are_windows(values: Sequence[str]) -> bool:
    """Whether they are paths as Windows writes them."""
    return share(values, _WINDOWS) >= MOSTLY


def have_folders(values: Sequence[str]) -> bool:
    """Whether most have a folder in front."""
    return bool(values) and sum("/" in value for value in values) / len(values) >= 0.5


def are_lists(values: Sequence[str]) -> bool:
    """Whether some name several files at once."""
    return any("|" in value or ";" in value for value in values)


def numbers(values: Sequence[str | None]) -> list[float] | None:
    """The values as numbers; ``None`` where one is none."""
    try:
        return [float(value) for value in values if value is not None]
    except ValueError:
        return None


def examples(values: Sequence[str], most: int = 3, longest: int = 48) -> str:
    """Some different values, as a comment shows them."""
    different = list(dict.fromkeys(values))
    shown = [value if len(value) <= longest else value[: longest - 1] + "…" for value in different[:most]]
    return ", ".join(shown) + (", …" if len(different) > most else "")
