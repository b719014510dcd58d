"""The vocabulary in FiftyOne's label schema, written by its SDK and read back by it."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.adapters.fiftyone.compat import CLEAN_UP
from syncd.errors import MappingError, SetupError
from syncd.model.vocabulary import Term, Vocabulary
from syncd.vocabulary.push import MOST_CLASSES, Pushed, ontology_name, push_vocabulary
from worlds import World

FIELD = "ground_truth"
FLAT = Vocabulary((Term("Copepoda"), Term("Chaetognatha"), Term("Pennate diatom")), ("unknown", "noise"))
TREE = Vocabulary(
    (
        Term("Copepoda", None, "subclass", "1080"),
        Term("Calanoida", "Copepoda", "order"),
        Term("Calanus", "Calanoida"),
        Term("Diatom_Long_Chain", "Diatoms"),
        Term("Chaetognatha"),
    ),
    ("unknown",),
)


def push(world: World, vocabulary: Vocabulary, **overrides: Any) -> Pushed:
    config = world.config(**overrides)
    return push_vocabulary(config, config.bindings[0], vocabulary)


def dataset_of(world: World) -> Any:
    import fiftyone as fo

    dataset = fo.load_dataset(world.dataset)
    dataset.reload()
    return dataset


def schema(world: World) -> dict[str, Any]:
    found: dict[str, Any] = dataset_of(world).label_schemas[FIELD]
    return found


def attribute(world: World, name: str) -> dict[str, Any]:
    return next(each for each in schema(world)["attributes"] if each["name"] == name)


def taxonomy(world: World) -> Any:
    from fiftyone.core.ontology import load_ontology

    return load_ontology(ontology_name(world.config().bindings[0]) + "-terms")


def node(world: World, name: str) -> dict[str, Any]:
    from fiftyone.core.annotation.nodes import find_in_dict

    found: dict[str, Any] = find_in_dict(taxonomy(world).root.to_dict(), name)
    return found


def below(each: dict[str, Any]) -> list[str]:
    return [child["name"] for child in each.get("values", [])]


def test_a_list_becomes_the_classes_of_the_field_with_the_extra_labels(world: World) -> None:
    assert push(world, FLAT) == Pushed(changed=True, kind="classes")
    found = schema(world)
    assert found["classes"] == ["unknown", "noise", "Copepoda", "Chaetognatha", "Pennate diatom"]
    assert found["component"] == "dropdown"
    assert FIELD in dataset_of(world).active_label_schemas


def test_a_default_that_is_no_class_any_more_is_dropped(world: World) -> None:
    push(world, FLAT)
    dataset_of(world).update_label_schema(FIELD, schema(world) | {"default": "Copepoda"})
    assert not push(world, FLAT).changed
    push(world, Vocabulary(FLAT.terms[1:]))
    assert "default" not in schema(world)


def test_the_id_is_text_that_nobody_can_change(world: World) -> None:
    push(world, FLAT)
    id_schema = {"name": "annotation_id", "type": "str", "component": "text", "read_only": True}
    assert attribute(world, "annotation_id") == id_schema


def test_attributes_have_the_right_input_and_are_read_only_where_they_come_from_the_database(world: World) -> None:
    push(world, FLAT, attributes={"verified": {"column": "verified", "direction": "both"}, "depth": "depth_m"})
    assert attribute(world, "verified") == {"name": "verified", "type": "bool", "component": "toggle"}
    assert attribute(world, "depth") == {"name": "depth", "type": "float", "component": "text", "read_only": True}


def test_an_attribute_that_fiftyone_does_not_know_yet_is_of_its_column_s_kind(world: World) -> None:
    world.sql("ALTER TABLE annotation ADD COLUMN counted integer")
    push(world, FLAT, attributes={"counted": {"column": "counted", "direction": "both"}})
    assert attribute(world, "counted") == {"name": "counted", "type": "int", "component": "text"}


@pytest.mark.parametrize("vocabulary", [FLAT, TREE])
def test_pushing_it_again_writes_nothing(world: World, vocabulary: Vocabulary) -> None:
    assert push(world, vocabulary).changed
    # FiftyOne itself notes when a dataset was loaded.
    besides = {"last_loaded_at": 0}
    before = world.mongo["datasets"].find_one({"name": world.dataset}, besides)
    ontologies = world.mongo["ontologies"].count_documents({})
    assert not push(world, vocabulary).changed
    assert world.mongo["datasets"].find_one({"name": world.dataset}, besides) == before
    assert world.mongo["ontologies"].count_documents({}) == ontologies


def test_what_somebody_took_away_in_the_app_comes_back(world: World) -> None:
    push(world, FLAT)
    dataset = dataset_of(world)
    dataset.update_label_schema(FIELD, schema(world) | {"classes": ["Copepoda"], "default": "Copepoda"})
    assert push(world, FLAT).changed
    assert len(schema(world)["classes"]) == 5
    dataset_of(world).deactivate_label_schemas([FIELD])
    assert push(world, FLAT).changed
    assert FIELD in dataset_of(world).active_label_schemas


def test_what_somebody_set_otherwise_in_the_app_is_kept(world: World) -> None:
    push(world, FLAT)
    dataset = dataset_of(world)
    mine = schema(world)
    mine |= {"component": "radio", "default": "Chaetognatha"}
    for each in mine["attributes"]:
        if each["name"] == "verified":
            each |= {"component": "checkbox", "default": True}
    mine["attributes"].append({"name": "note", "type": "str", "component": "text"})
    dataset.update_label_schema(FIELD, mine, allow_new_attrs=True)
    other = {"type": "str", "component": "text"}
    dataset.update_label_schema("filepath", other)
    assert push(world, Vocabulary((*FLAT.terms, Term("Medusa")), FLAT.extra_labels)).changed
    found = schema(world)
    assert (found["component"], found["default"]) == ("radio", "Chaetognatha")
    assert "Medusa" in found["classes"]
    assert attribute(world, "verified")["component"] == "checkbox"
    assert attribute(world, "verified")["default"] is True
    assert attribute(world, "note")
    assert dataset_of(world).label_schemas["filepath"] == other


def test_parents_make_a_tree_whose_headers_cannot_be_chosen(world: World) -> None:
    assert push(world, TREE) == Pushed(changed=True, kind="taxonomy")
    root = taxonomy(world).root.to_dict()
    assert root["can_select"] is False
    assert below(root) == ["Diatoms", "Copepoda", "Chaetognatha", "unknown"]
    assert node(world, "Diatoms") == {"name": "Diatoms", "can_select": False, "values": [{"name": "Diatom_Long_Chain"}]}
    assert below(node(world, "Copepoda")) == ["Calanoida"]
    assert node(world, "Copepoda")["description"] == "subclass, 1080"
    assert node(world, "Calanus") == {"name": "Calanus"}


def test_the_field_takes_its_classes_from_the_tree_and_its_id_cannot_be_changed(world: World) -> None:
    from fiftyone.core.annotation.hydrate_label_schemas import hydrate_applied_ontology

    push(world, TREE)
    found = schema(world)
    assert found["applied_ontology"] == ontology_name(world.config().bindings[0])
    assert "classes" not in found
    as_the_app_sees_it = hydrate_applied_ontology(found)
    assert as_the_app_sees_it["applied_taxonomy"] == taxonomy(world).name
    (its_id,) = [each for each in as_the_app_sees_it["attributes"] if each["name"] == "annotation_id"]
    assert its_id["read_only"] is True and its_id["component"] == "text"


def test_a_changed_term_makes_a_new_version_of_the_tree_and_nothing_else_does(world: World) -> None:
    push(world, TREE)
    assert taxonomy(world).version == 1
    push(world, TREE)
    assert taxonomy(world).version == 1
    assert push(world, Vocabulary((*TREE.terms, Term("Oithona", "Copepoda")), TREE.extra_labels)).changed
    assert taxonomy(world).version == 2
    assert below(node(world, "Copepoda")) == ["Calanoida", "Oithona"]


def test_a_dropped_term_that_is_still_in_use_stays_valid_and_is_not_offered(world: World) -> None:
    used = sorted({row["label"] for row in world.rows().values()})
    old, new = used[0], used[1]
    push(world, Vocabulary((Term("Top"), Term(old, "Top"), Term(new, "Top"), Term("never used", "Top"))))
    without = Vocabulary((Term("Top"), Term(new, "Top")))
    assert push(world, without).deprecated == (old,)
    assert node(world, old) == {"name": old, "deprecated": True}
    assert node(world, "never used") is None
    assert not push(world, without).changed
    for annotation_id, row in world.rows().items():
        if row["label"] == old:
            world.review(annotation_id, label=new)
    assert push(world, without) == Pushed(changed=True, kind="taxonomy")
    assert node(world, old) is None


def test_a_list_too_long_for_the_app_becomes_a_tree_of_one_level(world: World) -> None:
    just = Vocabulary(tuple(Term(f"class {number}") for number in range(MOST_CLASSES)))
    assert push(world, just).kind == "classes"
    assert len(schema(world)["classes"]) == MOST_CLASSES
    more = Vocabulary((*just.terms, Term("one more")))
    assert push(world, more) == Pushed(changed=True, kind="taxonomy")
    assert len(taxonomy(world).root.values) == MOST_CLASSES + 1
    assert push(world, just).kind == "classes"
    assert "applied_ontology" not in schema(world)
    assert attribute(world, "annotation_id")["read_only"] is True


def test_what_fiftyone_would_turn_into_something_else_is_never_pushed(world: World) -> None:
    poison = ("20240101", "2024-W01", "a\tb", "\x00")
    done = push(world, Vocabulary((*FLAT.terms, *map(Term, poison[:3])), (*FLAT.extra_labels, poison[3])))
    assert [each.term for each in done.left_out] == list(poison)
    assert "date" in done.left_out[0].why and "U+0009" in done.left_out[2].why
    assert not set(poison) & set(schema(world)["classes"])
    tree = Vocabulary((*TREE.terms, Term("20240101"), Term("2024-01-01"), Term("egg", "2024-01-01")))
    assert len(push(world, tree).left_out) == 2
    assert node(world, "20240101") is None
    assert node(world, "2024-01-01")["can_select"] is False


def test_a_tree_deeper_than_fiftyone_stores_is_refused_and_nothing_is_written(world: World) -> None:
    chain = Vocabulary(tuple(Term(f"level {n}", f"level {n - 1}" if n else None) for n in range(60)))
    with pytest.raises(MappingError, match="more than 40 levels"):
        push(world, chain)
    assert FIELD not in dataset_of(world).label_schemas
    assert push(world, Vocabulary(chain.terms[:40])).changed
    assert below(node(world, "level 38")) == ["level 39"]


def test_two_fields_do_not_share_a_tree() -> None:
    config = World.parse(
        {
            "database": {"url": "sqlite://"},
            "bindings": [
                {
                    "name": name,
                    "dataset": dataset,
                    "label_field": field,
                    "table": "t",
                    "columns": {"id": "i", "label": "l", "media": "m"},
                }
                for name, dataset, field in (
                    ("a", "x-y", "z"),
                    ("b", "x", "y-z"),
                    ("c", "浮遊生物", "z"),
                    ("d", "生物", "z"),
                )
            ],
        }
    )
    assert len({ontology_name(each) for each in config.bindings}) == 4


def test_a_dataset_without_samples_is_refused_with_what_to_do(world: World) -> None:
    import fiftyone as fo

    name = f"{world.dataset}-empty"
    dataset = fo.Dataset(name)
    dataset.add_sample_field(FIELD, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    with pytest.raises(MappingError) as caught:
        push(world, FLAT, dataset=name)
    assert "syncd ingest" in str(caught.value.remedy)


def test_another_database_than_fiftyone_is_connected_to_is_refused(world: World) -> None:
    document = world.document()
    other = f"{world.mongo.name}_other"
    world.mongo.client[other]["datasets"].insert_one(world.mongo["datasets"].find_one({"name": world.dataset}) or {})
    document["fiftyone"]["database_name"] = other
    config = world.parse(document)
    try:
        with pytest.raises(SetupError, match="connected to another"):
            push_vocabulary(config, config.bindings[0], FLAT)
    finally:
        world.mongo.client.drop_database(other)


def test_a_fiftyone_whose_clean_up_is_called_otherwise_is_named_and_used(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from fiftyone.core.odm import database

    monkeypatch.delattr(database, CLEAN_UP)
    monkeypatch.setattr("syncd.adapters.fiftyone.sdk.is_own", lambda: True)
    push(world, FLAT)
    assert f"has no {CLEAN_UP}" in caplog.text


def test_a_fiftyone_without_taxonomies_is_told_so_before_anything_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.adapters.fiftyone.compat.TAXONOMIES", "fiftyone.core.nothing_of_that_name")
    with pytest.raises(SetupError, match="has no taxonomies") as refused:
        push(world, TREE)
    assert "pip install 'fiftyone>=" in str(refused.value.remedy)
