"""Judges which columns are the box, in what unit and order, and where the size of the image stands."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.model import Kind
from syncd.propose.facts import Column, Table
from syncd.propose.pictures import Media
from syncd.propose.proposal import Draft, Plain
from syncd.propose.values import numbers
from syncd.propose.words import word_set, words

NUMBERS = (Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL)

_ROLES: dict[tuple[str, ...], str] = {
    ("x",): "x",
    ("y",): "y",
    ("w",): "w",
    ("h",): "h",
    ("width",): "width",
    ("height",): "height",
    ("left",): "x0",
    ("top",): "y0",
    ("right",): "x1",
    ("bottom",): "y1",
    ("xmin",): "x0",
    ("ymin",): "y0",
    ("xmax",): "x1",
    ("ymax",): "y1",
    ("x", "min"): "x0",
    ("y", "min"): "y0",
    ("x", "max"): "x1",
    ("y", "max"): "y1",
    ("min", "x"): "x0",
    ("min", "y"): "y0",
    ("max", "x"): "x1",
    ("max", "y"): "y1",
    ("x0",): "x0",
    ("y0",): "y0",
    ("x1",): "1x",
    ("y1",): "1y",
    ("x2",): "2x",
    ("y2",): "2y",
    ("cx",): "cx",
    ("cy",): "cy",
    ("xc",): "cx",
    ("yc",): "cy",
    ("xcenter",): "cx",
    ("ycenter",): "cy",
    ("x", "center"): "cx",
    ("y", "center"): "cy",
    ("center", "x"): "cx",
    ("center", "y"): "cy",
    ("centre", "x"): "cx",
    ("centre", "y"): "cy",
}
_LONGEST_ROLE = 2

_FORMS: tuple[tuple[str, tuple[str, str, str, str]], ...] = (
    ("xywh", ("x", "y", "w", "h")),
    ("xywh", ("x", "y", "width", "height")),
    ("xywh", ("x0", "y0", "w", "h")),
    ("xywh", ("x0", "y0", "width", "height")),
    ("xyxy", ("x0", "y0", "x1", "y1")),
    ("xyxy", ("1x", "1y", "2x", "2y")),
    ("xyxy", ("x0", "y0", "1x", "1y")),
    ("cxcywh", ("cx", "cy", "w", "h")),
    ("cxcywh", ("cx", "cy", "width", "height")),
)
_BOX_WORDS = word_set("bbox box bounding bb rect roi region annotation object left corner coord px pixel pixels")
_PIXEL = word_set("px pixel pixels")
_PERCENT = word_set("pct percent percentage")
_SIZE_WORDS = word_set("image img frame px pixel pixels media photo original full")


@dataclass(frozen=True)
class _Box:
    form: str
    columns: tuple[str, ...]
    rest: frozenset[str]


def judge_box(draft: Draft, media: Media) -> bool:
    """Decides ``columns.box`` and ``ingest.size``; whether there is a box."""
    box = _found(draft.table)
    in_table = _size(draft.table, taken=() if box is None else box.columns)
    if box is None:
        _in_one_column(draft)
        if in_table is not None:
            draft.choose("ingest", "size", value=list(in_table), seen=SIZE, of=in_table)
        return False
    unit, why, doubt = _unit(draft.table, box)
    size = in_table
    where = "in the table"
    if size is None and media.steps and media.forward:
        size = _size(media.table, taken=())
        where = f"in {media.table.name}"
    if unit == "relative" and box.form == "xywh":
        draft.choose("columns", "box", value=list(box.columns), seen=why, doubt=doubt, of=box.columns)
        if in_table is not None:
            draft.choose("ingest", "size", value=list(in_table), seen=SIZE, of=in_table)
        return True
    value: dict[str, Plain] = {"columns": list(box.columns), "unit": unit, "format": box.form}
    if unit == "pixels" and size is not None:
        value["size"] = list(size)
        why += f"; the image's size stands {where}"
    elif unit == "pixels":
        why += "; the image's size is that of the file"
    draft.choose("columns", "box", value=value, seen=why, doubt=doubt, of=[*box.columns, *(in_table or ())])
    return True


SIZE = "how large the image is, in pixels: checked"


def _found(table: Table) -> _Box | None:
    """The first of the known forms whose four columns stand together under one prefix."""
    groups: dict[frozenset[str], dict[str, str]] = {}
    for column in table.columns:
        if column.kind not in NUMBERS:
            continue
        role, rest = _role(column)
        if role is not None:
            groups.setdefault(rest, {}).setdefault(role, column.name)
    ordered = sorted(groups.items(), key=lambda group: (not group[0] & _BOX_WORDS, len(group[0])))
    for form, roles in _FORMS:
        for rest, group in ordered:
            if all(role in group for role in roles) and (not rest or rest & _BOX_WORDS):
                return _Box(form, tuple(group[role] for role in roles), rest)
    return None


def _role(column: Column) -> tuple[str | None, frozenset[str]]:
    name = words(column.name)
    for length in range(_LONGEST_ROLE, 0, -1):
        for start in range(len(name) - length, -1, -1):
            role = _ROLES.get(name[start : start + length])
            if role is not None:
                return role, frozenset((*name[:start], *name[start + length :]))
    return None, frozenset()


def _unit(table: Table, box: _Box) -> tuple[str, str, str]:
    """(unit, what speaks for it, what is in doubt)."""
    kinds = {table.column(each).kind for each in box.columns}
    rows = [row for row in table.seen_together(box.columns) if None not in row]
    values = [numbers(row) for row in rows]
    known = [each for each in values if each is not None]
    largest = max((max(row) for row in known), default=None)
    named = {word for each in box.columns for word in words(each)}
    order = {"xywh": "left, top, width, height", "xyxy": "left, top, right, bottom", "cxcywh": "centre, width, height"}
    said = order[box.form]
    if largest is None:
        unit = "pixels" if kinds == {Kind.INTEGER} or named & _PIXEL else "relative"
        return unit, said, f"no row with a box was seen: {unit} by the columns' names and types"
    doubt = ""
    if named & _PERCENT:
        unit = "percent"
    elif named & _PIXEL or kinds == {Kind.INTEGER} or largest > 100:
        unit = "pixels"
    elif largest <= 1.001:
        unit = "relative"
    else:
        unit, doubt = "pixels", f"no number above {largest:g} was seen: percent of the image's size could be meant too"
    if box.form == "xyxy" and any(row[2] < row[0] or row[3] < row[1] for row in known):
        doubt = "in some rows the right or lower edge is before the left or upper one"
    whole = unit == "relative" and all(row == [0, 0, 1, 1] for row in known)
    if whole:
        said += "; each that was seen is the whole image: without this line labels are Classifications"
    return unit, f"{said}; numbers from {min(min(row) for row in known):g} to {largest:g}: {unit}", doubt


def _size(table: Table, taken: tuple[str, ...]) -> tuple[str, str] | None:
    """The columns with an image's width and height."""
    found: dict[str, dict[frozenset[str], str]] = {"width": {}, "height": {}}
    for column in table.columns:
        if column.kind not in NUMBERS or column.name in taken:
            continue
        role, rest = _role(column)
        if role in ("w", "width", "h", "height") and (not rest or rest <= _SIZE_WORDS):
            found["width" if role.startswith("w") else "height"].setdefault(rest, column.name)
    both = [rest for rest in found["width"] if rest in found["height"]]
    return (found["width"][both[0]], found["height"][both[0]]) if both else None


def _in_one_column(draft: Draft) -> None:
    for column in draft.table.columns:
        if column.kind is None and {"bbox", "box", "bounding"} & set(words(column.name)):
            draft.notes.append(
                f"{column.name} ({column.type_name}) looks like a box in one column; a box needs four columns: add a "
                "view that shows them, and name it in `read`."
            )
            draft.used.add(column.name)
