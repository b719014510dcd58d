"""The stateful model over MongoDB and PostgreSQL: the same rules and promises as in memory, fewer, longer stories."""

from __future__ import annotations

import uuid
from typing import ClassVar

import pytest

from trust import many
from trust_model.machine import TrustMachine
from trust_model.real import RealSides
from trust_model.sides import Sides
from trust_model.stories import tell
from worlds import Template

EXAMPLES, STEPS = many(1, 60), many(10, 60)


class RealMachine(TrustMachine):
    """What both kinds of it share. Rows' ids are UUIDs, as the lab's are."""

    template: ClassVar[Template]

    def _new_id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, super()._new_id()))


class OneDatabase(RealMachine):
    """Rows and syncd's own tables share their transactions."""

    def make_sides(self) -> Sides:
        return RealSides(self.template, apart=False)


class TwoDatabases(RealMachine):
    """syncd's own tables are written over a connection, and in transactions, of their own."""

    def make_sides(self) -> Sides:
        return RealSides(self.template, apart=True)


@pytest.fixture(autouse=True, scope="module")
def copied(worlds: Template) -> None:
    """What every story starts from."""
    RealMachine.template = worlds


@pytest.mark.timeout(7_200)
@pytest.mark.usefixtures("fiftyone")
@pytest.mark.parametrize("machine", [OneDatabase, TwoDatabases])
def test_on_real_servers_no_edit_is_lost_and_the_sides_agree_when_it_is_quiet(machine: type[TrustMachine]) -> None:
    tell(machine, EXAMPLES, STEPS)
