"""The mapping: which fields are compared, in which direction they may travel, and what each side can hold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from syncd.model.kinds import Kind

LABEL = "label"
BOX = "box"
ID_FIELD = "annotation_id"
"""Name under which the annotation id itself appears in changes (``id_restored``)."""

SAMPLE_FIELD = "sample.id"
"""Name under which a label's sample appears in changes: where a label goes to another sample, or was found on one."""

MEDIA_FIELD = "columns.media"
"""Name under which the column that ties a row to its image appears in changes."""

FLAG = "review.error"
"""Name of the column that an error tag sets, as a field that the database alone has."""

APPROVAL = "review.approve"
"""Name under which a person's approval by a command appears in changes: an entry of the log, and no field."""


class Side(str, Enum):
    """One of the two sides of a binding."""

    FIFTYONE = "fiftyone"
    DATABASE = "database"


class Direction(str, Enum):
    """The way that a field may travel (of a field), or did travel (of a change; then never ``BOTH``)."""

    BOTH = "both"
    TO_DATABASE = "to_database"
    TO_FIFTYONE = "to_fiftyone"

    def allows(self, way: Direction) -> bool:
        """Whether a field of this direction may be written that way."""
        return self in (Direction.BOTH, way)


@dataclass(frozen=True)
class Holds:
    """What one side can hold exactly in one field; ``None`` means no limit.

    ``values`` are the only values that it accepts, and ``by`` says what ensures that. ``encoding`` is Python's name of
    the encoding that must have the characters of a text.
    """

    kind: Kind
    nullable: bool = True
    max_length: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    precision: int | None = None
    scale: int | None = None
    values: frozenset[str] | None = None
    by: str = ""
    encoding: str | None = None


@dataclass(frozen=True)
class Field:
    """One mapped field. ``tolerance`` is relative, for floats and boxes (0 means exact)."""

    name: str
    kind: Kind
    direction: Direction
    fiftyone: Holds
    database: Holds
    tolerance: float = 1e-9


class LabelType(str, Enum):
    """The FiftyOne class of a label field that syncd can bind."""

    CLASSIFICATION = "Classification"
    CLASSIFICATIONS = "Classifications"
    DETECTIONS = "Detections"

    @property
    def list_name(self) -> str | None:
        """Name of the list inside the field; ``None`` where the field holds one label."""
        return {"Classifications": "classifications", "Detections": "detections"}.get(self.value)


@dataclass(frozen=True)
class Mapping:
    """Everything that the diff must know of a binding's mapping; it holds no connection.

    ``flag`` is the column that error tags set, where one is mapped: FiftyOne has no such field, and neither has the
    baseline. ``image`` is the column of a snapshot that names the image: ``media``, or for crops the ``frame`` that
    they were cut from. ``image_key`` says where both sides read it; ``can_write_media``, whether the database's can be
    written. ``source`` changes with what is read of the table: its columns, the view or the SELECT. ``no_new_ids`` says
    why a new row would get no id, and what to do about it, where nobody gives one.
    """

    binding: str
    fields: tuple[Field, ...]
    label_type: LabelType
    can_insert_in_database: bool = True
    no_new_ids: str | None = None
    flag: Field | None = None
    image: str = "media"
    image_key: str = ""
    source: str = ""
    can_write_media: bool = True
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(each.name for each in self.fields))

    def field(self, name: str) -> Field:
        """The field of that name; ``KeyError`` where there is none."""
        for each in (*self.fields, self.flag):
            if each is not None and each.name == name:
                return each
        raise KeyError(name)

    @property
    def in_database(self) -> Mapping:
        """The mapping as the database has it: with the flag as a field among the others."""
        return self if self.flag is None else replace(self, fields=(*self.fields, self.flag), flag=None)

    def taking(self, allowed: dict[str, tuple[frozenset[str], str]]) -> Mapping:
        """The mapping with the values that the database takes, and what makes sure of that, by field."""

        def limited(field: Field) -> Field:
            values, by = allowed.get(field.name, (None, ""))
            return replace(field, database=replace(field.database, values=values, by=by))

        flag = None if self.flag is None else limited(self.flag)
        return replace(self, fields=tuple(map(limited, self.fields)), flag=flag)

    @property
    def fingerprint(self) -> str:
        """Changes with the fields, their kinds and directions, and with what is read; a baseline holds only for one."""
        parts = [f"{each.name}:{each.kind.value}:{each.direction.value}" for each in self.fields]
        return ",".join([self.label_type.value, f"image:{self.image_key}", f"source:{self.source}", *sorted(parts)])
