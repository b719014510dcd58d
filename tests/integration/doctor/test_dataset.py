"""Everything that can be wrong with a dataset and its ids, each broken once, and mended by its own remedy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bson import ObjectId

from integration.doctor.cases import Case, edit
from integration.doctor.lab import IDS, MEDIA, PATH, Lab, change


def remove(path: str, *, every: bool = False) -> Callable[[Lab], object]:
    chosen = {} if every else {"filepath": MEDIA[0]}
    return lambda lab: lab.samples.update_many(chosen, {"$unset": {path: ""}})


def undeclare(lab: Lab) -> None:
    lab.samples.database["datasets"].update_one(
        {"name": lab.binding["dataset"]},
        {"$pull": {"sample_fields.$[f].fields.$[l].fields": {"name": "annotation_id"}}},
        array_filters=[{"f.name": "ground_truth"}, {"l.name": "detections"}],
    )


def declare_as(type_: str, name: str = "annotation_id") -> Callable[[Lab], object]:
    return lambda lab: lab.samples.database["datasets"].update_one(
        {"name": lab.binding["dataset"]},
        {"$set": {"sample_fields.$[f].fields.$[l].fields.$[a].ftype": f"fiftyone.core.fields.{type_}"}},
        array_filters=[{"f.name": "ground_truth"}, {"l.name": "detections"}, {"a.name": name}],
    )


def another_label(annotation_id: object) -> Callable[[Lab], object]:
    label = {"_id": ObjectId(), "_cls": "Detection", "tags": [], "label": "x", "annotation_id": annotation_id}
    return lambda lab: lab.samples.update_one({"filepath": MEDIA[1]}, {"$push": {PATH: label}})


def unique_index(lab: Lab) -> None:
    lab.dataset.drop_index(f"{PATH}.annotation_id")
    lab.dataset.create_index(f"{PATH}.annotation_id", unique=True)


def own_key(lab: Lab) -> None:
    lab.dataset.add_sample_field("uri", lab.fo.StringField)
    lab.dataset.set_values("uri", MEDIA)
    lab.binding["sample_key"] = "uri"


def incomplete_key(lab: Lab) -> None:
    own_key(lab)
    remove("uri")(lab)


def empty_key(lab: Lab) -> None:
    own_key(lab)
    remove("uri", every=True)(lab)


def no_samples(lab: Lab) -> None:
    lab.dataset.clear()


def misspell(lab: Lab) -> None:
    lab.binding["dataset"] = lab.binding["dataset"].replace("plankton", "planton")


CASES = [
    Case("dataset", misspell, "Dataset", "fault", "no dataset 'planton-", "].dataset: plankton-"),
    Case(
        "not persistent",
        lambda lab: setattr(lab.dataset, "persistent", False),
        "Dataset",
        "warning",
        "not persistent",
        "persistent = True",
        mends=True,
    ),
    Case("no samples", no_samples, "Samples", "warning", "none", "syncd ingest plankton"),
    Case("label field", edit(label_field="truth"), "Label field", "fault", "'ground_truth'", "].label_field"),
    Case("label type", edit(label_field="metadata"), "Label field", "fault", "holds ImageMetadata", "label_field"),
    Case("sample key", edit(sample_key="file"), "Sample key", "fault", "no field 'file'", "sample_key: filepath"),
    Case("key incomplete", incomplete_key, "Sample key", "warning", "1 sample of 6", 'set_values("uri"'),
    Case("key empty", empty_key, "Sample key", "fault", "none of 6 samples", "sample_key"),
    Case("key index", own_key, "Index on the sample key", "warning", "none", 'create_index("uri")', mends=True),
    Case(
        "key twice",
        change("filepath", MEDIA[1]),
        "Sample key is unique",
        "warning",
        "1 value of 'filepath' on 2 samples",
        'values("id")',
    ),
    Case(
        "stamp index",
        lambda lab: lab.samples.drop_index("last_modified_at_1"),
        "Index on last_modified_at",
        "warning",
        "reads every sample",
        'create_index("last_modified_at")',
        mends=True,
    ),
    Case(
        "undeclared id", undeclare, "Annotation id is declared", "warning", "declares", "add_sample_field", mends=True
    ),
    Case(
        "id declared oddly",
        declare_as("FloatField"),
        "Annotation id is declared",
        "fault",
        "declared as FloatField",
        "annotation_id",
    ),
    Case(
        "id declared as number",
        declare_as("IntField"),
        "Annotation ids fit the id column",
        "fault",
        "the column is uuid",
        "StringField",
    ),
    Case("no id", remove(f"{PATH}.0.annotation_id"), "Annotation ids", "warning", "1 of 6 labels lack", "on_new"),
    Case(
        "empty id", change(f"{PATH}.0.annotation_id", ""), "Annotation ids", "warning", "1 of 6 labels lack", "on_new"
    ),
    Case("no ids", edit(annotation_id="uid"), "Annotation ids", "warning", "none of 6 labels", "annotation_id, "),
    Case("odd id", change(f"{PATH}.0.annotation_id", [1]), "Annotation ids", "fault", "neither text", "set_values"),
    Case(
        "id twice",
        another_label(IDS[0]),
        "Annotation ids are unique",
        "warning",
        f"1 id on 2 labels ({IDS[0]})",
        "--full --dry-run",
    ),
    Case(
        "unfit id",
        change(f"{PATH}.0.annotation_id", "A-17"),
        "Annotation ids fit the id column",
        "warning",
        "1 label with an id that uuid cannot hold (A-17)",
        "--dry-run",
    ),
    Case(
        "id index",
        lambda lab: lab.dataset.drop_index(f"{PATH}.annotation_id"),
        "Index on the annotation id",
        "warning",
        "searches all samples",
        f'create_index("{PATH}.annotation_id")',
        mends=True,
    ),
    Case("unique index", unique_index, "Index on the annotation id", "fault", "unique", "drop_index"),
    Case(
        "headless", remove(f"{PATH}.0._id"), "Labels", "warning", "1 of them without an _id", "set_values", mends=True
    ),
    Case(
        "undeclared field",
        change("cruise", 17),
        "Samples have no undeclared field",
        "fault",
        "'cruise' on 1 sample",
        'add_sample_field("cruise", fo.IntField)',
        mends=True,
    ),
    Case("sample value", change("tags", "x"), "Samples can be loaded", "fault", "tags of", "updateOne", mends=True),
    Case(
        "container",
        change("ground_truth", "x"),
        "Samples can be loaded",
        "fault",
        "ground_truth of",
        "updateOne",
        mends=True,
    ),
    Case(
        "undeclared attribute",
        edit(attributes={"deep": "depth_m"}),
        "Attribute 'deep' fits both sides",
        "warning",
        "declare",
        "fo.FloatField",
    ),
    Case(
        "attribute type",
        edit(attributes={"verified": "depth_m"}),
        "Attribute 'verified' fits both sides",
        "fault",
        "'verified' is boolean",
        "change the type",
    ),
    Case(
        "attribute of no known type",
        declare_as("ListField", "depth"),
        "Attribute 'depth' fits both sides",
        "fault",
        "declared as ListField",
        "`attributes`",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_found_and_its_remedy_helps(lab: Lab, case: Case) -> None:
    case.run(lab)
