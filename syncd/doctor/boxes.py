"""Checks that boxes in the database are what FiftyOne expects: x, y, width, height, relative to their image."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from syncd.diff.box_units import BEYOND, MEANT, MOST_OF_THEM
from syncd.doctor.finding import Check, Verdict, fault, ok, skipped, warning
from syncd.doctor.rows import LOOKED_AT, column_in_sql, source_in_sql
from syncd.doctor.subject import Subject
from syncd.model import Kind

ROUNDING = 0.01
"""How far a box may stand out of its image before it counts as one that reaches out of it."""

PARTS = ("x", "y", "w", "h")


def checks(subject: Subject) -> Iterator[Check]:
    """Of a binding that maps boxes."""
    if subject.binding.columns.box is not None:
        yield Check("Boxes are relative to their image", lambda: _relative(subject))


def _relative(subject: Subject) -> Verdict:
    """Of a large table a part is looked at, chosen by chance."""
    number, read, names = subject.rows.get(), subject.read.get(), _names(subject)
    found = [read.columns.get(each) for each in names]
    if any(each is None or each.kind not in (Kind.FLOAT, Kind.DECIMAL, Kind.INTEGER) for each in found):
        return skipped("its columns are not all there, or hold no numbers")
    boxes, beyond, out, example = _counted(subject, number)
    if not boxes:
        return ok("there are none")
    box = subject.binding.columns.box
    shown = f"such as {', '.join(f'{float(each):g}' for each in example)}" if example else ""
    if beyond > MOST_OF_THEM * boxes:
        return fault(
            f"{beyond:,} of {boxes:,} boxes lie far out of their image, {shown}: these seem to be pixels ({MEANT})",
            _divided(subject, names) if subject.mapping.box is None else _mend(subject),
        )
    if beyond:
        return warning(
            f"{beyond:,} of {boxes:,} boxes lie far out of their image, {shown}: such a row is not loaded",
            f"Correct these rows: {MEANT}.",
        )
    if out > MOST_OF_THEM * boxes:
        return warning(
            f"{out:,} of {boxes:,} boxes reach out of their image, {shown}: these may be corners, or centre and "
            "size (expected x and y of the upper left corner, width, height)",
            f"Write {subject.place}.columns.box: {{columns: [{', '.join(box.columns)}], unit: relative, format: xyxy}} "
            "(corners), or format: cxcywh (centre and size)"
            if box is not None and box.plain
            else _mend(subject),
        )
    return ok(f"{boxes:,} looked at")


def _mend(subject: Subject) -> str:
    return f"Mend unit, format and size of {subject.place}.columns.box."


def _names(subject: Subject) -> tuple[str, ...]:
    """The columns of the box."""
    box = subject.binding.columns.box
    return () if box is None else box.names


def _counted(subject: Subject, number: int) -> tuple[int, int, int, tuple[float, ...]]:
    """Boxes; those far out of their image; those that reach out of it at the right or below; an example of either."""
    columns = [column_in_sql(subject, each) for each in _names(subject)]
    named = ", ".join(f"{each} AS {part}" for each, part in zip(columns, PARTS, strict=True))
    there = " AND ".join(f"{each} IS NOT NULL" for each in columns)
    inner = f"SELECT {named} FROM {source_in_sql(subject)} AS src WHERE {there}"
    parameters: dict[str, object] = {}
    if number > LOOKED_AT:
        inner += " AND random() < :share" if subject.is_postgresql else " LIMIT :most"
        parameters = {"share": LOOKED_AT / number} if subject.is_postgresql else {"most": LOOKED_AT}
    beyond = " OR ".join(f"abs({part}) > {BEYOND}" for part in PARTS)
    out = f"x + w > 1 + {ROUNDING} OR y + h > 1 + {ROUNDING}"
    row = subject.connection.execute(
        sa.text(
            f"SELECT count(*), coalesce(sum(CASE WHEN {beyond} THEN 1 ELSE 0 END), 0), "
            f"coalesce(sum(CASE WHEN {out} THEN 1 ELSE 0 END), 0) FROM ({inner}) AS b"
        ),
        parameters,
    ).one()
    if not row[2] and not row[1]:
        return int(row[0]), 0, 0, ()
    chosen = beyond if row[1] else out
    example = subject.connection.execute(
        sa.text(f"SELECT x, y, w, h FROM ({inner}) AS b WHERE {chosen} LIMIT 1"), parameters
    ).first()
    return int(row[0]), int(row[1]), int(row[2]), () if example is None else tuple(example)


def _divided(subject: Subject, names: tuple[str, ...]) -> str:
    """What makes boxes of pixels relative."""
    size = subject.binding.ingest.size or ("IMAGE_WIDTH", "IMAGE_HEIGHT")
    where = "" if subject.binding.ingest.size else " (the columns, here or in the media's table, of the image's size)"
    return (
        f"Write {subject.place}.columns.box: {{columns: [{', '.join(names)}], unit: pixels, size: "
        f"[{', '.join(size)}]}}{where}"
    )
