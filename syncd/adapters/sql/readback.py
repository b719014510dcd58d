"""Reads back what a statement left in the table, and tries what the database makes of a value that it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from syncd.adapters.sql import write_portable, write_postgres
from syncd.adapters.sql.mapping import TableInfo
from syncd.adapters.sql.reader import Reader
from syncd.adapters.sql.refusal import Refusals
from syncd.adapters.sql.values import part_of
from syncd.model import Action, Change, Content, Mapping, Value
from syncd.model.result import Judge, Readback
from syncd.model.snapshot import column
from syncd.model.values import same_content

Writer = write_postgres.Writer | write_portable.Writer


@dataclass(frozen=True)
class Found:
    """What is read of a change's annotation: the value of its field, or all of them.

    ``answered`` are the fields that the database changed for good, ``why`` says why the write must be undone.
    """

    present: bool
    after: Content = None
    media: str | None = None
    answered: frozenset[str] = frozenset()
    why: str | None = None


class NoAnswerError(Exception):
    """Changes came back from the database otherwise than they may stay: the reasons, by position."""

    def __init__(self, why: dict[int, str]) -> None:
        super().__init__()
        self.why = why


def raise_no_answers(seen: dict[int, Found]) -> None:
    """Raises where something of what was read back must be undone."""
    undone = {each: found.why for each, found in seen.items() if found.why is not None}
    if undone:
        raise NoAnswerError(undone)


def read_back(reader: Reader, changes: Sequence[Change]) -> list[Found]:
    """What is read of each change's annotation now."""
    rows = reader.with_ids({str(each.annotation_id) for each in changes})
    place = {identifier: index for index, identifier in enumerate(rows["annotation_id"].to_list())}
    held = {name: rows[column(name)].to_list() for name in reader.mapping.names}
    media = rows["media"].to_list()
    found = []
    for change in changes:
        index = place.get(str(change.annotation_id))
        if index is None:
            found.append(Found(present=False))
        elif change.field is not None:
            found.append(Found(present=True, after=held[change.field][index]))
        else:
            after: Content = {name: values[index] for name, values in held.items()}
            found.append(Found(present=True, after=after, media=media[index]))
    return found


class Examiner:
    """Looks at what was written within its savepoint, and tries out what came back different.

    Trials are writes too: each is rolled back, so that the lab's triggers leave nothing of them behind.
    """

    def __init__(
        self,
        connection: Connection,
        info: TableInfo,
        mapping: Mapping,
        writer: Writer,
        refusals: Refusals,
        read: Callable[[str | None, Sequence[Change]], list[Found]],
        judge: Judge | None,
    ) -> None:
        self.connection = connection
        self.mapping = mapping
        self.writer = writer
        self.refusals = refusals
        self.read = read
        self.judge = judge
        self.is_apart = info.mapping.read != info.mapping.table
        media = info.mapping.media_column
        self.gives_media = info.writable(media) and media != info.mapping.id_column
        self.writable = {
            name for name, columns in info.mapping.fields.items() if all(info.writable(each) for each in columns)
        }

    def look(self, changes: Sequence[Change]) -> list[Found]:
        """What is read of changes of one action and field that were carried out; and what the judge says of it."""
        if not changes:
            return []
        self.writer.ask_what_waits()
        found = self.read(changes[0].field, changes)
        if self.judge is None:
            return found
        for index, (change, each) in enumerate(zip(changes, found, strict=True)):
            if each.present and change.action is Action.DELETE:
                found[index] = replace(each, why=self.judge(Readback(change, None, each.after)))
            elif each.present and self._is_untied(change, each):
                found[index] = replace(each, why=self.judge(Readback(change, None, each.media)))
        doubtful = [
            Readback(change, name, _value(each.after, name))
            for change, each in zip(changes, found, strict=True)
            if each.present
            for name in self._altered(change, each.after)
        ]
        if not doubtful:
            return found
        verdicts: dict[str, dict[str, str | None]] = {}
        for tried in self._tried(doubtful):
            verdicts.setdefault(str(tried.change.annotation_id), {})[str(tried.field)] = self.judge(tried)
        return [
            self._judged(each, verdicts.get(str(change.annotation_id), {}))
            for change, each in zip(changes, found, strict=True)
        ]

    @staticmethod
    def _judged(found: Found, verdicts: dict[str, str | None]) -> Found:
        why = found.why or next((each for each in verdicts.values() if each is not None), None)
        return replace(found, why=why, answered=frozenset(verdicts) if why is None else frozenset())

    def _is_untied(self, change: Change, found: Found) -> bool:
        """Whether a new row's media is read otherwise than it was written."""
        given = change.action is Action.INSERT and change.media is not None and self.gives_media
        return given and found.media != change.media

    def _altered(self, change: Change, after: Content) -> list[str]:
        """The fields that were given a value and came back with another."""
        if change.action is Action.UPDATE:
            return [] if same_content(self.mapping, change.field, after, change.new) else [str(change.field)]
        if change.action is Action.DELETE or not isinstance(change.new, dict):
            return []
        return [
            name
            for name, value in change.new.items()
            if value is not None and name in self.writable
            if not same_content(self.mapping, name, _value(after, name), value)
        ]

    def _tried(self, doubtful: Sequence[Readback]) -> Iterator[Readback]:
        """The same with what trials show, a field at a time."""
        for name in dict.fromkeys(str(each.field) for each in doubtful):
            of_field = [each for each in doubtful if each.field == name]
            steady = self._kept(name, [_again(each, each.after) for each in of_field])
            stored = set()
            if self.is_apart:
                stored = self._kept(name, [_again(each, _written(each)) for each in of_field], read=False)
            for each in of_field:
                own = str(each.change.annotation_id)
                yield replace(each, stored=own in stored, steady=own in steady)

    def _kept(self, name: str, again: Sequence[Change], *, read: bool = True) -> set[str]:
        """The ids of the rows that hold this value in the written table and, written once more, are read with it."""
        try:
            with self.connection.begin_nested() as trial:
                hit = self.writer.update(name, again)()
                if read:
                    shown = self.read(name, again)
                    still = (c for c, found in zip(again, shown, strict=True) if found.present and found.after == c.new)
                    hit &= {str(each.annotation_id) for each in still}
                trial.rollback()
        except DBAPIError as error:
            if not self.refusals.is_refusal(error, again[0]):
                raise
        else:
            return hit
        if len(again) == 1:
            return set()
        middle = len(again) // 2
        return self._kept(name, again[:middle], read=read) | self._kept(name, again[middle:], read=read)


def _again(found: Readback, value: Content) -> Change:
    """The value written over itself."""
    return replace(found.change, action=Action.UPDATE, field=found.field, old=value, new=value)


def _written(found: Readback) -> Content:
    new = found.change.new
    return part_of(new, str(found.field)) if isinstance(new, dict) else new


def _value(after: Content, name: str) -> Value:
    value = part_of(after, name) if isinstance(after, dict) else after
    assert not isinstance(value, dict), "one field's value"
    return value
