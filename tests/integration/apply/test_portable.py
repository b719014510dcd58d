"""The guarantees on a database without schemas, arrays or a server: both the annotations and the state in SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from children import held_at, kill_at
from integration.apply.portable import PortableWorld, portable
from integration.apply.story import OVERRIDES, check, check_the_books, expected_differences, finish, outcome, play
from syncd.engine.steps import Step
from syncd.errors import Busy
from worlds import BINDING, Template


@pytest.fixture
def played(worlds: Template, tmp_path: Path) -> Iterator[PortableWorld]:
    with worlds.copy(**OVERRIDES) as world, portable(world, tmp_path) as copy:
        play(copy)
        yield copy


@pytest.fixture(scope="module")
def undisturbed(worlds: Template, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with worlds.copy(**OVERRIDES) as world, portable(world, tmp_path_factory.mktemp("portable")) as copy:
        play(copy)
        copy.until_quiet()
        check_the_books(copy)
        assert set(copy.disagreements()) == expected_differences(copy)
        return outcome(copy)


@pytest.mark.parametrize(
    "step", [Step.INTENTS_COMMITTED, Step.FIFTYONE_PARTLY_WRITTEN, Step.DATABASE_WRITTEN, Step.OUTCOMES_RECORDED]
)
def test_killed_it_ends_the_same(played: PortableWorld, undisturbed: dict[str, Any], step: Step) -> None:
    assert kill_at(played.document(), BINDING, step.value, slice_size=5) == -9
    finish(played)
    check(played, undisturbed)


def test_what_a_run_wrote_to_the_database_is_undone_with_it(played: PortableWorld) -> None:
    before = played.rows()
    assert kill_at(played.document(), BINDING, Step.OUTCOMES_RECORDED.value) == -9
    assert played.rows() == before
    assert {each["status"] for each in played.log()} == {"pending"}


def test_one_run_at_a_time(played: PortableWorld) -> None:
    with held_at(played.document(), BINDING, Step.PLANNED.value) as other:
        with pytest.raises(Busy, match=f"process {other.pid}"):
            played.reconcile()
        other.kill()
        other.join()
        finish(played)
