"""From the configuration of a binding, and what both servers say, to the mapping that the diff works with."""

from __future__ import annotations

from syncd.adapters.fiftyone.dataset import DatasetInfo
from syncd.adapters.fiftyone.mapping import LabelMapping, stored_kinds
from syncd.adapters.sql.mapping import TableInfo, TableMapping
from syncd.config import BindingConfig
from syncd.errors import MappingError
from syncd.model import BOX, LABEL, Brakes, Direction, Field, Holds, Kind, LabelType, Mapping, Policy

EXACT_DOUBLE = 1e-9
EXACT_SINGLE = 1e-6
"""Relative tolerances: a double and a single precision column hold about 15 and 7 digits."""


def table_mapping(binding: BindingConfig) -> TableMapping:
    """The database half of the configuration."""
    fields: dict[str, tuple[str, ...]] = {LABEL: (binding.columns.label,)}
    if binding.columns.box is not None:
        fields[BOX] = tuple(binding.columns.box)
    fields |= {name: (attribute.column,) for name, attribute in binding.attributes.items()}
    return TableMapping(
        table=binding.table,
        read=binding.read_from,
        id_column=binding.columns.id,
        media_column=binding.columns.media,
        fields=fields,
        updated_at=binding.columns.updated_at,
        updated_by=binding.columns.updated_by,
    )


def policy_of(binding: BindingConfig) -> Policy:
    """The configured policy and brakes as the diff takes them."""
    policy, brakes = binding.policy, binding.brakes
    return Policy(
        on_conflict=policy.on_conflict,
        first_sync=policy.first_sync,
        on_new=policy.on_new,
        on_fiftyone_delete=policy.on_fiftyone_delete,
        on_database_delete=policy.on_database_delete,
        on_stale_revert=policy.on_stale_revert,
        brakes=Brakes(
            brakes.max_change_fraction, brakes.max_delete_fraction, brakes.max_into_one_label, brakes.min_rows
        ),
    )


def build_mapping(binding: BindingConfig, table: TableInfo, dataset: DatasetInfo) -> tuple[Mapping, LabelMapping]:
    """The mapping of a binding; ``MappingError`` where the two sides cannot hold the same field."""
    if binding.columns.box is not None and dataset.label_type is not LabelType.DETECTIONS:
        raise MappingError(
            f"columns.box is mapped, but {dataset.name}.{dataset.label_field} holds {dataset.label_type.value}, "
            "which have no box.",
            remedy="Leave columns.box out, or bind a Detections field.",
        )
    fields = [_field(binding, table, name) for name in table.mapping.fields]
    draft = Mapping(binding.name, tuple(fields), dataset.label_type)
    kinds = stored_kinds(draft, {name: dataset.attribute_kind(name) for name in binding.attributes})
    for each in fields:
        _check(each, kinds[each.name], table, dataset)
    mapping = Mapping(
        binding=binding.name,
        fields=tuple(_with_fiftyone(each, kinds[each.name]) for each in fields),
        label_type=dataset.label_type,
        can_insert_in_database=table.writable(table.mapping.media_column),
    )
    labels = LabelMapping(
        label_field=binding.label_field,
        label_type=dataset.label_type,
        id_attribute=binding.annotation_id,
        id_kind=_id_kind(table, dataset, binding.annotation_id),
        sample_key=binding.sample_key,
        kinds=kinds,
    )
    return mapping, labels


def _field(binding: BindingConfig, table: TableInfo, name: str) -> Field:
    columns = [table.column(each) for each in table.mapping.fields[name]]
    kind = Kind.BOX if name == BOX else columns[0].kind
    assert kind is not None, "describe() refuses columns of an unknown type"
    tolerance = EXACT_SINGLE if any(each.single_precision for each in columns) else EXACT_DOUBLE
    attribute = binding.attributes.get(name)
    if attribute is not None and attribute.tolerance is not None:
        tolerance = attribute.tolerance
    if name == LABEL:
        direction = Direction(binding.directions.label)
    elif name == BOX:
        direction = Direction(binding.directions.box)
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


def _check(field: Field, stored: Kind, table: TableInfo, dataset: DatasetInfo) -> None:
    numbers = (Kind.FLOAT, Kind.DECIMAL, Kind.INTEGER)
    if field.name == BOX:
        wrong = [each for each in table.mapping.fields[BOX] if table.column(each).kind not in numbers]
        if wrong:
            raise MappingError(
                f"columns.box: {', '.join(map(repr, wrong))} of {table.mapping.table} are not numbers.",
                remedy="Map four numeric columns: x, y, width and height, relative to the image.",
            )
    elif stored not in _FITTING[field.kind]:
        column = table.mapping.fields[field.name][0]
        raise MappingError(
            f"{field.name!r} is {stored.value} in {dataset.name}.{dataset.label_field}, but column {column!r} of "
            f"{table.mapping.table} is {table.column(column).type_name}, which cannot hold it.",
            remedy="Map another column, or change the type of one of the two.",
        )


def _id_kind(table: TableInfo, dataset: DatasetInfo, attribute: str) -> Kind:
    """How ids are spelt and stored: as the column has them; as a number where FiftyOne declares an integer."""
    declared = dataset.attribute_kind(attribute)
    column = table.written[table.mapping.id_column].kind
    if column is Kind.INTEGER and declared is not Kind.INTEGER:
        return Kind.TEXT
    return column or Kind.TEXT
