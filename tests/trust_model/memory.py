"""Both sides in memory, syncd's own tables in SQLite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from syncd.adapters.base import RowStore
from syncd.adapters.connect import engine_for
from syncd.engine.document_cache import DocumentCache
from syncd.engine.session import Session
from syncd.model import (
    BOX,
    LABEL,
    Brakes,
    Change,
    Direction,
    Field,
    Holds,
    Kind,
    LabelType,
    Mapping,
    Policy,
    Review,
    Side,
    Value,
    Vocabulary,
)
from syncd.model.capabilities import Capabilities, Transactions
from syncd.model.result import Judge, Result
from syncd.model.vocabulary import Term
from syncd.store.tables import tables_for
from syncd.testing import TABLE, Faults, Label, MemoryLabels, MemoryRows, Row
from syncd.testing.content import utc_now
from syncd.testing.labels import Sample, new_id
from syncd.testing.past import held
from trust_model.sides import ALIASES, ENOUGH, NARROW, TERMS, Return, Rules, SeenLabel, SeenRow

SCHEMA = "syncd"
SAMPLES, FIRST = 4, 5
NO_BRAKES = Brakes(1.0, 1.0, 1.0, 1.0, 1.0, 10**9, ENOUGH)
WORDS = Vocabulary(tuple(map(Term, TERMS)))
NARROW_WORDS = Vocabulary(tuple(map(Term, NARROW)), aliases=ALIASES)
MOST_RACES = 3
"""How often somebody gets in between for one field."""
LATE = timedelta(minutes=25)
"""How long before its commit a late edit was stamped: beyond any overlap."""


def mapping() -> Mapping:
    """Label and depth both ways, the box and a count from the database only."""
    kinds = {LABEL: Kind.TEXT, BOX: Kind.BOX, "depth": Kind.FLOAT, "count": Kind.INTEGER, "verified": Kind.BOOLEAN}
    ways = {BOX: Direction.TO_FIFTYONE, "count": Direction.TO_FIFTYONE}
    fields = tuple(
        Field(name, kind, ways.get(name, Direction.BOTH), Holds(kind, name != BOX), Holds(kind), 1e-9)
        for name, kind in kinds.items()
    )
    return Mapping("model", fields, LabelType.DETECTIONS)


def rounded(name: str, value: Value) -> Value:
    """What the table makes of a value: of every third depth a whole number."""
    halved = name == "depth" and isinstance(value, float) and int(value) % 3 == 0
    return float(int(value)) if halved and isinstance(value, float) else value


class Clock:
    """A side's clock: one for both, and how far this side's is off it."""

    now = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)

    def __init__(self) -> None:
        self.off = {Side.FIFTYONE: timedelta(0), Side.DATABASE: timedelta(0)}

    def of(self, side: Side) -> datetime:
        """What the side's clock says; each look at it takes a moment."""
        self.now += timedelta(milliseconds=7)
        return self.now + self.off[side]


class NumberedRows(MemoryRows):
    """Rows with ids that are the same in every telling of a story."""

    minted = 0

    def next_id(self) -> str:
        """A new row's id."""
        self.minted += 1
        return f"minted-{self.minted - 1}"


class ServerRows(NumberedRows):
    """Rows of a server without transactions: whoever edits while syncd writes does so at the worst moment.

    They do so again while it is put back what that displaced, and tire of it then.
    """

    def __init__(self, *args: Any, **over: Any) -> None:
        super().__init__(*args, **over)
        self.raced: Counter[tuple[str | None, str | None]] = Counter()
        rounds = self.makes
        # What has stood there once can stand there as it is.
        self.makes = lambda name, value: value if self._stood(name, value) else rounds(name, value)

    def _stood(self, name: str, value: Value) -> bool:
        return any(held(each.after, name) == value for each in self.past.moments if not each.ours)

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """As ever; what is to happen before a change happens between its comparison and its write."""
        act = self.faults.before_change

        def between(change: Change) -> None:
            self.raced[change.annotation_id, change.field] += 1
            if act is not None and self.raced[change.annotation_id, change.field] <= MOST_RACES:
                act(change)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.faults, "between", between)
            patch.setattr(self.faults, "before_change", None)
            return super().write(changes, judge)


@dataclass(frozen=True)
class TimedSession(Session):
    """A session whose own tables have the clock of the story."""

    clock: Callable[[], datetime] = utc_now

    def now(self) -> datetime:
        """What the clock says."""
        return self.clock()


class TransactionalRows(NumberedRows):
    """Rows whose writes last from the commit of syncd's connection on, and are gone with its rollback."""

    before: list[Row] | None = None
    connection: Connection
    before_commit: Callable[[], None] = staticmethod(lambda: None)
    """Told before each commit takes effect: what it raises keeps the commit from doing so."""

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """As ever, inside the connection's transaction."""
        self.connection.execute(sa.text("SELECT 1"))
        if self.before is None:
            self.before = list(self.rows)
        return super().write(changes, judge)

    def edit_at_once(self, annotation_id: str, field: str, value: Any) -> None:
        """The curator's edit is a transaction of its own: it outlasts the rollback of syncd's."""
        self.edit(annotation_id, "curator", **{field: value})
        if self.before is not None:
            now, self.rows = self.rows, self.before
            self.edit(annotation_id, "curator", **{field: value})
            self.before, self.rows = self.rows, now

    def committed(self, *_: object) -> None:
        """The transaction ends well, unless it is kept from it."""
        self.before_commit()
        self.before = None

    def rolled_back(self, *_: object) -> None:
        """The transaction is gone."""
        if self.before is not None:
            self.rows, self.before = self.before, None


class Servers:
    """Databases for syncd's own tables, emptied and used over and over."""

    def __init__(self, folder: Path) -> None:
        self.document_cache = DocumentCache(folder / "documents", "in memory")
        self.writing = _engine(folder / "writing.sqlite")
        self.state = _engine(folder / "state.sqlite")

    def close(self) -> None:
        """Lets go of them."""
        self.writing.dispose()
        self.state.dispose()


def _engine(path: Path) -> Engine:
    engine = engine_for(f"sqlite:///{path}")

    @sa.event.listens_for(engine, "connect")
    def hurry(connection: Any, _: object) -> None:
        # A story ends with its process: nothing has to outlast the machine.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")

    with engine.connect() as connection:
        tables_for(connection, SCHEMA).metadata.create_all(connection)
        connection.commit()
    return engine


class MemorySides:
    """See :class:`trust_model.sides.Sides`. ``apart``: syncd's own tables are in another database than the rows.

    ``server``: the rows are on a server that can do that, and no more.
    """

    def __init__(self, servers: Servers, *, apart: bool = False, server: Capabilities | None = None) -> None:
        self.mapping = mapping()
        self.clock = Clock()
        self.dataset = MemoryLabels(self.mapping, clock=lambda: self.clock.of(Side.FIFTYONE))
        table = replace(TABLE, transactions=Transactions.OWN) if apart else TABLE
        self.table: TransactionalRows | ServerRows = (ServerRows if server else TransactionalRows)(
            self.mapping,
            clock=lambda: self.clock.of(Side.DATABASE),
            makes=rounded,
            capabilities=server or table,
        )
        self.gone: dict[str, Sample] = {}
        self.document_cache = servers.document_cache
        self.writing = servers.writing
        self.state = servers.state if apart else servers.writing
        for engine in (self.writing, self.state):
            with engine.connect() as connection:
                for each in tables_for(connection, SCHEMA).metadata.sorted_tables:
                    connection.execute(each.delete())
                connection.commit()
        if isinstance(self.table, TransactionalRows):
            sa.event.listen(self.writing, "commit", self.table.committed)
            sa.event.listen(self.writing, "rollback", self.table.rolled_back)
        names = [f"m{number}" for number in range(SAMPLES)]
        made = [self.dataset.add_sample(name) for name in names]
        for number in range(FIRST):
            values: dict[str, Value] = {
                LABEL: TERMS[number],
                BOX: [0.01 * number, 0.1, 0.2, 0.2],
                "depth": float(number),
                "count": number,
            }
            self.table.put(f"a{number}", dict(values), media=names[number % 2])
            made[number % 2].labels.append(Label(f"a{number}", dict(values)))

    def close(self) -> None:
        if isinstance(self.table, TransactionalRows):
            sa.event.remove(self.writing, "commit", self.table.committed)
            sa.event.remove(self.writing, "rollback", self.table.rolled_back)

    @contextmanager
    def session(self, rules: Rules, faults: Faults) -> Iterator[Session]:
        self.clock.now += timedelta(seconds=20)
        with ExitStack() as stack:
            # A connection that was lost takes its transaction with it.
            writing = state = stack.enter_context(self.writing.connect())
            if self.state is not self.writing:
                state = stack.enter_context(self.state.connect())
            if isinstance(self.table, TransactionalRows):
                stack.callback(self.table.rolled_back)
                self.table.connection = writing
            for side in (self.dataset, self.table):
                side.faults = faults
                stack.callback(setattr, side, "faults", Faults())
            yield self.session_over(rules, self.table, writing, state)

    def session_over(self, rules: Rules, database: RowStore, writing: Connection, state: Connection) -> TimedSession:
        """A session by these rules, with the clock of the story."""
        mode = "tagged" if rules.tagged else "immediate"
        review = Review(mode=mode, approve=("reviewed",), error=("bad",), verified="verified")
        return TimedSession(
            clock=lambda: self.clock.of(Side.DATABASE),
            mapping=self.mapping,
            policy=replace(Policy(), brakes=NO_BRAKES, review=review, **rules.policy),
            fiftyone=self.dataset,
            database=database,
            writing=writing,
            state=state,
            tables=tables_for(state, SCHEMA),
            schema=SCHEMA,
            vocabulary=NARROW_WORDS if rules.narrow else WORDS,
            document_cache=self.document_cache,
        )

    def samples(self) -> Sequence[str]:
        return list(self.dataset.samples)

    def labels(self) -> list[SeenLabel]:
        return [self._seen(sample, label) for sample, label in self.dataset.labels()]

    def rows(self) -> list[SeenRow]:
        homes = {each.media: each.sample_id for each in self.dataset.samples.values()}
        return [
            SeenRow(name, homes.get(each.media), dict(self.table.values(name) or {}))
            for each in self.table.rows
            for name in (str(each.annotation_id),)
        ]

    def edit_label(self, label: SeenLabel, field: str, value: Any) -> None:
        self._touched(label.sample)
        self._label(label).values[field] = value

    def tag_label(self, label: SeenLabel, tags: Sequence[str]) -> None:
        self._touched(label.sample)
        self._label(label).tags = list(tags)

    def draw(self, sample: str, values: dict[str, Any]) -> str:
        label = Label(None, dict(values))
        self.dataset.draw(sample, label)
        return str(label.label_id)

    def erase(self, label: SeenLabel) -> None:
        self._touched(label.sample).labels.remove(self._label(label))

    def copy(self, label: SeenLabel, sample: str) -> str:
        made = replace(deepcopy(self._label(label)), label_id=new_id())
        self._touched(sample).labels.append(made)
        return str(made.label_id)

    def move(self, label: SeenLabel, sample: str) -> None:
        moved = self._label(label)
        self._touched(label.sample).labels.remove(moved)
        self._touched(sample).labels.append(moved)

    def rebuild(self, label: SeenLabel, *, keeps_id: bool, same_label: bool) -> str:
        known = {name: label.values[name] for name in (LABEL, BOX)}
        made = Label(label.annotation_id if keeps_id else None, known)
        if same_label:
            made.label_id = label.label_id
        labels = self._touched(label.sample).labels
        labels[labels.index(self._label(label))] = made
        return str(made.label_id)

    def leave(self, sample: str) -> None:
        self.gone[sample] = self.dataset.samples[sample]
        self.dataset.remove_sample(sample)

    def away(self) -> Sequence[str]:
        return list(self.gone)

    def come_back(self, sample: str, how: Return) -> list[SeenLabel]:
        left = self.gone.pop(sample)
        labels = [] if how is Return.EMPTY else left.labels
        for each in labels if how is not Return.WHOLE else ():
            each.label_id = new_id()
            each.annotation_id = None if how is Return.NAMELESS else each.annotation_id
        back = self.dataset.add_sample(left.media, labels)
        return [self._seen(back, each) for each in labels]

    def touch_sample(self, sample: str) -> None:
        self._touched(sample)

    def edit_row(self, annotation_id: str, field: str, value: Any, *, late: bool = False) -> None:
        if late:
            self.clock.off[Side.DATABASE] -= LATE
        if isinstance(self.table, TransactionalRows):
            self.table.edit_at_once(annotation_id, field, value)
        else:
            self.table.edit(annotation_id, "curator", **{field: value})
        if late:
            self.clock.off[Side.DATABASE] += LATE

    def add_row(self, annotation_id: str, sample: str, values: dict[str, Any]) -> None:
        self.table.put(annotation_id, dict(values), media=self.dataset.samples[sample].media)

    def remove_row(self, annotation_id: str) -> None:
        self.table.remove(annotation_id)

    def hide_row(self, annotation_id: str) -> None:
        self.table.hidden.add(annotation_id)

    def show_row(self, annotation_id: str) -> None:
        self.table.hidden.discard(annotation_id)

    def hidden(self) -> Collection[str]:
        return self.table.hidden

    def retie_row(self, annotation_id: str, sample: str) -> None:
        self.table.retie(annotation_id, self.dataset.samples[sample].media, "curator")

    def touch_row(self, annotation_id: str) -> None:
        self.table.edit(annotation_id, "curator")

    def open_list(self, sample: str) -> object:
        return deepcopy(self.dataset.samples[sample].labels)

    def save_list(self, sample: str, held: Any) -> None:
        self._touched(sample).labels = deepcopy(held)

    def set_values(self, field: str, values: Sequence[tuple[SeenLabel, Any]]) -> None:
        stamp = self.clock.of(Side.FIFTYONE)
        for seen, value in values:
            self.dataset.samples[seen.sample].edited_at = stamp
            self._label(seen).values[field] = value

    def back_up(self, side: Side) -> object:
        held = self.table.rows if side is Side.DATABASE else (self.dataset.samples, self.gone)
        return deepcopy(held)

    def put_back(self, side: Side, copy: Any) -> None:
        held = deepcopy(copy)
        if side is Side.DATABASE:
            self.table.rows = held
        else:
            self.dataset.samples, self.gone = held

    def skew(self, side: Side, minutes: int) -> None:
        self.clock.off[side] = timedelta(minutes=minutes)

    def _touched(self, sample: str) -> Sample:
        found = self.dataset.samples[sample]
        found.edited_at = self.clock.of(Side.FIFTYONE)
        return found

    def _seen(self, sample: Sample, label: Label) -> SeenLabel:
        values = dict(self.dataset.values(label))
        return SeenLabel(sample.sample_id, str(label.label_id), label.annotation_id, values, tuple(label.tags))

    def _label(self, seen: SeenLabel) -> Label:
        return next(each for each in self.dataset.samples[seen.sample].labels if each.label_id == seen.label_id)
