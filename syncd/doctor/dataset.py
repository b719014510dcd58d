"""Checks a binding's dataset: its samples, its label field, the key that ties samples to rows, its indexes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from syncd.adapters.fiftyone.compat import COLLECTION, DATASETS, SAMPLE_FIELDS, STAMP
from syncd.adapters.fiftyone.dataset import DatasetMissing, describe
from syncd.config.nearest import nearest
from syncd.doctor.finding import Check, Verdict, count, fault, listed, ok, sdk, sdk_code, sdk_name, warning
from syncd.doctor.subject import DATASET, LABEL_FIELD, Documents, Subject
from syncd.errors import MappingError


def checks(subject: Subject) -> Iterator[Check]:
    """Of the dataset as a whole; its labels are looked at in :mod:`syncd.doctor.labels`."""
    yield Check(DATASET, lambda: _dataset(subject))
    yield Check("Samples", lambda: _samples(subject))
    yield Check(LABEL_FIELD, lambda: _label_field(subject))
    yield Check("Sample key", lambda: _sample_key(subject))
    if subject.binding.sample_key != "id":
        yield Check("Sample key is unique", lambda: _sample_key_unique(subject))
        yield Check("Index on the sample key", lambda: _index(subject, subject.binding.sample_key, "find a sample"))
    yield Check(f"Index on {STAMP}", lambda: _index(subject, STAMP, "poll"))


def _dataset(subject: Subject) -> Verdict:
    database, name = subject.servers.mongodb.get(), subject.binding.dataset
    document = database[DATASETS].find_one({"name": name})
    if document is None:
        try:
            describe(database, name, subject.binding.label_field)
        except DatasetMissing as error:
            names = [str(each["name"]) for each in database[DATASETS].find({}, {"name": 1})]
            meant = nearest(name, names)
            mend = f"Write {subject.place}.dataset: {meant}" if meant else f"Mend {subject.place}.dataset"
            # Where the media are known, it can be filled in the same step.
            create = f"syncd ingest {subject.binding.name}"
            if subject.binding.ingest.media is None:
                create = f"python -c 'import fiftyone as fo; fo.Dataset({sdk_name(name)}, persistent=True)'"
            return fault(error.message, f"{mend}; or create the dataset: {create}")
    document = subject.document.set(document or {})
    if not document.get("persistent"):
        return warning(
            f"{name!r} is there, but is not persistent: FiftyOne deletes it when its last user is gone",
            sdk(name, "persistent = True"),
        )
    return ok(f"{name!r}, in the collection {document[COLLECTION]}")


def _samples(subject: Subject) -> Verdict:
    number = subject.samples.estimated_document_count()
    if not number:
        return warning("none yet", f"Run: syncd ingest {subject.binding.name}")
    return ok(f"{number:,}")


def _label_field(subject: Subject) -> Verdict:
    subject.document.get()
    try:
        info = describe(subject.servers.mongodb.get(), subject.binding.dataset, subject.binding.label_field)
    except MappingError as error:
        return fault(error.message, f"Mend {subject.place}.label_field: name a Classification(s) or Detections field.")
    subject.dataset.set(info)
    return ok(f"{info.label_field!r} holds {info.label_type.value}")


def _fields(subject: Subject) -> list[str]:
    """The dataset's own fields, without those of FiftyOne's inner workings."""
    fields = [str(each["name"]) for each in subject.document.get().get(SAMPLE_FIELDS) or []]
    return [each for each in fields if not each.startswith("_")]


def _sample_key(subject: Subject) -> Verdict:
    name = subject.binding.sample_key
    if name == "id":
        subject.document.get()
        return ok("'id', which every sample has")
    if name.partition(".")[0] not in _fields(subject):
        meant = nearest(name, _fields(subject))
        return fault(
            f"the samples have no field {name!r}; they have {listed(_fields(subject), 12)}",
            f"Write {subject.place}.sample_key: {meant or 'filepath'}",
        )
    total = subject.samples.count_documents({})
    having = subject.samples.count_documents({name: {"$nin": [None, ""]}})
    if total and not having:
        return fault(
            f"none of {count(total, 'sample')} has a value in {name!r}, which ties it to its rows",
            f"Mend {subject.place}.sample_key, or fill the field: " + _filling(subject),
        )
    if having < total:
        return warning(
            f"{count(total - having, 'sample')} of {total:,} without a value in {name!r}: no row can be theirs",
            "Fill the field: " + _filling(subject),
        )
    return ok(f"{name!r}, which every one of {count(total, 'sample')} has" if total else repr(name))


def _filling(subject: Subject) -> str:
    return sdk(subject.binding.dataset, f"set_values({sdk_name(subject.binding.sample_key)}, [...])")


def _sample_key_unique(subject: Subject) -> Verdict:
    name = subject.binding.sample_key
    found = _duplicates(subject.samples, name)
    if found["values"]:
        shown = listed(map(repr, found["examples"]), 3)
        return warning(
            f"{count(found['values'], 'value')} of {name!r} on {count(found['samples'], 'sample')} ({shown}): the "
            "label of a new row goes to any one of them",
            sdk_code(
                f"print(fo.load_dataset({sdk_name(subject.binding.dataset)})"
                f'.match({{{sdk_name(name)}: {found["examples"][0]!r}}}).values("id"))'
            )
            + "   (then delete the copies)",
        )
    return ok(f"no two samples have the same {name!r}")


def _duplicates(samples: Documents, name: str) -> dict[str, Any]:
    stages: list[dict[str, Any]] = [
        {"$match": {name: {"$nin": [None, ""]}}},
        {"$group": {"_id": f"${name}", "n": {"$sum": 1}}},
        {"$match": {"n": {"$gt": 1}}},
        {
            "$facet": {
                "totals": [{"$group": {"_id": None, "values": {"$sum": 1}, "samples": {"$sum": "$n"}}}],
                "examples": [{"$sort": {"_id": 1}}, {"$limit": 3}],
            }
        },
    ]
    found = next(iter(samples.aggregate(stages, allowDiskUse=True)))
    totals = (found["totals"] or [{"values": 0, "samples": 0}])[0]
    return {**totals, "examples": [each["_id"] for each in found["examples"]]}


def indexed(samples: Documents, path: str) -> dict[str, Any] | None:
    """An index that serves a search by this path, or ``None``."""
    for name, index in samples.index_information().items():
        if index["key"][0][0] == path and "partialFilterExpression" not in index:
            return {"name": name, **index}
    return None


def _index(subject: Subject, path: str, purpose: str) -> Verdict:
    if indexed(subject.samples, path) is None:
        return warning(
            f"none: to {purpose} the server reads every sample",
            sdk(subject.binding.dataset, f"create_index({sdk_name(path)})"),
        )
    return ok(f"there is one to {purpose}")
