"""Checks each mapped column: whether it exists, its type, the right to write it, and that FiftyOne's type fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from syncd.adapters.fiftyone.dataset import KINDS
from syncd.adapters.sql.accepted_values import columns_taking
from syncd.adapters.sql.describe import EXPECTED, IDS, describe
from syncd.adapters.sql.description import description
from syncd.adapters.sql.keys import Keys
from syncd.adapters.sql.mapping import ColumnInfo
from syncd.adapters.sql.quote import name_in_sql, table_in_sql
from syncd.adapters.sql.stored import Lookup
from syncd.adapters.sql.values import ACTOR
from syncd.config.nearest import nearest, other_form
from syncd.doctor.finding import Check, Verdict, count, fault, in_sql, listed, ok, sdk, sdk_name, skipped, warning
from syncd.doctor.subject import Subject
from syncd.engine.mapping import build_mapping
from syncd.errors import MappingError
from syncd.model import BOX, LABEL, Direction, Kind

FIELD_TYPES = {kind: name for name, kind in reversed(KINDS.items())} | {
    Kind.DECIMAL: "FloatField",
    Kind.UUID: "StringField",
}
"""The type with which to declare an attribute for a column of each kind."""


@dataclass(frozen=True)
class Role:
    """What a column is mapped as; ``place`` is where, ``direction`` which way it travels (``None``: read only)."""

    name: str
    column: str
    place: str
    direction: Direction | None = None
    fiftyone: str | None = None


def roles(subject: Subject) -> Iterator[Role]:
    """Every mapped column, in the order of the configuration."""
    columns, place = subject.binding.columns, f"{subject.place}.columns"
    yield Role("id", columns.id.name, f"{place}.id")
    label = Direction(subject.binding.direction("label"))
    yield Role("label", columns.label.name, f"{place}.label", label, f"{subject.place}.directions.label")
    box = Direction(subject.binding.direction("box"))
    for index, column in enumerate(columns.box.names if columns.box else ()):
        yield Role("box", column, f"{place}.box[{index}]", box, f"{subject.place}.directions.box")
    yield Role("media", columns.media.name, f"{place}.media")
    if columns.updated_at is not None:
        yield Role("updated_at", columns.updated_at, f"{place}.updated_at")
    if columns.updated_by is not None:
        yield Role("updated_by", columns.updated_by.name, f"{place}.updated_by")
    for name, attribute in subject.binding.attributes.items():
        at = f"{subject.place}.attributes.{name}"
        yield Role(name, attribute.name, f"{at}.column", Direction(attribute.direction), f"{at}.direction")


def checks(subject: Subject) -> Iterator[Check]:
    """One per mapped column, then one per field: whether both sides can hold it."""
    if not subject.mapping.is_plain:
        yield Check("How columns are mapped", partial(_mapped, subject))
    for role in roles(subject):
        yield Check(f"Column {role.column!r} ({role.name})", partial(_column, subject, role))
    for name, columns in subject.mapping.fields.items():
        title = name.capitalize() if name in (LABEL, BOX) else f"Attribute {name!r}"
        yield Check(f"{title} fits both sides", partial(_fits, subject, name, columns))


def _mapped(subject: Subject) -> Verdict:
    """What a key refers to, where a size stands, what a path leads to: whether it is all there."""
    subject.table.get()
    subject.read.get()
    if subject.mapping_faults:
        return fault("; ".join(subject.mapping_faults), f"Mend {subject.place}.columns and {subject.place}.attributes.")
    lookups = [f"{each.first.table} ({each})" for each in subject.mapping.lookups]
    loose = sorted({level.table for each in subject.mapping.lookups for level in each.levels if not level.unique})
    if loose:
        levels = {level.table: level for each in subject.mapping.lookups for level in each.levels}
        dialect = subject.connection.dialect
        unique = "; ".join(
            f"ALTER TABLE {table_in_sql(dialect, each)} ADD UNIQUE ({name_in_sql(dialect, levels[each].key)})"
            for each in loose
        )
        return warning(
            f"the keys of {listed(loose)} need not be unique: where two rows of one key differ, nobody knows which is "
            "meant, and reading takes longer",
            in_sql(unique),
        )
    return ok(f"keys are looked up in {listed(lookups)}" if lookups else "as the columns' types allow it")


def _column(subject: Subject, role: Role) -> Verdict:
    read, table = subject.read.get(), subject.table.get()
    if role.column not in read.columns:
        if subject.mapping_faults and subject.mapping.behind(role.column) != (role.column,):
            return skipped("needs “How columns are mapped” to be well")
        return _missing(subject, role)
    found = table.columns.get(role.column) or read.columns[role.column]
    if role.name == "id" and role.column not in table.columns:
        return fault(
            f"{read.name} has it, but the table {subject.binding.table} does not: no row could be written",
            f"Write in {role.place} a column of the table, and have `read` give it under the same name.",
        )
    writable = role.column in table.columns and not found.generated
    wrong = _wrong_type(role, found, stamped=writable)
    if wrong:
        return wrong
    to_database = role.direction is not None and role.direction.allows(Direction.TO_DATABASE)
    if to_database and not writable:
        why = "is generated by the table" if found.generated else f"is not a column of {subject.binding.table}"
        return fault(
            f"{found.type_name}; it {why}, so no edit can be written to it", f"Write {role.fiftyone}: to_fiftyone"
        )
    if role.name == "updated_by" and writable and (refused := _stamp_refused(subject, role)):
        return refused
    null = "may be null" if found.nullable else "not null"
    stamp = role.name in ("updated_at", "updated_by")
    written = "written" if to_database else "read" if writable else "can only be read"
    written = "stamped by each write" if stamp and writable else written
    return ok(f"{found.type_name}, {null}, {written}")


def _stamp_refused(subject: Subject, role: Role) -> Verdict | None:
    """Whether the names that syncd leaves in ``updated_by`` are refused: by an enum, a CHECK or a foreign key."""
    found, info = subject.table.get().columns[role.column], subject.table_info
    stored = subject.mapping.stored.get(role.column)
    if stored is not None and stored.lookup is not None:
        return _editor_unknown(subject, role, stored.lookup)
    values, by = columns_taking(subject.connection, info, [role.column], [role.column]).get(role.column, (None, ""))
    keys = found.refers_to
    if values is None:
        if keys is None or not subject.is_postgresql:
            return None
        return warning(
            f"it refers to {keys}, and whether {ACTOR!r} is there cannot be seen: a name that is not is refused",
            f"See to it that {keys} has {ACTOR!r} and all who edit, or leave {role.place} out.",
        )
    dialect = subject.connection.dialect
    name = f"'{ACTOR}'"
    mend = f"Have {by} take {name}"
    if keys is not None and "foreign key" in by:
        mend = in_sql(f"INSERT INTO {keys.table} ({name_in_sql(dialect, keys.column)}) VALUES ({name})")
    if ACTOR not in values:
        return fault(
            f"{by} does not take {name}, which syncd writes there: every edit of which nobody knows who made it is "
            "refused, and so is a name that is not there",
            f"{mend}   (and the names of all who edit); or leave {role.place} out",
        )
    binding = subject.binding
    if binding.actor_attribute is None:
        return None
    return warning(
        f"{by} takes {count(len(values), 'name')}: an edit by anybody else (of the label's "
        f"{binding.actor_attribute!r}) is refused",
        f"Have it take the names of all who edit, or leave {role.place} out.",
    )


def _editor_unknown(subject: Subject, role: Role, lookup: Lookup) -> Verdict | None:
    """Whether edits of which nobody knows who made them, and of people that are not there, are nobody's."""
    if lookup.default is not None or Keys(subject.connection, subject.table_info).key(lookup, ACTOR) is not None:
        return None
    return warning(
        f"{lookup} has no {ACTOR!r}, which syncd writes where nobody knows who edited: such an edit is nobody's (null)",
        f"Write {role.place}.default: A NAME THAT IS THERE, or add {ACTOR!r} to {lookup.first.table}.",
    )


def _missing(subject: Subject, role: Role) -> Verdict:
    read, table = subject.read.get(), subject.table.get()
    meant, other = nearest(role.column, read.columns), other_form(role.column, read.columns)
    mend = f"Write {role.place}: {meant}" if meant else f"Mend {role.place}"
    if role.column in table.columns:
        return fault(
            f"{subject.binding.table} has it, but {read.name} does not give it",
            f"Add {role.column} to the SELECT behind {subject.place}.read.",
        )
    kind = {"id": "uuid", "box": "double precision", "updated_at": "timestamptz"}.get(role.name, "text")
    dialect = subject.connection.dialect
    name, column = table_in_sql(dialect, subject.binding.table), name_in_sql(dialect, role.column)
    return fault(
        f"{read.name} has no column {role.column!r}; {other or f'it has {listed(read.columns, 20)}'}",
        f"{mend}   (or add it: ALTER TABLE {name} ADD COLUMN {column} {kind};)",
    )


def _wrong_type(role: Role, found: ColumnInfo, *, stamped: bool) -> Verdict | None:
    if role.name == "media":
        return None  # read as text, whatever it is
    if role.name == "updated_by":
        if stamped and found.kind is not Kind.TEXT:
            return fault(f"{found.type_name}, expected text, to hold 'syncd'", f"Mend {role.place}, or leave it out.")
        return None
    if role.name == "id" and found.kind not in IDS:
        return fault(f"{found.type_name}, expected text, integer or UUID", f"Mend {role.place}.")
    if role.name == "updated_at" and found.kind is not Kind.TIMESTAMP:
        return fault(
            f"{found.type_name}, expected a timestamp",
            f"Write a column of type timestamptz in {role.place}, or leave the line out.",
        )
    if found.kind is None:
        return fault(f"{found.type_name}, expected {EXPECTED}", f"Mend {role.place}, or leave it out.")
    return None


def _fits(subject: Subject, name: str, columns: tuple[str, ...]) -> Verdict:
    """Builds the mapping of this field alone, by the code that every run uses."""
    info, dataset, binding = subject.table_info, subject.dataset.get(), subject.binding
    absent = [
        each for each in (*columns, binding.columns.id.name) if each not in info.written and each not in info.read
    ]
    if absent or binding.columns.id.name not in info.written:
        return skipped(f"needs the column {listed(absent or [binding.columns.id.name])}")
    if any(info.column(each).kind is None for each in columns):
        return skipped("the type of its column is not one that syncd knows")
    alone = binding.model_copy(
        update={
            # What has checks of its own is not said again of each field.
            "sample_key": "id",
            "attributes": {key: each for key, each in binding.attributes.items() if key == name},
            "columns": binding.columns if name == BOX else binding.columns.model_copy(update={"box": None}),
        }
    )
    attributes = {key: each for key, each in dataset.attributes.items() if key == name}
    reduced = replace(info, mapping=replace(info.mapping, fields={name: columns}))
    try:
        mapping, labels = build_mapping(alone, description(alone, reduced), replace(dataset, attributes=attributes))
    except MappingError as error:
        return fault(error.message, error.remedy or f"Mend {subject.place}.")
    kind, stored = mapping.field(name).kind, labels.kinds[name]
    if name not in (LABEL, BOX) and name not in dataset.attributes:
        path = f"{subject.label_mapping.path}.{name}"
        declare = f"add_sample_field({sdk_name(path)}, fo.{FIELD_TYPES[kind]})"
        return warning("the dataset does not declare it: the App shows it nowhere", sdk(binding.dataset, declare))
    return ok(f"{kind.value} in the table, {stored.value} in FiftyOne")


def check_whole(subject: Subject, *, faults_before: bool) -> Verdict:
    """Builds the whole mapping as a run does: for whatever the checks of its parts have not found."""
    dataset, _ = subject.dataset.get(), subject.table_info
    try:
        table = describe(subject.connection, subject.mapping)
        build_mapping(subject.binding, description(subject.binding, table), dataset)
    except MappingError:
        if not faults_before:
            raise
        return skipped("no run can take it yet, for the faults above")
    return ok("as every run takes it")
