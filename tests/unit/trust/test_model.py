"""The stateful model over both sides in memory: thousands of stories, with faults anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import pytest

from syncd.engine import read
from syncd.testing import SERVER
from trust import many
from trust_model.machine import TrustMachine
from trust_model.memory import MemorySides, Servers
from trust_model.restores import RestoringMachine
from trust_model.sides import Sides
from trust_model.stories import tell

EXAMPLES, STEPS = many(4, 1_000), many(30, 40)


class MemoryMachine(TrustMachine):
    """What both kinds of it share."""

    servers: ClassVar[Servers]


class OneDatabase(MemoryMachine):
    """Rows and syncd's own tables share their transactions."""

    def make_sides(self) -> Sides:
        return MemorySides(self.servers, apart=False)


class TwoDatabases(MemoryMachine):
    """syncd's own tables are in a database of their own."""

    def make_sides(self) -> Sides:
        return MemorySides(self.servers, apart=True)


class Server(MemoryMachine):
    """Rows on a server without transactions, which shows afterwards what a write displaced; two to a slice."""

    def make_sides(self) -> Sides:
        return MemorySides(self.servers, server=replace(SERVER, slice_size=2))


class Restored(RestoringMachine, MemoryMachine):
    """Sides that are restored from backups in between: its stories are long, and told in full only."""

    def make_sides(self) -> Sides:
        return MemorySides(self.servers, apart=False)


MACHINES: list[type[TrustMachine]] = [OneDatabase, TwoDatabases, Server] + [Restored] * many(0, 1)


@pytest.fixture(autouse=True, scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The databases of all stories."""
    MemoryMachine.servers = Servers(tmp_path_factory.mktemp("model"))
    yield
    MemoryMachine.servers.close()


@pytest.fixture(autouse=True)
def documents_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept what documents hold however few there are, so that complete readings recognise them."""
    monkeypatch.setattr(read, "WORTH_KEEPING", 0)


@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("machine", MACHINES)
def test_whatever_happens_no_edit_is_lost_and_the_sides_agree_when_it_is_quiet(machine: type[TrustMachine]) -> None:
    tell(machine, EXAMPLES, STEPS)
