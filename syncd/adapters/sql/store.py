"""Opens a table, or a view over one, as the store of a binding: the adapter that comes with syncd."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from syncd.adapters.base import Opening, OpenStore, Probe
from syncd.adapters.sql.adapter import SqlAdapter
from syncd.adapters.sql.arrow import ArrowReader
from syncd.adapters.sql.describe import describe
from syncd.adapters.sql.description import description
from syncd.adapters.sql.mapping import TableInfo, table_mapping
from syncd.adapters.sql.reader import count_labels
from syncd.model import Kind, Mapping
from syncd.model.capabilities import Transactions
from syncd.model.store import StoreDescription
from syncd.model.vocabulary import Term


class SqlStore:
    """The table of one binding, on a connection that belongs to somebody else."""

    def __init__(self, opening: Opening, arrow: ArrowReader | None) -> None:
        assert opening.lab is not None, "a table is in a database"
        self.connection = opening.lab
        self._opening = opening
        self._arrow = arrow
        self._table: TableInfo | None = None
        self.declared: dict[str, Kind | None] = {}
        """The kinds that FiftyOne has declared of attributes: they decide what a path into JSON leads to."""

    def describe(self, *, crops: bool) -> StoreDescription:
        """What the catalogue says of the table and of the relation that is read."""
        binding = self._opening.binding
        self._table = describe(self.connection, table_mapping(binding, crops=crops), self.declared)
        return description(binding, self._table)

    def rows(self, mapping: Mapping) -> SqlAdapter:
        """The table as it was described last."""
        assert self._table is not None, "what is mapped was described"
        shared = self.connection is self._opening.state
        return SqlAdapter(
            self.connection,
            self._table,
            mapping,
            transactions=Transactions.SHARED if shared else Transactions.OWN,
            arrow=self._arrow,
        )

    def terms(self) -> tuple[Term, ...] | None:
        """None of its own: the table of terms is named in the configuration."""
        return None

    def count_labels(self) -> dict[str, int]:
        """Counted by the server."""
        return count_labels(self.connection, table_mapping(self._opening.binding))

    def probes(self) -> Iterable[Probe]:
        """None: `syncd doctor` knows databases well enough to look at them itself."""
        return ()


class SqlFactory:
    """The factory of kind ``sql``, which is that of a binding without ``store``."""

    section = None
    title = "SQL"

    @contextmanager
    def open(self, opening: Opening) -> Iterator[OpenStore]:
        """The table on the connection to ``database.url``; of PostgreSQL with another one for reading."""
        assert opening.lab is not None, "a table is in a database"
        arrow = None
        if opening.lab.dialect.name == "postgresql":
            shared = opening.lab is opening.state
            arrow = opening.arrow if shared else ArrowReader(opening.lab.engine.url, opening.limits)
        try:
            yield SqlStore(opening, arrow)
        finally:
            if arrow is not None and arrow is not opening.arrow:
                arrow.close()


STORE = SqlFactory()
