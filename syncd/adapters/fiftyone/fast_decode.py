"""Samples whose labels are as FiftyOne writes them, read as they are stored and flattened here.

Nearly all are. Laying lists flat on the server (:mod:`syncd.adapters.fiftyone.pipeline`) takes it ten times as long as
sending them; it is left for the samples that hold anything of an unexpected type, which are named here and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa
from bson import ObjectId
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from syncd.adapters.fiftyone.compat import STAMP
from syncd.adapters.fiftyone.document_hashes import ID_AT, ID_BYTES, documents
from syncd.adapters.fiftyone.invalid_text import holds_only_text, split_by_text
from syncd.adapters.fiftyone.mapping import LabelMapping, key
from syncd.adapters.fiftyone.pipeline import ALLOWED, ARROW, NOTHING, raw_column
from syncd.model import Kind

EDITED_AT, TAGS, USER = STAMP, "tags", "last_modified_by"
"""What is read of the sample itself, besides its id and its media."""

STRANGE = "_syncd_strange"
"""Whether the sample holds anything that is not as expected; the server says so, at the end of the document."""

ID_STORED: dict[Kind, tuple[list[str], pa.DataType]] = {Kind.INTEGER: (["int", "long"], pa.int64())}
"""The types in which an id is plain, and how it is read; of other kinds than these it is a text."""


@dataclass(frozen=True)
class Plain:
    """``rows``: one per label, with the columns of the pipeline. ``others``: the samples that are not plain.

    ``read`` is the number of samples, and ``last`` the one that was read last.
    """

    rows: pl.DataFrame
    others: list[ObjectId]
    read: int
    last: ObjectId | None


def can_be_plain(labels: LabelMapping) -> bool:
    """Whether each value has a key of its own; else only the pipeline reads one value in two ways."""
    names = [labels.id_attribute, *map(key, labels.kinds), *filter(None, [labels.actor_attribute])]
    paths = [labels.path, labels.media_path, *filter(None, [labels.frame_key])]
    roots = [path.split(".")[0] for path in paths]
    return (
        len(set(names)) == len(names)
        and not any("." in name or name in ("_id", "tags") for name in names)
        and len({*roots, EDITED_AT, TAGS, USER}) == len(roots) + 3
    )


def read_plain(
    samples: Collection[dict[str, Any]],
    labels: LabelMapping,
    match: dict[str, Any],
    session: ClientSession | None,
    **options: Any,
) -> Plain:
    """The labels of the samples that match, and the samples whose labels must be read otherwise.

    ``options`` are those of ``find``: how the samples are sorted, and how many are read.
    """
    return plain(fetch(samples, labels, match, session, checked=True, **options), labels)


def fetch(
    samples: Collection[dict[str, Any]],
    labels: LabelMapping,
    match: dict[str, Any],
    session: ClientSession | None,
    *,
    checked: bool,
    **options: Any,
) -> list[bytes]:
    """What is mapped of the samples that match and hold labels, as the server sends it; see :func:`projection`."""
    if not labels.is_list:
        match = {"$and": [match, {labels.path: {"$nin": [None]}}]}
    wanted = projection(labels, checked=checked)
    return list(samples.find_raw_batches(match, wanted, session=session, **options))


def plain(batches: Sequence[bytes], labels: LabelMapping) -> Plain:
    """The labels of documents that were fetched. Where the server was not asked, none is taken for strange.

    Text that is not UTF-8 is strange whoever was asked: the server does not look.
    """
    table = _decoded(batches, labels)
    unreadable: list[ObjectId] = []
    if not holds_only_text(table):
        sound, others = split_by_text(documents(batches)["document"])
        table = _decoded([b"".join(sound)], labels)
        unreadable = [ObjectId(each[ID_AT : ID_AT + ID_BYTES]) for each in others]
    frame = pl.DataFrame(pl.from_arrow(table))
    ids = frame.select(pl.col("_id").ext.storage()).to_series()
    strange = frame[STRANGE].fill_null(value=False)
    last = [ObjectId(ids[-1])] if frame.height else []
    return Plain(
        rows=_flat(frame.filter(~strange), labels),
        others=[*(ObjectId(each) for each in ids.filter(strange)), *unreadable],
        read=frame.height + len(unreadable),
        # Where samples are read in order, they are so by their ids.
        last=max([*last, *unreadable], default=None),
    )


def _decoded(batches: Iterable[bytes], labels: LabelMapping) -> pa.Table:
    from pymongoarrow.context import PyMongoArrowContext
    from pymongoarrow.schema import Schema

    context = PyMongoArrowContext(Schema(columns(labels)), allow_invalid=True)
    for batch in batches:
        context.process_bson_stream(batch)
    return context.finish()


def _label_columns(labels: LabelMapping) -> dict[str, tuple[str, pa.DataType]]:
    """{key in the label's document: (column, type)}."""
    from pymongoarrow.types import ObjectIdType

    columns = {
        "_id": ("label_id", ObjectIdType()),
        "tags": ("tags", pa.list_(pa.string())),
        labels.id_attribute: ("annotation_id", ID_STORED.get(labels.id_kind, ([], pa.string()))[1]),
    }
    if labels.actor_attribute is not None:
        columns[labels.actor_attribute] = ("actor", pa.string())
    return columns | {key(name): (raw_column(name), ARROW[kind]) for name, kind in labels.kinds.items()}


def columns(labels: LabelMapping) -> dict[str, Any]:
    """The Arrow types of the documents."""
    label = pa.struct([(name, type_) for name, (_, type_) in _label_columns(labels).items()])
    of_sample: dict[str, Any] = {
        "_id": ObjectId,
        EDITED_AT: pa.timestamp("ms"),
        TAGS: pa.list_(pa.string()),
        USER: pa.string(),
        STRANGE: pa.bool_(),
    }
    of_sample |= _nested(labels.path, pa.list_(label) if labels.is_list else label)
    for path in _image_paths(labels):
        of_sample |= _nested(path, pa.string())
    return of_sample


def _image_paths(labels: LabelMapping) -> list[str]:
    """The paths of the sample's own texts: what ties it to its row, and a crop's frame. Its id is read anyway."""
    return [path for path in (labels.media_path, labels.frame_key) if path not in (None, "_id")]


def _nested(path: str, type_: pa.DataType) -> dict[str, pa.DataType]:
    root, *rest = path.split(".")
    for part in reversed(rest):
        type_ = pa.struct([(part, type_)])
    return {root: type_}


def projection(labels: LabelMapping, *, checked: bool = True) -> dict[str, Any]:
    """Of each sample what is mapped; ``checked`` asks the server, too, whether any of it is not as expected."""
    names = ["_id", *_image_paths(labels), EDITED_AT, TAGS, USER]
    names += [f"{labels.path}.{name}" for name in _label_columns(labels)]
    wanted: dict[str, Any] = dict.fromkeys(names, 1)
    return wanted | {STRANGE: _strange(labels)} if checked else wanted


def _strange(labels: LabelMapping) -> dict[str, Any]:
    """Whether the sample holds a value of a type that no column takes, or its labels are no list where they should."""
    held = f"${labels.path}"
    known = {labels.id_attribute: ID_STORED.get(labels.id_kind, (["string"], None))[0]}
    known |= {key(name): ALLOWED[kind] for name, kind in labels.kinds.items()}

    # A projection takes out of a list what is no document, and so moves what follows.
    def wrong(label: str) -> dict[str, Any]:
        values = [{"$not": [_is(f"{label}.{name}", types)]} for name, types in known.items()]
        return {"$or": [{"$ne": [{"$type": label}, "object"]}, *values]}

    if labels.is_list:
        each = {"$anyElementTrue": [{"$map": {"input": held, "as": "label", "in": wrong("$$label")}}]}
        unsound = {"$cond": [{"$isArray": held}, each, {"$not": [_is(held, [])]}]}
    else:
        unsound = wrong(held)
    types = {path: ["string"] for path in _image_paths(labels)}
    if labels.media_path == "_id":
        types["_id"] = ["objectId"]
    return {"$or": [unsound, *({"$not": [_is(f"${path}", known)]} for path, known in types.items())]}


def _is(path: str, types: list[str]) -> dict[str, Any]:
    return {"$in": [{"$type": path}, types + NOTHING]}


def _flat(frame: pl.DataFrame, labels: LabelMapping) -> pl.DataFrame:
    """One row per label, with the columns that the pipeline yields."""
    sample_id = pl.col("_id").ext.storage().bin.encode("hex")
    frame = frame.select(
        sample_id.alias("sample_id"),
        (sample_id if labels.media_path == "_id" else _at(labels.media_path)).alias("media"),
        (pl.lit(None, pl.String) if labels.frame_key is None else _at(labels.frame_key)).alias("frame"),
        pl.col(EDITED_AT).alias("edited_at"),
        pl.col(TAGS).alias("sample_tags"),
        pl.col(USER).alias("user"),
        _at(labels.path).alias("label"),
    )
    if labels.is_list:
        frame = frame.filter(pl.col("label").list.len() > 0)
        frame = frame.with_columns(pl.int_ranges(0, pl.col("label").list.len(), dtype=pl.Int64).alias("position"))
        frame = frame.explode("label", "position")
    else:
        frame = frame.with_columns(pl.lit(0, pl.Int64).alias("position"))
    value = pl.col("label").struct
    columns = {alias: value.field(name) for name, (alias, _) in _label_columns(labels).items()}
    columns["label_id"] = columns["label_id"].ext.storage().bin.encode("hex")
    columns["annotation_id"] = columns["annotation_id"].cast(pl.String)
    odd = pl.lit(None, pl.List(pl.String)).alias("odd")
    return frame.select(pl.exclude("label"), odd, *(expr.alias(alias) for alias, expr in columns.items()))


def _at(path: str) -> pl.Expr:
    root, *rest = path.split(".")
    value = pl.col(root)
    for part in rest:
        value = value.struct.field(part)
    return value
