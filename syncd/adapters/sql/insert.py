"""Inserts rows under ids that their owner gives, and says under which id each row is there.

Ids that can be drawn beforehand (a sequence, a default, a UUID) are, so that thousands of rows go in one statement.
Where only the database knows, rows go one by one, and the one id that comes back is the row's. A row that reads back
differently than it must is undone to its savepoint and named.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from syncd.adapters.sql import ids, write_portable, write_postgres
from syncd.adapters.sql.errors import Meaning, may_pass_later, meaning, said, sqlstate
from syncd.adapters.sql.ids import nobody
from syncd.adapters.sql.mapping import IdOwner, TableInfo
from syncd.adapters.sql.readback import Examiner, Found, NoAnswerError, raise_no_answers
from syncd.adapters.sql.reader import Reader
from syncd.adapters.sql.write_portable import Inserted
from syncd.model import Change
from syncd.pipelining import ahead, batches

BATCH = 2_500
"""Rows per statement."""

ATTEMPTS = 3
"""How often a row whose id somebody else took meanwhile is given another one."""

KEPT_NOTHING = "the database took the row and kept nothing of it (a trigger, a rule or a row security policy?)"
_NOT_NULL, _NOT_UNIQUE = "23502", "23505"


class _UndoneError(Exception):
    """Rows went in otherwise than they must, and are taken out again; the message says why."""


class Inserter:
    """Carries out inserts on one connection, inside the caller's transaction.

    ``examiner`` looks at the rows within their savepoint. ``refused`` takes the reasons of what was not inserted, by
    position.
    """

    def __init__(
        self,
        connection: Connection,
        info: TableInfo,
        reader: Reader,
        writer: write_postgres.Writer | write_portable.Writer,
        examiner: Examiner,
        refused: dict[int, str],
    ) -> None:
        self.connection = connection
        self.info = info
        self.reader = reader
        self.writer = writer
        self.examiner = examiner
        self.refused = refused
        self.given: dict[int, str] = {}
        """The ids of the rows that are there now, by position."""
        self.seen: dict[int, Found] = {}
        """What was read back of these rows."""
        self.in_the_way: set[int] = set()
        """The refused ones that other rows may be in the way of."""
        self._clashed: dict[int, str] = {}

    def insert(self, changes: Mapping[int, Change]) -> None:
        """Inserts rows: under the id that a change names, else under one from the owner of ids."""
        nameless = {each: change for each, change in changes.items() if change.annotation_id is None}
        self._under_ids({each: change for each, change in changes.items() if each not in nameless}, nameless=False)
        if nameless:
            self._nameless(nameless)
            self.refused.update(self._clashed)

    def _nameless(self, changes: Mapping[int, Change]) -> None:
        owner = self.info.owner
        if owner is None:
            self.refused.update(dict.fromkeys(changes, nobody(self.info.mapping, self.info.id)))
        elif owner.expression is not None:
            self._drawn(changes, owner, owner.expression)
        elif owner.tells:
            self._told(changes, owner)
        else:
            self._under_ids(_named(changes, _uuids(len(changes))), nameless=True)

    def _drawn(self, changes: Mapping[int, Change], owner: IdOwner, expression: str) -> None:
        """Ids that the owner makes beforehand; another one for each that somebody took in between."""
        left = dict(changes)
        for _ in range(ATTEMPTS):
            try:
                with self.connection.begin_nested():
                    made = ids.draw(self.connection, self.info, expression, len(left))
            except DBAPIError as error:
                # That this role may not draw a number must not stop everything else.
                if meaning(error) is Meaning.FAILURE:
                    raise
                self.refused.update(dict.fromkeys(left, said(error)))
                return
            if len(made) < len(left) and not owner.uuid:
                why = f"the default of {self.info.id.name!r} makes no new ids ({expression}), and syncd guesses none"
                self.refused.update(dict.fromkeys(left, why))
                return
            made = made if len(made) == len(left) else _uuids(len(left))
            self._clashed.clear()
            self._under_ids(_named(left, made), nameless=True)
            left = {each: changes[each] for each in self._clashed}
            if not left:
                return

    def _told(self, changes: Mapping[int, Change], owner: IdOwner) -> None:
        """Rows without an id, one by one: only so is it certain which id is whose."""
        without: dict[int, Change] = {}
        for position, change in changes.items():
            error = self._one(position, change, self.writer.insert_nameless(change), nameless=True)
            if owner.uuid and error is not None and _lacks_id(error, self.info.id.name):
                del self.refused[position]
                without[position] = change
        self._under_ids(_named(without, _uuids(len(without))), nameless=True)

    def _under_ids(self, asked: Mapping[int, Change], *, nameless: bool) -> None:
        """Rows under the ids that their changes bear. ``nameless``: another id that comes back is theirs as well."""
        ready = ((batch, self.writer.insert([asked[each] for each in batch])) for batch in batches(list(asked), BATCH))

        def carry_out(each: tuple[list[int], Inserted]) -> None:
            self._carry_out(*each, asked, nameless=nameless)

        if isinstance(self.writer, write_postgres.Writer):
            ahead(ready, carry_out)
        else:
            for each in ready:
                carry_out(each)
        left = {each: str(asked[each].annotation_id) for each in asked if each not in self.given}
        left = {each: id_ for each, id_ in left.items() if each not in self.refused and each not in self._clashed}
        if not left:
            return
        there = ids.taken(self.connection, self.info, set(left.values()))
        for position, id_ in left.items():
            if id_ not in there:
                self.refused[position] = KEPT_NOTHING
            elif nameless:
                self._clashed[position] = f"the id {id_}, which it was given, is that of another row"

    def _carry_out(
        self, positions: Sequence[int], write: Inserted, asked: Mapping[int, Change], *, nameless: bool
    ) -> None:
        if len(positions) == 1:
            self._one(positions[0], asked[positions[0]], write, nameless=nameless)
            return
        wanted = {str(asked[each].annotation_id): each for each in positions}
        try:
            with self.connection.begin_nested():
                told = write()
                if not wanted.keys() >= set(told):
                    raise _UndoneError
                given = {wanted[each]: each for each in told if each is not None}
                seen = self._look({each: asked[each] for each in given})
        except DBAPIError as error:
            if not self.examiner.refusals.is_refusal(error, asked[positions[0]]):
                raise
        except _UndoneError:
            pass
        except NoAnswerError as no_answer:
            self.refused.update(no_answer.why)
            if rest := [each for each in positions if each not in no_answer.why]:
                self._carry_out(rest, self.writer.insert([asked[each] for each in rest]), asked, nameless=nameless)
            return
        else:
            self.given.update(given)
            self.seen.update(seen)
            return
        # One of them was refused, or went in otherwise: find out which, by halves.
        middle = len(positions) // 2
        for half in (positions[:middle], positions[middle:]):
            self._carry_out(half, self.writer.insert([asked[each] for each in half]), asked, nameless=nameless)

    def _one(self, position: int, change: Change, write: Inserted, *, nameless: bool) -> Exception | None:
        """One row; returns what kept it from going in."""
        seen: dict[int, Found] = {}
        try:
            with self.connection.begin_nested():
                told = write()
                if told and (change.annotation_id is None or told != [change.annotation_id]):
                    self._check_told(told, nameless=nameless)
                if told and told[0] is not None:
                    seen = self._look({position: replace(change, annotation_id=told[0])})
        except DBAPIError as error:
            if not self.examiner.refusals.is_refusal(error, change):
                raise
            # Somebody else has taken the number since it was drawn.
            clash = sqlstate(error) == _NOT_UNIQUE and f"=({change.annotation_id})" in str(error.orig)
            (self._clashed if nameless and clash else self.refused)[position] = said(error)
            if may_pass_later(error):
                self.in_the_way.add(position)
            return error
        except _UndoneError as error:
            self.refused[position] = str(error)
            return error
        except NoAnswerError as no_answer:
            self.refused.update(no_answer.why)
            return no_answer
        if told and told[0] is not None:
            self.given[position] = told[0]
            self.seen.update(seen)
        elif change.annotation_id is None:
            self.refused[position] = KEPT_NOTHING
        return None

    def _check_told(self, told: Sequence[str | None], *, nameless: bool) -> None:
        """Whether an id that was not asked for can be the new row's: one, and of a row that was not there before."""
        table = self.info.mapping.table
        if len(told) != 1 or told[0] is None:
            raise _NoIdError(f"{table} took the row, but did not tell the id under which it is there (RETURNING)")
        if not nameless:
            raise _UndoneError(f"the database gave the row the id {told[0]}, and not the one that was asked for")
        if told[0] in self.given.values() or self.reader.with_ids_apart([told[0]]).height > self._uncommitted():
            raise _UndoneError(f"{table} answered with the id {told[0]}, which is that of another row")
        if not self.reader.with_ids([told[0]]).height:
            raise _UndoneError(f"{table} answered with the id {told[0]}, under which no row is there")

    def _uncommitted(self) -> int:
        """How many rows of the new one a look at what is committed sees: one where there is no such look."""
        return 0 if self.reader.arrow is not None else 1

    def _look(self, inserted: Mapping[int, Change]) -> dict[int, Found]:
        """What is read of the new rows, by position; raises what must not stay: they bear the ids they were given."""
        seen = dict(zip(inserted, self.examiner.look(list(inserted.values())), strict=True))
        raise_no_answers({each: found if found.present else self._not_shown() for each, found in seen.items()})
        return seen

    def _not_shown(self) -> Found:
        """Why a row that is not read must not stay: a view, or a relation of another name, may not show it."""
        mapping = self.info.mapping
        if mapping.read == mapping.table and not self.info.is_view:
            return Found(present=False, why=KEPT_NOTHING)
        then = "taken for deleted" if mapping.read == mapping.table else "hidden"
        return Found(present=False, why=f"{mapping.read} would not show the new row, which would then be {then}")


class _NoIdError(_UndoneError):
    """A row went in, and nobody says under which id."""


def _named(changes: Mapping[int, Change], made: Sequence[str]) -> dict[int, Change]:
    return {
        position: replace(change, annotation_id=each)
        for (position, change), each in zip(changes.items(), made, strict=True)
    }


def _uuids(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


def _lacks_id(error: Exception, column: str) -> bool:
    """Whether a row did not go in because the database gave it no id."""
    if isinstance(error, DBAPIError):
        diagnosis = getattr(error.orig, "diag", None)
        about = getattr(diagnosis, "column_name", None)
        return sqlstate(error) == _NOT_NULL and about in (None, column)
    return isinstance(error, _NoIdError)
