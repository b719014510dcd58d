"""From a configuration and what both servers say to the mapping of a binding; or every reason why there is none."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

import pytest

from syncd.adapters.fiftyone.dataset import DatasetInfo
from syncd.adapters.fiftyone.mapping import LabelMapping
from syncd.adapters.sql.description import description
from syncd.adapters.sql.mapping import ColumnInfo, IdOwner, Reference, TableInfo, table_mapping
from syncd.config import BindingConfig, parse_config
from syncd.engine.mapping import build_mapping, policy_of
from syncd.errors import MappingError
from syncd.model import BOX, LABEL, Direction, Holds, Kind, LabelType, Mapping
from syncd.model.store import EXACT_DOUBLE, EXACT_SINGLE

COLUMNS = {
    "id": Kind.UUID,
    "label": Kind.TEXT,
    "media": Kind.TEXT,
    "x": Kind.FLOAT,
    "y": Kind.FLOAT,
    "w": Kind.DECIMAL,
    "h": Kind.FLOAT,
    "depth": Kind.DECIMAL,
    "count": Kind.INTEGER,
    "verified": Kind.BOOLEAN,
    "day": Kind.DATE,
    "seen": Kind.TIMESTAMP,
    "ref": Kind.UUID,
    "note": Kind.TEXT,
}
DATASET = DatasetInfo(
    name="highmag",
    dataset_id="1",
    collection="samples.1",
    label_field="ground_truth",
    label_type=LabelType.DETECTIONS,
    attributes={"annotation_id": "StringField"},
    sample_fields=frozenset({"id", "filepath", "media_uri", "metadata"}),
)


def _binding(**over: Any) -> BindingConfig:
    base: dict[str, Any] = {
        "name": "b",
        "dataset": "highmag",
        "label_field": "ground_truth",
        "table": "public.annotation",
        "columns": {"id": "id", "label": "label", "media": "media", "box": ["x", "y", "w", "h"]},
    }
    return parse_config({"database": {"url": "sqlite://"}, "bindings": [base | over]}).bindings[0]


def _table(binding: BindingConfig, **over: ColumnInfo) -> TableInfo:
    columns = {
        name: ColumnInfo(name, kind, kind.value, kind.value, Holds(kind)) for name, kind in COLUMNS.items()
    } | over
    return TableInfo(table_mapping(binding), columns, columns, owner=IdOwner(uuid=True))


def _built(binding: BindingConfig, table: TableInfo | None = None, **dataset: Any) -> tuple[Mapping, LabelMapping]:
    return build_mapping(binding, description(binding, table or _table(binding)), replace(DATASET, **dataset))


def test_fields_take_their_kind_from_the_column_and_their_direction_from_the_configuration() -> None:
    binding = _binding(
        attributes={"depth": {}, "verified": {"direction": "both"}, "when": {"column": "seen", "tolerance": 0.5}},
        directions={"label": "to_database"},
    )
    mapping, _ = _built(binding)
    assert {each.name: (each.kind, each.direction) for each in mapping.fields} == {
        LABEL: (Kind.TEXT, Direction.TO_DATABASE),
        BOX: (Kind.BOX, Direction.TO_FIFTYONE),
        "depth": (Kind.DECIMAL, Direction.TO_FIFTYONE),
        "verified": (Kind.BOOLEAN, Direction.BOTH),
        "when": (Kind.TIMESTAMP, Direction.TO_FIFTYONE),
    }
    assert mapping.field("when").tolerance == 0.5
    assert not mapping.field(BOX).fiftyone.nullable
    assert mapping.can_insert_in_database


def test_single_precision_is_compared_with_less_precision() -> None:
    binding = _binding(attributes={"depth": {}})
    single = ColumnInfo("x", Kind.FLOAT, "real", "real", Holds(Kind.FLOAT), single_precision=True)
    mapping, _ = _built(binding, _table(binding, x=single))
    assert mapping.field(BOX).tolerance == EXACT_SINGLE
    assert mapping.field("depth").tolerance == EXACT_DOUBLE


STORED = [
    ("note", "StringField", Kind.TEXT),
    ("note", None, Kind.TEXT),
    ("count", "IntField", Kind.INTEGER),
    ("count", "FloatField", Kind.FLOAT),
    ("count", "StringField", Kind.TEXT),
    ("count", None, Kind.INTEGER),
    ("depth", "FloatField", Kind.FLOAT),
    ("depth", None, Kind.FLOAT),
    ("day", "DateField", Kind.DATE),
    ("day", "DateTimeField", Kind.TIMESTAMP),
    ("seen", "DateTimeField", Kind.TIMESTAMP),
    ("ref", "StringField", Kind.TEXT),
    ("ref", None, Kind.TEXT),
    ("verified", None, Kind.BOOLEAN),
]


@pytest.mark.parametrize(("name", "declared", "stored"), STORED)
def test_a_field_is_stored_in_the_type_that_fiftyone_declares(name: str, declared: str | None, stored: Kind) -> None:
    attributes = DATASET.attributes | ({name: declared} if declared else {})
    mapping, labels = _built(_binding(attributes={name: {}}), attributes=attributes)
    assert labels.kinds[name] is stored
    assert mapping.field(name).fiftyone == Holds(stored)


UNFIT = [
    ("note", "IntField"),
    ("count", "BooleanField"),
    ("count", "DateField"),
    ("depth", "BooleanField"),
    ("verified", "StringField"),
    ("verified", "IntField"),
    ("day", "IntField"),
    ("seen", "DateField"),
    ("seen", "FloatField"),
    ("ref", "IntField"),
]


@pytest.mark.parametrize(("name", "declared"), UNFIT)
def test_a_column_that_cannot_hold_the_attribute_is_a_fault(name: str, declared: str) -> None:
    attributes = DATASET.attributes | {name: declared}
    with pytest.raises(MappingError, match=rf"'{name}' is \w+ in highmag.ground_truth, but column '{name}' of"):
        _built(_binding(attributes={name: {}}), attributes=attributes)


IDS = [
    (Kind.UUID, "StringField", Kind.UUID),
    (Kind.UUID, None, Kind.UUID),
    (Kind.TEXT, "StringField", Kind.TEXT),
    (Kind.INTEGER, "IntField", Kind.INTEGER),
    (Kind.INTEGER, "StringField", Kind.TEXT),
    (Kind.INTEGER, None, Kind.TEXT),
]


@pytest.mark.parametrize(("kind", "declared", "expected"), IDS)
def test_ids_are_spelt_as_the_column_has_them_and_stored_as_fiftyone_declares(
    kind: Kind, declared: str | None, expected: Kind
) -> None:
    binding = _binding()
    table = _table(binding, id=ColumnInfo("id", kind, kind.value, kind.value, Holds(kind)))
    _, labels = _built(binding, table, attributes={"annotation_id": declared} if declared else {})
    assert labels.id_kind is expected


@pytest.mark.parametrize(
    ("kind", "declared", "why"),
    [
        (Kind.UUID, "IntField", "declared as IntField, but column 'id' of public.annotation is uuid"),
        (Kind.TEXT, "IntField", "declared as IntField, but column"),
        (Kind.INTEGER, "FloatField", "declared as FloatField, expected StringField or IntField"),
        (Kind.UUID, "ObjectIdField", "declared as ObjectIdField, expected"),
        (Kind.TEXT, "ListField", "declared as ListField, expected"),
    ],
)
def test_an_id_attribute_that_would_not_hold_the_ids_is_a_fault(kind: Kind, declared: str, why: str) -> None:
    binding = _binding()
    table = _table(binding, id=ColumnInfo("id", kind, kind.value, kind.value, Holds(kind)))
    with pytest.raises(MappingError, match=why):
        _built(binding, table, attributes={"annotation_id": declared})


def test_every_fault_is_named_at_once() -> None:
    binding = _binding(
        attributes={"note": {}, "verified": {"direction": "both"}, "parts": {"column": "count"}},
        sample_key="media_url",
        directions={"box": "both"},
    )
    table = _table(
        binding,
        x=ColumnInfo("x", Kind.INTEGER, "integer", "integer", Holds(Kind.INTEGER)),
        verified=ColumnInfo("verified", Kind.BOOLEAN, "boolean", "boolean", None, generated=True),
    )
    with pytest.raises(MappingError) as caught:
        _built(binding, table, attributes={"annotation_id": "IntField", "note": "FloatField", "parts": "ListField"})
    message, remedy = caught.value.message, str(caught.value.remedy)
    for part in (
        "no field 'media_url' (sample_key); they have filepath, id, media_uri, metadata",
        "'annotation_id' of highmag.ground_truth is declared as IntField",
        "columns.box: 'x' (integer) of public.annotation cannot hold the fractions",
        "'note' is float in highmag.ground_truth",
        "'verified' travels to the database, but 'verified' cannot be written",
        "The attribute 'parts' of highmag.ground_truth is declared as ListField",
    ):
        assert part in message
    assert "Set `attributes.verified.direction: to_fiftyone`" in remedy


def test_a_box_needs_detections() -> None:
    with pytest.raises(MappingError, match=r"holds Classifications, which have no box"):
        _built(_binding(), label_type=LabelType.CLASSIFICATIONS)


def test_a_label_that_only_the_view_has_can_travel_to_fiftyone_alone() -> None:
    binding = _binding(directions={"label": "to_fiftyone"})
    whole = _table(binding)
    table = replace(whole, written={name: each for name, each in whole.written.items() if name != "label"})
    mapping, _ = _built(binding, table)
    assert mapping.field(LABEL).direction is Direction.TO_FIFTYONE
    with pytest.raises(MappingError, match=r"Set `directions\.label: to_fiftyone`"):
        _built(_binding(), replace(table, mapping=table_mapping(_binding())))


def test_rows_cannot_be_inserted_without_their_media_or_without_ids() -> None:
    binding = _binding()
    whole = _table(binding)
    without = replace(whole, written={name: each for name, each in whole.written.items() if name != "media"})
    assert not _built(binding, without)[0].can_insert_in_database
    assert _built(binding, whole)[0].no_new_ids is None
    mapping, _ = _built(binding, replace(whole, owner=None))
    assert mapping.can_insert_in_database, "under an id that is known"
    assert "nobody gives new rows of public.annotation an id: 'id' is" in str(mapping.no_new_ids)


@pytest.mark.parametrize("sample_key", ["filepath", "id", "media_uri", "metadata.uri"])
def test_the_sample_key_is_a_field_of_the_samples(sample_key: str) -> None:
    assert _built(_binding(sample_key=sample_key))[1].sample_key == sample_key


def test_policies_and_brakes_are_those_of_the_configuration() -> None:
    policy = policy_of(_binding(policy={"on_conflict": "database"}, brakes={"min_rows": 3}))
    assert (policy.on_conflict, policy.brakes.min_rows, policy.first_sync) == ("database", 3, "quarantine")


KEY = ColumnInfo("label", Kind.INTEGER, "integer", "integer", Holds(Kind.INTEGER))
TAXON = {"vocabulary": {"table": "public.taxon", "column": "name"}}


@pytest.mark.parametrize(
    ("column", "over", "says"),
    [
        (replace(KEY, refers_to=Reference("public.taxon", "taxon_id")), {}, "holds the keys of public.taxon.taxon_id"),
        (
            replace(KEY, refers_to=Reference("public.taxon", "taxon_id")),
            TAXON,
            "holds the keys of public.taxon.taxon_id",
        ),
        (KEY, TAXON, "holds no text, which the terms of the vocabulary are"),
        (replace(KEY, kind=Kind.UUID, type_name="uuid"), TAXON, "is uuid and holds no text"),
    ],
)
def test_a_label_column_that_holds_keys_is_named(column: ColumnInfo, over: dict[str, Any], says: str) -> None:
    binding = _binding(**over)
    with pytest.raises(MappingError) as refused:
        build_mapping(binding, description(binding, _table(binding, label=column)), DATASET)
    assert says in refused.value.message
    assert "columns.label" in str(refused.value.remedy) + refused.value.message


@pytest.mark.parametrize(
    ("column", "over"),
    [
        (KEY, {}),
        (
            ColumnInfo(
                "label", Kind.TEXT, "text", "text", Holds(Kind.TEXT), refers_to=Reference("public.taxon", "name")
            ),
            TAXON,
        ),
    ],
    ids=["numbers as classes", "a foreign key of names"],
)
def test_a_label_column_of_names_or_numbers_is_none_of_these(column: ColumnInfo, over: dict[str, Any]) -> None:
    binding = _binding(**over)
    mapping, _ = build_mapping(binding, description(binding, _table(binding, label=column)), DATASET)
    assert mapping.field(LABEL).kind is column.kind


def test_what_tags_say_is_heard_in_either_unicode_form() -> None:
    composed, decomposed = (unicodedata.normalize(form, "geprüft") for form in ("NFC", "NFD"))
    review = policy_of(_binding(review={"approve": [composed, "ok"], "error": [decomposed + "?"]})).review
    assert review.approve == (composed, decomposed, "ok")
    assert set(review.error) == {composed + "?", decomposed + "?"}
