"""Annotation ids: which text can be one in a column, who gives new rows their ids, and ids drawn beforehand."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import array
from syncd.adapters.sql.encoding import can_hold
from syncd.adapters.sql.mapping import ColumnInfo, IdOwner, TableInfo, TableMapping
from syncd.adapters.sql.quote import quote, relation
from syncd.model import Kind

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
_INT64 = (-(2**63), 2**63 - 1)
ROUNDS = 24
"""Each asks for twice as many numbers: a sequence may lie millions behind the rows after an import."""


def could_be_id(column: ColumnInfo, text: str) -> bool:
    """Whether the column can hold this id; asking the database about any other would be an error."""
    if column.kind is Kind.UUID:
        return _UUID.fullmatch(text) is not None
    if column.kind is Kind.INTEGER:
        low, high = _INT64
        if column.holds is not None:
            low = low if column.holds.minimum is None else column.holds.minimum
            high = high if column.holds.maximum is None else column.holds.maximum
        return _INTEGER.fullmatch(text) is not None and low <= int(text) <= high
    return is_sendable(text) and (column.holds is None or can_hold(column.holds.encoding, text))


def is_sendable(text: str) -> bool:
    """Whether a database takes this text at all: no NUL character, no half of a surrogate pair."""
    return _UNSENDABLE.search(text) is None


def draw(connection: Connection, info: TableInfo, expression: str, count: int) -> list[str]:
    """Ids that the owner's expression makes and no row has; fewer than asked for where it repeats itself."""
    cast = info.id.cast.replace(":", "\\:")
    made = expression.replace(":", "\\:")
    drawing = sa.text(f"SELECT CAST(CAST(({made}) AS {cast}) AS text) FROM generate_series(1, :count)")
    # What is no sequence's number is told from a constant by drawing two. No number is drawn in vain.
    least = 1 if "nextval" in expression else 2
    found: dict[str, None] = {}
    for attempt in range(ROUNDS):
        missing = max(least, count - len(found))
        wanted = missing if attempt == 0 else max(missing, 2**attempt)
        drawn = [str(row[0]) for row in connection.execute(drawing, {"count": wanted}) if row[0] is not None]
        if len(set(drawn)) < len(drawn) or not drawn:
            break
        known = taken(connection, info, drawn)
        found |= dict.fromkeys(each for each in drawn if each not in known)
        if len(found) >= count:
            break
    return list(found)[:count]


def taken(connection: Connection, info: TableInfo, ids: Collection[str]) -> set[str]:
    """Which of these ids a row of the written relation has, whether or not the one that is read shows it."""
    table, name = relation(connection.dialect, info.mapping.table), quote(connection.dialect, info.id.name)
    if connection.dialect.name != "postgresql":
        column: sa.ColumnClause[str | int] = sa.column(info.id.name)
        given = [int(each) if info.id.kind is Kind.INTEGER else each for each in ids]
        chosen = sa.select(column).select_from(sa.text(table)).where(column.in_(given))
        return {str(each) for each in connection.execute(chosen).scalars()}
    statement = f"SELECT {name}::text FROM {table} WHERE {name} = ANY(".replace("%", "%%")
    rows = connection.exec_driver_sql(f"{statement}%s::{info.id.cast.replace('%', '%%')}[])", (array(list(ids)),))
    return {str(row[0]) for row in rows}


IDENTITY = "identity"
"""What :attr:`ColumnInfo.default` says of a column that numbers its rows itself."""

_LENGTH_OF_UUID = 36
_LITERAL, _CAST = re.compile(r"'(?:[^']|'')*'"), re.compile(r"::\s*[\w\" .]+(\([\d, ]*\))?(\[\])?")
_CALL = re.compile(r"[\w\"]\s*\(")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_TARGET = "{TARGETENTRY "
_ORIGIN = re.compile(r":resno (\d+) .*?:resorigtbl (\d+) :resorigcol (\d+)", re.DOTALL)
_VIEW, _DEEPEST = "v", 32

_COLUMN = """
SELECT c.oid AS relation, c.relkind::text AS kind, a.attnum AS number, a.attname AS name,
       a.attidentity <> '' AS identity, a.attgenerated <> '' AS generated,
       pg_get_expr(d.adbin, d.adrelid) AS expression,
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 68 = 68 AND t.tgenabled <> 'D')
           OR EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type = '3' AND r.is_instead) AS instead
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
"""
"""One column: 4 and 64 are the bits of ``tgtype`` for INSERT and INSTEAD OF, '3' is a rule on INSERT."""

_SEQUENCE = """
SELECT format('%I.%I', n.nspname, s.relname) AS name, has_sequence_privilege(s.oid, 'USAGE') AS usable
FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace
WHERE s.relkind = 'S' AND s.oid IN (
    SELECT d.objid FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = :relation AND d.refobjsubid = :number AND d.deptype IN ('a', 'i')
    UNION ALL
    SELECT d.refobjid FROM pg_depend d JOIN pg_attrdef a ON a.oid = d.objid
    WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
      AND a.adrelid = :relation AND a.adnum = :number
)
ORDER BY 1 LIMIT 1
"""
"""The sequence that belongs to a column, or that its default draws from."""

_NUMBERS = """
SELECT start_value, increment_by, max_value, min_value, last_value FROM pg_sequences
WHERE format('%I.%I', schemaname, sequencename) = :name
"""
"""What a sequence gives, and what it gave last: nothing yet, or nothing that this role may know of."""

_TRIGGERS = """
SELECT p.prosrc AS source, l.lanname AS language
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
WHERE t.tgrelid = :relation AND t.tgtype & 7 = 7 AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
"""
"""Triggers before each row's INSERT: 1 (row), 2 (before) and 4 (insert) of ``tgtype``."""


@dataclass(frozen=True)
class _Column:
    """A column of a table or view, as the catalogue has it."""

    relation: int
    kind: str
    number: int
    name: str
    identity: bool
    generated: bool
    expression: str | None
    instead: bool


def find_owner(connection: Connection, mapping: TableMapping, column: ColumnInfo) -> IdOwner | None:
    """Who gives a new row of the written relation its id; ``None`` where nobody does."""
    longest = column.holds.max_length if column.holds else None
    room = longest is None or longest >= _LENGTH_OF_UUID
    uuid = column.kind is Kind.UUID or (column.kind is Kind.TEXT and room)
    if connection.dialect.name == "postgresql":
        expression, tells = _in_postgres(connection, mapping, column.name)
    else:
        expression = None
        tells = column.default == IDENTITY or (column.default is not None and makes_values(column.default))
    if expression is None and not tells and not uuid:
        return None
    return IdOwner(expression, tells, uuid)


def nobody(mapping: TableMapping, column: ColumnInfo) -> str:
    """What is said, and advised, where new rows get no id from anybody."""
    return (
        f"nobody gives new rows of {mapping.table} an id: {column.name!r} is {column.type_name} and has no default "
        "that makes one. Give the column a default (an identity, or a sequence's next number)"
    )


def makes_values(default: str) -> bool:
    """Whether a default makes a value for each row, rather than being one and the same."""
    return _CALL.search(_CAST.sub("", _LITERAL.sub("''", default))) is not None


def sequence_behind(connection: Connection, table: str, column: str) -> tuple[str, bool] | None:
    """The sequence that numbers new rows, also that of the table behind a view; and whether this role may use it."""
    found = _deciding(connection, table, column)
    return None if found is None or found.instead or found.generated else _sequence(connection, found)


def not_given_yet(connection: Connection, table: str, column: str, numbers: Collection[int]) -> tuple[int, ...]:
    """Which of these numbers the sequence behind a column is still to give: whoever takes one takes another row's."""
    found = sequence_behind(connection, table, column)
    if found is None or not found[1]:
        return ()
    row = connection.execute(sa.text(_NUMBERS), {"name": found[0]}).one()
    start, step = int(row.start_value), int(row.increment_by)
    following = start if row.last_value is None else int(row.last_value) + step
    end = int(row.max_value) + 1 if step > 0 else int(row.min_value) - 1
    return tuple(each for each in numbers if each in range(following, end, step))


def _in_postgres(connection: Connection, mapping: TableMapping, name: str) -> tuple[str | None, bool]:
    """The expression that makes ids, if any, and whether the database tells the id of a row inserted without one."""
    found = _deciding(connection, mapping.table, name)
    if found is None:
        return None, False
    if found.instead or found.generated:
        return None, True
    if found.identity:
        sequence = _sequence(connection, found)
        # Where this role may not draw from an identity's sequence, the column itself still may.
        return _next_of(sequence[0]) if sequence is not None and sequence[1] else None, True
    if found.expression is not None and makes_values(found.expression):
        return found.expression, False
    return None, _is_numbered(connection, found)


def _deciding(connection: Connection, table: str, column: str) -> _Column | None:
    """The column that says where ids come from: the written one, or that behind a view which leaves it open."""
    asked = f"{_COLUMN} WHERE c.oid = to_regclass(:table) AND a.attname = :name"
    found = _column(connection, asked, table=relation(connection.dialect, table), name=column)
    for _ in range(_DEEPEST):
        if found is None or found.kind != _VIEW or found.instead or found.expression is not None:
            return found
        found = _behind(connection, found)
    return None


def _column(connection: Connection, statement: str, **given: Any) -> _Column | None:
    row = connection.execute(sa.text(statement), given).mappings().first()
    return None if row is None else _Column(**row)


def _sequence(connection: Connection, column: _Column) -> tuple[str, bool] | None:
    given = {"relation": column.relation, "number": column.number}
    row = connection.execute(sa.text(_SEQUENCE), given).first()
    return None if row is None else (str(row[0]), bool(row[1]))


def _next_of(sequence: str) -> str:
    return "nextval('{}'::regclass)".format(sequence.replace("'", "''"))


def _is_numbered(connection: Connection, column: _Column) -> bool:
    """Whether a trigger sets the column of a new row, as far as its function can be read."""
    name = f'"?{re.escape(column.name)}"?(?![\\w$])'
    sets = re.compile(
        rf"\bnew\s*\.\s*{name}\s*(:=|=)|\binto\s+(strict\s+)?new\s*(\.\s*{name}|;|\bfrom\b)|\bnew\s*:?=", re.IGNORECASE
    )
    rows = connection.execute(sa.text(_TRIGGERS), {"relation": column.relation}).mappings()
    return any(row["language"] not in ("plpgsql", "sql") or sets.search(row["source"]) for row in rows)


def _behind(connection: Connection, column: _Column) -> _Column | None:
    """The column that a view's column shows as it is; ``None`` where it is made of something."""
    asked = sa.text("SELECT ev_action::text FROM pg_rewrite WHERE ev_class = :view AND rulename = '_RETURN'")
    tree = connection.execute(asked, {"view": column.relation}).scalar_one_or_none()
    for number, relation_, origin in _targets(tree or ""):
        if number == column.number and relation_:
            asked_for = f"{_COLUMN} WHERE c.oid = :origin AND a.attnum = :number"
            return _column(connection, asked_for, origin=relation_, number=origin)
    return None


def _targets(tree: str) -> Iterator[tuple[int, int, int]]:
    """(number, relation, its column) of the columns that a view's stored query shows, without those of subqueries."""
    depth, begin = 0, None
    for brace in _BRACES.finditer(tree):
        if brace.group() == "{":
            depth += 1
            if depth == 2 and tree.startswith(_TARGET, brace.start()):
                begin = brace.start()
        elif brace.group() == "}":
            if depth == 2 and begin is not None:
                # A target's own numbers stand at its end, behind the expression that it shows.
                own = tree[tree.rfind(":resno ", begin, brace.start()) : brace.start()]
                found = _ORIGIN.match(own)
                if found is not None:
                    yield int(found[1]), int(found[2]), int(found[3])
                begin = None
            depth -= 1
