"""The stateful model over Tator's double: stories of reviewers, curators, crashes at every call, and other writers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from syncd.engine import read
from trust import many
from trust_model.machine import TrustMachine
from trust_model.memory import Servers
from trust_model.sides import Sides
from trust_model.stories import tell
from trust_model.tator import TatorSides, named

EXAMPLES, STEPS = many(4, 1_000), many(30, 40)


class OverTator(TrustMachine):
    """The annotations are in Tator."""

    servers: ClassVar[Servers]

    def make_sides(self) -> Sides:
        return TatorSides(self.servers)

    def _new_id(self) -> str:
        return named(super()._new_id())


@pytest.fixture(autouse=True, scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The databases of all stories."""
    OverTator.servers = Servers(tmp_path_factory.mktemp("model"))
    yield
    OverTator.servers.close()


@pytest.fixture(autouse=True)
def documents_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept what documents hold however few there are, so that complete readings recognise them."""
    monkeypatch.setattr(read, "WORTH_KEEPING", 0)


@pytest.mark.timeout(7_200)
def test_whatever_happens_no_edit_is_lost_and_tator_agrees_with_fiftyone_when_it_is_quiet() -> None:
    tell(OverTator, EXAMPLES, STEPS)
