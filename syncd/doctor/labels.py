"""Checks the labels of a binding: how many there are, and the state of their annotation ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from syncd.adapters.fiftyone.pipeline import ID_TYPES
from syncd.doctor.dataset import indexed
from syncd.doctor.finding import Check, Verdict, count, fault, listed, ok, sdk, sdk_code, sdk_name, warning
from syncd.doctor.loadable import NOTHING, Expression, anything, label_checks, unwound
from syncd.doctor.subject import LABELS, Documents, LabelCounts, Subject
from syncd.model import Kind

UUID = "^[{]?[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}[}]?$"
INTEGER = "^-?(0|[1-9][0-9]{0,18})$"
DECLARED_AS_TEXT = "StringField"
DECLARED_AS_NUMBER = "IntField"


def checks(subject: Subject) -> Iterator[Check]:
    """Of the labels and their ids."""
    yield Check(LABELS, lambda: _labels(subject))
    yield Check("Annotation id is declared", lambda: _declared(subject))
    yield Check("Annotation ids", lambda: _ids(subject))
    yield Check("Annotation ids are unique", lambda: _unique(subject))
    yield Check("Index on the annotation id", lambda: _index(subject))


def checks_against_table(subject: Subject) -> Iterator[Check]:
    """Of the ids, once the table's id column is known."""
    yield Check("Annotation ids fit the id column", lambda: _fit(subject))


def id_path(subject: Subject) -> str:
    """The path of the annotation id in a sample's document."""
    return f"{subject.label_mapping.path}.{subject.binding.annotation_id}"


def _first(samples: Documents, stages: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next(iter(samples.aggregate(stages, allowDiskUse=True)), None)


def _number_of(condition: Expression | bool) -> Expression:
    return {"$sum": {"$cond": [condition, 1, 0]}}


def _labels(subject: Subject) -> Verdict:
    path = f"${id_path(subject)}"
    missing = {"$or": [{"$in": [{"$type": path}, NOTHING]}, {"$eq": [path, ""]}]}
    group = {
        "_id": None,
        "labels": {"$sum": 1},
        "with_id": _number_of({"$not": [missing]}),
        "odd_id": _number_of({"$not": [{"$in": [{"$type": path}, [*ID_TYPES, *NOTHING]]}]}),
        "headless": _number_of({"$in": [{"$type": f"${subject.label_mapping.path}._id"}, NOTHING]}),
        "unreadable": _number_of(anything(label_checks(subject))),
    }
    found = _first(subject.samples, [*unwound(subject.label_mapping), {"$group": group}]) or dict.fromkeys(group, 0)
    counts = subject.labels.set(LabelCounts(**{name: int(found[name]) for name in group if name != "_id"}))
    if counts.headless:
        return warning(
            f"{count(counts.labels, 'label')}, {counts.headless:,} of them without an _id of their own: FiftyOne gives "
            "such a label another one each time it is loaded, and syncd cannot write to it",
            _give_ids(subject),
        )
    return ok(count(counts.labels, "label"))


def _give_ids(subject: Subject) -> str:
    """Loading a label without an _id invents one; saving what was loaded keeps it."""
    mapping, field = subject.label_mapping, sdk_name(subject.binding.label_field)
    lacking = f'{{{sdk_name(mapping.path)}: {{"$elemMatch": {{"_id": None}}}}}}'
    if not mapping.is_list:
        lacking = f'{{{sdk_name(mapping.path)}: {{"$ne": None}}, {sdk_name(mapping.path + "._id")}: None}}'
    found = f"fo.load_dataset({sdk_name(subject.binding.dataset)}).match({lacking})"
    return sdk_code(f"view = {found}; view.set_values({field}, view.values({field}))")


def _declared(subject: Subject) -> Verdict:
    info, name = subject.dataset.get(), subject.binding.annotation_id
    declared = info.attributes.get(name)
    if declared is None:
        declare = f"add_sample_field({sdk_name(id_path(subject))}, fo.StringField)"
        return warning(
            f"{name!r} is not an attribute that the dataset declares: the App shows it nowhere",
            sdk(subject.binding.dataset, declare),
        )
    if declared not in (DECLARED_AS_TEXT, DECLARED_AS_NUMBER):
        return fault(
            f"{name!r} is declared as {declared}, expected {DECLARED_AS_TEXT}: what syncd writes could not be loaded",
            f"Mend {subject.place}.annotation_id: name an attribute that holds text.",
        )
    return ok(f"{name!r}, as {declared}")


def _ids(subject: Subject) -> Verdict:
    counts, name = subject.labels.get(), subject.binding.annotation_id
    lacking = counts.labels - counts.with_id
    if counts.odd_id:
        return fault(
            f"{count(counts.odd_id, 'label')} of {counts.labels:,} with an id that is neither text nor a number nor an "
            f"ObjectId in {name!r}",
            f"Mend {subject.place}.annotation_id, or write the ids as text: "
            + sdk(subject.binding.dataset, f"set_values({sdk_name(id_path(subject))}, [...])"),
        )
    if lacking:
        on_new = subject.binding.policy.on_new
        then = {
            "create": "syncd takes them for new and inserts them into the table",
            "quarantine": "each becomes a conflict",
            "ignore": "they are left alone",
        }[on_new]
        others = ", ".join(sorted(set(subject.dataset.get().attributes) - {name}))
        which = f"none of {count(counts.labels, 'label')} has" if not counts.with_id else f"{lacking:,} of "
        which += "" if not counts.with_id else f"{count(counts.labels, 'label')} lack"
        return warning(
            f"{which} an id in {name!r}: {then} (policy.on_new: {on_new})",
            f"If they are not new, mend {subject.place}.annotation_id (the labels have {others}), "
            f"or write {subject.place}.policy.on_new: quarantine before the first run.",
        )
    return ok(f"every one of {count(counts.labels, 'label')} has one" if counts.labels else "no labels yet")


def _as_text(path: str) -> Expression:
    return {"$convert": {"input": path, "to": "string", "onError": None, "onNull": None}}


def _unique(subject: Subject) -> Verdict:
    subject.labels.get()
    stages: list[dict[str, Any]] = [
        *unwound(subject.label_mapping),
        {"$group": {"_id": _as_text(f"${id_path(subject)}"), "n": {"$sum": 1}}},
        {"$match": {"_id": {"$nin": [None, ""]}, "n": {"$gt": 1}}},
        {
            "$facet": {
                "totals": [{"$group": {"_id": None, "ids": {"$sum": 1}, "labels": {"$sum": "$n"}}}],
                "examples": [{"$sort": {"_id": 1}}, {"$limit": 3}],
            }
        },
    ]
    found = _first(subject.samples, stages)
    if found is None or not found["totals"]:
        return ok("no id stands on two labels")
    totals = found["totals"][0]
    return warning(
        f"{count(totals['ids'], 'id')} on {count(totals['labels'], 'label')} "
        f"({listed([each['_id'] for each in found['examples']], 3)}): of each, one label is synced and the others "
        "become conflicts",
        f"Run: syncd reconcile {subject.binding.name} --full --dry-run   (shows them; then delete the copies)",
    )


def _index(subject: Subject) -> Verdict:
    path = id_path(subject)
    index = indexed(subject.samples, path)
    if index is None:
        return warning(
            "none: every write to FiftyOne searches all samples",
            sdk(subject.binding.dataset, f"create_index({sdk_name(path)})"),
        )
    if index.get("unique"):
        return fault(
            "unique: the second sample with a label that has no id yet, such as one just drawn, cannot be saved",
            sdk(subject.binding.dataset, f"drop_index({sdk_name(index['name'])})") + "   (then create_index() anew)",
        )
    return ok(index["name"])


def _fit(subject: Subject) -> Verdict:
    column = subject.table.get().columns[subject.binding.columns.id.name]
    declared = subject.dataset.get().attributes.get(subject.binding.annotation_id)
    if declared == DECLARED_AS_NUMBER and column.kind is not Kind.INTEGER:
        return fault(
            f"the column is {column.type_name}, but FiftyOne declares the attribute as {declared}: an id that syncd "
            "writes there could not be loaded",
            f"Mend {subject.place}.annotation_id: name an attribute declared as {DECLARED_AS_TEXT}.",
        )
    pattern = {Kind.UUID: UUID, Kind.INTEGER: INTEGER}.get(column.kind or Kind.TEXT)
    if pattern is None or not subject.labels.get().with_id:
        return ok(f"{column.type_name} holds any of them")
    stages = [
        *unwound(subject.label_mapping),
        {"$project": {"_id": 0, "id": _as_text(f"${id_path(subject)}")}},
        {"$match": {"$and": [{"id": {"$nin": [None, ""]}}, {"id": {"$not": {"$regex": pattern}}}]}},
        {"$facet": {"totals": [{"$count": "labels"}], "examples": [{"$limit": 3}]}},
    ]
    found = _first(subject.samples, stages)
    if found is None or not found["totals"]:
        return ok(f"every id can be one of {column.type_name}")
    return warning(
        f"{count(found['totals'][0]['labels'], 'label')} with an id that {column.type_name} cannot hold "
        f"({listed([each['id'] for each in found['examples']], 3)}): each becomes a conflict",
        f"Run: syncd reconcile {subject.binding.name} --full --dry-run   (shows them; or mend "
        f"{subject.place}.annotation_id)",
    )
