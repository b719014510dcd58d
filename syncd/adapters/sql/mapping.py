"""Which columns hold what: the database's half of a mapping."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from syncd.config.binding import BindingConfig
from syncd.model import BOX, FLAG, LABEL, Holds, Kind

_QUERY = re.compile(r"\s*(select|with)\b(?!\s*\.)", re.IGNORECASE)


@dataclass(frozen=True)
class TableMapping:
    """Names from the configuration. ``fields`` maps each field to its column (the box to four).

    ``frame_column`` names the image that a row's crop was cut from, where samples are crops: ``media_column`` is then
    what ties the row to its crop.
    """

    table: str
    read: str
    id_column: str
    media_column: str
    fields: dict[str, tuple[str, ...]]
    updated_at: str | None = None
    updated_by: str | None = None
    frame_column: str | None = None

    @property
    def image_column(self) -> str:
        """The column that names the row's image."""
        return self.frame_column or self.media_column

    @property
    def read_is_query(self) -> bool:
        """Whether ``read`` is a SELECT rather than the name of a table or view."""
        return _QUERY.match(self.read) is not None

    @property
    def read_columns(self) -> tuple[str, ...]:
        """Every column that is read."""
        extra = [each for each in (self.frame_column, self.updated_at, self.updated_by) if each is not None]
        mapped = [name for names in self.fields.values() for name in names]
        return tuple(dict.fromkeys([self.id_column, self.media_column, *extra, *mapped]))


def table_mapping(binding: BindingConfig, *, crops: bool = False) -> TableMapping:
    """The database half of the configuration.

    ``crops``: each sample is one annotation, cut from its box. Its row is then tied to it by the id, and the box,
    which is the whole sample, is no field.
    """
    fields: dict[str, tuple[str, ...]] = {LABEL: (binding.columns.label.name,)}
    if binding.columns.box is not None and not crops:
        fields[BOX] = binding.columns.box.names
    fields |= {name: (attribute.name,) for name, attribute in binding.attributes.items()}
    if binding.review.error_column is not None:
        fields[FLAG] = (binding.review.error_column,)
    return TableMapping(
        table=binding.table,
        read=binding.read_from,
        id_column=binding.columns.id.name,
        media_column=binding.columns.id.name if crops else binding.columns.media.name,
        fields=fields,
        updated_at=binding.columns.updated_at,
        updated_by=binding.columns.updated_by.name if binding.columns.updated_by else None,
        frame_column=binding.columns.media.name if crops else None,
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
    """The columns of the written table and of the relation that is read, by name.

    ``zone`` is the time zone of the stamps in ``updated_at``, where that column has none. ``owner`` is ``None``
    where nobody gives new rows an id; ``is_view``: what is written is a view. ``encoding`` is PostgreSQL's name for
    that of a database that may hold text which is none in it: its texts are read as bytes.
    """

    mapping: TableMapping
    written: dict[str, ColumnInfo] = field(default_factory=dict)
    read: dict[str, ColumnInfo] = field(default_factory=dict)
    zone: str | None = None
    owner: IdOwner | None = None
    is_view: bool = False
    encoding: str | None = None

    def column(self, name: str) -> ColumnInfo:
        """A mapped column: as the written table has it, else as it is read."""
        return self.written.get(name) or self.read[name]

    def writable(self, name: str) -> bool:
        """Whether the column can be written (it is in the table, and not generated by it)."""
        found = self.written.get(name)
        return found is not None and not found.generated

    @property
    def id(self) -> ColumnInfo:
        """The id's column in the written table."""
        return self.written[self.mapping.id_column]
