"""The database side of a binding: PostgreSQL by Arrow and sets, any other database by SQLAlchemy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from syncd.adapters.base import Sink
from syncd.adapters.sql import ids, write_portable, write_postgres
from syncd.adapters.sql.accepted_values import rules_of, values_taken
from syncd.adapters.sql.arrow import ArrowReader
from syncd.adapters.sql.clock import clock
from syncd.adapters.sql.errors import READING, WRITING, asking, may_pass_later, said
from syncd.adapters.sql.expressions import Shown, source
from syncd.adapters.sql.ids import not_given_yet
from syncd.adapters.sql.insert import Inserter
from syncd.adapters.sql.keys import Keys
from syncd.adapters.sql.limits import LIMITS, Limits
from syncd.adapters.sql.mapping import TableInfo
from syncd.adapters.sql.places import Place
from syncd.adapters.sql.quote import relation
from syncd.adapters.sql.readback import Examiner, Found, NoAnswerError, raise_no_answers, read_back
from syncd.adapters.sql.reader import Reader
from syncd.adapters.sql.refusal import Refusals
from syncd.adapters.sql.rights import explained
from syncd.adapters.sql.stored import Lookup
from syncd.adapters.sql.table_identity import place_of
from syncd.adapters.sql.values import editor, why_unsendable
from syncd.adapters.sql.write_portable import Write
from syncd.errors import RightMissing
from syncd.model import (
    MEDIA_FIELD,
    Action,
    Change,
    Direction,
    Field,
    Holds,
    Kind,
    Mapping,
    Origin,
    Side,
    Snapshot,
    Value,
)
from syncd.model.capabilities import BulkValues, Capabilities, Guard, Stamps, Transactions
from syncd.model.result import Judge, Result, Written
from syncd.pipelining import ahead, batches

BATCH = 2_500
"""Changes per statement: large enough to be set-based, small enough that the next are made ready meanwhile."""

SLICE = 10_000
"""Changes between two reports of progress; all of them are in one transaction."""

Group = tuple[Action, "str | None", int]
"""What one statement can do: the action, the field, and how manieth change of an annotation it is."""


MEDIA = Field(MEDIA_FIELD, Kind.TEXT, Direction.BOTH, Holds(Kind.TEXT), Holds(Kind.TEXT))


@dataclass
class _Outcome:
    """What became of the changes of one call, by their position.

    ``seen`` was read back of what was written; ``given`` are the ids under which rows were inserted; ``in_the_way``
    are the refused ones that other rows may be in the way of.
    """

    matched: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)
    in_the_way: set[int] = field(default_factory=set)
    seen: dict[int, Found] = field(default_factory=dict)
    given: dict[int, str] = field(default_factory=dict)


class SqlAdapter:
    """Annotations as rows. Writes run on ``connection``, inside the transaction its caller has open there."""

    side = Side.DATABASE

    def __init__(
        self,
        connection: Connection,
        info: TableInfo,
        mapping: Mapping,
        limits: Limits = LIMITS,
        *,
        transactions: Transactions = Transactions.SHARED,
        arrow: ArrowReader | None = None,
    ) -> None:
        self.connection = connection
        self.info = info
        self.mapping = mapping
        self.is_postgres = connection.dialect.name == "postgresql"
        own = arrow is None and self.is_postgres
        self.arrow = ArrowReader(connection.engine.url, limits) if own else arrow
        self._own_arrow = self.arrow if own else None
        self.reader = Reader(connection, info, mapping, self.arrow)
        # The column that ties a row to its image is written like a field, and is none.
        fields = info.mapping.fields | {MEDIA_FIELD: (info.mapping.image_column,)}
        self._written = replace(info, mapping=replace(info.mapping, fields=fields))
        self._writing = replace(mapping, fields=(*mapping.fields, MEDIA))
        self.keys = Keys(connection, info)
        self._writer: write_postgres.Writer | write_portable.Writer | None = None
        self._readers: dict[str, Reader] = {}
        # The fields of which not every value can be written at all.
        shown = Shown(connection.dialect, self._written.mapping)
        self._doubtful = {
            each.name: Place(shown, self._written, each.name, each.kind, self.keys)
            for each in self._writing.fields
            if self._written.mapping.fields[each.name][0] in info.mapping.stored
            and info.writable(self._written.mapping.fields[each.name][0])
        }
        self._transactions = transactions

    def close(self) -> None:
        """Closes the reading connection, where it was not given; the writing one belongs to the caller."""
        if self._own_arrow is not None:
            self._own_arrow.close()

    @property
    def capabilities(self) -> Capabilities:
        """Compare-and-sets under the row's lock, in sets, within a transaction; stamps where a column holds them."""
        return Capabilities(
            guard=Guard.REVISION,
            transactions=self._transactions,
            stamps=Stamps.NONE if self.info.mapping.updated_at is None else Stamps.COMPLETE,
            history=False,
            deletion_feed=False,
            bulk_values=BulkValues.DIFFERING,
            # What a foreign key or a CHECK enforces is told by `values_taken`, as it is at the moment.
            enforced_vocabulary=False,
            slice_size=SLICE,
        )

    def origin(self, *, count_rows: bool = True) -> Origin:
        """The table's name with its database and server, and its number of rows."""
        with self._asking(READING):
            identity = place_of(self.connection, self.info.mapping.table)
        if not count_rows:
            return Origin(identity=identity)
        table = self._annotations_in_table()
        with self._asking(READING):
            plain = self.connection.execution_options(no_parameters=True)
            rows = plain.exec_driver_sql(f"SELECT count(*) FROM {table} AS counted").scalar_one()
        return Origin(identity=identity, rows=int(rows))

    def _annotations_in_table(self) -> str:
        """What stands behind FROM where the annotations of the written table are counted."""
        mapping = self.info.mapping
        if not mapping.rows.narrow:
            return relation(self.connection.dialect, mapping.table)
        bare = replace(mapping, read=mapping.table, fields={}, media_column=mapping.id_column)
        return source(self.connection.dialect, replace(bare, frame_column=None, updated_at=None, updated_by=None))

    def now(self) -> datetime:
        """The server's clock; of a database without one (SQLite), this machine's."""
        with self._asking(READING):
            return clock(self.connection)

    def read_all(self) -> Snapshot:
        """Every row: one statement, and so one moment."""
        as_of = self.now()
        with self._asking(READING):
            return Snapshot(self.side, self.reader.everything(), complete=True, as_of=as_of)

    def read_all_to(self, sink: Sink) -> datetime:
        """Every row, some at a time: still one statement, and so one moment."""
        as_of = self.now()
        with self._asking(READING):
            for rows in self.reader.everything_in_parts():
                sink.add(rows)
        return as_of

    def read_since(self, since: datetime) -> Snapshot:
        """Rows stamped at or after ``since``; an indexed range read on ``updated_at``."""
        assert self.info.mapping.updated_at is not None, "a table without updated_at is read whole"
        as_of = self.now()
        with self._asking(READING):
            rows = self.reader.since(self.info.mapping.updated_at, since)
        return Snapshot(self.side, rows, complete=False, as_of=as_of)

    def count_since(self, since: datetime, at_most: int) -> int:
        """The number of rows stamped at or after ``since``, from the index, up to ``at_most``."""
        assert self.info.mapping.updated_at is not None, "a table without updated_at is read whole"
        with self._asking(READING):
            return self.reader.count_since(self.info.mapping.updated_at, since, at_most)

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        """The rows with these ids; an id that the column cannot hold has no row."""
        as_of = self.now()
        with self._asking(READING):
            return Snapshot(self.side, self.reader.with_ids(ids), complete=False, as_of=as_of)

    @contextmanager
    def _asking(self, doing: str) -> Iterator[None]:
        """Translates what the driver raises; of a right that is denied, it names what grants it."""
        try:
            with asking(doing):
                yield
        except RightMissing as error:
            raise explained(error, self.connection, self.info) from error.__cause__

    def rules(self) -> str | None:
        """The table's columns, constraints, triggers, rules, policies and rights, as one fingerprint."""
        with asking(READING):
            return rules_of(self.connection, self.info.mapping.table)

    def writable(self, field: str) -> bool:
        """Whether the table that is written has all of the field's columns, and generates none of them."""
        return all(self.info.writable(each) for each in self.info.mapping.fields[field])

    def values_taken(self) -> dict[str, tuple[frozenset[str], str]]:
        """Of enums, of CHECKs that list values, and of the label's foreign key."""
        with self._asking(READING):
            return values_taken(self.connection, self.info)

    def read_committed(self, ids: Collection[str]) -> Snapshot:
        """As :meth:`read_ids`, over the connection that only reads: quicker, and blind to what is not committed."""
        as_of = self.now()
        with self._asking(READING):
            return Snapshot(self.side, self.reader.with_ids_apart(ids), complete=False, as_of=as_of)

    def written_ids(self, ids: Collection[str]) -> Written:
        """Which of these ids, that were read and not found, the table has all the same."""
        with self._asking(READING):
            certain = not self._row_security()
            mapping = self.info.mapping
            if mapping.read == mapping.table and mapping.rows.where is None:
                return Written(frozenset(), certain)
            found = self._reader_of_table(()).with_ids_apart(ids)["annotation_id"]
        return Written(frozenset(found), certain)

    def not_given_yet(self, given: Collection[str]) -> frozenset[str]:
        """Which of these ids a sequence is still to give."""
        column, is_whole = self.info.id, self.info.mapping.composite_id is None
        whole = column.kind is Kind.INTEGER and is_whole
        numbers = {int(each): each for each in given if whole and ids.could_be_id(column, each)}
        if not self.is_postgres or not numbers:
            return frozenset()
        with asking(READING):
            found = not_given_yet(self.connection, self.info.mapping.table, column.name, numbers)
        return frozenset(numbers[each] for each in found)

    def _row_security(self) -> bool:
        """Whether policies of the table keep rows from this role: that may change at any time."""
        if not self.is_postgres:
            return False
        table = relation(self.connection.dialect, self.info.mapping.table)
        asked = sa.select(sa.func.row_security_active(sa.func.to_regclass(table)))
        return bool(self.connection.execute(asked).scalar_one())

    def _reader_of_table(self, fields: tuple[Field, ...]) -> Reader:
        """Reads the table that is written, whatever the relation that is read shows of it: ids and some fields."""
        mapping = self._written.mapping
        table = replace(mapping, read=mapping.table, media_column=mapping.id_column, updated_at=None, updated_by=None)
        table = replace(table, rows=replace(table.rows, where=None), frame_column=None)
        table = replace(table, fields={each.name: table.fields[each.name] for each in fields})
        info = replace(self.info, mapping=table, read=self.info.written)
        return Reader(self.connection, info, replace(self.mapping, fields=fields), self.arrow)

    def new_ids(self, count: int) -> list[str] | None:  # noqa: ARG002 - of the Protocol
        """``None``: the owner of ids gives one when the row is inserted, in the same transaction."""
        return None

    def find_writes(self, changes: Sequence[Change], since: datetime) -> list[Result | None]:  # noqa: ARG002
        """Nothing: a table keeps no history. What a transaction left is told by the rows themselves."""
        return [None] * len(changes)

    def signature(self, actor: str | None) -> str | None:
        """The name as the column ``updated_by`` holds it; ``None`` where syncd writes no such column."""
        by = self.info.mapping.updated_by
        if by is None or not self.info.writable(by):
            return None
        stored = self.info.mapping.stored.get(by)
        if stored is not None and stored.lookup is not None:
            return self.keys.editor_shown(stored.lookup, actor)
        return editor(actor, self.info.written[by].holds)

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """Compare-and-sets in batches, then what is there now; a refused value costs its own change and no other.

        Rows are inserted last: what makes room for them is done by then.
        """
        if not changes:
            return []
        outcome = _Outcome()
        with self._asking(WRITING):
            self._learn(changes)
            groups = self._groups(changes, outcome.refused)
            self.writer.prepare()
            refusals = Refusals(self.connection, self.writer)
            examiner = Examiner(
                self.connection, self._written, self._writing, self.writer, refusals, self._read_back, judge
            )
            ready = (
                (action, field, batch, self._ready(action, field, [changes[each] for each in batch]))
                for (action, field, _), positions in groups.items()
                if action is not Action.INSERT
                for batch in batches(positions, BATCH)
            )

            def carry_out(each: tuple[Action, str | None, list[int], Write]) -> None:
                outcome.matched.update(self._carry_out(*each, changes, outcome, examiner))

            if self.is_postgres:
                ahead(ready, carry_out)
            else:
                for each in ready:
                    carry_out(each)
            inserter = Inserter(self.connection, self.info, self.reader, self.writer, examiner, outcome.refused)
            inserter.in_the_way = outcome.in_the_way
            for (action, _, _), positions in groups.items():
                if action is Action.INSERT:
                    inserter.insert({each: changes[each] for each in positions})
        outcome.given = inserter.given
        outcome.matched |= inserter.given.keys()
        outcome.seen |= inserter.seen
        return self._results(changes, outcome)

    @property
    def writer(self) -> write_postgres.Writer | write_portable.Writer:
        """What carries out compare-and-sets on this database."""
        if self._writer is None:
            kind = write_postgres.Writer if self.is_postgres else write_portable.Writer
            self._writer = kind(self.connection, self._written, self._writing, self.keys)
        return self._writer

    def _learn(self, changes: Sequence[Change]) -> None:
        """Looks up the keys of everything that is about to be written, in one question for each lookup."""
        self.keys.forget()
        asked: defaultdict[Lookup, dict[Value, None]] = defaultdict(dict)
        for change in changes if self._doubtful else ():
            for name, value in self._values(change):
                lookup = self._lookup_of(name)
                if lookup is not None and value is not None:
                    asked[lookup][value] = None
        by = self._lookup_by(self.info.mapping.updated_by)
        if by is not None:
            asked[by] |= dict.fromkeys(editor(each.actor, None) for each in changes)
        for lookup, values in asked.items():
            self.keys.learn(lookup, values)

    def _lookup_of(self, field: str) -> Lookup | None:
        names = self._written.mapping.fields[field]
        return self._lookup_by(names[0]) if len(names) == 1 else None

    def _lookup_by(self, name: str | None) -> Lookup | None:
        stored = self.info.mapping.stored.get(name or "")
        return None if stored is None else stored.lookup

    def _values(self, change: Change) -> Iterator[tuple[str, Value]]:
        """(field, value) of everything that a change writes."""
        if change.action is Action.DELETE:
            return
        if isinstance(change.new, dict):
            yield from change.new.items()
            if change.media is not None:
                yield MEDIA_FIELD, change.media
        elif change.field is not None:
            yield change.field, change.new

    def _why_not(self, change: Change) -> str | None:
        """Why a change cannot be written, whatever the database says of it."""
        rows = self.info.mapping.rows
        if change.action is Action.DELETE and rows.append is not None and rows.deleted is None:
            return "a row of an append-only table is never deleted: name in columns.deleted the column that says so"
        for name, value in self._values(change) if self._doubtful else ():
            why = self._doubtful[name].why_not(value) if name in self._doubtful else None
            if why is not None:
                return f"{name}: {why}"
        return None

    def _groups(self, changes: Sequence[Change], refused: dict[int, str]) -> dict[Group, list[int]]:
        """The positions of the changes that can go into one statement; those that no statement takes are left out."""
        groups: defaultdict[Group, list[int]] = defaultdict(list)
        could_be = ids.judge_of(self.info)
        earlier: Counter[tuple[str, Action, str | None]] = Counter()
        for position, change in enumerate(changes):
            why = why_unsendable(change) or self._why_not(change)
            identifier = str(change.annotation_id)
            if change.annotation_id is not None and not could_be(identifier):
                if change.action is Action.INSERT:
                    refused[position] = f"{identifier!r} cannot be an id: the column is {self.info.id.type_name}"
            elif why is not None:
                refused[position] = why
            else:
                # An annotation stands in a statement once: which of two changes would win is nobody's to say.
                key = (identifier, change.action, change.field)
                groups[change.action, change.field, earlier[key]].append(position)
                earlier[key] += change.annotation_id is not None
        return groups

    def _carry_out(
        self,
        action: Action,
        field: str | None,
        positions: Sequence[int],
        write: Write,
        changes: Sequence[Change],
        outcome: _Outcome,
        examiner: Examiner,
    ) -> set[int]:
        """The positions of the changes that found what they expected and may stay as they came back."""
        try:
            with self.connection.begin_nested():
                hit = write()
                done = [each for each in positions if str(changes[each].annotation_id) in hit]
                seen = dict(zip(done, examiner.look([changes[each] for each in done]), strict=True))
                raise_no_answers(seen)
        except DBAPIError as error:
            if not examiner.refusals.is_refusal(error, changes[positions[0]]):
                raise
            why, in_the_way = said(error), may_pass_later(error)
        except NoAnswerError as no_answer:
            outcome.refused |= no_answer.why
            rest = [each for each in positions if each not in no_answer.why]
            if not rest:
                return set()
            again = self._ready(action, field, [changes[each] for each in rest])
            return self._carry_out(action, field, rest, again, changes, outcome, examiner)
        else:
            outcome.seen |= seen
            return set(done)
        if len(positions) == 1:
            outcome.refused[positions[0]] = why
            if in_the_way:
                outcome.in_the_way.add(positions[0])
            return set()
        # One of the batch was refused: find out which, by halves.
        middle = len(positions) // 2
        found: set[int] = set()
        for half in (positions[:middle], positions[middle:]):
            again = self._ready(action, field, [changes[each] for each in half])
            found |= self._carry_out(action, field, half, again, changes, outcome, examiner)
        return found

    def _ready(self, action: Action, field: str | None, batch: Sequence[Change]) -> Write:
        """The write of some changes, which one statement can do."""
        if action is Action.DELETE:
            return self.writer.delete(batch)
        assert field is not None, "an update names its field"
        return self.writer.update(field, batch)

    def _reader_of(self, name: str | None) -> Reader:
        """Reads one field and no more: that makes half of the time of a bulk update. ``None``: all of them."""
        if name is None:
            return self.reader
        if name not in self._readers:
            info = replace(self._written, mapping=replace(self._written.mapping, updated_at=None, updated_by=None))
            mapping = replace(self.mapping, fields=(self._writing.field(name),))
            self._readers[name] = Reader(self.connection, info, mapping, self.arrow)
        return self._readers[name]

    def _read_back(self, name: str | None, changes: Sequence[Change]) -> list[Found]:
        """What is there now; of a row that the relation which is read does not show any more, what the table holds."""
        reader = self._reader_of(name)
        found = read_back(reader, changes)
        if name is None or self.info.mapping.read == self.info.mapping.table:
            return found
        hidden = [index for index, each in enumerate(found) if not each.present]
        if hidden:
            in_table = read_back(self._reader_of_table(reader.mapping.fields), [changes[each] for each in hidden])
            for index, each in zip(hidden, in_table, strict=True):
                found[index] = each
        return found

    def _results(self, changes: Sequence[Change], outcome: _Outcome) -> list[Result]:
        """What is there now. What was read back stands, unless another change to the same annotation came after it."""
        named = [
            replace(each, annotation_id=outcome.given[at]) if at in outcome.given else each
            for at, each in enumerate(changes)
        ]
        often = Counter(each.annotation_id for each in named)
        seen = {at: found for at, found in outcome.seen.items() if often[named[at].annotation_id] == 1}
        left: defaultdict[str | None, list[int]] = defaultdict(list)
        for position, change in enumerate(named):
            if change.annotation_id is None:
                seen[position] = Found(present=False)
            elif position not in seen:
                left[change.field].append(position)
        for name, positions in left.items():
            now = self._read_back(name, [named[each] for each in positions])
            for position, found in zip(positions, now, strict=True):
                known = outcome.seen.get(position)
                seen[position] = found if known is None else replace(found, answered=known.answered)
        return [
            Result(
                change,
                seen[position].present,
                seen[position].after,
                matched=position in outcome.matched,
                refused=outcome.refused.get(position),
                in_the_way=position in outcome.in_the_way and position in outcome.refused,
                answered=seen[position].answered,
                annotation_id=outcome.given.get(position),
            )
            for position, change in enumerate(changes)
        ]
