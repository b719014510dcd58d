"""The least rights that syncd's database role needs, as SQL, for what the configuration maps and its policies do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.connect import open_database
from syncd.adapters.sql.describe import describe
from syncd.adapters.sql.errors import READING, asking
from syncd.adapters.sql.ids import find_owner, sequence_behind
from syncd.adapters.sql.mapping import TableInfo, TableMapping, table_mapping
from syncd.adapters.sql.quote import quote, relation, split_name
from syncd.adapters.sql.stored import Lookup
from syncd.config import BindingConfig, Config
from syncd.config.binding import VocabularyTable
from syncd.engine.session import require_table
from syncd.errors import ConfigError
from syncd.ingest.source import further_columns
from syncd.model.kinds import Json
from syncd.store.migrate import RIGHTS, SEQUENCES, VERSION_TABLE

DATABASE, STATE = "database.url", "state.url"

_SEQUENCES = """
SELECT DISTINCT pg_get_serial_sequence(:table, a.attname) FROM pg_attribute a
WHERE a.attrelid = to_regclass(:table) AND a.attnum > 0 AND NOT a.attisdropped
AND (a.attidentity = '' OR a.attname = :id) AND pg_get_serial_sequence(:table, a.attname) IS NOT NULL ORDER BY 1
"""


@dataclass(frozen=True)
class Grant:
    """One statement for the database that ``url`` names (``database.url`` or ``state.url``).

    ``what`` says what it is for. ``by_hand``: the daemon does without it; it is for what a person decides by
    ``conflicts resolve`` and ``undo``, which may write any mapped column. ``sql`` is ``None`` where ``what`` has to be
    granted by a person who knows the database.
    """

    url: str
    what: str
    sql: str | None
    by_hand: bool = False

    def as_json(self) -> dict[str, Json]:
        """The form of one grant in the document of ``syncd database grants --json``."""
        return {"database": self.url, "for": self.what, "sql": self.sql, "by_hand": self.by_hand}


def grants(config: Config, names: Sequence[str], role: str | None = None) -> list[Grant]:
    """The grants for these bindings; ``role`` is the name of syncd's role, by default that of the URL.

    Names of columns and sequences are looked up in the database; ``ConfigError`` where it is not PostgreSQL.
    """
    for each in names:
        require_table(config.binding(each), "syncd database grants")
    with ExitStack() as stack:
        database = _opened(stack, config.database.url.get_secret_value())
        found = list(_of_database(database, config, names, _role(database, role)))
        state, place = database, DATABASE
        if config.state.url is not None:
            state, place = _opened(stack, config.state.url.get_secret_value()), STATE
        found += _of_state(state, place, config.state.schema_name, _role(state, role))
    return list(dict.fromkeys(found))


def as_text(found: Iterable[Grant]) -> str:
    """The grants as a script for ``psql``; what the daemon does without stands in comments."""
    lines: list[str] = []
    place = what = None
    for each in found:
        if each.url != place:
            place = each.url
            lines += ["", f"-- In the database of {place}:"]
        if each.what != what:
            what = each.what
            lines.append(f"-- {what}{' (only for `conflicts resolve` and `undo`)' if each.by_hand else ''}")
        if each.sql is not None:
            lines.append(f"{'-- ' if each.by_hand else ''}{each.sql};")
    return "\n".join(lines).strip() + "\n"


def _opened(stack: ExitStack, url: str) -> Connection:
    connection = stack.enter_context(open_database(url))
    stack.callback(connection.engine.dispose)
    if connection.dialect.name != "postgresql":
        raise ConfigError(
            f"Grants are PostgreSQL's; this database is {connection.dialect.name}.",
            remedy="Let syncd's user read and write the mapped columns there, in whatever way it has.",
        )
    return connection


def _role(connection: Connection, role: str | None) -> str:
    return quote(connection.dialect, role or connection.engine.url.username or "syncd")


def _of_database(connection: Connection, config: Config, names: Sequence[str], role: str) -> Iterator[Grant]:
    name = quote(connection.dialect, str(connection.execute(sa.text("SELECT current_database()")).scalar_one()))
    yield Grant(DATABASE, "to connect", f"GRANT CONNECT ON DATABASE {name} TO {role}")
    bindings = [config.binding(each) for each in names]
    schemas = sorted({schema for each in bindings for schema in _schemas(connection, each)})
    for schema in schemas:
        yield Grant(
            DATABASE, "to see the tables", f"GRANT USAGE ON SCHEMA {quote(connection.dialect, schema)} TO {role}"
        )
    for each in bindings:
        yield from _of_binding(connection, each, role)


def _relations(binding: BindingConfig) -> list[str]:
    """Every table and view that the binding names."""
    named = [binding.table]
    if not binding.reads_select and binding.read_from != binding.table:
        named.append(binding.read_from)
    if isinstance(binding.vocabulary, VocabularyTable):
        named.append(binding.vocabulary.table)
    levels = [level for lookup in _lookups(binding) for level in lookup.levels]
    return list(dict.fromkeys([*named, *(each.table for each in levels)]))


def _lookups(binding: BindingConfig) -> tuple[Lookup, ...]:
    mapping = table_mapping(binding)
    # That of the image is needed for crops too, which are not tied to their rows by it.
    return tuple(dict.fromkeys(each.lookup for each in mapping.stored.values() if each.lookup is not None))


def _schemas(connection: Connection, binding: BindingConfig) -> Iterator[str]:
    looked_up = sa.text(
        "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = to_regclass(:name)"
    )
    for each in _relations(binding):
        schema, _ = split_name(each)
        if schema is None:
            schema = connection.execute(looked_up, {"name": relation(connection.dialect, each)}).scalar()
        if schema is not None:
            yield str(schema)


def _of_binding(connection: Connection, binding: BindingConfig, role: str) -> Iterator[Grant]:
    info = describe(connection, table_mapping(binding))
    mapping, table = info.mapping, info.physical
    ingested = [
        column
        for crops in (False, True)
        for names in further_columns(binding, crops=crops).values()
        for name in names
        for column in mapping.behind(name)
    ]
    read = list(dict.fromkeys([*mapping.table_columns, *ingested]))
    own = f"binding {binding.name}"

    def granted(right: str, name: str, columns: Sequence[str], what: str, *, by_hand: bool = False) -> Iterator[Grant]:
        if columns:
            listed = ", ".join(quote(connection.dialect, each) for each in columns)
            on = relation(connection.dialect, name)
            yield Grant(DATABASE, f"{own}: {what}", f"GRANT {right} ({listed}) ON {on} TO {role}", by_hand)

    if binding.reads_select:
        yield Grant(DATABASE, f"{own}: SELECT on all that the query of `read` names", None)
    elif mapping.rows.where is not None:
        on = relation(connection.dialect, binding.read_from)
        yield Grant(DATABASE, f"{own}: to read, and to see which rows are meant", f"GRANT SELECT ON {on} TO {role}")
    else:
        yield from granted("SELECT", binding.read_from, read, "to read")
    if binding.read_from != binding.table:
        yield from granted("SELECT", binding.table, [each for each in read if each in table], "to compare and set")
    for right, name, columns, what in _of_lookups(binding, mapping):
        yield from granted(right, name, columns, what)
    vocabulary = binding.vocabulary
    if isinstance(vocabulary, VocabularyTable):
        above = [vocabulary.parent.column, vocabulary.parent.key] if vocabulary.parent else []
        terms = [vocabulary.column, *above, vocabulary.rank, vocabulary.code]
        yield from granted("SELECT", vocabulary.table, [each for each in terms if each], "to read the vocabulary")
    edited, rest = _written(binding, info)
    inserted = _inserted(info)
    if mapping.rows.append is not None:
        every = [name for name, each in table.items() if not each.generated and name != mapping.rows.append.key]
        yield from granted("INSERT", binding.table, every, "to add a row for each change")
        return
    yield from granted("UPDATE", binding.table, edited, "to write what reviewers change")
    with asking(READING):
        added = bool(inserted) and rows_are_added(connection, info, binding)
    if added:
        yield from granted("INSERT", binding.table, inserted, "to add what reviewers draw, or the inbox brings")
        yield from _sequences(connection, info, role, f"{own}: to number what is added")
    deletes = binding.policy.on_fiftyone_delete == "delete"
    yield from granted("UPDATE", binding.table, rest, "to write any mapped column", by_hand=True)
    media = mapping.behind(mapping.image_column)
    if set(media) <= set(inserted):
        tied = [each for each in inserted if each in (*media, *_stamps(info))]
        by_hand = binding.policy.on_moved != "fiftyone"
        yield from granted("UPDATE", binding.table, tied, "to tie rows to other images", by_hand=by_hand)
    if not added:
        yield from granted("INSERT", binding.table, inserted, "to put rows back", by_hand=True)
    if mapping.rows.deleted is None:
        yield Grant(
            DATABASE,
            f"{own}: to delete rows",
            f"GRANT DELETE ON {relation(connection.dialect, binding.table)} TO {role}",
            by_hand=not deletes,
        )


def _of_lookups(binding: BindingConfig, mapping: TableMapping) -> Iterator[tuple[str, str, list[str], str]]:
    """(right, table, columns, what for) of every table that keys refer to."""
    for lookup in _lookups(binding):
        is_media = mapping.media_lookup is not None and lookup.levels == mapping.media_lookup.levels
        sizes = mapping.box.size if mapping.box is not None and mapping.box.of_media and is_media else ()
        for number, level in enumerate(lookup.levels):
            columns = list(dict.fromkeys([level.key, level.value, *(() if number else sizes)]))
            yield "SELECT", level.table, columns, "to look up what keys stand for"
        if lookup.create:
            yield "INSERT", lookup.first.table, [lookup.first.value], "to add what keys shall stand for"


def rows_are_added(connection: Connection, info: TableInfo, binding: BindingConfig) -> bool:
    """Whether the daemon adds rows to a table: for manifests of the inbox, for drawn labels.

    The latter need an id of their own, and a frame to stand on, which a crop that somebody made has not.
    """
    mapping = info.mapping
    if not info.writable(mapping.image_column) or mapping.id_column not in info.written:
        return False
    if binding.ingest.inbox is not None:
        return True
    drawn = binding.policy.on_new == "create" and not binding.ingest.crops
    return drawn and find_owner(connection, info) is not None


def _written(binding: BindingConfig, info: TableInfo) -> tuple[list[str], list[str]]:
    """The columns that edits are written to, stamps included, and the other mapped ones that could be."""
    columns, toward = binding.columns, ("both", "to_database")
    boxes = columns.box.columns if columns.box else ()
    edited = [columns.label.column] if binding.direction("label") in toward else []
    edited += boxes if binding.direction("box") in toward else []
    edited += [each.column for each in binding.attributes.values() if each.direction in toward]
    stamps = _stamps(info)
    mapped = [columns.label.column, *boxes, *(each.column for each in binding.attributes.values())]
    writable = [name for name, each in info.physical.items() if not each.generated]
    wanted = [*edited, *stamps] if edited else []
    return (
        [each for each in dict.fromkeys(wanted) if each in writable],
        [each for each in dict.fromkeys([*mapped, *stamps]) if each in writable and each not in wanted],
    )


def _stamps(info: TableInfo) -> list[str]:
    """The columns that say who wrote a row last and when, which version it is, and whether it is deleted."""
    mapping, rows = info.mapping, info.mapping.rows
    stamps = [column for name in (mapping.updated_at, mapping.updated_by) if name for column in mapping.behind(name)]
    stamps += [rows.version[0]] if rows.version else []
    return [*stamps, rows.deleted.column] if rows.deleted else stamps


def _inserted(info: TableInfo) -> list[str]:
    """The columns of a new row; none where rows cannot be added."""
    mapping = info.mapping
    if not info.writable(mapping.image_column):
        return []
    constants = [name for name, _ in mapping.rows.insert]
    writable = [name for name, each in info.physical.items() if not each.generated]
    return [each for each in dict.fromkeys([*mapping.table_columns, *constants]) if each in writable]


def _sequences(connection: Connection, info: TableInfo, role: str, what: str) -> Iterator[Grant]:
    with asking(READING):
        for column in info.mapping.id_columns:
            asked = {"table": relation(connection.dialect, info.mapping.table), "id": column}
            names = {str(name) for (name,) in connection.execute(sa.text(_SEQUENCES), asked)}
            numbering = sequence_behind(connection, info.mapping.table, column)
            for name in sorted(names | ({numbering[0]} if numbering is not None else set())):
                yield Grant(DATABASE, what, f"GRANT USAGE ON SEQUENCE {name} TO {role}")


def _of_state(connection: Connection, url: str, schema: str, role: str) -> list[Grant]:
    def name(text: str) -> str:
        return quote(connection.dialect, text)

    database = name(str(connection.execute(sa.text("SELECT current_database()")).scalar_one()))
    what = "syncd's own tables, which `syncd migrate` makes as the role that is to own them"
    statements = [f"GRANT CONNECT ON DATABASE {database} TO {role}"] if url == STATE else []
    statements += [
        f"GRANT TEMPORARY ON DATABASE {database} TO {role}",
        f"GRANT USAGE ON SCHEMA {name(schema)} TO {role}",
        f"GRANT SELECT ON {name(schema)}.{name(VERSION_TABLE)} TO {role}",
        *(f"GRANT {rights} ON {name(schema)}.{name(table)} TO {role}" for table, rights in RIGHTS.items()),
        *(
            f"GRANT USAGE ON SEQUENCE {name(schema)}.{name(f'{table}_{column}_seq')} TO {role}"
            for table, column in SEQUENCES.items()
        ),
    ]
    return [Grant(url, what, each) for each in statements]
