"""Which columns hold what: the database's half of a mapping."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from syncd.adapters.sql.stored import (
    ALL_ROWS,
    Append,
    Box,
    CompositeId,
    Deleted,
    Level,
    Lookup,
    Rows,
    Scalar,
    Stored,
    in_kind,
    kind_of,
)
from syncd.config.binding import BindingConfig
from syncd.config.columns import BoxConfig, ColumnConfig, LookupConfig, path_steps
from syncd.model import BOX, FLAG, LABEL, Holds, Kind

_QUERY = re.compile(r"\s*(select|with)\b(?!\s*\.)", re.IGNORECASE)


@dataclass(frozen=True)
class TableMapping:
    """Names from the configuration. ``fields`` maps each field to its shown column (the box to four).

    ``frame_column`` names the image that a row's crop was cut from, where samples are crops: ``media_column`` is then
    what ties the row to its crop. ``stored`` says of shown columns how they lie in the table, where they do not simply
    stand there; so do ``box`` and ``composite_id``. ``rows`` says which rows are annotations. ``mint`` is who gives ids
    where the catalogue does not say. Columns that are ``kept`` are never written.
    """

    table: str
    read: str
    id_column: str
    media_column: str
    fields: dict[str, tuple[str, ...]]
    updated_at: str | None = None
    updated_by: str | None = None
    frame_column: str | None = None
    stored: dict[str, Stored] = field(default_factory=dict)
    box: Box | None = None
    composite_id: CompositeId | None = None
    rows: Rows = ALL_ROWS
    mint: str | None = None
    kept: frozenset[str] = frozenset()

    @property
    def image_column(self) -> str:
        """The column that names the row's image."""
        return self.frame_column or self.media_column

    @property
    def read_is_query(self) -> bool:
        """Whether ``read`` is a SELECT rather than the name of a table or view."""
        return _QUERY.match(self.read) is not None

    @property
    def is_plain(self) -> bool:
        """Whether what is read simply stands in the relation that is read, row by row."""
        stored = any(not each.plain for each in self.stored.values())
        return not stored and self.box is None and self.composite_id is None and not self.rows.narrow

    @property
    def looks_up(self) -> bool:
        """Whether any column holds a key that is shown as what it refers to."""
        return any(each.lookup is not None for each in self.stored.values())

    @property
    def id_columns(self) -> tuple[str, ...]:
        """The columns of the table that make up the id."""
        return self.composite_id.columns if self.composite_id is not None else (self.id_column,)

    @property
    def read_columns(self) -> tuple[str, ...]:
        """Every shown column that is read."""
        extra = [each for each in (self.frame_column, self.updated_at, self.updated_by) if each is not None]
        mapped = [name for names in self.fields.values() for name in names]
        return tuple(dict.fromkeys([self.id_column, self.media_column, *extra, *mapped]))

    @property
    def table_columns(self) -> tuple[str, ...]:
        """Every column of the relation that is read which these are made of."""
        found = [each for name in self.read_columns for each in self.behind(name)]
        rows = self.rows
        found += [rows.deleted.column] if rows.deleted else []
        found += [rows.append.key, rows.append.newest] if rows.append else []
        return tuple(dict.fromkeys(found))

    def behind(self, name: str) -> tuple[str, ...]:
        """The columns of the table in which a shown column lies."""
        if self.composite_id is not None and name == self.id_column:
            return self.composite_id.columns
        if self.box is not None and name in BOX_NAMES:
            return self.box.columns if self.box.of_media else (*self.box.columns, *self.box.size)
        return (self.stored[name].column,) if name in self.stored else (name,)

    def holds_more(self, name: str) -> bool:
        """Whether the table may hold something where a shown column has no value."""
        if self.box is not None and name in BOX_NAMES:
            return True
        stored = self.stored.get(name)
        return stored is not None and not (stored.plain or stored.array or stored.percent)

    @property
    def lookups(self) -> tuple[Lookup, ...]:
        """Every lookup of what is read."""
        found = (self.stored[name].lookup for name in self.read_columns if name in self.stored)
        return tuple(dict.fromkeys(each for each in found if each is not None))

    @property
    def media_lookup(self) -> Lookup | None:
        """How the row's image is found, where the row holds a key of it."""
        stored = self.stored.get(self.image_column)
        return None if stored is None else stored.lookup


BOX_NAMES = ("box.x", "box.y", "box.width", "box.height")
"""The shown columns of a box that does not lie in the table as FiftyOne has it."""


def table_mapping(binding: BindingConfig, *, crops: bool = False) -> TableMapping:
    """The database half of the configuration.

    ``crops``: each sample is one annotation, cut from its box. Its row is then tied to it by the id, and the box,
    which is the whole sample, is no field.
    """
    columns = binding.columns
    fields: dict[str, tuple[str, ...]] = {LABEL: (columns.label.name,)}
    if columns.box is not None and not crops:
        fields[BOX] = columns.box.names
    fields |= {name: (attribute.name,) for name, attribute in binding.attributes.items()}
    if binding.review.error_column is not None:
        fields[FLAG] = (binding.review.error_column,)
    configured = [columns.label, columns.media, *binding.attributes.values()]
    configured += [columns.updated_by] if columns.updated_by is not None else []
    return TableMapping(
        table=binding.table,
        read=binding.read_from,
        id_column=columns.id.name,
        media_column=columns.id.name if crops else columns.media.name,
        fields=fields,
        updated_at=columns.updated_at,
        updated_by=columns.updated_by.name if columns.updated_by else None,
        frame_column=columns.media.name if crops else None,
        stored={each.name: _stored(each) for each in configured if not each.plain or each.default is not None},
        box=None if columns.box is None or columns.box.plain else _box(columns.box),
        composite_id=composite_id(binding),
        rows=_rows(binding),
        mint=columns.id.mint,
        kept=frozenset(
            each.name for each in (columns.media, columns.updated_by) if each and each.direction == "to_fiftyone"
        ),
    )


def composite_id(binding: BindingConfig) -> CompositeId | None:
    """The columns of an id that is made of several; ``None`` of one that is a column."""
    ids = binding.columns.id
    return None if ids.columns is None else CompositeId(ids.columns, ids.separator)


def _stored(column: ColumnConfig) -> Stored:
    kind = kind_of(column.values.values()) if column.values else None
    return Stored(
        column.column,
        lookup=None if column.lookup is None else _lookup(column.lookup, column.default),
        values=tuple((text, in_kind(value, kind)) for text, value in column.values.items()),
        kind=kind,
        path=None if column.path is None else path_steps(column.path),
        array=column.array,
        percent=column.unit == "percent",
        default=column.default,
    )


def _lookup(lookup: LookupConfig, default: Scalar) -> Lookup:
    levels = [Level(lookup.table, lookup.key, lookup.value.column)]
    second = lookup.value.lookup
    if second is not None:
        levels.append(Level(second.table, second.key, second.value))
    return Lookup(tuple(levels), lookup.create, default)


def _box(box: BoxConfig) -> Box:
    return Box(box.columns, box.unit, box.format, box.size or ())


def _rows(binding: BindingConfig) -> Rows:
    deleted, version, append = binding.columns.deleted, binding.columns.version, binding.write.append
    return Rows(
        deleted=None
        if deleted is None
        else Deleted(deleted.column, deleted.set, deleted.clear, deleted.clear_is_given),
        append=None if append is None else Append(append.key, append.newest),
        where=binding.where,
        insert=tuple(binding.insert.items()),
        version=None if version is None else (version.column, version.step),
    )


@dataclass(frozen=True)
class Reference:
    """What a foreign key of one column refers to: ``table`` as SQL names it, and the column there."""

    table: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class ColumnInfo:
    """One column as the database describes it.

    ``cast`` is the type's name for an SQL cast, without its length. ``plain_text``: text is assigned to it without a
    cast, which would cut what is too long. ``default`` is the expression of its default (or of its identity).
    ``refers_to`` is where its values must be found, where it has a foreign key of its own.
    """

    name: str
    kind: Kind | None
    type_name: str
    cast: str
    holds: Holds | None
    nullable: bool = True
    generated: bool = False
    single_precision: bool = False
    plain_text: bool = False
    zoned: bool = True
    default: str | None = None
    refers_to: Reference | None = None

    @property
    def given_as(self) -> str:
        """The type in which a new value is given."""
        return "text" if self.plain_text else self.cast


@dataclass(frozen=True)
class IdOwner:
    """Who gives new rows their ids.

    ``expression`` is SQL that makes one: the column's default, or that of the column behind a view. ``tells``: the
    database gives the id when a row is inserted without one, and says which. ``uuid``: syncd makes a UUID where the
    database gives none.
    """

    expression: str | None = None
    tells: bool = False
    uuid: bool = False


@dataclass(frozen=True)
class TableInfo:
    """The shown columns of the written table and of the relation that is read, by name.

    ``physical`` are the columns of the written table itself; ``ids`` those of them that make up the id. ``zone`` is the
    time zone of the stamps in ``updated_at``, where that column has none. ``owner`` is ``None`` where nobody gives new
    rows an id; ``is_view``: what is written is a view. ``encoding`` is PostgreSQL's name for that of a database that
    may hold text which is none in it: its texts are read as bytes. ``referred`` are the columns of tables that keys
    refer to, by table.
    """

    mapping: TableMapping
    written: dict[str, ColumnInfo] = field(default_factory=dict)
    read: dict[str, ColumnInfo] = field(default_factory=dict)
    zone: str | None = None
    owner: IdOwner | None = None
    is_view: bool = False
    encoding: str | None = None
    physical: dict[str, ColumnInfo] = field(default_factory=dict)
    referred: dict[str, dict[str, ColumnInfo]] = field(default_factory=dict)

    def column(self, name: str) -> ColumnInfo:
        """A mapped column: as the written table has it, else as it is read."""
        return self.written.get(name) or self.read[name]

    def writable(self, name: str) -> bool:
        """Whether the column can be written (it is in the table, and not generated by it)."""
        found = self.written.get(name)
        return found is not None and not found.generated and name not in self.mapping.kept

    def in_table(self, name: str) -> ColumnInfo:
        """A column of the written table itself, whatever is shown under its name."""
        return self.physical.get(name) or self.written[name]

    @property
    def id(self) -> ColumnInfo:
        """The id as it is shown, in the written table."""
        return self.written[self.mapping.id_column]

    @property
    def ids(self) -> tuple[ColumnInfo, ...]:
        """The columns of the written table that make up the id."""
        return tuple(self.in_table(each) for each in self.mapping.id_columns)

    def parts(self, identifier: str) -> tuple[str, ...] | None:
        """What these columns hold of an id; ``None`` where it is none of this table."""
        composite = self.mapping.composite_id
        return (identifier,) if composite is None else composite.split(identifier)
