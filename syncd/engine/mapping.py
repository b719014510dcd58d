"""Builds the mapping of a binding from its configuration and from what both servers say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from syncd.adapters.fiftyone.create import CROP_FRAME
from syncd.adapters.fiftyone.dataset import DatasetInfo
from syncd.adapters.fiftyone.mapping import LabelMapping, stored_kinds
from syncd.config import BindingConfig
from syncd.config.binding import ReplaceTag
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
from syncd.model.store import Fault, FieldFacts, StoreDescription


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


def build_mapping(
    binding: BindingConfig, store: StoreDescription, dataset: DatasetInfo
) -> tuple[Mapping, LabelMapping]:
    """The mapping of a binding; ``MappingError`` names everything that the two sides cannot both hold."""
    faults: list[Fault] = list(_binding_faults(binding, store, dataset))
    fields = [_field(binding, facts, name) for name, facts in store.fields.items()]
    declared: dict[str, Kind | None] = {}
    for name in binding.attributes:
        try:
            declared[name] = dataset.attribute_kind(name)
        except MappingError as error:
            faults.append((error.message, str(error.remedy)))
    faults += store.faults
    kinds = stored_kinds(Mapping(binding.name, tuple(fields), dataset.label_type), declared)
    for each in fields:
        faults += _field_faults(each, kinds[each.name], store.fields[each.name], dataset)
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
        flag=None if store.flag is None else _field(binding, store.flag, FLAG),
        can_insert_in_database=store.can_insert and not dataset.crops,
        image="frame" if dataset.crops else "media",
        image_key=f"{frame_key or sample_key}={store.media_key}",
        source=store.source,
        can_write_media=store.can_write_media,
        no_new_ids=store.no_new_ids,
    )
    labels = LabelMapping(
        label_field=binding.label_field,
        label_type=dataset.label_type,
        id_attribute=binding.annotation_id,
        id_kind=_id_kind(store, dataset, binding.annotation_id),
        sample_key=sample_key,
        kinds=kinds,
        actor_attribute=binding.actor_attribute,
        frame_key=frame_key,
    )
    return mapping, labels


def _binding_faults(binding: BindingConfig, store: StoreDescription, dataset: DatasetInfo) -> Iterator[Fault]:
    """What is wrong with the parts that are no fields: the box as a whole, the sample key, the id."""
    place = f"{dataset.name}.{dataset.label_field}"
    if BOX in store.fields and dataset.label_type is not LabelType.DETECTIONS:
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
    if declared not in (None, "StringField", "IntField"):
        yield (
            f"The id attribute {name!r} of {place} is declared as {declared}, expected StringField or IntField.",
            "Mend `annotation_id` of the binding: name an attribute that holds text.",
        )
    elif declared == "IntField" and store.id.kind is not Kind.INTEGER:
        number = f"The id attribute {name!r} of {place} is declared as IntField"
        yield (
            f"{number}, but {store.id.place} is {store.id.type_name}.",
            "Mend `annotation_id` of the binding: name an attribute declared as StringField.",
        )


def _field(binding: BindingConfig, facts: FieldFacts, name: str) -> Field:
    tolerance = facts.tolerance
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
    return Field(name, facts.kind, direction, fiftyone=Holds(facts.kind), database=facts.holds, tolerance=tolerance)


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


def _field_faults(field: Field, stored: Kind, facts: FieldFacts, dataset: DatasetInfo) -> Iterator[Fault]:
    """Why this field cannot be held on both sides, or not be written where it is to travel."""
    if stored not in _FITTING[field.kind]:
        place = f"{dataset.name}.{dataset.label_field}"
        why = f"{facts.place} is {facts.type_name}, which cannot hold it"
        yield (
            f"{field.name!r} is {stored.value} in {place}, but {why}.",
            "Map another column, or change the type of one of the two.",
        )
    if field.direction.allows(Direction.TO_DATABASE) and facts.fixed is not None:
        setting = f"directions.{field.name}" if field.name in (LABEL, BOX) else f"attributes.{field.name}.direction"
        yield (
            f"{field.name!r} travels to the database, but {facts.fixed}.",
            f"Set `{setting}: to_fiftyone`, or map a column of the table.",
        )


def _id_kind(store: StoreDescription, dataset: DatasetInfo, attribute: str) -> Kind:
    """How ids are spelt and stored: as the column has them; as a number where FiftyOne declares an integer."""
    kind = store.id.kind
    if kind is Kind.INTEGER and dataset.attributes.get(attribute) != "IntField":
        return Kind.TEXT
    return kind
