"""A binding whose manifests are judged without a database."""

from __future__ import annotations

from syncd.adapters.sql.mapping import ColumnInfo
from syncd.ingest.inbox.faults import together
from syncd.ingest.inbox.judge import judge
from syncd.ingest.inbox.manifest import Manifest
from syncd.ingest.inbox.values import BOX_COLUMNS, ID, IMAGE, Expected, Values, box_part, column_faults, values_of
from syncd.model import BOX, LABEL, Direction, Field, Holds, Kind, LabelType, Mapping
from syncd.model.vocabulary import Term, Vocabulary

VOCABULARY = Vocabulary(tuple(Term(each) for each in ("Copepoda", "Diatom", "Möwe")), (), {"Kopepode": "Copepoda"})
ATTRIBUTES = {
    "depth": Holds(Kind.DECIMAL, precision=8, scale=2),
    "count": Holds(Kind.INTEGER, minimum=-(2**15), maximum=2**15 - 1),
    "score": Holds(Kind.FLOAT),
    "verified": Holds(Kind.BOOLEAN),
    "day": Holds(Kind.DATE),
    "seen": Holds(Kind.TIMESTAMP),
    "note": Holds(Kind.TEXT, max_length=10),
}
COLUMNS = {"depth": "depth_m"}
"""Columns that are not called like their attribute."""


def expected(*, box: bool = True, single: bool = False, id_kind: Kind = Kind.TEXT) -> Expected:
    """What manifests may hold: a label, a box, and an attribute of each kind."""
    fields = [Field(LABEL, Kind.TEXT, Direction.BOTH, Holds(Kind.TEXT), Holds(Kind.TEXT))]
    if box:
        fields.append(Field(BOX, Kind.BOX, Direction.TO_FIFTYONE, Holds(Kind.BOX), Holds(Kind.BOX)))
    for name, holds in ATTRIBUTES.items():
        stored = Holds(Kind.FLOAT) if holds.kind is Kind.DECIMAL else Holds(holds.kind)
        fields.append(Field(name, holds.kind, Direction.TO_FIFTYONE, stored, holds))
    mapping = Mapping("lab", tuple(fields), LabelType.CLASSIFICATION if single else LabelType.DETECTIONS)
    names = {each: each for each in (IMAGE, LABEL, ID, *ATTRIBUTES)} | {"media_uri": IMAGE, "annotation_id": ID}
    names |= {column: name for name, column in COLUMNS.items()}
    if box:
        names |= {name: box_part(at) for at, name in enumerate(BOX_COLUMNS)}
    id_column = ColumnInfo("annotation_id", id_kind, id_kind.value, id_kind.value, Holds(id_kind))
    return Expected(mapping, names, id_column, frozenset(), single)


def values(manifest: Manifest, what: Expected | None = None) -> Values:
    """The values of a manifest."""
    return values_of(what or expected(), manifest)


def found(manifest: Manifest, what: Expected | None = None, *, refuse_unknown: bool = False) -> list[dict[str, object]]:
    """Every fault of a manifest that shows without its images and the table."""
    wanted = what or expected()
    read = values_of(wanted, manifest)
    faults = [manifest.faults, *column_faults(wanted, manifest.columns), read.faults]
    if LABEL in read.given:
        faults.append(judge(wanted, read, VOCABULARY, refuse_unknown=refuse_unknown))
    return together(faults).to_dicts()


def places(faults: list[dict[str, object]]) -> list[tuple[object, object]]:
    """(row, column) of each fault."""
    return [(each["row"], each["column"]) for each in faults]
