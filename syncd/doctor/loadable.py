"""Finds values that FiftyOne cannot load any more, in the labels of a binding and in their samples.

One of them keeps the whole dataset from being opened. What loads and what does not was found by trying each type in
each kind of field (FiftyOne 1.22.1): numbers go into each other and may be text that reads as a number; everything else
must be of its own type; null and missing are fine except inside a list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from syncd.adapters.fiftyone.compat import CLASS, FIELD_CLASS, INNER_CLASS, SAMPLE_FIELDS, STORED_AS
from syncd.adapters.fiftyone.document_hashes import ID_AT, ID_BYTES, documents
from syncd.adapters.fiftyone.invalid_text import first_unreadable, split_by_text
from syncd.adapters.fiftyone.mapping import LabelMapping
from syncd.doctor.finding import Check, Verdict, count, fault, in_mongosh, listed, ok, sdk, sdk_name
from syncd.doctor.subject import Subject

EXAMPLES = 3
ELEMENT = "the label itself"
RIGHT = "THE RIGHT VALUE"

_FIELD_TYPES = {
    "string": "fo.StringField",
    "int": "fo.IntField",
    "long": "fo.IntField",
    "double": "fo.FloatField",
    "bool": "fo.BooleanField",
    "date": "fo.DateTimeField",
    "array": "fo.ListField",
    "object": "fo.DictField",
}


def checks(subject: Subject) -> Iterator[Check]:
    """Of the binding's labels, and of the other fields of their samples."""
    yield Check("Labels can be loaded", lambda: _labels(subject))
    yield Check("Samples can be loaded", lambda: _samples(subject))
    yield Check("Samples have no undeclared field", lambda: _undeclared(subject))
    yield Check("Texts are UTF-8", lambda: _texts(subject))


def unwound(mapping: LabelMapping) -> list[dict[str, Any]]:
    """The stages that make one document of each label."""
    if mapping.is_list:
        return [{"$unwind": f"${mapping.path}"}]
    return [{"$match": {mapping.path: {"$nin": [None]}}}]


def label_checks(subject: Subject) -> dict[str, Expression]:
    """{key: whether it keeps the label from being loaded}, for a label that stands alone in its document."""
    mapping = subject.label_mapping
    prefix = f"${mapping.path}"
    found = wrong_paths(f"{prefix}.", _label_fields(subject, mapping), strict=True)
    own = mapping.label_type.value.removesuffix("s") if mapping.is_list else mapping.label_type.value
    found[CLASS] = not_of_class(f"{prefix}.{CLASS}", own)
    return {ELEMENT: {"$ne": [{"$type": prefix}, "object"]}, **found}


def _label_fields(subject: Subject, mapping: LabelMapping) -> list[Declared]:
    field = _described(subject)
    fields = field.get("fields") or []
    if mapping.is_list:
        listed_: dict[str, Any] = next((each for each in fields if each["name"] == mapping.label_type.list_name), {})
        fields = listed_.get("fields") or []
    return declared(fields)


def _described(subject: Subject) -> dict[str, Any]:
    fields: list[dict[str, Any]] = subject.document.get().get(SAMPLE_FIELDS) or []
    return next(each for each in fields if each["name"] == subject.binding.label_field)


def _labels(subject: Subject) -> Verdict:
    mapping, number = subject.label_mapping, subject.labels.get().unreadable
    if not number:
        return ok("every value is of the type that FiftyOne declares")
    checks = label_checks(subject)
    # The label alone would be loaded into Python whole, and it may hold what Python cannot represent either.
    stages: list[dict[str, Any]] = [
        *unwound(mapping),
        {"$match": {"$expr": anything(checks)}},
        {"$limit": EXAMPLES},
        {"$project": {"keys": named(checks), "label_id": f"${mapping.path}._id", **_shown(mapping, checks)}},
    ]
    found = list(subject.samples.aggregate(stages))
    shown = listed((_example(each) for each in found), EXAMPLES)
    return fault(
        f"{count(number, 'label')} that FiftyOne cannot load, and so neither its dataset: {shown}",
        _repair(subject, mapping, found[0]),
    )


def _shown(mapping: LabelMapping, checks: dict[str, Expression]) -> dict[str, Expression]:
    """The values in question as text, and their types."""
    shown: dict[str, Expression] = {}
    for index, key in enumerate(checks):
        path = f"${mapping.path}" if key == ELEMENT else f"${mapping.path}.{key}"
        shown[f"value{index}"] = {"$convert": {"input": path, "to": "string", "onError": None, "onNull": None}}
        shown[f"type{index}"] = {"$type": path}
    shown["order"] = {"$literal": list(checks)}
    return shown


def _example(found: dict[str, Any]) -> str:
    key = found["keys"][0]
    index = found["order"].index(key)
    value = found.get(f"value{index}")
    shown = f"{found[f'type{index}']} {value}" if value is not None else found[f"type{index}"]
    return f"{key} is {shown} in sample {found['_id']}"


def _repair(subject: Subject, mapping: LabelMapping, found: dict[str, Any]) -> str:
    """The command that mends the first of them, without touching anything else."""
    key, label_id = found["keys"][0], found.get("label_id")
    if key == ELEMENT:
        if not mapping.is_list:
            return _update(subject, found["_id"], f"$set: {{{json.dumps(mapping.path)}: null}}")
        labels = f'{{$filter: {{input: "${mapping.path}", cond: {{$eq: [{{$type: "$$this"}}, "object"]}}}}}}'
        change = f'[{{$set: {{{json.dumps(mapping.path)}: {labels}, last_modified_at: "$$NOW"}}}}]'
        return in_mongosh(subject.samples, f'updateOne({{_id: ObjectId("{found["_id"]}")}}, {change})')
    value = {"label": '"THE RIGHT LABEL"', "_id": "ObjectId()"}.get(key, RIGHT)
    if not mapping.is_list:
        return _update(subject, found["_id"], f"$set: {{{json.dumps(f'{mapping.path}.{key}')}: {value}}}")
    this = f'ObjectId("{label_id}")' if isinstance(label_id, ObjectId) else '{$not: {$type: "objectId"}}'
    change = f"$set: {{{json.dumps(f'{mapping.path}.$[each].{key}')}: {value}}}"
    return _update(subject, found["_id"], change, f', {{arrayFilters: [{{"each._id": {this}}}]}}')


def _update(subject: Subject, sample_id: object, change: str, options: str = "") -> str:
    """A command that changes one sample, and stamps it, so that an open App does not undo the change."""
    what = f"{{{change}, $currentDate: {{last_modified_at: true}}}}"
    return in_mongosh(subject.samples, f'updateOne({{_id: ObjectId("{sample_id}")}}, {what}{options})')


def _sample_checks(subject: Subject) -> dict[str, Expression]:
    """{field: whether it keeps the sample from being loaded}; the binding's own field only as a whole."""
    fields = declared(subject.document.get().get(SAMPLE_FIELDS) or [])
    found = wrong_paths("$", fields, strict=False)
    mapping = subject.label_mapping
    if mapping.is_list:
        found[mapping.path] = {"$not": [{"$in": [{"$type": f"${mapping.path}"}, ["array", *NOTHING]]}]}
        found[f"{mapping.label_field}.{CLASS}"] = not_of_class(
            f"${mapping.label_field}.{CLASS}", mapping.label_type.value
        )
    return found


def _samples(subject: Subject) -> Verdict:
    checks = _sample_checks(subject)
    stages: list[dict[str, Any]] = [
        {"$match": {"$expr": anything(checks)}},
        {"$project": {"k": named(checks)}},
        {"$facet": {"totals": [{"$count": "n"}], "examples": [{"$limit": EXAMPLES}]}},
    ]
    found = next(iter(subject.samples.aggregate(stages)))
    if not found["totals"]:
        return ok("every value is of the type that the dataset declares")
    first = found["examples"][0]
    shown = listed((f"{each['k'][0]} of sample {each['_id']}" for each in found["examples"]), EXAMPLES)
    return fault(
        f"{count(found['totals'][0]['n'], 'sample')} that FiftyOne cannot load, and so neither its dataset: {shown}",
        _update(subject, first["_id"], f"$set: {{{json.dumps(first['k'][0])}: {RIGHT}}}"),
    )


def _texts(subject: Subject) -> Verdict:
    """Text that drivers of other languages have written, which the server keeps, and Python cannot decode."""
    mapping = subject.label_mapping
    wanted = {mapping.label_field: 1, mapping.media_path.partition(".")[0]: 1, "filepath": 1, "tags": 1}
    found: list[bytes] = []
    for batch in subject.samples.find_raw_batches({}, wanted):
        found += split_by_text(documents([batch])["document"])[1]
    if not found:
        return ok("labels, names and tags are")
    sample_ids = [ObjectId(each[ID_AT : ID_AT + ID_BYTES]) for each in found]
    places = [first_unreadable(each) for each in found[:EXAMPLES]]
    shown = [f"{path} is {text} in sample {name}" for (path, text), name in zip(places, sample_ids, strict=False)]
    return fault(
        f"{count(len(found), 'sample')} with text that is not UTF-8 in its labels, name or tags, which FiftyOne cannot "
        f"load, and so neither its dataset: {', '.join(shown)}",
        _update(subject, sample_ids[0], f"$set: {{{json.dumps(places[0][0])}: {RIGHT}}}"),
    )


def _undeclared(subject: Subject) -> Verdict:
    """A field that no description of the dataset has, such as a script's raw write leaves behind."""
    known = [each.key for each in declared(subject.document.get().get(SAMPLE_FIELDS) or [])]
    stages: list[dict[str, Any]] = [
        {"$project": {"unknown": undeclared(known), "types": {"$objectToArray": "$$ROOT"}}},
        {"$match": {"unknown": {"$ne": []}}},
        {"$unwind": "$types"},
        {"$match": {"$expr": {"$in": ["$types.k", "$unknown"]}}},
        {"$group": {"_id": "$types.k", "n": {"$sum": 1}, "type": {"$first": {"$type": "$types.v"}}}},
        {"$sort": {"_id": 1}},
    ]
    found = list(subject.samples.aggregate(stages, allowDiskUse=True))
    if not found:
        return ok(f"the dataset declares all {len(known)}")
    first = found[0]
    declare = f"add_sample_field({sdk_name(first['_id'])}, {_FIELD_TYPES.get(first['type'], 'fo.StringField')})"
    shown = listed(f"{each['_id']!r} on {count(each['n'], 'sample')}" for each in found)
    return fault(
        f"FiftyOne cannot load samples with {shown}, which the dataset does not declare",
        sdk(subject.binding.dataset, declare),
    )


NOTHING = ["null", "missing", "undefined"]
NUMBERS = ["int", "long", "double", "bool"]

_PLAIN = {
    "StringField": ["string"],
    "ObjectIdField": ["objectId"],
    "BooleanField": ["bool"],
    "DateField": ["date"],
    "DateTimeField": ["date"],
    "DictField": ["object"],
    "EmbeddedDocumentField": ["object"],
}
_NUMERIC = ("IntField", "FloatField", "FrameNumberField")

Expression = dict[str, Any]


@dataclass(frozen=True)
class Declared:
    """One field as FiftyOne declares it: the key it has in documents, its type, and the type of its elements."""

    key: str
    type: str
    elements: str | None


def declared(fields: Iterable[Mapping[str, Any]]) -> list[Declared]:
    """The fields of a dataset or of an embedded document, from FiftyOne's own description."""
    return [
        Declared(
            str(each.get(STORED_AS) or each["name"]),
            _short(each.get(FIELD_CLASS)),
            _short(each.get(INNER_CLASS)) or None,
        )
        for each in fields
    ]


def _short(type_: object) -> str:
    return str(type_ or "").rpartition(".")[2]


def wrong(path: str, field: Declared, *, strict: bool) -> Expression | None:
    """Whether the value at ``path`` cannot be loaded as this field; ``None`` where anything can.

    ``strict`` is for the fields of labels; a sample's own boolean may be anything.
    """
    if field.type in _NUMERIC:
        return _no_number(path, field.type)
    if field.type == "BooleanField" and not strict:
        return None
    if field.type in _PLAIN:
        return _not_of(path, _PLAIN[field.type])
    if field.type == "ListField":
        return {"$or": [_not_of(path, ["array"]), _wrong_element(path, field.elements)]}
    return None


def _not_of(path: str, types: list[str]) -> Expression:
    return {"$not": [{"$in": [{"$type": path}, [*types, *NOTHING]]}]}


def _no_number(path: str, type_: str) -> Expression:
    """Not a number, nor text of one; an integer cannot be NaN or infinite either."""
    to = "double" if type_ == "FloatField" else "long"
    converted = {"$convert": {"input": path, "to": to, "onError": None, "onNull": None}}
    unfit = {"$and": [{"$not": [{"$in": [{"$type": path}, NOTHING]}]}, {"$eq": [converted, None]}]}
    return {"$or": [_not_of(path, [*NUMBERS, "string"]), unfit]}


def _wrong_element(path: str, elements: str | None) -> Expression | bool:
    """Whether any element of a list cannot be loaded; a null is no element."""
    item = "$$item"
    if elements in _NUMERIC:
        bad = _no_number(item, str(elements))
    elif elements in _PLAIN:
        bad = _not_of(item, _PLAIN[str(elements)])
    else:
        return False
    items = {"$cond": [{"$isArray": [path]}, path, []]}
    nothing = {"$in": [{"$type": item}, NOTHING]}
    found = {"$filter": {"input": items, "as": "item", "cond": {"$or": [nothing, bad]}}}
    return {"$gt": [{"$size": found}, 0]}


def wrong_paths(prefix: str, fields: Iterable[Declared], *, strict: bool) -> dict[str, Expression]:
    """{key: whether it cannot be loaded} of all fields whose type says what can be."""
    found = {each.key: wrong(f"{prefix}{each.key}", each, strict=strict) for each in fields}
    return {key: each for key, each in found.items() if each is not None}


def not_of_class(path: str, name: str) -> Expression:
    """Whether an embedded document says that it is of another class; saying nothing is fine, a null is not."""
    return {"$not": [{"$or": [{"$eq": [{"$type": path}, "missing"]}, {"$eq": [path, name]}]}]}


def undeclared(known: Iterable[str]) -> Expression:
    """The keys of a sample that its dataset does not declare: any of them keeps FiftyOne from loading it."""
    keys = {"$map": {"input": {"$objectToArray": "$$ROOT"}, "as": "each", "in": "$$each.k"}}
    return {"$setDifference": [keys, {"$literal": sorted({*known, "_id"})}]}


def named(checks: Mapping[str, Expression]) -> Expression:
    """The keys whose check fails, as a list."""
    parts = [{"$cond": [check, {"$literal": [key]}, []]} for key, check in checks.items()]
    return {"$concatArrays": parts} if parts else {"$literal": []}


def anything(checks: Mapping[str, Expression]) -> Expression | bool:
    """Whether any check fails."""
    return {"$or": list(checks.values())} if checks else False
