"""Faults between values: within each binding, and between bindings.

Works on the values as they stand in the file, whether or not the rest of it is right, so that these faults
are named together with the others. A part of the wrong shape is skipped: its own fault is named elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from syncd.config.document import Document
from syncd.config.faults import Path, Problem, format_place
from syncd.config.names import RESERVED_ATTRIBUTES, RESERVED_SAMPLE_FIELDS
from syncd.config.nearest import did_you_mean
from syncd.config.redact import quote


def cross_check(document: Document) -> list[Problem]:
    """Every fault that no single value shows."""
    bindings = document.at(("bindings",))
    paths: list[Path] = [("bindings", i) for i in range(len(bindings))] if isinstance(bindings, (list, tuple)) else []
    problems = [problem for check in _BETWEEN for problem in check(document, paths)]
    problems += [problem for path in paths for check in _WITHIN for problem in check(document, path)]
    return problems


def _text(document: Document, *path: str | int) -> str | None:
    value = document.at(path)
    return value if isinstance(value, str) else None


def _mapping(document: Document, *path: str | int) -> Mapping[object, object]:
    value = document.at(path)
    return value if isinstance(value, Mapping) else {}


def _texts(document: Document, *path: str | int) -> Iterator[tuple[Path, str]]:
    value = document.at(path)
    for index, item in enumerate(value if isinstance(value, (list, tuple)) else ()):
        if isinstance(item, str):
            yield (*path, index), item


def _elsewhere(document: Document, path: Path) -> str:
    line = document.line_of(path)
    return f"{format_place(path)} has it already" + (f", on line {line}" if line else "")


def _names(document: Document, bindings: list[Path]) -> Iterator[Problem]:
    seen: dict[str, Path] = {}
    for path in bindings:
        name = _text(document, *path, "name")
        place = (*path, "name")
        if name in seen:
            yield Problem(place, document.show(place), "a name of its own", _elsewhere(document, seen[name]))
        elif name is not None:
            seen[name] = place


def _fields(document: Document, bindings: list[Path]) -> Iterator[Problem]:
    seen: dict[tuple[str, str], Path] = {}
    for path in bindings:
        dataset, field = _text(document, *path, "dataset"), _text(document, *path, "label_field")
        if dataset is None or field is None:
            continue
        place = (*path, "label_field")
        if (dataset, field) in seen:
            expected = "a label field that no other binding of this dataset has"
            hint = _elsewhere(document, seen[dataset, field])
            yield Problem(place, document.show(place), expected, hint)
        else:
            seen[dataset, field] = place


def _columns(document: Document, binding: Path) -> Iterator[Problem]:
    """Each field has a column of its own; of JSON, and of what a key refers to, a part of its own."""
    seen: dict[tuple[str, str], Path] = {}
    for path, column, part in _mapped_columns(document, binding):
        known = seen.get((column, part))
        if known is not None:
            found = document.show(path) if document.at(path) == column else quote(column)
            yield Problem(path, found, "a column of its own", _elsewhere(document, known))
        else:
            seen[column, part] = path


Mapped = tuple[Path, str, str]
"""The place where a column is named, its name, and which part of what it holds is meant (empty: all)."""


def _mapped_columns(document: Document, binding: Path) -> Iterator[Mapped]:
    columns: Path = (*binding, "columns")
    ids = document.at((*columns, "id", "columns"))
    if isinstance(ids, (list, tuple)):
        # A part of a composite id may be the key of the image, or whatever else of the row makes it unique.
        for path, name in _texts(document, *columns, "id", "columns"):
            yield path, name, "id"
    else:
        yield from _mapped_column(document, (*columns, "id"))
    for key in ("label", "media", "updated_at", "updated_by", "deleted", "version"):
        yield from _mapped_column(document, (*columns, key))
    box: Path = (*columns, "box")
    for path, name in _texts(document, *box, *(("columns",) if _mapping(document, *box) else ())):
        yield path, name, ""
    for attribute in _mapping(document, *binding, "attributes"):
        yield from _mapped_column(document, (*binding, "attributes", str(attribute)), str(attribute))
    for constant in _mapping(document, *binding, "insert"):
        yield (*binding, "insert", str(constant)), str(constant), ""
    error_column = _text(document, *binding, "review", "error_column")
    if error_column is not None:
        yield (*binding, "review", "error_column"), error_column, ""


def _mapped_column(document: Document, path: Path, default: str | None = None) -> Iterator[Mapped]:
    """The column at a place where a name or a mapping may stand; `default` is what it is called if nothing is said."""
    value = document.at(path)
    if isinstance(value, str):
        yield path, value, ""
    elif isinstance(value, Mapping) and isinstance(value.get("column"), str):
        yield (*path, "column"), str(value["column"]), _part(value)
    elif default is not None and (value is None or (isinstance(value, Mapping) and "column" not in value)):
        yield path, default, _part(value) if isinstance(value, Mapping) else ""


def _part(value: Mapping[object, object]) -> str:
    """Which part of a column a mapping means. What is only read may stand beside what is written."""
    lookup = value.get("lookup")
    if isinstance(lookup, Mapping) and value.get("direction") == "to_fiftyone":
        return f"lookup {lookup.get('table')} {lookup.get('value')}"
    return f"path {value['path']}" if value.get("path") is not None else ""


def _lookups(document: Document, binding: Path) -> Iterator[Problem]:
    """What only some columns may say, and what needs something else beside it."""
    columns: Path = (*binding, "columns")
    for key in ("media", "updated_by"):
        for word in ("path", "array", "unit", "values"):
            place = (*columns, key, word)
            if document.at(place) not in (None, False):
                yield Problem(place, document.show(place), f"nothing: {key} is a column, or a lookup")
    if document.at((*columns, "label", "array")) is True:
        yield Problem((*columns, "label", "array"), "true", "nothing: a label is one name")
    for key in ("label", "box"):
        own, shared = (*columns, key, "direction"), (*binding, "directions", key)
        one, two = document.at(own), document.at(shared)
        if one is not None and two is not None and one != two:
            yield Problem(own, document.show(own), "one direction", _elsewhere(document, shared))
    if document.at((*columns, "box", "size")) is not None and document.at((*columns, "box", "unit")) != "pixels":
        yield Problem((*columns, "box", "size"), document.show((*columns, "box", "size")), "unit: pixels beside a size")


def _sample_fields(document: Document, binding: Path) -> Iterator[Problem]:
    """Columns of the media's row need a lookup that finds it; a field of the sample has no other meaning."""
    taken = {
        _text(document, *binding, "label_field"): "label_field",
        _text(document, *binding, "sample_key"): "sample_key",
    }
    for name, value in _mapping(document, *binding, "sample_fields").items():
        place = (*binding, "sample_fields", str(name))
        if name in taken or name in RESERVED_SAMPLE_FIELDS:
            why = f"it is {taken[str(name)]}" if name in taken else "FiftyOne has it for something else"
            yield Problem(place, "this key", "the name of another sample field", why)
        of = value.get("of", "media") if isinstance(value, Mapping) else "media"
        if of == "media" and not _mapping(document, *binding, "columns", "media", "lookup"):
            expected = "of: row, or a lookup in columns.media, which finds the row of the image"
            yield Problem(place, document.show(place), expected)


def _append(document: Document, binding: Path) -> Iterator[Problem]:
    """Rows that are never changed have nothing that changes with each write."""
    if not _mapping(document, *binding, "write", "append"):
        return
    place = (*binding, "columns", "version")
    if document.at(place) is not None:
        yield Problem(place, document.show(place), "nothing: rows of an append-only table are never changed")


def _attributes(document: Document, binding: Path) -> Iterator[Problem]:
    expected = "a name without a meaning of its own"
    id_attribute = _text(document, *binding, "annotation_id") or "annotation_id"
    id_place = (*binding, "annotation_id")
    if id_attribute in RESERVED_ATTRIBUTES:
        yield Problem(id_place, document.show(id_place), expected, "FiftyOne has it for something else")
    for name in _mapping(document, *binding, "attributes"):
        place = (*binding, "attributes", str(name))
        if name == id_attribute:
            yield Problem(place, "the id attribute", "any other attribute", "columns.id maps it")
        elif name in RESERVED_ATTRIBUTES:
            hint: str | None = "map it under columns" if name in ("label", "box", "bounding_box") else None
            yield Problem(place, "a reserved name", expected, hint)


def _verified(document: Document, binding: Path) -> Iterator[Problem]:
    place = (*binding, "review", "verified")
    verified = _text(document, *place)
    known = [key for key in _mapping(document, *binding, "attributes") if isinstance(key, str)]
    if verified is not None and verified not in known:
        hint = None if place in document.sources else did_you_mean(verified, known)
        yield Problem(place, document.show(place), "the name of a mapped attribute", hint)


def _tags(document: Document, binding: Path) -> Iterator[Problem]:
    approving = {tag: path for path, tag in _texts(document, *binding, "review", "approve")}
    for path, tag in _texts(document, *binding, "review", "error"):
        if tag in approving:
            hint = _elsewhere(document, approving[tag])
            yield Problem(path, document.show(path), "a tag that does not approve", hint)
    review = _mapping(document, *binding, "review")
    if review.get("mode") == "tagged" and review.get("approve", ["default"]) in (None, [], ()):
        approve = (*binding, "review", "approve")
        yield Problem(approve, document.show(approve), "at least one tag, since review.mode is tagged")


def _aliases(document: Document, binding: Path) -> Iterator[Problem]:
    aliases = _mapping(document, *binding, "aliases")
    classes = {term for _, term in _texts(document, *binding, "vocabulary", "classes")}
    terms = classes | {term for _, term in _texts(document, *binding, "extra_labels")}
    for alias, term in aliases.items():
        path = (*binding, "aliases", str(alias))
        if not isinstance(term, str):
            continue
        if term == alias:
            yield Problem(path, "the alias itself", "the term that it stands for")
        elif term in aliases:
            hint = f"{format_place((*binding, 'aliases', term))} is one: name its term here"
            yield Problem(path, document.show(path), "a term that is no alias itself", hint)
        elif classes and term not in terms:
            near = None if path in document.sources else did_you_mean(term, terms)
            yield Problem(path, document.show(path), "a term of vocabulary.classes or extra_labels", near)


def _repeated_labels(document: Document, binding: Path) -> Iterator[Problem]:
    for parts in (("vocabulary", "classes"), ("extra_labels",)):
        seen: dict[str, Path] = {}
        for path, label in _texts(document, *binding, *parts):
            if label in seen:
                yield Problem(path, document.show(path), "each label once", _elsewhere(document, seen[label]))
            seen.setdefault(label, path)


def has_store(document: Document, binding: Path) -> bool:
    """Whether the binding's annotations are in a store that is no table."""
    return document.at((*binding, "store")) is not None


def _databases(document: Document, bindings: list[Path]) -> Iterator[Problem]:
    """Where annotations are in tables the lab's database is needed, and where they are not, one of syncd's own."""
    stores = [path for path in bindings if has_store(document, path)]
    if document.at(("database",)) is None and (len(stores) < len(bindings) or not bindings):
        is_there = "database" in _mapping(document)
        what = "a database URL, such as postgresql+psycopg2://user@host/name" if is_there else "a mapping with url"
        yield Problem(("database", "url") if is_there else ("database",), "nothing", what)
    if stores and document.at(("state", "url")) is None:
        expected = "a database for syncd's own tables, which cannot be kept in a store"
        yield Problem(("state", "url"), "nothing", expected, f"{format_place(stores[0])} has a store")


OWN = ("id", "box", "media", "updated_at", "updated_by")
"""Keys of ``columns`` for which a store has something of its own."""


def _store(document: Document, binding: Path) -> Iterator[Problem]:
    """What is not given where the annotations are in a store that is no table."""
    if not has_store(document, binding):
        return
    given, columns = _mapping(document, *binding), _mapping(document, *binding, "columns")
    for place in [(*binding, key) for key in ("table", "read") if key in given]:
        yield Problem(place, document.show(place), "no table beside a store", "leave one of the two out")
    for place in [(*binding, "columns", key) for key in OWN if key in columns]:
        yield Problem(place, document.show(place), "no such column beside a store", "it has its own: leave it out")
    place = (*binding, "vocabulary", "table")
    if "table" in _mapping(document, *binding, "vocabulary"):
        hint = "left out, the vocabulary is the store's own, if it has one"
        yield Problem(place, document.show(place), "classes or a file beside a store", hint)


def _latest(document: Document, binding: Path) -> Iterator[Problem]:
    if has_store(document, binding):
        return
    if _text(document, *binding, "policy", "on_conflict") != "latest" or not _mapping(document, *binding, "columns"):
        return
    if document.at((*binding, "columns", "updated_at")) is None:
        place = (*binding, "policy", "on_conflict")
        expected = "columns.updated_at as well, without which nobody knows which is the latest"
        yield Problem(place, document.show(place), expected)


def _crops(document: Document, binding: Path) -> Iterator[Problem]:
    """Crops are cut from boxes, and hold one label each."""
    ingest = _mapping(document, *binding, "ingest")
    if ingest.get("crops") is not True:
        return
    place = (*binding, "ingest", "crops")
    if document.at((*binding, "columns", "box")) is None and not has_store(document, binding):
        yield Problem(place, "true", "columns.box as well, from which the crops are cut")
    if ingest.get("label_type") not in (None, "Classification"):
        place = (*binding, "ingest", "label_type")
        yield Problem(place, document.show(place), "Classification, since a crop is its annotation")


def _predictions(document: Document, binding: Path) -> Iterator[Problem]:
    found = document.at((*binding, "predictions"))
    seen = {_text(document, *binding, "label_field"): (*binding, "label_field")}
    for index in range(len(found) if isinstance(found, (list, tuple)) else 0):
        place: Path = (*binding, "predictions", index, "field")
        name = _text(document, *place)
        if name is not None and name in seen:
            yield Problem(place, document.show(place), "a field of its own", _elsewhere(document, seen[name]))
        seen.setdefault(name, place)


def _marks(document: Document, binding: Path) -> Iterator[Problem]:
    """A tag of syncd's own must not speak for a reviewer."""
    spoken = {tag: path for key in ("approve", "error") for path, tag in _texts(document, *binding, "review", key)}
    for name in _mapping(document, *binding, "review", "marks"):
        place = (*binding, "review", "marks", str(name))
        tag = _text(document, *place)
        if tag in spoken:
            yield Problem(place, document.show(place), "a tag of its own", _elsewhere(document, spoken[tag]))


def _embedding_models(document: Document, binding: Path) -> Iterator[Problem]:
    """A model that a binding names is one of `embedding.models`; where it names none, there is one."""
    models = [str(name) for name in _mapping(document, "embedding", "models")]
    if not isinstance(document.at((*binding, "embedding")), Mapping):
        return
    place = (*binding, "embedding", "model")
    model = _text(document, *place)
    if model is None:
        if len(models) != 1 and document.at(place) is None:
            there = f"embedding.models has {', '.join(models)}" if models else "embedding.models has none yet"
            yield Problem(place, "nothing", "the name of a model", there)
    elif model not in models:
        near = None if place in document.sources else did_you_mean(model, models)
        yield Problem(place, document.show(place), "the name of a model in embedding.models", near)


_BETWEEN: tuple[Callable[[Document, list[Path]], Iterator[Problem]], ...] = (_names, _fields, _databases)
_WITHIN: tuple[Callable[[Document, Path], Iterator[Problem]], ...] = (
    _store,
    _columns,
    _lookups,
    _sample_fields,
    _append,
    _attributes,
    _verified,
    _tags,
    _aliases,
    _repeated_labels,
    _latest,
    _crops,
    _predictions,
    _marks,
    _embedding_models,
)
