"""One binding with both its sides opened: what every command works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.adapters.fiftyone.dataset import describe as describe_dataset
from syncd.adapters.protocol import LabelStore, RowStore
from syncd.adapters.sql.adapter import SqlAdapter
from syncd.adapters.sql.arrow import ArrowReader
from syncd.adapters.sql.describe import describe as describe_table
from syncd.config import Config
from syncd.connect import fiftyone_database, open_database
from syncd.mapped import build_mapping, policy_of, table_mapping
from syncd.model import Mapping, Policy
from syncd.store.lock import lost
from syncd.store.migrate import require_current
from syncd.store.tables import Tables, tables_for


@dataclass(frozen=True)
class Session:
    """A binding and its servers.

    ``state`` is where syncd's own tables are; it is ``writing``, the connection on which annotations are written,
    unless the configuration keeps the two apart.
    """

    mapping: Mapping
    policy: Policy
    fiftyone: LabelStore
    database: RowStore
    writing: Connection
    state: Connection
    tables: Tables
    schema: str
    arrow: ArrowReader | None = None
    stale_window: timedelta = timedelta(hours=1)

    @property
    def one_transaction(self) -> bool:
        """Whether annotations and syncd's own tables are written in one transaction."""
        return self.state is self.writing

    def rest(self) -> None:
        """Ends what has only been read, so that no transaction stays open while the other side is at work."""
        for connection in (self.writing, self.state):
            if connection.invalidated:
                raise lost(self.mapping.binding)
            connection.rollback()


@contextmanager
def open_session(config: Config, name: str, *, migrated: bool = True) -> Iterator[Session]:
    """Opens a binding. Faults of the configuration, the servers and the mapping come out here, in that order.

    ``migrated=False`` leaves out the check for syncd's own tables.
    """
    binding = config.binding(name)
    with ExitStack() as stack:
        writing = stack.enter_context(open_database(config.database.url.get_secret_value()))
        stack.callback(writing.engine.dispose)
        state = writing
        if config.state.url is not None:
            state = stack.enter_context(open_database(config.state.url.get_secret_value()))
            stack.callback(state.engine.dispose)
        if migrated:
            require_current(state, config.state.schema_name)
        table = describe_table(writing, table_mapping(binding))
        mongo = stack.enter_context(fiftyone_database(config))
        dataset = describe_dataset(mongo, binding.dataset, binding.label_field)
        mapping, labels = build_mapping(binding, table, dataset)
        database = SqlAdapter(writing, table, mapping)
        stack.callback(database.close)
        arrow = None
        if state.dialect.name == "postgresql":
            arrow = database.arrow if state is writing else ArrowReader(state.engine.url)
            if state is not writing and arrow is not None:
                stack.callback(arrow.close)
        # Looking up types opened a transaction; the run begins its own.
        writing.rollback()
        state.rollback()
        yield Session(
            mapping=mapping,
            policy=policy_of(binding),
            fiftyone=FiftyOneAdapter(mongo, binding.dataset, dataset.identity, labels, mapping),
            database=database,
            writing=writing,
            state=state,
            tables=tables_for(state, config.state.schema_name),
            schema=config.state.schema_name,
            arrow=arrow,
            stale_window=binding.policy.stale_window,
        )
