"""The side of a binding that is the authority, in memory: a table, or a server of annotations with less to rely on."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

from syncd.adapters.base import Sink
from syncd.model import MEDIA_FIELD, Action, Change, Mapping, Origin, Side, Snapshot, Value
from syncd.model.capabilities import Capabilities, Guard, Stamps, Transactions
from syncd.model.plan import Edited
from syncd.model.result import Displaced, Judge, Readback, Result, Written
from syncd.model.snapshot import column, schema
from syncd.model.values import milliseconds, same_content
from syncd.testing.capabilities import TABLE
from syncd.testing.content import Content, canonical_values, problems_json, utc_now
from syncd.testing.faults import Faults
from syncd.testing.past import Moment, Past, Version, held

ACTOR = "syncd"


@dataclass(frozen=True)
class Row:
    """One annotation. ``problems`` are fields whose stored value cannot be read: {field: its text}."""

    annotation_id: str | None
    media: str | None
    values: dict[str, Value]
    edited_at: datetime
    actor: str | None = None
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Outcome:
    """What became of one change."""

    matched: bool = False
    refused: str | None = None
    answered: frozenset[str] = frozenset()
    displaced: Displaced | None = None


class MemoryRows:
    """Annotations as rows. ``rows`` is the table: a test may look at it, and fill it with ``put``.

    It does what its ``capabilities`` say, and no more: with a guard that is no real one, what somebody writes between
    its comparison and its write (:attr:`Faults.between`) is overwritten; ``past`` is its history, if it keeps one.

    ``hidden`` are ids that are read as if they were not there, ``ahead`` those that are still to be given. ``makes`` is
    what the column of a field makes of a value that syncd writes: it may round, or normalise.
    """

    side = Side.DATABASE

    def __init__(
        self,
        mapping: Mapping,
        *,
        faults: Faults | None = None,
        clock: Callable[[], datetime] = utc_now,
        capabilities: Capabilities = TABLE,
        identity: str = "annotation",
        makes: Callable[[str, Value], Value] = lambda _, value: value,
    ) -> None:
        self.mapping = mapping
        self.faults = faults or Faults()
        self.clock = clock
        self.identity = identity
        self.makes = makes
        self.rows: list[Row] = []
        self.hidden: set[str] = set()
        self.ahead: set[str] = set()
        self.capabilities = capabilities
        self.past = Past()

    # What people do

    def put(
        self,
        annotation_id: str | None,
        values: dict[str, Value],
        *,
        media: str | None = None,
        actor: str | None = None,
        problems: dict[str, str] | None = None,
    ) -> None:
        """Adds a row, whatever is there already: a view can show an id twice."""
        row = Row(annotation_id, media, dict(values), milliseconds(self.clock()), actor, problems or {})
        with self._remembered(str(annotation_id), actor):
            self.rows.append(row)

    def edit(self, annotation_id: str, actor: str | None = None, /, **values: Value) -> None:
        """Changes fields of the rows with that id."""
        self._edit(annotation_id, actor, values, milliseconds(self.clock()))

    def edit_unstamped(self, annotation_id: str, actor: str | None = None, /, **values: Value) -> None:
        """The same, by a way that leaves no stamp, as some servers have (:attr:`Stamps.NOMINATE`)."""
        self._edit(annotation_id, actor, values, None)

    def _edit(self, annotation_id: str, actor: str | None, values: dict[str, Value], at: datetime | None) -> None:
        with self._remembered(annotation_id, actor):
            for index, row in self._found(annotation_id):
                problems = {name: text for name, text in row.problems.items() if name not in values}
                self.rows[index] = replace(
                    row, values=row.values | values, edited_at=at or row.edited_at, actor=actor, problems=problems
                )

    def retie(self, annotation_id: str, media: str | None, actor: str | None = None) -> None:
        """Ties the rows with that id to another image."""
        self._retie(annotation_id, media, actor)

    def _retie(self, annotation_id: str, media: str | None, actor: str | None, *, ours: bool = False) -> None:
        with self._remembered(annotation_id, actor, ours=ours):
            for index, row in self._found(annotation_id):
                self.rows[index] = replace(row, media=media, edited_at=milliseconds(self.clock()), actor=actor)

    def remove(self, annotation_id: str, actor: str | None = None) -> None:
        """Deletes the rows with that id."""
        with self._remembered(annotation_id, actor):
            self.rows = [each for each in self.rows if each.annotation_id != annotation_id]

    @contextmanager
    def _remembered(self, annotation_id: str, by: str | None, *, ours: bool = False) -> Iterator[None]:
        """Adds what is done meanwhile to the history, where one is kept."""
        before = self._version(annotation_id)
        yield
        after = self._version(annotation_id)
        kept = self.capabilities.history or self.capabilities.deletion_feed
        if kept and before != after:
            self.past.add(Moment(annotation_id, milliseconds(self.clock()), by, before, after, ours))

    def _version(self, annotation_id: str) -> Version | None:
        found = self._found(annotation_id)
        if not found:
            return None
        return Version(canonical_values(self.mapping, found[0][1].values, found[0][1].problems), found[0][1].media)

    def values(self, annotation_id: str) -> Content | None:
        """What the first row with that id holds; ``None`` where there is none."""
        found = self._found(annotation_id)
        return canonical_values(self.mapping, found[0][1].values, found[0][1].problems) if found else None

    # What syncd does

    def origin(self, *, count_rows: bool = True) -> Origin:
        """The table's name and its number of rows."""
        self.faults.called("origin")
        return Origin(self.identity, rows=len(self.rows) if count_rows else None)

    def now(self) -> datetime:
        """The side's clock."""
        self.faults.called("now")
        return self.clock()

    def read_all(self) -> Snapshot:
        """Every row."""
        self.faults.called("read_all")
        return self._snapshot(self.rows, complete=True)

    def read_all_to(self, sink: Sink) -> datetime:
        """Every annotation, as one part."""
        whole = self.read_all()
        sink.add(whole.rows)
        return whole.as_of

    def read_since(self, since: datetime) -> Snapshot:
        """Rows stamped at or after ``since``."""
        self.faults.called("read_since")
        read = self._snapshot([each for each in self.rows if each.edited_at >= milliseconds(since)], complete=False)
        gone = self.past.deleted_since(milliseconds(since)) if self.capabilities.deletion_feed else {}
        return replace(read, deleted=gone)

    def count_since(self, since: datetime, at_most: int) -> int:
        """The number of rows stamped at or after ``since``."""
        self.faults.called("count_since")
        shown = [each for each in self.rows if each.annotation_id not in self.hidden]
        return min(at_most, sum(each.edited_at >= milliseconds(since) for each in shown))

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        """The rows with these ids."""
        self.faults.called("read_ids")
        wanted = set(ids)
        return self._snapshot([each for each in self.rows if each.annotation_id in wanted], complete=False)

    def read_committed(self, ids: Collection[str]) -> Snapshot:
        """As :meth:`read_ids`: nothing here is ever uncommitted."""
        return self.read_ids(ids)

    def written_ids(self, ids: Collection[str]) -> Written:
        """The ids among them that are hidden."""
        self.faults.called("written_ids")
        return Written(frozenset(str(each.annotation_id) for each in self.rows if each.annotation_id in set(ids)))

    def not_given_yet(self, ids: Collection[str]) -> frozenset[str]:
        """Those of them that a test has said to be ahead."""
        self.faults.called("not_given_yet")
        return frozenset(self.ahead & set(ids))

    def writable(self, field: str) -> bool:
        """Whether the field can be written: every one can."""
        self.faults.called("writable")
        return field in self.mapping.names

    def values_taken(self) -> dict[str, tuple[frozenset[str], str]]:
        """None: every field takes whatever is of its kind."""
        return {}

    def rules(self) -> str | None:
        """Nothing decides about values but faults, which are told by nobody."""
        return None

    def signature(self, actor: str | None) -> str:
        """The actor, or syncd itself."""
        return actor or ACTOR

    def new_ids(self, count: int) -> list[str] | None:
        """Ids, where nothing else would find an insert again; in a transaction a row gets its id with the insert."""
        if self.capabilities.transactions is not Transactions.NONE:
            return None
        return [self.next_id() for _ in range(count)]

    def find_writes(self, changes: Sequence[Change], since: datetime) -> list[Result | None]:
        """What the history says, where one is kept."""
        self.faults.called("find_writes")
        return [self._told(each, milliseconds(since)) for each in changes]

    def _told(self, change: Change, since: datetime) -> Result | None:
        if not self.capabilities.history:
            return None
        given = self._given(change)
        made, _, _ = self._made(change, given, None)
        now = self.values(str(change.annotation_id)) or {}
        altered = frozenset(
            name
            for name in given
            if not same_content(self.mapping, name, made[name], given[name])
            and same_content(self.mapping, name, made[name], now.get(name))
        )
        meant = replace(change, new=made[str(change.field)]) if change.field in made else change
        found = next(
            (each for each in self.past.of(str(change.annotation_id)) if each.ours and each.is_of(meant)), None
        )
        if found is None or found.at < since:
            return None
        displaced = self._displaced_from(change, found.before, self._edited_before(found))
        return self._result(change, _Outcome(matched=True, answered=altered, displaced=displaced))

    def _edited_before(self, moment: Moment) -> Edited:
        earlier = [each for each in self.past.moments if each.annotation_id == moment.annotation_id]
        return earlier[earlier.index(moment) - 1].edited if earlier.index(moment) else Edited()

    def next_id(self) -> str:
        """The id of a new row: a UUID."""
        return str(uuid.uuid4())

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """Carries out the changes one by one; what is there afterwards is what the results say."""
        self.faults.called("write")
        assert len(changes) <= self.capabilities.slice_size, "more changes at once than the store has asked for"
        done = [(each, self._carry_out(each, judge)) for each in map(self._numbered, self.faults.writing(changes))]
        results = [self._result(*each) for each in done]
        return [replace(result, change=change) for result, change in zip(results, changes, strict=True)]

    def _numbered(self, change: Change) -> Change:
        """The change with the id that the table gives to a row without one."""
        given = change.action is Action.INSERT and change.annotation_id is None
        return replace(change, annotation_id=self.next_id()) if given else change

    def _carry_out(self, change: Change, judge: Judge | None) -> _Outcome:
        """What became of the change: whether it found what it expected, and why it was refused."""
        refused = self.faults.refusal(change)
        found = self._found(str(change.annotation_id))
        if change.action is Action.INSERT:
            return self._insert(change, found, refused, judge)
        if change.field == MEDIA_FIELD:
            return self._tie(change, found, refused)
        expected = change.old if isinstance(change.old, dict) else {str(change.field): change.old}
        hits = [(index, row) for index, row in found if self._holds(row, expected)]
        if not hits or refused is not None:
            return _Outcome(refused=refused if hits else None)
        if self.faults.loses_change(change):
            return _Outcome(matched=True)
        made, answered, why = self._made(change, self._given(change), judge)
        if why is not None:
            return _Outcome(refused=why)
        if self._is_overtaken(change):
            hits = self._found(str(change.annotation_id))
        if not hits:
            return _Outcome()
        displaced = self._displaced(change)
        stamp, by = milliseconds(self.clock()), self.signature(change.actor)
        with self._remembered(str(change.annotation_id), by, ours=True):
            for index, row in reversed(hits):
                if change.action is Action.DELETE:
                    del self.rows[index]
                else:
                    self.rows[index] = replace(row, values=row.values | made, edited_at=stamp, actor=by)
        return _Outcome(matched=True, answered=answered, displaced=displaced)

    def _given(self, change: Change) -> Content:
        """The values that a change writes, by field."""
        if change.action is Action.INSERT:
            return change.new if isinstance(change.new, dict) else {}
        if change.action is Action.DELETE or change.field == MEDIA_FIELD:
            return {}
        assert not isinstance(change.new, dict), "an update has the value of one field"
        return {str(change.field): change.new}

    def _is_overtaken(self, change: Change) -> bool:
        """Whether somebody may come between the comparison and the write; then they do, if a test says so."""
        if self.capabilities.guard is Guard.REVISION or self.faults.between is None:
            return False
        self.faults.between(change)
        return True

    def _displaced(self, change: Change) -> Displaced | None:
        """What this write is about to overwrite and did not expect, as far as the store can tell afterwards."""
        last = self.past.last(str(change.annotation_id))
        return self._displaced_from(change, self._version(str(change.annotation_id)), last.edited if last else Edited())

    def _displaced_from(self, change: Change, there: Version | None, edited: Edited) -> Displaced | None:
        if self.capabilities.guard is not Guard.PROVABLE:
            return None
        stood = held(there, change.field)
        if there is None or (change.action is not Action.INSERT and stood == change.old):
            return None
        return Displaced(stood, edited, there.media)

    def _insert(
        self, change: Change, found: list[tuple[int, Row]], refused: str | None, judge: Judge | None
    ) -> _Outcome:
        if not found and change.annotation_id in self.hidden:
            return _Outcome(refused="the new row would be hidden")
        if found or refused is not None:
            return _Outcome(refused=None if found else refused)
        made, answered, why = self._made(change, self._given(change), judge)
        if why is not None:
            return _Outcome(refused=why)
        displaced = None
        if not self.faults.loses_change(change):
            displaced = self._displaced(change) if self._is_overtaken(change) else None
            row = Row(
                change.annotation_id, change.media, made, milliseconds(self.clock()), self.signature(change.actor)
            )
            with self._remembered(str(change.annotation_id), row.actor, ours=True):
                self.rows = [each for each in self.rows if each.annotation_id != change.annotation_id]
                self.rows.append(row)
        return _Outcome(matched=True, answered=answered, displaced=displaced)

    def _tie(self, change: Change, found: list[tuple[int, Row]], refused: str | None) -> _Outcome:
        """Ties the row to another image."""
        tied = [row for _, row in found if row.media == change.old]
        if not tied or refused is not None:
            return _Outcome(refused=refused if tied else None)
        if not self.faults.loses_change(change):
            self._retie(str(change.annotation_id), str(change.new), self.signature(change.actor), ours=True)
        return _Outcome(matched=True)

    def _made(self, change: Change, given: Content, judge: Judge | None) -> tuple[Content, frozenset[str], str | None]:
        """What the columns make of these values, of which fields that is an answer, and why it is none."""
        made = {name: None if value is None else self.makes(name, value) for name, value in given.items()}
        altered = [name for name in given if not same_content(self.mapping, name, made[name], given[name])]
        if judge is None or not altered:
            return made, frozenset(), None
        for name in altered:
            steady = self.makes(name, made[name]) == made[name]
            why = judge(Readback(change, name, made[name], steady=steady))
            if why is not None:
                return made, frozenset(), why
        return made, frozenset(altered), None

    def _holds(self, row: Row, expected: dict[str, Value]) -> bool:
        if row.problems.keys() & expected.keys():
            return False
        values = canonical_values(self.mapping, row.values, row.problems)
        return all(values[name] == expected.get(name) for name in expected)

    def _result(self, change: Change, outcome: _Outcome) -> Result:
        values = self.values(str(change.annotation_id))
        unseen = change.action is not Action.UPDATE and change.annotation_id in self.hidden
        present = values is not None and not unseen
        after: Any = None
        if present and change.field == MEDIA_FIELD:
            after = self._found(str(change.annotation_id))[0][1].media
        elif present and values is not None:
            after = values if change.field is None else values[change.field]
        is_new = change.action is Action.INSERT and present and outcome.matched
        return Result(
            change,
            present=present,
            after=after,
            matched=outcome.matched,
            refused=outcome.refused,
            answered=outcome.answered,
            annotation_id=change.annotation_id if is_new else None,
            displaced=outcome.displaced,
        )

    def _found(self, annotation_id: str) -> list[tuple[int, Row]]:
        return [pair for pair in enumerate(self.rows) if pair[1].annotation_id == annotation_id]

    def _snapshot(self, rows: Sequence[Row], *, complete: bool) -> Snapshot:
        as_of = self.clock()
        frame = pl.DataFrame(
            self.faults.reading(self._as_read(each) for each in rows if each.annotation_id not in self.hidden),
            schema=schema(self.side, self.mapping),
            orient="row",
        )
        return Snapshot(self.side, frame, complete=complete, as_of=as_of)

    def _as_read(self, row: Row) -> dict[str, object]:
        values = canonical_values(self.mapping, row.values, row.problems)
        return {
            "annotation_id": row.annotation_id,
            "media": row.media,
            "frame": None,
            "edited_at": row.edited_at if self.capabilities.stamps is not Stamps.NONE else None,
            "actor": row.actor,
            "problems": problems_json(row.problems),
        } | {column(name): value for name, value in values.items()}
