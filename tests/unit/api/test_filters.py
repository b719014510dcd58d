"""A filter that names nothing that there is, is wrong usage; one that might name something is not."""

from __future__ import annotations

import pytest

from syncd.api.filters import check, check_direction, check_status
from syncd.errors import ConfigError


@pytest.mark.parametrize("given", [None, "edit_edit", "of_old"])
def test_what_is_known_or_was_seen_is_taken(given: str | None) -> None:
    check("kind", given, {"edit_edit"}, lambda: ["of_old"])


def test_what_was_seen_is_looked_for_only_where_it_matters() -> None:
    check("kind", "edit_edit", {"edit_edit"}, lambda: pytest.fail("it was looked for"))


def test_the_nearest_word_is_named() -> None:
    with pytest.raises(ConfigError, match=r"kind 'edit_edti'") as caught:
        check("kind", "edit_edti", {"edit_edit", "moved"})
    assert caught.value.exit_code == 2
    assert caught.value.remedy == "Did you mean edit_edit?"


def test_where_none_is_near_all_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        check("kind", "qqq", {"edit_edit", "moved"})
    assert caught.value.remedy == "There are: edit_edit, moved."


@pytest.mark.parametrize("status", ["pending", "applied", "superseded", "refused", "abandoned", None])
def test_every_status_is_one(status: str | None) -> None:
    check_status(status)


def test_what_is_none_is_not() -> None:
    with pytest.raises(ConfigError, match="status 'aplied'") as caught:
        check_status("aplied")
    assert caught.value.remedy == "Did you mean applied?"
    with pytest.raises(ConfigError, match="direction 'both'"):
        check_direction("both")
