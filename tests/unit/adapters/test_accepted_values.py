"""Which values a CHECK lists, as PostgreSQL spells it; whatever else it says is nobody's to guess."""

from __future__ import annotations

import pytest

from syncd.adapters.sql.accepted_values import listed_values


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("(label = ANY (ARRAY['a'::text, 'b'::text]))", {"a", "b"}),
        ("((label)::text = ANY ((ARRAY['a'::character varying, 'b'']'::character varying])::text[]))", {"a", "b']"}),
        ("((label)::text = 'a'::text)", {"a"}),
        ("((label IS NULL) OR (label = ANY (ARRAY['a'::text])))", {"a"}),
        ("((label = 'a'::text) OR (label = ' b'::text) OR (label = ''::text))", {"a", " b", ""}),
        ("((VALUE)::text = ANY ((ARRAY['a'::character varying])::text[]))", {"a"}),
        ("(\"La \"\"bel\" = 'a'::text)", {"a"}),
    ],
)  # fmt: skip
def test_a_list_of_values_is_read(expression: str, values: set[str]) -> None:
    assert listed_values(expression, ["label", "VALUE", 'La "bel']) == values


@pytest.mark.parametrize(
    "expression",
    [
        "(NOT (label = 'a'::text))",
        "(label <> ALL (ARRAY['a'::text]))",
        "(lower(label) = 'a'::text)",
        "((label = 'a'::text) AND (label = 'b'::text))",
        "(label ~ 'a'::text)",
        "(label ~~ 'a'::text)",
        "(label = E'a\\\\b'::text)",
        "(length(label) > 3)",
        "((length(label) > 3) OR (label = 'a'::text))",
        "((label = 'a'::text) OR (length(label) > 3))",
        "(label = other)",
        "((label = 'a'::text) IS NOT FALSE)",
        "((label = 'a'::text) = (label = 'b'::text))",
        "(label = ANY (ARRAY['a'::citext]))",
        "(label = ANY (ARRAY['a'::text, upper('b'::text)]))",
        "((label)::character varying(3) = 'abc'::text)",
        "((label COLLATE \"C\") = 'a'::text)",
        "(label IS NULL)",
        "(label IS NOT NULL)",
        "(other = 'a'::text)",
        "(label = 'a'::text) OR",
        "true",
        "",
    ],
)
def test_anything_else_tells_nothing(expression: str) -> None:
    assert listed_values(expression, ["label", "VALUE"]) is None
