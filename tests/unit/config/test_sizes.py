"""Sizes as people write them."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from syncd.config.kinds import ByteSize

SIZE = TypeAdapter(ByteSize)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("500MB", 500_000_000),
        ("1.5GiB", 1_610_612_736),
        ("2 TB", 2_000_000_000_000),
        ("64k", 64_000),
        (123_456_789_012_345_678, 123_456_789_012_345_678),
        (0, 0),
    ],
)
def test_a_size_is_read_to_the_last_byte(written: object, expected: int) -> None:
    assert SIZE.validate_python(written) == expected


@pytest.mark.parametrize("written", ["", "GB", "-1GB", "1XB", "1e3", "9999999TiB", 2**63, 10**400, True, 1.5, None])
def test_what_is_no_size_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        SIZE.validate_python(written)
