"""A value as a person types it becomes the field's kind, or a sentence that says what was expected."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any

import pytest

from syncd.diff.resolution.answer import parse_value
from unit.diff.world import field


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("label", " Copepoda ", " Copepoda "),
        ("label", "null", "null"),
        ("count", "12", 12),
        ("count", "null", None),
        ("depth", "1.5e3", 1500.0),
        ("price", "12.50", "12.5"),
        ("verified", "Yes", True),
        ("verified", "false", False),
        ("day", "2026-11-23", date(2026, 11, 23)),
        ("seen", "2026-11-23T12:00:00.123900Z", datetime(2026, 11, 23, 12, 0, 0, 123000, tzinfo=timezone.utc)),
        ("ref", "0B7EE5C1-9E0E-4A6C-8D3E-2F1D9D0C0001", "0b7ee5c1-9e0e-4a6c-8d3e-2f1d9d0c0001"),
        ("box", "[0.1, 0.2, 0.3, 0.4]", [0.1, 0.2, 0.3, 0.4]),
    ],
)
def test_what_is_typed_is_read(name: str, text: str, value: Any) -> None:
    assert parse_value(field(name), text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("count", "1.5"),
        ("count", ""),
        ("depth", "nan"),
        ("seen", "0001-01-01T00:00:00+05:00"),
        ("depth", "inf"),
        ("price", "NaN"),
        ("price", "x"),
        ("verified", "maybe"),
        ("day", "23.11.2026"),
        ("seen", "noon"),
        ("ref", "123"),
        ("box", "1,2,3"),
        ("box", "1,2,3,nan"),
    ],
)
def test_what_is_no_such_value_is_refused_with_what_was_expected(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"is no value for {name}: expected"):
        parse_value(field(name), text)
