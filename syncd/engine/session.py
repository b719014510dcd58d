"""A session: one binding with both its sides opened. Every command works on one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database
from sqlalchemy import Connection

from syncd.adapters.base import LabelStore, Opening, OpenStore, RowStore
from syncd.adapters.connect import fiftyone_database, open_database
from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.adapters.fiftyone.dataset import KINDS, DatasetInfo
from syncd.adapters.fiftyone.dataset import describe as describe_dataset
from syncd.adapters.plugged import factory_of, kind_of
from syncd.adapters.sql.arrow import ArrowReader
from syncd.adapters.sql.clock import clock
from syncd.adapters.sql.encoding import codec_of
from syncd.adapters.sql.errors import READING, asking
from syncd.adapters.sql.limits import LIMITS, Limits
from syncd.adapters.sql.mapping import table_mapping
from syncd.adapters.sql.referred import referred
from syncd.adapters.sql.sample_values import SampleValues, sample_values
from syncd.config import BindingConfig, Config
from syncd.config.store import SQL
from syncd.engine.document_cache import DocumentCache
from syncd.engine.mapping import build_mapping, policy_of
from syncd.errors import NotForStore
from syncd.model import Mapping, Policy, Vocabulary
from syncd.model.capabilities import Transactions
from syncd.own_process import spare_the_libraries
from syncd.store.capture_read import find_capture
from syncd.store.capture_referred import is_installed
from syncd.store.capture_target import Target
from syncd.store.lock import lost, make_sure
from syncd.store.migrate import require_current
from syncd.store.tables import Tables, tables_for
from syncd.vocabulary.load import load_vocabulary

RULES = ";review="
"""What stands in a fingerprint between the mapping's own and that of the rules."""


@dataclass(frozen=True)
class Session:
    """A binding and its servers.

    ``state`` is the connection to syncd's own tables. ``writing`` is the one that holds the binding's lock: where
    annotations are written, if these are in an SQL database (and so ``state``, unless the configuration separates the
    two); else ``state``. ``store`` is where the annotations are, of this ``kind``. ``capture`` is the written table if
    triggers record its changes. ``referred`` is the fingerprint of what keys in it refer to; ``samples`` read what
    becomes of it fields of samples. ``document_cache`` is the document cache.
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
    vocabulary: Vocabulary | None = None
    capture: Target | None = None
    referred: str | None = None
    samples: tuple[SampleValues, ...] = ()
    document_cache: DocumentCache | None = None
    store: OpenStore | None = None
    kind: str = SQL

    @property
    def one_transaction(self) -> bool:
        """Whether annotations and syncd's own tables are written in one transaction."""
        return self.database.capabilities.transactions is Transactions.SHARED

    @property
    def in_slices(self) -> bool:
        """Whether annotations are written slice by slice, each for good: the store has no transactions at all."""
        return self.database.capabilities.transactions is Transactions.NONE

    def make_sure_of_lock(self) -> None:
        """``LockLost`` unless the binding's lock is still held; to be called outside of a transaction."""
        make_sure(self.writing, self.schema, self.mapping.binding)

    def now(self) -> datetime:
        """The time of what is recorded, by a clock of SQL: a store's own may be coarse, and says where to read from."""
        if not self.in_slices:
            return self.database.now()
        with asking(READING):
            return clock(self.state)

    @property
    def fingerprint(self) -> str:
        """Changes with the mapping, the vocabulary and the meaning of tags: then everything must be judged anew."""
        review = hashlib.blake2b(repr(self.policy.review).encode(), digest_size=8).hexdigest()
        terms = self.vocabulary.fingerprint if self.vocabulary is not None else "-"
        taken = [(each.name, sorted(each.database.values)) for each in self.mapping.fields if each.database.values]
        values = f",values={hashlib.blake2b(repr(taken).encode(), digest_size=8).hexdigest()}" if taken else ""
        keys = f",keys={self.referred}" if self.referred else ""
        return f"{self.mapping.fingerprint}{RULES}{review},vocabulary={terms}{values}{keys}"

    def rest(self) -> None:
        """Ends transactions that have only read, so that none stays open while the other side is at work."""
        for connection in (self.writing, self.state):
            if connection.invalidated:
                raise lost(self.mapping.binding)
            connection.rollback()


def require_table(binding: BindingConfig, command: str) -> None:
    """Raises ``NotForStore`` for a ``command`` that works on tables, where the annotations are in another store."""
    if binding.store is not None:
        raise NotForStore(
            f"{command} works on a table of the lab's database, and the annotations of {binding.name!r} are in a store "
            f"of kind {binding.store.kind!r}.",
            remedy="docs/stores.md says what each kind of store has in its place.",
        )


@dataclass(frozen=True)
class Connections:
    """The open servers of a binding; ``limits`` bound how long syncd waits for them.

    ``state`` and ``writing`` are those of :class:`Session`.
    """

    writing: Connection
    state: Connection
    mongo: Database[dict[str, Any]]
    limits: Limits = LIMITS


@contextmanager
def open_connections(config: Config, name: str, *, limits: Limits = LIMITS) -> Iterator[Connections]:
    """Connects to FiftyOne, to syncd's own tables, and to the lab's database, if the binding's table is there."""
    with ExitStack() as stack:
        writing, state = stack.enter_context(open_sql(config, config.binding(name), limits=limits))
        mongo = stack.enter_context(fiftyone_database(config, answer_s=limits.statement_s))
        yield Connections(writing, state, mongo, limits)


@contextmanager
def open_sql(
    config: Config, binding: BindingConfig, *, limits: Limits = LIMITS
) -> Iterator[tuple[Connection, Connection]]:
    """The connection that holds the binding's lock, and that to syncd's own tables; most often they are one."""
    with ExitStack() as stack:
        urls = [config.state_url] if binding.store is not None else [config.database.url, config.state.url]
        opened = []
        for url in urls:
            if url is not None:
                opened.append(stack.enter_context(open_database(url.get_secret_value(), limits)))
                stack.callback(opened[-1].engine.dispose)
        yield opened[0], opened[-1]


@contextmanager
def open_session(
    config: Config,
    name: str,
    *,
    migrated: bool = True,
    planned: DatasetInfo | None = None,
    limits: Limits = LIMITS,
) -> Iterator[Session]:
    """Opens a binding. Raises faults of the configuration, the servers and the mapping, in that order.

    ``migrated=False`` leaves out the check for syncd's own tables. ``planned`` stands for a dataset that does not exist
    yet, and so holds nothing.
    """
    config.binding(name)
    with (
        open_connections(config, name, limits=limits) as connections,
        session_on(connections, config, name, migrated=migrated, planned=planned) as session,
    ):
        yield session


@contextmanager
def session_on(
    connections: Connections,
    config: Config,
    name: str,
    *,
    migrated: bool = True,
    planned: DatasetInfo | None = None,
) -> Iterator[Session]:
    """Opens a binding as it is now, over connections that outlive it; otherwise like :func:`open_session`."""
    binding = config.binding(name)
    writing, state, mongo, limits = connections.writing, connections.state, connections.mongo, connections.limits
    with ExitStack() as stack:
        if migrated:
            require_current(state, config.state.schema_name)
        arrow = ArrowReader(state.engine.url, limits) if state.dialect.name == "postgresql" else None
        if arrow is not None:
            stack.callback(arrow.close)
        kind = kind_of(binding)
        lab = writing if kind == SQL else None
        store = stack.enter_context(factory_of(binding).open(Opening(config, binding, limits, lab, state, arrow)))
        described = store.describe(crops=binding.ingest.crops)
        dataset = planned or describe_dataset(mongo, binding.dataset, binding.label_field)
        is_crops = dataset.crops and not binding.ingest.crops
        if is_crops or any(each.path for each in binding.attributes.values()):
            declared = {name: KINDS.get(each) for name, each in dataset.attributes.items()}
            described = store.describe(crops=dataset.crops or binding.ingest.crops, declared=declared)
        mapping, labels = build_mapping(binding, described, dataset)
        session = Session(
            mapping=mapping,
            policy=policy_of(binding),
            fiftyone=FiftyOneAdapter(
                mongo, binding.dataset, dataset.identity, labels, mapping, encoding=codec_of(state)
            ),
            database=store.rows(mapping.in_database),
            writing=writing,
            state=state,
            tables=tables_for(state, config.state.schema_name),
            schema=config.state.schema_name,
            arrow=arrow,
            stale_window=binding.policy.stale_window,
            document_cache=DocumentCache.of(name, dataset.identity, decoding=repr(labels)),
            store=store,
            kind=kind,
        )
        if dataset.dataset_id and binding.sample_fields:
            session = replace(session, samples=tuple(sample_values(writing, binding)))
            for each in session.samples:
                stack.callback(each.adapter.close)
        spare_the_libraries()
        yield renewed(session, binding, migrated=migrated)


def renewed(session: Session, binding: BindingConfig, *, migrated: bool = True) -> Session:
    """The session with the current vocabulary, accepted values of columns, and capture of changes."""
    writing = session.writing
    own = None if session.store is None else session.store.terms()
    vocabulary = load_vocabulary(binding, writing, own)
    mapping = session.mapping.taking(session.database.values_taken())
    table = table_mapping(binding) if session.kind == SQL else None
    capture = None
    if table is not None and migrated and session.one_transaction and writing.dialect.name == "postgresql":
        capture = find_capture(writing, binding.table, binding.columns.id.name, session.schema, table)
    keys = None
    # Where triggers name the annotations of what keys refer to, a poll need not look at that itself.
    if table is not None and table.looks_up and not (capture is not None and is_installed(writing, capture)):
        keys = referred(writing, table)
    # Looking up types opened a transaction; the run begins its own.
    writing.rollback()
    session.state.rollback()
    return replace(session, mapping=mapping, vocabulary=vocabulary, capture=capture, referred=keys)
