"""How labels moved: from which to which, which classes gained and lost, which annotations went back and forth. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from syncd.model import LABEL, Action, Direction
from syncd.model.reasons import PUT_BACK, Reason
from syncd.model.result import Status
from syncd.model.vocabulary import Term

KEY = ["binding", "annotation_id"]


@dataclass(frozen=True)
class Transition:
    """How many labels were changed from one to another; ``None``: there was, or is now, no label."""

    old: str | None
    new: str | None
    count: int


@dataclass(frozen=True)
class Net:
    """What one class gained and lost; annotations that came or went count as well."""

    label: str
    gained: int
    lost: int


@dataclass(frozen=True)
class Wavering:
    """An annotation that was given a label which it had had before: its labels in the order in which it had them."""

    binding: str
    annotation_id: str
    labels: tuple[str | None, ...]


def transitions(changes: pl.DataFrame) -> tuple[Transition, ...]:
    """Labels that applied changes moved, counted by what they were and became; the most frequent first.

    A label that one run wrote to both sides counts once: an undo, or a class tag, is no two corrections.
    """
    moved = _moved(changes).filter(pl.col("field") == LABEL)
    counted = moved.group_by("old_label", "new_label").agg(count=pl.len())
    ordered = counted.sort("count", "old_label", "new_label", descending=[True, False, False])
    return tuple(Transition(old, new, int(count)) for old, new, count in ordered.iter_rows())


def net(changes: pl.DataFrame) -> tuple[Net, ...]:
    """What each class gained and lost by applied changes, the most changed first; as transitions, once per run.

    Nothing is gained where FiftyOne alone was given back what the database had all along.
    """
    again = (pl.col("action") == Action.INSERT.value) & pl.col("reason").is_in(PUT_BACK)
    again = (pl.col("direction") == Direction.TO_FIFTYONE.value) & (again | (pl.col("reason") == Reason.STALE_REVERT))
    moved = _moved(changes).filter(pl.col("old_label").ne_missing(pl.col("new_label")), ~again.fill_null(False))
    gained = moved.select(label="new_label", gained=pl.lit(1), lost=pl.lit(0))
    lost = moved.select(label="old_label", gained=pl.lit(0), lost=pl.lit(1))
    summed = pl.concat([gained, lost]).drop_nulls("label").group_by("label").agg(pl.col("gained", "lost").sum())
    ordered = summed.sort(pl.col("gained") + pl.col("lost"), "label", descending=[True, False])
    return tuple(Net(*row) for row in ordered.select("label", "gained", "lost").iter_rows())


def wavering(changes: pl.DataFrame) -> tuple[Wavering, ...]:
    """Annotations whose label went away from a value and came back to it; the longest histories first.

    What somebody has taken back is no part of that: an undo is not a second opinion.
    """
    moved = _moved(changes).filter(pl.col("field") == LABEL, pl.col("annotation_id").is_not_null()).sort("seq")
    moved = _without_undone(moved, changes)
    held = moved.select(*KEY, label=pl.concat_list("old_label", "new_label")).explode("label")
    # What a change found is mostly what the one before had left.
    first = pl.int_range(pl.len()).over(KEY) == 0
    held = held.filter(first | pl.col("label").ne_missing(pl.col("label").shift(1).over(KEY)))
    histories = held.group_by(KEY).agg(labels="label")
    back = histories.filter(pl.col("labels").list.n_unique() < pl.col("labels").list.len())
    ordered = back.sort(pl.col("labels").list.len(), "binding", "annotation_id", descending=[True, False, False])
    return tuple(Wavering(binding, key, tuple(labels)) for binding, key, labels in ordered.iter_rows())


def _without_undone(moved: pl.DataFrame, changes: pl.DataFrame) -> pl.DataFrame:
    """The labels given without those that were taken back, and without their taking back.

    An undo takes back all since the label was last what it is again; where that was before the changes that are looked
    at, it is as if the history began with the undo. An undo of an undo gives the label again.
    """
    undos = set(changes.filter(pl.col("undo_of").is_not_null())["seq"])
    if not undos:
        return moved
    touched = moved.filter(pl.col("seq").is_in(list(undos))).select(KEY).unique()
    gone: list[int] = []
    for _, rows in moved.join(touched, on=KEY, how="semi").sort("seq").group_by(KEY, maintain_order=True):
        kept: list[dict[str, Any]] = []
        for row in rows.iter_rows(named=True):
            kept.append(row)
            if row["undo_of"] is None or row["undo_of"] in undos:
                continue
            were = [at for at, each in enumerate(kept[:-1]) if each["old_label"] == row["new_label"]]
            first = were[-1] if were else 0
            gone += [each["seq"] for each in kept[first:]]
            del kept[first:]
    return moved.filter(~pl.col("seq").is_in(gone))


def _moved(changes: pl.DataFrame) -> pl.DataFrame:
    """Applied changes that hold a label; where one run gave both sides the same one, that of the database alone."""
    holds = pl.col("old_label").is_not_null() | pl.col("new_label").is_not_null()
    moved = changes.filter(pl.col("status") == Status.APPLIED, holds)
    # An annotation whose id is not known is nobody's twin.
    whose = pl.coalesce("annotation_id", pl.concat_str(pl.lit("\0"), "seq"))
    same = ["run_id", "binding", "whose", "field", "new_label"]
    return (
        moved.sort("seq")
        .with_columns(whose=whose, home=pl.col("direction").eq_missing(pl.lit(Direction.TO_DATABASE.value)))
        .with_columns(turn=pl.int_range(pl.len()).over(*same, "direction"))
        .sort("home", "seq", descending=[True, False])
        .unique([*same, "turn"], keep="first", maintain_order=True)
        .sort("seq")
        .drop("whose", "home", "turn")
    )


def by_taxonomy(terms: Sequence[Term]) -> tuple[str, ...]:
    """The terms' names, each parent before its children, siblings as they came. A tree that bites its tail ends."""
    children: dict[str | None, list[str]] = {}
    names = {each.name for each in terms}
    for each in terms:
        children.setdefault(each.parent if each.parent in names else None, []).append(each.name)
    found: dict[str, None] = {}
    waiting = [*reversed(children.get(None, []))]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = None
            waiting += reversed(children.get(name, []))
    return tuple(found | dict.fromkeys(each.name for each in terms))


def ordered(classes: Iterable[Net], taxonomy: Sequence[str]) -> tuple[str, ...]:
    """The labels of ``classes``: those of the taxonomy in its order, then the others in theirs."""
    names = [each.label for each in classes]
    places = {name: place for place, name in enumerate(dict.fromkeys(taxonomy))}
    return tuple(sorted(names, key=lambda name: places.get(name, len(places))))
