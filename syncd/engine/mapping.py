"""Builds the mapping of a binding from its configuration and from what both servers say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from syncd.adapters.fiftyone.create import CROP_FRAME
from syncd.adapters.fiftyone.dataset import DatasetInfo
from syncd.adapters.fiftyone.mapping import LabelMapping, stored_kinds
from syncd.adapters.sql.ids import nobody
from syncd.adapters.sql.mapping import Reference, TableInfo
from syncd.config import BindingConfig
from syncd.config.binding import ReplaceTag, VocabularyTable
from syncd.errors import MappingError
from syncd.model import (
    BOX,
    FLAG,
    LABEL,
    Brakes,
    Direction,
    Field,
    Holds,
    Kind,
    LabelType,
    Mapping,
    Marks,
    Policy,
    Review,
)
from syncd.model.canonical import other_forms

Fault: TypeAlias = "tuple[str, str]"
"""What is wrong, and what to do about it."""

EXACT_DOUBLE = 1e-9
EXACT_SINGLE = 1e-6
"""Relative tolerances: a double and a single precision column hold about 15 and 7 digits."""


def sample_key_of(binding: BindingConfig, *, crops: bool) -> str:
    """The sample field that ties a sample to its row, or to its rows."""
    return "annotation_id" if crops and binding.sample_key == "filepath" else binding.sample_key


def policy_of(binding: BindingConfig) -> Policy:
    """The configured policy and brakes as the diff takes them."""
    policy, brakes = binding.policy, binding.brakes
    return Policy(
        on_conflict=policy.on_conflict,
        first_sync=policy.first_sync,
        on_new=policy.on_new,
        on_fiftyone_delete=policy.on_fiftyone_delete,
        on_database_delete=policy.on_database_delete,
        on_hidden=policy.on_hidden,
        on_moved=policy.on_moved,
        on_stale_revert=policy.on_stale_revert,
        brakes=Brakes(**dict(brakes)),
        review=review_of(binding),
    )


def review_of(binding: BindingConfig) -> Review:
    """What tags mean, as the diff takes it."""
    review = binding.review
    replacement = review.after.tag if isinstance(review.after, ReplaceTag) else None
    return Review(
        mode=review.mode,
        approve=_in_every_form(review.approve),
        error=_in_every_form(review.error),
        class_tags=review.class_tags,
        after="replace" if isinstance(review.after, ReplaceTag) else review.after,
        replacement=replacement,
        verified=binding.verified_attribute,
        actor_prefix=review.actor_prefix,
        marks=Marks(review.marks.conflict, review.marks.unknown_label, review.marks.held),
    )


def _in_every_form(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags in whatever Unicode normal form they were typed."""
    return tuple(dict.fromkeys(form for each in tags for form in (each, *other_forms(each))))


def build_mapping(binding: BindingConfig, table: TableInfo, dataset: DatasetInfo) -> tuple[Mapping, LabelMapping]:
    """The mapping of a binding; ``MappingError`` names everything that the two sides cannot both hold."""
    faults: list[Fault] = list(_binding_faults(binding, table, dataset))
    fields = [_field(binding, table, name) for name in table.mapping.fields if name != FLAG]
    declared: dict[str, Kind | None] = {}
    for name in binding.attributes:
        try:
            declared[name] = dataset.attribute_kind(name)
        except MappingError as error:
            faults.append((error.message, str(error.remedy)))
    draft = Mapping(binding.name, tuple(fields), dataset.label_type)
    faults += _flag_faults(table)
    faults += _label_faults(binding, table)
    kinds = stored_kinds(draft, declared)
    faults += [fault for each in fields for fault in _field_faults(each, kinds[each.name], table, dataset)]
    if faults:
        raise MappingError(
            "\n".join(dict.fromkeys(message for message, _ in faults)),
            remedy="\n".join(dict.fromkeys(remedy for _, remedy in faults)),
        )
    sample_key = sample_key_of(binding, crops=dataset.crops)
    frame_key = CROP_FRAME if dataset.crops else None
    mapping = Mapping(
        binding=binding.name,
        fields=tuple(_with_fiftyone(each, kinds[each.name]) for each in fields),
        label_type=dataset.label_type,
        # A crop that somebody drew has no frame, and so no row.
        flag=_field(binding, table, FLAG) if FLAG in table.mapping.fields else None,
        can_insert_in_database=table.writable(table.mapping.media_column) and not dataset.crops,
        image="frame" if dataset.crops else "media",
        image_key=f"{frame_key or sample_key}={table.mapping.image_column}",
        source=hashlib.blake2b(repr(table.mapping).encode(), digest_size=8).hexdigest(),
        can_write_media=table.writable(table.mapping.image_column),
        no_new_ids=nobody(table.mapping, table.id) if table.owner is None else None,
    )
    labels = LabelMapping(
        label_field=binding.label_field,
        label_type=dataset.label_type,
        id_attribute=binding.annotation_id,
        id_kind=_id_kind(table, dataset, binding.annotation_id),
        sample_key=sample_key,
        kinds=kinds,
        actor_attribute=binding.actor_attribute,
        frame_key=frame_key,
    )
    return mapping, labels


def _binding_faults(binding: BindingConfig, table: TableInfo, dataset: DatasetInfo) -> Iterator[Fault]:
    """What is wrong with the parts that are no fields: the box as a whole, the sample key, the id."""
    place = f"{dataset.name}.{dataset.label_field}"
    if BOX in table.mapping.fields and dataset.label_type is not LabelType.DETECTIONS:
        yield (
            f"columns.box is mapped, but {place} holds {dataset.label_type.value}, which have no box.",
            "Leave columns.box out, or bind a Detections field.",
        )
    root = sample_key_of(binding, crops=dataset.crops).partition(".")[0]
    if dataset.sample_fields and root not in dataset.sample_fields and root != "id":
        names = ", ".join(sorted(each for each in dataset.sample_fields if not each.startswith("_")))
        yield (
            f"The samples of {dataset.name!r} have no field {root!r} (sample_key); they have {names}.",
            "Mend `sample_key` of the binding: the sample field that equals `columns.media`.",
        )
    declared, name = dataset.attributes.get(binding.annotation_id), binding.annotation_id
    column = table.id
    if declared not in (None, "StringField", "IntField"):
        yield (
            f"The id attribute {name!r} of {place} is declared as {declared}, expected StringField or IntField.",
            "Mend `annotation_id` of the binding: name an attribute that holds text.",
        )
    elif declared == "IntField" and column.kind is not Kind.INTEGER:
        number = f"The id attribute {name!r} of {place} is declared as IntField"
        yield (
            f"{number}, but column {column.name!r} of {table.mapping.table} is {column.type_name}.",
            "Mend `annotation_id` of the binding: name an attribute declared as StringField.",
        )


def _label_faults(binding: BindingConfig, table: TableInfo) -> Iterator[Fault]:
    """A label column that holds keys or numbers, where labels are to be names."""
    if LABEL not in table.mapping.fields:
        return
    column = table.column(binding.columns.label.name)
    keys = column.refers_to
    if column.kind in (None, Kind.TEXT) or (keys is None and binding.vocabulary is None):
        return
    what = f"columns.label: {column.name!r} of {table.mapping.table} is {column.type_name}"
    why = f"the keys of {keys}" if keys is not None else "no text, which the terms of the vocabulary are"
    yield f"{what} and holds {why}: a label is the name itself.", name_beside_key(binding, keys, column.name)


def name_beside_key(binding: BindingConfig, keys: Reference | None, column: str) -> str:
    """What to write where a column of the table holds keys instead of the names of classes."""
    if keys is None:
        return "Map a column that holds the name of the class in `columns.label`."
    terms = binding.vocabulary
    name = terms.column if isinstance(terms, VocabularyTable) else "NAME"
    return (
        f"Read the name beside the key, and nothing of it is written: `read: SELECT a.*, k.{name} AS label_name FROM "
        f"{binding.table} a JOIN {keys.table} k ON k.{keys.column} = a.{column}`, `columns.label: label_name`, "
        "`directions.label: to_fiftyone` and `policy.on_new: quarantine`. Or map a column that holds the name."
    )


def _flag_faults(table: TableInfo) -> Iterator[Fault]:
    """Why the column that error tags set cannot hold that."""
    for name in table.mapping.fields.get(FLAG, ()):
        column = table.column(name)
        what = f"review.error_column: {name!r} of {table.mapping.table}"
        if column.kind not in (Kind.BOOLEAN, Kind.TEXT, Kind.INTEGER):
            yield f"{what} is {column.type_name}, expected a boolean, text or an integer.", "Map another column."
        elif not table.writable(name):
            yield f"{what} cannot be written.", "Map a column of the table that is written."


def _field(binding: BindingConfig, table: TableInfo, name: str) -> Field:
    columns = [table.column(each) for each in table.mapping.fields[name]]
    kind = Kind.BOX if name == BOX else columns[0].kind
    assert kind is not None, "describe() refuses columns of an unknown type"
    tolerance = EXACT_SINGLE if any(each.single_precision for each in columns) else EXACT_DOUBLE
    attribute = binding.attributes.get(name)
    if attribute is not None and attribute.tolerance is not None:
        tolerance = attribute.tolerance
    if name == LABEL:
        direction = Direction(binding.direction("label"))
    elif name == BOX:
        direction = Direction(binding.direction("box"))
    elif name == FLAG:
        direction = Direction.TO_DATABASE
    else:
        direction = Direction(attribute.direction) if attribute else Direction.TO_FIFTYONE
    holds = columns[0].holds or Holds(kind)
    if name == BOX:
        holds = Holds(kind, nullable=all(each.nullable for each in columns))
    return Field(name, kind, direction, fiftyone=Holds(kind), database=holds, tolerance=tolerance)


def _with_fiftyone(field: Field, stored: Kind) -> Field:
    nullable = field.name != BOX
    return Field(field.name, field.kind, field.direction, Holds(stored, nullable), field.database, field.tolerance)


_FITTING: dict[Kind, set[Kind]] = {
    Kind.TEXT: {Kind.TEXT},
    Kind.INTEGER: {Kind.INTEGER, Kind.FLOAT, Kind.TEXT},
    Kind.FLOAT: {Kind.FLOAT, Kind.INTEGER},
    Kind.DECIMAL: {Kind.FLOAT, Kind.INTEGER, Kind.TEXT},
    Kind.BOOLEAN: {Kind.BOOLEAN},
    Kind.DATE: {Kind.DATE, Kind.TIMESTAMP, Kind.TEXT},
    Kind.TIMESTAMP: {Kind.TIMESTAMP, Kind.TEXT},
    Kind.UUID: {Kind.TEXT},
    Kind.BOX: {Kind.BOX},
}
"""Column kind → the kinds in which FiftyOne may store the field."""


def _field_faults(field: Field, stored: Kind, table: TableInfo, dataset: DatasetInfo) -> Iterator[Fault]:
    """Why this field cannot be held on both sides, or not be written where it is to travel."""
    columns = table.mapping.fields[field.name]
    if field.name == BOX:
        wrong = [each for each in columns if table.column(each).kind not in (Kind.FLOAT, Kind.DECIMAL)]
        if wrong:
            types = ", ".join(f"{each!r} ({table.column(each).type_name})" for each in wrong)
            yield (
                f"columns.box: {types} of {table.mapping.table} cannot hold the fractions that a box is made of.",
                "Map four columns of floats or decimals: x, y, width and height, relative to the image.",
            )
    elif stored not in _FITTING[field.kind]:
        column, place = table.column(columns[0]), f"{dataset.name}.{dataset.label_field}"
        why = f"column {column.name!r} of {table.mapping.table} is {column.type_name}, which cannot hold it"
        yield (
            f"{field.name!r} is {stored.value} in {place}, but {why}.",
            "Map another column, or change the type of one of the two.",
        )
    fixed = [each for each in columns if not table.writable(each)]
    if field.direction.allows(Direction.TO_DATABASE) and fixed:
        setting = f"directions.{field.name}" if field.name in (LABEL, BOX) else f"attributes.{field.name}.direction"
        why = f"cannot be written: {table.mapping.table} has no such column, or generates it"
        yield (
            f"{field.name!r} travels to the database, but {', '.join(map(repr, fixed))} {why}.",
            f"Set `{setting}: to_fiftyone`, or map a column of the table.",
        )


def _id_kind(table: TableInfo, dataset: DatasetInfo, attribute: str) -> Kind:
    """How ids are spelt and stored: as the column has them; as a number where FiftyOne declares an integer."""
    kind = table.id.kind or Kind.TEXT
    if kind is Kind.INTEGER and dataset.attributes.get(attribute) != "IntField":
        return Kind.TEXT
    return kind
