"""The database side of a binding: PostgreSQL by Arrow and sets, any other database by SQLAlchemy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from syncd.adapters.protocol import Result, Sink
from syncd.adapters.sql import ids, write_portable, write_postgres
from syncd.adapters.sql.arrow import ArrowReader
from syncd.adapters.sql.clock import clock
from syncd.adapters.sql.errors import READING, WRITING, asking, is_refusal, said
from syncd.adapters.sql.inserting import Inserter
from syncd.adapters.sql.limits import Limits
from syncd.adapters.sql.mapping import TableInfo
from syncd.adapters.sql.quote import relation
from syncd.adapters.sql.reader import Reader
from syncd.adapters.sql.values import why_unsendable
from syncd.adapters.sql.write_portable import Write
from syncd.ahead import ahead, batches
from syncd.model import Action, Change, Content, Mapping, Origin, Side, Snapshot
from syncd.model.snapshot import column

BATCH = 2_500
"""Changes per statement: large enough to be set-based, small enough that the next are made ready meanwhile."""

Group = tuple[Action, "str | None", int]
"""What one statement can do: the action, the field, and how manieth change of an annotation it is."""


class SqlAdapter:
    """Annotations as rows. Writes run on ``connection``, inside the transaction its caller has open there."""

    side = Side.DATABASE

    def __init__(self, connection: Connection, info: TableInfo, mapping: Mapping, limits: Limits | None = None) -> None:
        self.connection = connection
        self.info = info
        self.mapping = mapping
        self.is_postgres = connection.dialect.name == "postgresql"
        self.arrow = ArrowReader(connection.engine.url, limits) if self.is_postgres else None
        self.reader = Reader(connection, info, mapping, self.arrow)
        self._writer: write_postgres.Writer | write_portable.Writer | None = None

    def close(self) -> None:
        """Closes the reading connection; the writing one belongs to the caller."""
        if self.arrow is not None:
            self.arrow.close()

    @property
    def stamped(self) -> bool:
        """Whether a column is mapped to ``updated_at``."""
        return self.info.mapping.updated_at is not None

    def origin(self, *, count_rows: bool = True) -> Origin:
        """The table's name and its number of rows."""
        if not count_rows:
            return Origin(identity=self.info.mapping.table)
        table = relation(self.connection.dialect, self.info.mapping.table)
        with asking(READING):
            plain = self.connection.execution_options(no_parameters=True)
            rows = plain.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
        return Origin(identity=self.info.mapping.table, rows=int(rows))

    def now(self) -> datetime:
        """The server's clock; of a database without one (SQLite), this machine's."""
        with asking(READING):
            return clock(self.connection)

    def read_all(self) -> Snapshot:
        """Every row: one statement, and so one moment."""
        as_of = self.now()
        with asking(READING):
            return Snapshot(self.side, self.reader.everything(), complete=True, as_of=as_of)

    def read_all_to(self, sink: Sink) -> datetime:
        """Every row, some at a time: still one statement, and so one moment."""
        as_of = self.now()
        with asking(READING):
            for rows in self.reader.everything_in_parts():
                sink.add(rows)
        return as_of

    def read_since(self, since: datetime) -> Snapshot:
        """Rows stamped at or after ``since``; an indexed range read on ``updated_at``."""
        assert self.info.mapping.updated_at is not None, "a table without updated_at is read whole"
        as_of = self.now()
        with asking(READING):
            rows = self.reader.since(self.info.mapping.updated_at, since)
        return Snapshot(self.side, rows, complete=False, as_of=as_of)

    def count_since(self, since: datetime, at_most: int) -> int:
        """The number of rows stamped at or after ``since``, from the index, up to ``at_most``."""
        assert self.info.mapping.updated_at is not None, "a table without updated_at is read whole"
        with asking(READING):
            return self.reader.count_since(self.info.mapping.updated_at, since, at_most)

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        """The rows with these ids; an id that the column cannot hold has no row."""
        as_of = self.now()
        with asking(READING):
            return Snapshot(self.side, self.reader.with_ids(ids), complete=False, as_of=as_of)

    def writable(self, field: str) -> bool:
        """Whether the table that is written has all of the field's columns, and generates none of them."""
        return all(self.info.writable(each) for each in self.info.mapping.fields[field])

    def read_committed(self, ids: Collection[str]) -> Snapshot:
        """As :meth:`read_ids`, over the connection that only reads: quicker, and blind to what is not committed."""
        as_of = self.now()
        with asking(READING):
            return Snapshot(self.side, self.reader.with_ids_apart(ids), complete=False, as_of=as_of)

    def write(self, changes: Sequence[Change]) -> list[Result]:
        """Compare-and-sets in batches, then what is there now; a refused value costs its own change and no other.

        Rows are inserted last: what makes room for them is done by then.
        """
        if not changes:
            return []
        matched: set[int] = set()
        refused: dict[int, str] = {}
        groups = self._groups(changes, refused)
        inserter = Inserter(self.connection, self.info, self.reader, self.writer, refused)
        with asking(WRITING):
            self.writer.prepare()
            ready = (
                (action, field, batch, self._ready(action, field, [changes[each] for each in batch]))
                for (action, field, _), positions in groups.items()
                if action is not Action.INSERT
                for batch in batches(positions, BATCH)
            )

            def carry_out(each: tuple[Action, str | None, list[int], Write]) -> None:
                matched.update(self._carry_out(*each, changes, refused))

            if self.is_postgres:
                ahead(ready, carry_out)
            else:
                for each in ready:
                    carry_out(each)
            for (action, _, _), positions in groups.items():
                if action is Action.INSERT:
                    inserter.insert({each: changes[each] for each in positions})
        return self._results(changes, matched | inserter.given.keys(), refused, inserter.given)

    @property
    def writer(self) -> write_postgres.Writer | write_portable.Writer:
        """What carries out compare-and-sets on this database."""
        if self._writer is None:
            kind = write_postgres.Writer if self.is_postgres else write_portable.Writer
            self._writer = kind(self.connection, self.info, self.mapping)
        return self._writer

    def _groups(self, changes: Sequence[Change], refused: dict[int, str]) -> dict[Group, list[int]]:
        """The positions of the changes that can go into one statement; those that no statement takes are left out."""
        groups: defaultdict[Group, list[int]] = defaultdict(list)
        earlier: Counter[tuple[str, Action, str | None]] = Counter()
        for position, change in enumerate(changes):
            why = why_unsendable(change)
            identifier = str(change.annotation_id)
            if change.annotation_id is not None and not ids.could_be_id(self.info.id, identifier):
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
        refused: dict[int, str],
    ) -> set[int]:
        """The positions of the changes that found what they expected."""
        try:
            with self.connection.begin_nested():
                hit = write()
        except DBAPIError as error:
            if not is_refusal(error):
                raise
            why = said(error)
        else:
            return {each for each in positions if str(changes[each].annotation_id) in hit}
        if len(positions) == 1:
            refused[positions[0]] = why
            return set()
        # One of the batch was refused: find out which, by halves.
        middle = len(positions) // 2
        found: set[int] = set()
        for half in (positions[:middle], positions[middle:]):
            again = self._ready(action, field, [changes[each] for each in half])
            found |= self._carry_out(action, field, half, again, changes, refused)
        return found

    def _ready(self, action: Action, field: str | None, batch: Sequence[Change]) -> Write:
        """The write of some changes, which one statement can do."""
        if action is Action.DELETE:
            return self.writer.delete(batch)
        assert field is not None, "an update names its field"
        return self.writer.update(field, batch)

    def _reader_for(self, changes: Sequence[Change]) -> Reader:
        """Reads what the changes are about and no more: that makes half of the time of a bulk update."""
        names = {each.field for each in changes}
        if None in names:
            return self.reader
        fields = tuple(each for each in self.mapping.fields if each.name in names)
        info = replace(self.info, mapping=replace(self.info.mapping, updated_at=None, updated_by=None))
        return Reader(self.connection, info, replace(self.mapping, fields=fields), self.arrow)

    def _results(
        self, changes: Sequence[Change], matched: set[int], refused: dict[int, str], given: dict[int, str]
    ) -> list[Result]:
        """What is there now; ``given`` are the ids of the rows that were inserted, by position."""
        reader = self._reader_for(changes)
        named = [given.get(position, change.annotation_id) for position, change in enumerate(changes)]
        rows = reader.with_ids({each for each in named if each is not None})
        place = {identifier: index for index, identifier in enumerate(rows["annotation_id"].to_list())}
        held = {name: rows[column(name)].to_list() for name in reader.mapping.names}
        results = []
        for position, change in enumerate(changes):
            index = place.get(str(named[position]))
            after: Content = None
            if index is not None and change.field is not None:
                after = held[change.field][index]
            elif index is not None:
                after = {name: values[index] for name, values in held.items()}
            hit, why = position in matched, refused.get(position)
            results.append(
                Result(change, index is not None, after, matched=hit, refused=why, annotation_id=given.get(position))
            )
        return results
