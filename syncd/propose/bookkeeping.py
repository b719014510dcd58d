"""Judges a table's bookkeeping: its id, when and by whom a row was changed, soft deletion, version, history."""

from __future__ import annotations

import re

from syncd.model import Kind
from syncd.propose.facts import Column, Table, Trigger
from syncd.propose.labels import lookup, person_column
from syncd.propose.proposal import Draft, Plain
from syncd.propose.values import examples
from syncd.propose.words import (
    ALIVE,
    DELETED,
    IDENTIFIED,
    MOMENT,
    PERSON,
    ROLES,
    UPDATED,
    WHO,
    WHO_IDENTIFIED,
    WHO_UPDATED,
    has,
    word_set,
    words,
)

IDS = (Kind.TEXT, Kind.INTEGER, Kind.UUID)
_ID_WORDS = word_set("id uuid guid key identifier oid objid")
_HISTORY = word_set("history hist log event events revision revisions version versions journal")
_NOT_UPDATED = word_set("created inserted imported uploaded deleted removed by who user")
_NOT_WHO = word_set("created inserted imported uploaded recorded collected owned deleted removed at on date time")
_VERSION = word_set("version revision rev rowversion")
_LENGTH = re.compile(r"\((\d+)\)")
_SYNCD = len("syncd")


def judge_id(draft: Draft) -> tuple[str, ...]:
    """Decides ``columns.id``, or ``write.append`` with it; the columns that make up the id."""
    table = draft.table
    if _append(draft):
        return tuple(draft.used)
    key = table.key or next((each for each in table.unique if all(not table.column(c).nullable for c in each)), ())
    if len(key) > 1:
        single = next((each for each in table.unique if len(each) == 1 and _makes_ids(table.column(each[0]))), None)
        if single is None:
            value: Plain = {"columns": list(key), "separator": "|"}
            draft.choose("columns", "id", value=value, seen=f"the key, of {len(key)} columns")
            given = [each for each in key if table.refers(each) is None and not _is_given(table, each)]
            if given:
                named = " and ".join(given)
                why = f"nothing in the database gives {named} of a new row its value"
                draft.choose("policy", "on_new", value="quarantine", seen=why)
            return key
        key = single
    if len(key) == 1:
        column = table.column(key[0])
        seen = "primary key" if table.key == key else "unique, and never null"
        _single(draft, column, f"{seen}, {column.type_name}", "")
        return key
    likely = [each for each in table.columns if each.kind in IDS and set(words(each.name)) & _ID_WORDS]
    likely = [each for each in likely if table.refers(each.name) is None and _all_differ(table, each.name)]
    itself = set(words(table.plain_name)) | {"annotation", "object", "occurrence", "row"}
    best = max(likely, key=lambda each: bool(set(words(each.name)) & itself), default=None)
    if best is None:
        return ()
    why = "no key makes sure that it is there once" if table.kind == "table" else "a view has no keys"
    _single(draft, best, f"{best.type_name}; all that were seen differ", why)
    return (best.name,)


def _single(draft: Draft, column: Column, seen: str, doubt: str) -> None:
    given = _is_given(draft.table, column.name)
    if column.kind is Kind.UUID and not given:
        seen += "; syncd makes those of new rows"
    elif column.kind is Kind.INTEGER and not given and draft.table.kind == "table":
        doubt = doubt or "nothing in the database gives new rows a number, so drawn labels wait as conflicts"
        seen += f"; {{column: {column.name}, mint: max}} would count on from the largest"
    draft.choose("columns", "id", value=column.name, seen=seen, doubt=doubt, of=[column.name])


def _is_given(table: Table, name: str) -> bool:
    """Whether the database gives a new row its value, as far as it can be read."""
    column = table.column(name)
    return (
        column.default is not None
        or column.generated
        or any(name in each.sets and "INSERT" in each.events for each in table.triggers)
    )


def _makes_ids(column: Column) -> bool:
    return column.kind in IDS and not column.nullable and (column.kind is Kind.UUID or column.default is not None)


def _all_differ(table: Table, name: str) -> bool:
    seen = table.seen(name)
    return len(set(seen)) == len(seen) == len(table.sample)


def _append(draft: Draft) -> bool:
    """Whether rows are added only: then the id is that of the object, and each row a state of it."""
    table = draft.table
    refusing = [each for each in table.triggers if each.refuses and "UPDATE" in each.events]
    if not refusing and not set(words(table.plain_name)) & _HISTORY:
        return False
    if len(table.key) != 1 or not _is_given(table, table.key[0]):
        return False
    newest = next(
        (each for each in table.columns if each.kind is Kind.TIMESTAMP and not set(words(each.name)) & UPDATED), None
    )
    objects = [
        each
        for each in table.columns
        if each.kind in IDS and each.name != table.key[0] and set(words(each.name)) & _ID_WORDS and not each.nullable
    ]
    itself = {"annotation", "object", "item", "observation", "occurrence"}
    object_ = next((each for each in objects if set(words(each.name)) & itself), None)
    if newest is None or object_ is None:
        return False
    why = (
        f"the trigger “{refusing[0].name}” lets no row be changed"
        if refusing
        else f"{table.plain_name} sounds like a history"
    )
    seen = f"{object_.type_name}; several rows may have it, of which the newest is the annotation"
    draft.choose("columns", "id", value=object_.name, seen=seen, of=[object_.name])
    value: Plain = {"append": {"key": table.key[0], "newest": newest.name}}
    draft.choose("write", value=value, seen=why, doubt="" if refusing else "are its rows never changed?")
    draft.used.update((table.key[0], newest.name))
    return True


def judge_stamps(draft: Draft) -> None:
    """Decides ``columns.updated_at``."""
    table = draft.table
    appended = next((each.value for each in draft.choices if each.path == ("write",)), None)
    if isinstance(appended, dict):
        newest = appended["append"]
        assert isinstance(newest, dict)
        draft.choose("columns", "updated_at", value=newest["newest"], seen="when the state was added")
        return
    found = [each for each in table.columns if each.name not in draft.used and _moment_score(each) > 0]
    times = [each for each in found if each.kind is Kind.TIMESTAMP]
    best = max(times, key=lambda each: (_moment_score(each), bool(_keeper(table, each.name))), default=None)
    if best is None:
        told = f"{found[0].name} is {found[0].type_name}, and no time; " if found else ""
        draft.choose(
            "columns",
            "updated_at",
            value="updated_at",
            seen=f"{told}no column says when a row was changed: every poll reads all rows",
            off=True,
        )
        return
    keeper = _keeper(table, best.name)
    doubts: list[str] = []
    if keeper is not None:
        seen = f"{best.type_name}, kept by {keeper.name if ' ' in keeper.name else f'the trigger “{keeper.name}”'}"
    else:
        seen = best.type_name
        doubts.append("nothing in the database keeps it: an edit that leaves it is seen by the next full scan")
    if _is_naive(draft, best):
        doubts.append("it has no time zone, and is taken for the database's own")
    if set(words(best.name)) & IDENTIFIED and not set(words(best.name)) & UPDATED:
        doubts.append("it tells of the label; is it set when another column is changed?")
    draft.choose("columns", "updated_at", value=best.name, seen=seen, doubt="; ".join(doubts), of=[best.name])


def _is_naive(draft: Draft, column: Column) -> bool:
    return draft.facts.dialect == "postgresql" and "without time zone" in column.type_name


def _moment_score(column: Column) -> int:
    name = set(words(column.name))
    if name & _NOT_UPDATED:
        return 0
    if name & UPDATED:
        return 2
    return 1 if name & IDENTIFIED and name & MOMENT else 0


def _keeper(table: Table, name: str) -> Trigger | None:
    return next((each for each in table.triggers if name in each.sets and "UPDATE" in each.events), None)


def judge_who(draft: Draft) -> None:
    """Decides ``columns.updated_by``."""
    table = draft.table
    found = [each for each in table.columns if each.name not in draft.used and _who_score(each) > 0]
    best = max(found, key=_who_score, default=None)
    if best is None:
        return
    key = table.refers(best.name)
    if key is None:
        if best.kind is not Kind.TEXT:
            draft.notes.append(f"{best.name} ({best.type_name}) may say who edited; it refers to no table of people.")
            return
        length = _LENGTH.search(best.type_name)
        if length is not None and int(length[1]) < _SYNCD:
            draft.notes.append(f"{best.name} ({best.type_name}) is too short to name who edited.")
            return
        seen = f"{best.type_name}" + (f", such as {examples(table.seen(best.name))}" if table.seen(best.name) else "")
        draft.choose("columns", "updated_by", value=best.name, seen=seen, of=[best.name])
        return
    people = draft.facts.other(key.table)
    name = None if people is None or not people.readable else person_column(people)
    if name is None or people is None:
        draft.notes.append(f"{best.name} refers to {key.table}, where no column seems to name people.")
        return
    if not best.nullable:
        # A name that is nobody's there would have the row refused: it is shown, and not written.
        return
    draft.choose(
        "columns",
        "updated_by",
        value={"column": best.name, "lookup": lookup(key, name)},
        seen=f"foreign key to {people.name}, found by its {name}; of a name that is not there: null",
        doubt="" if people.is_unique(name) else f"nothing makes sure that each {name} is there once",
        of=[best.name],
    )


def _who_score(column: Column) -> int:
    name = set(words(column.name))
    if name & _NOT_WHO or column.kind is Kind.TIMESTAMP or column.kind is Kind.DATE or column.kind is Kind.BOOLEAN:
        return 0
    if name & WHO_UPDATED and name & WHO:
        return 4
    if name & WHO_IDENTIFIED and name & WHO:
        return 3
    return 2 if name & ROLES and not name & {"status", "count", "comment", "note"} else 0


def judge_deletion(draft: Draft) -> None:
    """Decides ``columns.deleted``."""
    for column in draft.table.columns:
        name = set(words(column.name))
        if column.name in draft.used or name & {"by", "who", "reason"}:
            continue
        if name & DELETED:
            value = _deleted(draft.table, column)
        elif name & ALIVE and column.kind is Kind.BOOLEAN and len(name - {"is"}) == 1:
            value = {"column": column.name, "set": False, "clear": True}
        else:
            if {"deleted", "removed"} & set(column.values):
                draft.notes.append(
                    f"{column.name} may be {' or '.join(sorted({'deleted', 'removed'} & set(column.values)))}: soft "
                    "deletion needs a column with one value for all that is not deleted; `where:` can leave these out."
                )
            continue
        if value is not None:
            seen = f"{column.type_name}: rows are marked as deleted, and stay"
            draft.choose("columns", "deleted", value=value, seen=seen, of=[column.name])
            return


def _deleted(table: Table, column: Column) -> dict[str, Plain] | None:
    if column.kind is Kind.TIMESTAMP and column.nullable:
        return {"column": column.name, "set": "now", "clear": None}
    if column.kind is Kind.BOOLEAN:
        return {"column": column.name, "set": True, "clear": False}
    if column.kind is Kind.INTEGER and set(table.seen(column.name)) <= {"0", "1"} and not table.refers(column.name):
        return {"column": column.name, "set": 1, "clear": 0}
    return None


def judge_version(draft: Draft) -> None:
    """Decides ``columns.version``: a number by which the lab's own programs notice that a row was changed."""
    for column in draft.table.columns:
        name = set(words(column.name))
        if column.name in draft.used or column.kind is not Kind.INTEGER or not name & _VERSION:
            continue
        if name <= _VERSION | {"lock", "row", "record", "optlock", "no", "number"}:
            if _keeper(draft.table, column.name) is not None:
                draft.used.add(column.name)
                return
            seen = "a number that counts a row's changes: syncd adds 1 with each of its own"
            draft.choose("columns", "version", value={"column": column.name, "step": 1}, seen=seen, of=[column.name])
            return


def shown_person(table: Table, column: Column) -> bool:
    """Whether a column refers to people (and is worth showing)."""
    key = table.refers(column.name)
    return key is not None and has(key.table.rpartition(".")[2], PERSON)
