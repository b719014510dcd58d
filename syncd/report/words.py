"""Durations in words, for people. Pure."""

from __future__ import annotations

from datetime import timedelta

_SIZES = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def lasted(span: timedelta | None) -> str:
    """A duration in its two largest units, such as ``3 d 4 h``; a dash where there is none."""
    if span is None:
        return "–"
    seconds = max(int(span.total_seconds()), 0)
    parts: list[tuple[int, str]] = []
    for unit, size in _SIZES:
        number, seconds = divmod(seconds, size)
        if number or parts:
            parts.append((number, unit))
    return " ".join(f"{number} {unit}" for number, unit in parts[:2] if number) or "0 s"
