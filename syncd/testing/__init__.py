"""Both sides of a binding in memory, with faults on demand, for tests of code that uses adapters.

    faults = Faults()
    rows = MemoryRows(mapping, faults=faults)
    rows.put("a1", {"label": "Copepoda"}, media="/images/1.png")
    faults.fail(DatabaseUnavailable("gone"), method="write", at=2)

They behave like the real sides, and pass the same contract tests (:mod:`syncd.testing.contract`). Their other methods
act for people who edit the side behind syncd's back. The rows are a table, or with other ``capabilities`` a server that
can do less: ``SERVER`` has no transactions and a history, ``BARE`` nothing at all.
"""

from syncd.testing.capabilities import BARE, SERVER, TABLE
from syncd.testing.faults import Faults
from syncd.testing.labels import Label, MemoryLabels, Sample
from syncd.testing.rows import MemoryRows, Row

__all__ = ["BARE", "SERVER", "TABLE", "Faults", "Label", "MemoryLabels", "MemoryRows", "Row", "Sample"]
