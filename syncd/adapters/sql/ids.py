"""Annotation ids: which text can be one in a column, who gives new rows their ids, and ids drawn beforehand."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import array
from syncd.adapters.sql.encoding import can_hold
from syncd.adapters.sql.expressions import Shown
from syncd.adapters.sql.mapping import ColumnInfo, IdOwner, TableInfo, TableMapping
from syncd.adapters.sql.quote import quote, relation, split_name
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


def judge_of(info: TableInfo) -> Callable[[str], bool]:
    """What says whether a row of the table can have an id, whose parts its columns must be able to hold."""
    columns = info.ids
    if info.mapping.composite_id is None:
        return partial(could_be_id, columns[0])

    def could_be(text: str) -> bool:
        parts = info.parts(text)
        return parts is not None and all(map(could_be_id, columns, parts))

    return could_be


def columns_of_ids(info: TableInfo, ids: Collection[str]) -> list[list[str]]:
    """What the columns that make up the id hold of these: a list for each column."""
    if info.mapping.composite_id is None:
        return [list(ids)]
    rows = [info.parts(each) or () for each in ids]
    return [[row[at] for row in rows] for at in range(len(info.ids))]


def with_ids(names: Sequence[str], casts: Sequence[str], given: Sequence[str]) -> str:
    """PostgreSQL's condition on rows with certain ids, given as an array of each part."""
    arrays = [f"{each}::{cast}[]" for each, cast in zip(given, casts, strict=True)]
    if len(names) == 1:
        return f"{names[0]} = ANY({arrays[0]})"
    # The first part alone is an index's business too.
    return f"{names[0]} = ANY({arrays[0]}) AND ({', '.join(names)}) IN (SELECT * FROM unnest({', '.join(arrays)}))"


def is_sendable(text: str) -> bool:
    """Whether a database takes this text at all: no NUL character, no half of a surrogate pair."""
    return _UNSENDABLE.search(text) is None


def draw(connection: Connection, info: TableInfo, expression: str, count: int) -> list[str]:
    """Ids that the owner's expression makes and no row has; fewer than asked for where it repeats itself."""
    if connection.dialect.name != "postgresql":
        return _after_the_largest(connection, info, count)
    if expression == LARGEST:
        expression = _largest_in_sql(connection, info)
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"ids of {info.mapping.table}",))
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
    dialect, shown = connection.dialect, Shown(connection.dialect, info.mapping)
    table = relation(dialect, info.mapping.table)
    given = columns_of_ids(info, ids)
    if dialect.name != "postgresql":
        statement = f"SELECT {shown.id_of('t')} FROM {table} AS t WHERE ".replace(":", "\\:")
        bound, parameters = portable_condition(info, [f"t.{quote(dialect, each.name)}" for each in info.ids], given)
        return {str(each) for each in connection.execute(sa.text(statement + bound), parameters).scalars()}
    names = [f"t.{quote(dialect, each.name)}".replace("%", "%%") for each in info.ids]
    casts = [each.cast.replace("%", "%%") for each in info.ids]
    condition = with_ids(names, casts, ["%s"] * len(names))
    statement = f"SELECT {shown.id_of('t')} FROM {table} AS t WHERE ".replace("%", "%%")
    arrays = tuple(array(each) for each in given)
    rows = connection.exec_driver_sql(statement + condition, arrays if len(arrays) == 1 else (arrays[0], *arrays))
    return {str(row[0]) for row in rows}


def portable_condition(
    info: TableInfo, names: Sequence[str], given: Sequence[Sequence[str]]
) -> tuple[str, dict[str, object]]:
    """The condition on rows with certain ids for any database, with its parameters."""
    rows = [
        [int(part) if column.kind is Kind.INTEGER else part for column, part in zip(info.ids, row, strict=True)]
        for row in zip(*given, strict=True)
    ]
    parameters = {f"id_{at}_{of}": part for at, row in enumerate(rows) for of, part in enumerate(row)}
    quoted = [each.replace(":", "\\:") for each in names]
    if len(names) == 1:
        return f"{quoted[0]} IN ({', '.join(f':{each}' for each in parameters)})", parameters
    same = (" AND ".join(f"{name} = :id_{at}_{of}" for of, name in enumerate(quoted)) for at in range(len(rows)))
    return f"({' OR '.join(f'({each})' for each in same)})", parameters


LARGEST = "the largest and one"
"""Stands for the expression of ids that follow the largest one (``mint: max``)."""


def _largest_in_sql(connection: Connection, info: TableInfo) -> str:
    table, name = relation(connection.dialect, info.mapping.table), quote(connection.dialect, info.id.name)
    return f"(SELECT coalesce(max({name}), 0) FROM {table}) + row_number() OVER ()"


def _after_the_largest(connection: Connection, info: TableInfo, count: int) -> list[str]:
    table, name = relation(connection.dialect, info.mapping.table), quote(connection.dialect, info.id.name)
    plain = connection.execution_options(no_parameters=True)
    largest = int(plain.exec_driver_sql(f"SELECT coalesce(max({name}), 0) FROM {table}").scalar_one())
    return [str(largest + 1 + each) for each in range(count)]


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


def find_owner(connection: Connection, info: TableInfo) -> IdOwner | None:
    """Who gives a new row of the written relation its id; ``None`` where nobody does."""
    if info.mapping.composite_id is None:
        return owner_of(connection, info.mapping, info.id)
    return _owner_of_parts(connection, info)


def _owner_of_parts(connection: Connection, info: TableInfo) -> IdOwner | None:
    """Of an id of several columns each comes from its row (the image, a constant), or from the database."""
    mapping = info.mapping
    mapped = [mapping.image_column, *(name for names in mapping.fields.values() for name in names)]
    given = {column for name in mapped if info.writable(name) for column in mapping.behind(name)}
    given |= {name for name, _ in mapping.rows.insert}
    for column in info.ids:
        if column.name in given:
            continue
        if connection.dialect.name == "postgresql":
            expression, tells = _in_postgres(connection, mapping, column.name)
            made = expression is not None or tells
        else:
            made = column.default == IDENTITY or (column.default is not None and makes_values(column.default))
        if not made:
            return None
    return IdOwner(tells=True)


def owner_of(connection: Connection, mapping: TableMapping, column: ColumnInfo) -> IdOwner | None:
    """The same of an id in one column: as the catalogue says, else as the configuration does (``mint``)."""
    longest = column.holds.max_length if column.holds else None
    room = longest is None or longest >= _LENGTH_OF_UUID
    uuid = column.kind is Kind.UUID or (column.kind is Kind.TEXT and room)
    if connection.dialect.name == "postgresql":
        expression, tells = _in_postgres(connection, mapping, column.name)
    else:
        expression = None
        tells = column.default == IDENTITY or (column.default is not None and makes_values(column.default))
    if expression is None and not tells and mapping.mint is not None:
        return _minted(connection, mapping, column)
    if expression is None and not tells and not uuid:
        return None
    return IdOwner(expression, tells, uuid)


def _minted(connection: Connection, mapping: TableMapping, column: ColumnInfo) -> IdOwner:
    if mapping.mint == "uuid":
        return IdOwner(uuid=True)
    if mapping.mint == "max" or connection.dialect.name != "postgresql":
        return IdOwner(LARGEST)
    schema, table = split_name(mapping.table)
    parts = [quote(connection.dialect, each) for each in (schema, f"{table}_{column.name}_seq") if each]
    return IdOwner(_next_of(".".join(parts)))


def nobody(mapping: TableMapping, column: ColumnInfo) -> str:
    """What is said, and advised, where new rows get no id from anybody."""
    return (
        f"nobody gives new rows of {mapping.table} an id: {column.name!r} is {column.type_name} and has no default "
        "that makes one. Give the column a default (an identity, or a sequence's next number), or say in `columns.id` "
        "who does (`mint`)"
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
