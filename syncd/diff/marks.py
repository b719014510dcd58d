"""Marks: tags that syncd sets, so that a reviewer can filter in the App for what needs a person.

A mark is no annotation value: it is nobody's edit, is not logged, and goes when its reason goes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from syncd.diff.tags import MARK, PLACE, Place
from syncd.diff.vocabulary import UNKNOWN
from syncd.model.fields import Direction
from syncd.model.plan import Change, Conflict, TagEdit
from syncd.model.policy import Marks

MOST_HELD = 10_000
"""Labels marked as held by a brake: enough to filter for, and no flood for a lasso over everything."""


def conflict_marks(
    marks: Marks, rows: pl.DataFrame, tags: pl.DataFrame, conflicts: Sequence[Conflict], unjudged: Iterable[str]
) -> list[TagEdit]:
    """What to add and remove so that the labels read bear the marks of their conflicts, and no others.

    ``tags`` are those that mean something (:func:`syncd.diff.tags.said`); ``unjudged`` annotations have conflicts
    that were not looked for, and keep their marks.
    """
    wanted: set[tuple[str | None, str | None, str]] = set()
    for each in conflicts:
        mark = marks.unknown_label if each.kind == UNKNOWN else marks.conflict
        if mark is not None and each.label_id is not None:
            wanted.add((each.sample_id, each.label_id, mark))
    return _differences(
        rows, tags.filter(~pl.col("annotation_id").is_in(list(unjudged)).fill_null(value=False)), wanted
    )


def held_marks(marks: Marks, rows: pl.DataFrame, tags: pl.DataFrame, changes: Sequence[Change]) -> list[TagEdit]:
    """Marks the labels whose edits a held plan keeps from the database; takes no mark away."""
    if marks.held is None:
        return []
    edits = [each for each in changes if each.direction is Direction.TO_DATABASE and each.label_id is not None]
    wanted: set[tuple[str | None, str | None, str]] = {
        (each.sample_id, each.label_id, marks.held) for each in edits[:MOST_HELD]
    }
    return [replace(each, remove=()) for each in _differences(rows, tags, wanted) if each.add]


def _differences(
    rows: pl.DataFrame, tags: pl.DataFrame, wanted: set[tuple[str | None, str | None, str]]
) -> list[TagEdit]:
    schema: dict[str, pl.DataType] = {name: pl.String() for name in (*PLACE, "tag")}
    want = pl.DataFrame(sorted(wanted, key=str), schema=schema, orient="row")
    want = want.join(rows.select(PLACE), on=PLACE, how="semi")
    have = tags.filter((pl.col("role") == MARK) & ~pl.col("on_sample")).select(list(schema))
    add: defaultdict[Place, list[str]] = defaultdict(list)
    remove: defaultdict[Place, list[str]] = defaultdict(list)
    for sample_id, label_id, tag in want.join(have, on=list(schema), how="anti").iter_rows():
        add[sample_id, label_id].append(tag)
    for sample_id, label_id, tag in have.join(want, on=list(schema), how="anti").iter_rows():
        remove[sample_id, label_id].append(tag)
    return [
        TagEdit(str(place[0]), place[1], tuple(sorted(add[place])), tuple(sorted(remove[place])))
        for place in sorted(add.keys() | remove.keys(), key=str)
    ]
