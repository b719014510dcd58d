"""Values of every kind that every system must hold exactly."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

from syncd.model import BOX

UTC = timezone.utc
MOMENT = datetime(2024, 5, 17, 9, 30, 15, 123000, UTC)

VALUES: dict[str, list[Any]] = {
    "label": [
        "Copepoda",
        "Éponge 🦐 漢字",
        "Calanus  finmarchicus ",
        "O'Brien; DROP TABLE x --",
        '"quoted"',
        "back\\slash",
    ],
    "note": [
        "",
        " ",
        "line\nbreak\ttab",
        "100 % $sure {x} :y %s %(z)s",
        "null",
        "x" * 10_000,
        "\u200bzero width",
        "NaN",
    ],
    "count": [0, 1, -1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63)],
    "depth": [0.0, -0.0, 0.1, 1 / 3, -2.5, 1e-300, 1.7976931348623157e308, 5e-324, 123456789.125],
    "price": ["0", "1.5", "-12.25", "0.1", "123456789.125", "1000000"],
    "verified": [True, False],
    "day": [date(2024, 2, 29), date(1969, 12, 31), date(1, 1, 1), date(9999, 12, 31)],
    "seen": [
        MOMENT,
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999000, UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999000, UTC),
    ],
    "ref": ["123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000"],
    BOX: [[0.0, 0.0, 1.0, 1.0], [0.1, 0.2, 1 / 3, 0.4], [-0.05, 0.5, 1e-9, 2.0]],
}

ONE: dict[str, Any] = {
    "label": "Copepoda",
    "note": "first",
    "count": 7,
    "depth": 1 / 3,
    "price": "12.25",
    "verified": True,
    "day": date(2024, 2, 29),
    "seen": MOMENT,
    "ref": "123e4567-e89b-12d3-a456-426614174000",
    BOX: [0.1, 0.2, 0.3, 0.4],
}
OTHER: dict[str, Any] = {
    "label": "Ostracoda",
    "note": "second",
    "count": 8,
    "depth": 1 / 7,
    "price": "12.5",
    "verified": False,
    "day": date(2024, 3, 1),
    "seen": MOMENT + timedelta(milliseconds=1),
    "ref": "123e4567-e89b-12d3-a456-426614174001",
    BOX: [0.1, 0.2, 0.3, 0.5],
}
THIRD: dict[str, Any] = {
    "label": "Amphipoda",
    "note": "third",
    "count": 9,
    "depth": 1 / 9,
    "price": "13",
    "verified": None,
    "day": date(2024, 3, 2),
    "seen": MOMENT + timedelta(milliseconds=2),
    "ref": "123e4567-e89b-12d3-a456-426614174002",
    BOX: [0.1, 0.2, 0.3, 0.6],
}
NULLABLE = [each for each in ONE if each not in ("label", BOX)]
