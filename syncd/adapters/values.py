"""Whether what was read back is what was written."""

from __future__ import annotations

import math

from syncd.diff.compare import SMALLEST
from syncd.model import Content, Field, Kind, Mapping


def same_value(field: Field, one: Content, two: Content) -> bool:
    """Whether two single values of a field are equal, by the same rule as :func:`syncd.diff.compare.differs`."""
    if one is None or two is None:
        return one is None and two is None
    if field.kind is Kind.FLOAT:
        return _close(one, two, field.tolerance)
    if field.kind is Kind.BOX and isinstance(one, list) and isinstance(two, list):
        return all(_close(a, b, field.tolerance) for a, b in zip(one, two, strict=True))
    return one == two


def _close(one: object, two: object, tolerance: float) -> bool:
    assert isinstance(one, int | float) and isinstance(two, int | float), "floats are compared with floats"
    return math.isclose(one, two, rel_tol=tolerance, abs_tol=SMALLEST)


def same_content(mapping: Mapping, name: str | None, one: Content, two: Content) -> bool:
    """Whether two contents of a change are equal: of one field, or of every field of an annotation."""
    if name is not None and name in mapping.names:
        return same_value(mapping.field(name), one, two)
    if isinstance(one, dict) and isinstance(two, dict):
        return all(same_value(each, one.get(each.name), two.get(each.name)) for each in mapping.fields)
    return one == two
