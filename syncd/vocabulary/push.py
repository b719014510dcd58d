"""Pushes the vocabulary to a dataset as FiftyOne's label schema, so that its App offers these classes and no others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from pymongo.database import Database

from syncd.adapters.connect import fiftyone_database, first_line
from syncd.adapters.fiftyone.compat import DATASETS, Private, private, require_taxonomies
from syncd.adapters.fiftyone.dataset import DatasetInfo, describe
from syncd.adapters.fiftyone.errors import asking
from syncd.adapters.fiftyone.mapping import stored_kind
from syncd.adapters.fiftyone.sdk import fiftyone_for
from syncd.adapters.plugged import open_alone
from syncd.config import BindingConfig, Config
from syncd.errors import MappingError, SyncdError
from syncd.model import Json, Kind
from syncd.model.kinds import dumps
from syncd.model.vocabulary import Vocabulary
from syncd.vocabulary.schema import (
    Attribute,
    Fields,
    LeftOut,
    Schema,
    left_out,
    why_poison,
    with_classes,
    with_ontology,
)
from syncd.vocabulary.taxonomy import Node, selectable, taxonomy_root

MOST_CLASSES = 1_000
"""The App takes no longer list, only a taxonomy: "Label schemas and taxonomies" in docs/fiftyone-facts.md."""


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    ``left_out`` are terms that FiftyOne would turn into something else, ``deprecated`` those that were dropped from the
    vocabulary and are still in use.
    """

    changed: bool
    kind: Literal["classes", "taxonomy"]
    left_out: tuple[LeftOut, ...] = ()
    deprecated: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """The documented form."""
        return {
            "changed": self.changed,
            "kind": self.kind,
            "left_out": [{"term": each.term, "why": each.why} for each in self.left_out],
            "deprecated": list(self.deprecated),
        }


def push_vocabulary(config: Config, binding: BindingConfig, vocabulary: Vocabulary) -> Pushed:
    """Makes the dataset's label schema for the field what the vocabulary says; nothing is written where it is already.

    With parents, or over `MOST_CLASSES` labels, the vocabulary becomes a taxonomy, a new version of it each time that
    it differs. Terms that were dropped and are still in use there stay valid, and are not offered (``deprecated``).
    Only this field's schema is touched, and in it only what the vocabulary and the mapping decide. Raises MappingError
    for a dataset or field that is not there, SyncdError for what FiftyOne refuses.
    """
    with fiftyone_database(config) as mongo:
        info = describe(mongo, binding.dataset, binding.label_field)
    fields = _fields(config, binding, info)
    out = left_out([*(each.name for each in vocabulary.terms), *vocabulary.extra_labels])
    fiftyone = fiftyone_for(config)
    with _clear_refusals(binding):
        dataset = fiftyone.load_dataset(binding.dataset)
        dataset.reload()
        found = _schema_there(dataset, binding.label_field)
        offered = _offered(vocabulary)
        if len(offered) <= MOST_CLASSES and not any(each.parent for each in vocabulary.terms):
            wanted = with_classes(found, fields, offered)
            return Pushed(_write_schema(dataset, binding.label_field, wanted), "classes", out)
        require_taxonomies()
        title = ontology_name(binding)
        written, deprecated = _write_taxonomy(dataset, info, f"{title}-terms", vocabulary)
        written |= _write_ontology(title, f"{title}-terms", fields.id_schema)
        written |= _write_schema(dataset, binding.label_field, with_ontology(found, fields, title))
        return Pushed(written, "taxonomy", out, deprecated)


def _offered(vocabulary: Vocabulary) -> list[str]:
    """The classes of a list: extra labels, then terms in their order.

    A label that was just drawn is saved as the first class of the list before anybody has chosen one
    ("Requests of the App" in docs/fiftyone-facts.md): "unknown" is the better guess than whatever term comes first.
    """
    labels = dict.fromkeys([*vocabulary.extra_labels, *(each.name for each in vocabulary.terms)])
    return [each for each in labels if why_poison(each) is None]


def ontology_name(binding: BindingConfig) -> str:
    """The name of the binding's ontology; its taxonomy's ends in ``-terms``.

    Ontologies belong to no dataset and are told apart by letters and digits alone: the digest keeps two bindings from
    sharing one.
    """
    subject = f"{binding.dataset} {binding.label_field}"
    digest = hashlib.blake2b(f"{binding.dataset}\0{binding.label_field}".encode(), digest_size=4).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9]+", "-", subject).strip("-").lower()[:80].strip("-")
    return "-".join(filter(None, ("syncd", readable, digest)))


@contextmanager
def _clear_refusals(binding: BindingConfig) -> Iterator[None]:
    """What FiftyOne refuses, as one of ours."""
    try:
        yield
    except SyncdError:
        raise
    except Exception as error:  # FiftyOne raises errors of many kinds here, each meaning the same
        said = "; ".join(map(str, getattr(error, "exceptions", ()))) or first_line(error)
        raise MappingError(
            f"FiftyOne refuses the label schema of {binding.dataset}.{binding.label_field}: {said}",
            remedy="A dataset without samples has no media type yet: run `syncd ingest` first; else `syncd doctor`.",
        ) from error


def _fields(config: Config, binding: BindingConfig, info: DatasetInfo) -> Fields:
    kinds = {name: info.attribute_kind(name) for name in binding.attributes}
    undeclared = [name for name, kind in kinds.items() if kind is None]
    if undeclared:
        kinds |= _kinds_of_columns(config, binding, undeclared)
    attributes = tuple(
        Attribute(name, kind, read_only=binding.attributes[name].direction == "to_fiftyone")
        for name, kind in kinds.items()
        if kind is not None
    )
    declared = info.attributes.get(binding.annotation_id)
    return Fields(binding.annotation_id, Kind.INTEGER if declared == "IntField" else Kind.TEXT, attributes)


def _kinds_of_columns(config: Config, binding: BindingConfig, names: list[str]) -> dict[str, Kind | None]:
    """The kinds in which attributes that FiftyOne does not know yet will be stored."""
    with open_alone(config, binding) as (store, _):
        fields = store.describe(crops=False).fields
    return {name: stored_kind(fields[name].kind) for name in names}


def _schema_there(dataset: Any, field: str) -> Schema:
    stored = dataset.label_schemas.get(field)
    return dict(stored) if stored else dict(dataset.generate_label_schemas(field, scan_samples=False))


def _write_schema(dataset: Any, field: str, wanted: Schema) -> bool:
    changed = dataset.label_schemas.get(field) != wanted
    if changed:
        dataset.update_label_schema(field, wanted, allow_new_attrs=True)
    inactive = field not in dataset.active_label_schemas
    if inactive:
        dataset.activate_label_schemas([field])
    return changed or inactive


def _write_taxonomy(dataset: Any, info: DatasetInfo, name: str, vocabulary: Vocabulary) -> tuple[bool, tuple[str, ...]]:
    """Whether a new version was written, and the terms that are deprecated in it."""
    there = _root_of(name)
    dropped = selectable(there) - vocabulary.names if there else frozenset()
    used = _used(dataset, info) if dropped else frozenset()
    deprecated = tuple(sorted(dropped & used))
    root = taxonomy_root(vocabulary, deprecated)
    if root == there:
        return False, deprecated
    told = f"Written by syncd for {info.name}.{info.label_field}; what is changed here is overwritten."
    tree = private(Private.TREES).Node.from_dict(root)
    private(Private.TAXONOMIES).Taxonomy(name, root=tree, description=told).save(overwrite=True)
    return True, deprecated


def _write_ontology(name: str, taxonomy: str, id_schema: Schema) -> bool:
    ontologies = private(Private.TAXONOMIES)
    if ontologies.ontology_exists(name):
        there = ontologies.load_ontology(name)
        if there.is_annotation_ontology and there.to_dict()["root"] == {
            "taxonomy": taxonomy,
            "attributes": [id_schema],
        }:
            return False
    spec = private(Private.ATTRIBUTES).AttributeSpec.from_dict(id_schema)
    made = ontologies.AnnotationOntology(name, attributes=[spec])
    made.taxonomy = taxonomy
    made.save(overwrite=True)
    return True


def _root_of(name: str) -> Node | None:
    """The latest version of a taxonomy's tree; ``None`` where there is none."""
    ontologies = private(Private.TAXONOMIES)
    if not ontologies.ontology_exists(name):
        return None
    root: Node = ontologies.load_ontology(name).to_dict()["root"]
    return root


def _used(dataset: Any, info: DatasetInfo) -> frozenset[str]:
    """The labels in use in the dataset."""
    listed = info.label_type.list_name
    path = f"{info.label_field}.{listed}.label" if listed else f"{info.label_field}.label"
    return frozenset(name for name in dataset.count_values(path) if isinstance(name, str))


def push_if_changed(config: Config, binding: BindingConfig, vocabulary: Vocabulary) -> Pushed | None:
    """As :func:`push_vocabulary`; ``None`` where the dataset has this vocabulary already, from an earlier push.

    What was pushed is noted in ``dataset.info["syncd"]["vocabulary"]``. A schema that somebody removed in the App is
    pushed again.
    """
    print_now = _fingerprint(binding, vocabulary)
    with fiftyone_database(config) as mongo:
        if _noted(mongo, binding) == print_now:
            return None
        pushed = push_vocabulary(config, binding, vocabulary)
        with asking("Writing to"):
            place = f"info.syncd.vocabulary.{binding.label_field}"
            mongo[DATASETS].update_one({"name": binding.dataset}, {"$set": {place: print_now}})
    return pushed


def _noted(mongo: Database[dict[str, Any]], binding: BindingConfig) -> str | None:
    """What was pushed last, if the field still has a schema."""
    with asking("Reading from"):
        wanted = {"info.syncd.vocabulary": 1, f"label_schemas.{binding.label_field}": 1}
        found = mongo[DATASETS].find_one({"name": binding.dataset}, wanted) or {}
    if not (found.get("label_schemas") or {}).get(binding.label_field):
        return None
    noted = ((found.get("info") or {}).get("syncd") or {}).get("vocabulary") or {}
    return str(noted.get(binding.label_field))


def _fingerprint(binding: BindingConfig, vocabulary: Vocabulary) -> str:
    """Changes with the vocabulary, and with what the schema says of the label's attributes."""
    attributes: Json = {name: [each.column, each.direction] for name, each in binding.attributes.items()}
    content: Json = {"terms": vocabulary.fingerprint, "id": binding.annotation_id, "attributes": attributes}
    return hashlib.blake2b(dumps(content).encode(), digest_size=16).hexdigest()
