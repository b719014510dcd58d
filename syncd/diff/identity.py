"""Identity: which label is which annotation, judged by annotation id, label id and sample id together.

The baseline knows the place of each annotation: a label of a sample. A label in its place under its own id is an
*original*. Every other label has *lost* its id in its place, is *renamed* in its place, is a *claimant* of an id
elsewhere, or is *nameless*. An id that cannot be attributed with certainty is held: its annotation is neither written
nor taken for deleted, and a conflict says why. An original is never held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from syncd.diff.findings import label_conflict
from syncd.diff.gone_samples import last_homes, new_homes
from syncd.diff.images import normal
from syncd.diff.overlap import replacements
from syncd.diff.tags import with_actors
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.kinds import Json
from syncd.model.mapping import ID_FIELD, Direction, Mapping
from syncd.model.plan import Action, Change, Conflict
from syncd.model.policy import Review
from syncd.model.reasons import Reason
from syncd.model.snapshot import column

A, L, S = pl.col("annotation_id"), pl.col("label_id"), pl.col("sample_id")
TWICE = "several labels of this sample share this label id, so that none of them can be addressed"


@dataclass(frozen=True)
class Identified:
    """FiftyOne's rows with certain ids.

    ``rows`` hold one row per annotation id; ``fresh`` the labels without an id that nothing explains; ``held`` the ids
    that are left alone because a conflict concerns the whole annotation. ``half_moved`` are annotations whose label
    also stands on the sample of the row's image: a run died while it moved the label there.
    """

    rows: pl.DataFrame
    fresh: pl.DataFrame
    conflicts: tuple[Conflict, ...]
    restored: tuple[Change, ...]
    held: frozenset[str]
    half_moved: frozenset[str] = frozenset()


class _Doubts:
    """Labels in doubt: each becomes a conflict about its ``subject``; ids that are not certain are held."""

    def __init__(self) -> None:
        self.frames: list[pl.DataFrame] = []
        self.held: set[str] = set()

    def add(self, kind: ConflictKind, rows: pl.DataFrame, subject: str, *, copies: bool = False) -> None:
        """Adds labels as conflicts of this kind; with ``copies`` there may be several about one subject."""
        if rows.is_empty():
            return
        self.frames.append(
            rows.with_columns(
                pl.lit(kind.value).alias("kind"), pl.col(subject).alias("subject"), pl.lit(copies).alias("is_copy")
            )
        )

    def hold(self, ids: pl.Series) -> None:
        """Leaves these annotations alone."""
        self.held.update(ids.drop_nulls())


def identify(
    mapping: Mapping,
    review: Review,
    rows: pl.DataFrame,
    baseline: pl.DataFrame,
    database: pl.DataFrame,
    open_conflicts: pl.DataFrame,
    *,
    adopt: bool,
) -> Identified:
    """Decides the identity of every label that was read. Invariant: no row is dropped without a conflict.

    ``database`` says on which image each annotation belongs; ids are unique in it. ``open_conflicts`` say where a label
    was seen last if that is not its known place. Labels outside of their known place get their actor as ``review``
    finds it.
    """
    originals, others = _apart(rows, baseline)
    if others.is_empty():
        return Identified(originals.select(rows.columns), rows.clear(), (), (), frozenset())
    others = with_actors(others, review)
    doubts = _Doubts()
    lost = _in_known_places(others, doubts).select(originals.columns)
    others = others.join(_images(mapping, database), on="annotation_id", how="left")
    others, half_moved = _without_halves(mapping, originals, others)
    claimants, fresh = _elsewhere(mapping, originals, others, baseline, doubts, adopt=adopt)

    settled = pl.concat([originals, lost.with_columns(pl.col("owner").alias("annotation_id")), claimants])
    nameless = pl.concat([fresh, others.filter(L.is_null() & A.is_null()).select(fresh.columns)])
    vanished = baseline.join(settled.select("annotation_id"), on="annotation_id", how="anti")
    vanished = vanished.filter(~A.is_in(list(doubts.held)))
    homes = [vanished, new_homes(vanished, nameless, database), last_homes(vanished, open_conflicts)]
    replaced = replacements(mapping, nameless, pl.concat(homes))
    doubts.held.update(str(conflict.annotation_id) for conflict in replaced.values())
    left = nameless.with_row_index("nth").filter(~pl.col("nth").is_in(list(replaced))).drop("nth")
    doubts.add(ConflictKind.UNADDRESSABLE, left.filter(L.is_null()), "annotation_id")

    return Identified(
        rows=settled.select(rows.columns),
        fresh=left.filter(L.is_not_null()).select(rows.columns),
        conflicts=(*_conflicts(mapping, doubts, baseline), *replaced.values()),
        restored=tuple(_restore(row) for row in lost.iter_rows(named=True)),
        held=frozenset(doubts.held),
        half_moved=half_moved,
    )


def _apart(rows: pl.DataFrame, baseline: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Separates originals from all other labels; adds to these what must be known to judge them.

    ``known_label`` and ``known_sample`` are the place of the id that a label has; ``owner`` the id whose place it is
    in; ``crowd`` how many of the others have its id; ``present`` whether that id's original is there; ``kept`` whether
    the place of that id is taken by a label that does not have it (alone).
    """
    known = baseline.select("annotation_id", L.alias("known_label"), S.alias("known_sample"))
    rows = rows.join(known, on="annotation_id", how="left")
    again = rows.filter(rows["label_id"].is_duplicated() & rows["label_id"].is_not_null())
    again = again.select("sample_id", "label_id").filter(pl.struct("sample_id", "label_id").is_duplicated())
    rows = rows.with_columns(pl.lit(value=False).alias("twice"), pl.lit(None, pl.String).alias("owner"))
    if again.height:
        places = again.unique().with_columns(pl.lit(value=True).alias("again"))
        rows = rows.join(places, on=["sample_id", "label_id"], how="left")
        rows = rows.with_columns(pl.col("again").fill_null(value=False).alias("twice")).drop("again")

    at_home = (L.eq(pl.col("known_label")) & S.eq(pl.col("known_sample"))).fill_null(value=False)
    originals = rows.filter(at_home & ~pl.col("twice"))
    others = rows.filter(~at_home | pl.col("twice")).drop("owner")
    if others.is_empty():
        return originals, others
    places = known.select("known_label", "known_sample", A.alias("owner")).sort("owner")
    places = places.unique(["known_label", "known_sample"], keep="first", maintain_order=True)
    others = others.join(
        places, left_on=["label_id", "sample_id"], right_on=["known_label", "known_sample"], how="left"
    )
    others = others.select(rows.columns)
    true = pl.lit(value=True)
    for fact in (
        others.filter(A.is_not_null()).group_by("annotation_id").len("crowd"),
        originals.select("annotation_id", true.alias("present")),
        others.select(pl.col("owner").alias("annotation_id"), true.alias("kept")).drop_nulls().unique(),
    ):
        others = others.join(fact, on="annotation_id", how="left")
    return originals, others.with_columns(pl.col("present", "kept").fill_null(value=False))


def _in_known_places(others: pl.DataFrame, doubts: _Doubts) -> pl.DataFrame:
    """Judges labels in a known place and those that cannot be addressed; returns those that lost their id."""
    own, twice, absent = pl.col("owner"), pl.col("twice"), ~pl.col("present")
    nowhere = others.filter(L.is_null() & A.is_not_null())
    doubts.add(ConflictKind.UNADDRESSABLE, nowhere, "annotation_id", copies=True)
    doubts.hold(nowhere.filter(absent)["annotation_id"])

    doubled = others.filter(twice).with_columns(pl.coalesce("owner", "annotation_id").alias("about"))
    doubts.add(ConflictKind.DUPLICATE_ID, doubled, "about", copies=True)
    doubts.hold(doubled["owner"])
    doubts.hold(doubled.filter(absent)["annotation_id"])

    at_home = others.filter(own.is_not_null() & ~twice)
    # Either id may be the right one. Where another label bears the lost id, restoring it would make a duplicate.
    lost = at_home.filter(A.is_null()).join(others, left_on="owner", right_on="annotation_id", how="anti")
    displaced = at_home.join(lost, on="owner", how="anti")
    doubts.add(ConflictKind.MOVED, displaced, "owner")
    doubts.hold(displaced["owner"])
    doubts.hold(displaced.filter(absent)["annotation_id"])
    return lost


def _images(mapping: Mapping, database: pl.DataFrame) -> pl.DataFrame:
    """The image that the row of each annotation names."""
    return database.select("annotation_id", pl.col(mapping.image).alias("row_image"))


def _without_halves(
    mapping: Mapping, originals: pl.DataFrame, others: pl.DataFrame
) -> tuple[pl.DataFrame, frozenset[str]]:
    """The other labels without the copies of a run that died while it moved a label; and the annotations of these.

    A moved label keeps its own id, and leaves its old place last. So where a label stands alike in both places, on the
    row's image and on another, the one in the old place is still to be removed.
    """
    alike = [*(column(name) for name in mapping.names), "problems"]
    there = originals.select("annotation_id", L.alias("old_label"), *(pl.col(n).alias(f"old.{n}") for n in alike),
                             pl.col(mapping.image).alias("old_image"))  # fmt: skip
    copies = others.filter(pl.col("present") & ~pl.col("twice")).join(there, on="annotation_id", how="inner")
    row = normal(pl.col("row_image"))
    halves = copies.filter(
        L.eq(pl.col("old_label")),
        normal(pl.col(mapping.image)).eq(row),
        normal(pl.col("old_image")).ne(row),
        *(pl.col(name).eq_missing(pl.col(f"old.{name}")) for name in alike),
    )
    if halves.is_empty():
        return others, frozenset()
    return others.join(halves, on=["sample_id", "label_id"], how="anti"), frozenset(halves["annotation_id"])


def _elsewhere(
    mapping: Mapping,
    originals: pl.DataFrame,
    others: pl.DataFrame,
    baseline: pl.DataFrame,
    doubts: _Doubts,
    *,
    adopt: bool,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Judges labels in places that the baseline does not know; returns certain claimants, and fresh labels.

    A label whose image can be compared with its row's is certain, wherever it stands: the images decide about it.
    """
    rows = others.filter(L.is_not_null() & ~pl.col("twice") & pl.col("owner").is_null())
    rows = _carried(rows, originals, others, baseline, doubts)
    claimants = rows.filter(A.is_not_null())
    copies = claimants.filter(pl.col("present"))
    doubts.add(ConflictKind.DUPLICATE_ID, copies, "annotation_id", copies=True)
    claimants = claimants.filter(~pl.col("present"))

    rivals = pl.col("crowd") > 1
    elsewhere = S.ne(pl.col("known_sample")).fill_null(value=False) & pl.lit(value=not adopt)
    elsewhere = elsewhere & (pl.col(mapping.image).is_null() | pl.col("row_image").is_null())
    for kind, doubtful, several in (
        (ConflictKind.DUPLICATE_ID, rivals, True),
        (ConflictKind.MOVED, pl.col("kept"), True),
        (ConflictKind.MOVED, elsewhere, False),
    ):
        refused = claimants.filter(doubtful)
        doubts.add(kind, refused, "annotation_id", copies=several)
        doubts.hold(refused["annotation_id"])
        claimants = claimants.filter(~doubtful)
    plain = originals.columns
    return claimants.select(plain), rows.filter(A.is_null()).select(plain)


def _carried(
    rows: pl.DataFrame, originals: pl.DataFrame, others: pl.DataFrame, baseline: pl.DataFrame, doubts: _Doubts
) -> pl.DataFrame:
    """Judges labels that the baseline knows by their label id on another sample; returns all other rows.

    If the annotation known there is seen nowhere else, this label may be it. Otherwise the label id says nothing:
    one label object assigned to several samples gives them all the same id.
    """
    homes = baseline.select("label_id", A.alias("about"))
    found = rows.join(homes, on="label_id", how="inner").filter(A.ne_missing(pl.col("about")))
    if found.is_empty():
        return rows
    seen = pl.concat([originals["annotation_id"], others["annotation_id"], others["owner"]]).to_frame("about")
    unseen = found.join(seen, on="about", how="anti")
    doubts.add(ConflictKind.MOVED, unseen, "about", copies=True)
    doubts.hold(unseen["about"])
    doubts.hold(unseen.filter(~pl.col("present"))["annotation_id"])
    return rows.join(unseen, on=["sample_id", "label_id"], how="anti")


def _restore(row: dict[str, Any]) -> Change:
    return Change(
        annotation_id=row["owner"],
        label_id=row["label_id"],
        sample_id=row["sample_id"],
        direction=Direction.TO_FIFTYONE,
        action=Action.UPDATE,
        field=ID_FIELD,
        old=None,
        new=row["owner"],
        reason=Reason.ID_RESTORED,
    )


def _conflicts(mapping: Mapping, doubts: _Doubts, baseline: pl.DataFrame) -> list[Conflict]:
    """The labels in doubt as conflicts; the base is the place in which the baseline knows the annotation."""
    homes = baseline.select(A.alias("subject"), L.alias("base_label"), S.alias("base_sample"))
    found = []
    for frame in doubts.frames:
        for row in frame.join(homes, on="subject", how="left").iter_rows(named=True):
            known = row["base_label"] is not None
            base: Json = None
            if known:
                base = {
                    "annotation_id": row["subject"],
                    "label_id": row["base_label"],
                    "sample_id": row["base_sample"],
                }
            suggestions = (TWICE,) if row["twice"] else ()
            conflict = label_conflict(mapping, row, ConflictKind(row["kind"]), suggestions, row["subject"])
            found.append(replace(conflict, base=base, is_copy=row["is_copy"]))
    return found


def without_orphans(
    rows: pl.DataFrame, baseline: pl.DataFrame, minted: frozenset[tuple[str, str]]
) -> tuple[pl.DataFrame, list[Change]]:
    """FiftyOne's rows with the ids taken off labels for which they were only meant, and the changes that do so.

    An id belongs to a label only once its own row is there. Earlier versions put it on the label before the row was
    committed, so that a refused row left its number on the label; it is taken back, whatever row has it by now.
    """
    if not minted:
        return rows, []
    names = ["annotation_id", "label_id"]
    meant = pl.DataFrame(sorted(minted), schema=dict.fromkeys(names, pl.String()), orient="row")
    orphans = rows.join(meant, on=names, how="semi").join(baseline, on="annotation_id", how="anti")
    if orphans.is_empty():
        return rows, []
    place = ["sample_id", *names]
    marked = orphans.select(place).unique().with_columns(pl.lit(value=True).alias("orphan"))
    kept = pl.when(pl.col("orphan").is_null()).then(pl.col("annotation_id"))
    cleared = rows.join(marked, on=place, how="left", maintain_order="left").with_columns(kept.alias("annotation_id"))
    return cleared.drop("orphan"), [
        Change(
            annotation_id=annotation_id,
            label_id=label_id,
            sample_id=sample_id,
            direction=Direction.TO_FIFTYONE,
            action=Action.UPDATE,
            field=ID_FIELD,
            old=annotation_id,
            new=None,
            reason=Reason.ID_TAKEN_BACK,
        )
        for sample_id, annotation_id, label_id in orphans.select(place).iter_rows()
    ]
