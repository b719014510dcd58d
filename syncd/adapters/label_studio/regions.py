"""What a result of Label Studio holds, as annotations: a region with its label, its box and what was said of it.

A result is a list of items. Those of one region have its id in common: one item per control. Boxes are in percent of
the image, and every item of a region repeats them.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.model import BOX, LABEL, Field, Kind, Value
from syncd.model import Mapping as Fields
from syncd.model.values import same_value

Item = dict[str, Any]
GEOMETRY = ("x", "y", "width", "height")
SIZE = ("original_width", "original_height", "image_rotation")

VALUE_KEYS = {
    "RectangleLabels": "rectanglelabels",
    "Choices": "choices",
    "TextArea": "text",
    "Number": "number",
    "Rating": "rating",
}
"""The controls that can be mapped, and where an item has the value of each."""

KINDS = {
    "RectangleLabels": Kind.TEXT,
    "Choices": Kind.TEXT,
    "TextArea": Kind.TEXT,
    "Number": Kind.FLOAT,
    "Rating": Kind.INTEGER,
}
LISTS = ("RectangleLabels", "Choices", "TextArea")
"""Controls whose values are lists, of which one is expected."""


@dataclass(frozen=True)
class Control:
    """One control of the labelling setup."""

    name: str
    type: str
    to_name: str

    @property
    def key(self) -> str:
        """Where an item has its value."""
        return VALUE_KEYS[self.type]


@dataclass(frozen=True)
class Region:
    """One annotation: its items by control, in the Label Studio annotation ``annotation`` of the task ``task``."""

    id: str | None
    task: int
    annotation: int
    media: str | None
    edited_at: str
    editor: int | None
    items: Mapping[str, Item]


@dataclass(frozen=True)
class Controls:
    """The mapped controls by field. ``media`` is the key of a task's data that names its image."""

    fields: Mapping[str, Control]
    media: str

    @property
    def label(self) -> Control:
        """The control that makes an item a region of this binding."""
        return self.fields[LABEL]

    def regions(self, task: Mapping[str, Any]) -> list[Region]:
        """Every region of a task, of annotations that were not skipped."""
        media = task["data"].get(self.media)
        return [
            each
            for annotation in task.get("annotations") or ()
            if not annotation.get("was_cancelled")
            for each in self.of(annotation, int(task["id"]), None if media is None else str(media))
        ]

    def of(self, annotation: Mapping[str, Any], task: int, media: str | None) -> list[Region]:
        """The regions of one annotation."""
        editor = annotation.get("updated_by") or annotation.get("completed_by")
        found = []
        for item in annotation["result"]:
            if item.get("from_name") != self.label.name:
                continue
            name = item.get("id")
            beside = [each for each in annotation["result"] if name is not None and each.get("id") == name]
            items = {str(each.get("from_name")): each for each in beside} | {self.label.name: item}
            stamp = str(annotation["updated_at"])
            found.append(Region(name, task, int(annotation["id"]), media, stamp, editor, items))
        return found


def value_of(controls: Controls, field: Field, items: Mapping[str, Item]) -> tuple[Value, str | None]:
    """A field's canonical value, and where there is none the text of what stands there."""
    if field.kind is Kind.BOX:
        return _box(items[controls.label.name])
    control = controls.fields[field.name]
    item = items.get(control.name)
    if item is None:
        return None, None
    raw = item.get("value", {}).get(control.key)
    if control.type in LISTS:
        held = [raw] if isinstance(raw, str) else list(raw or ())
        if len(held) == 1 and isinstance(held[0], str):
            return held[0], None
        return (None, None) if not held else (None, json.dumps(raw, ensure_ascii=False))
    if raw is None:
        return None, None
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        return None, json.dumps(raw, ensure_ascii=False)
    return (int(raw), None) if field.kind is Kind.INTEGER else (float(raw), None)


def _box(item: Item) -> tuple[Value, str | None]:
    value = item.get("value", {})
    parts = [value.get(each) for each in GEOMETRY]
    sound = all(isinstance(each, int | float) and not isinstance(each, bool) for each in parts)
    if not sound or value.get("rotation"):
        # A turned rectangle is no box of x, y, width and height.
        return None, json.dumps({name: value.get(name) for name in (*GEOMETRY, "rotation")})
    return [float(each) / 100 for each in parts], None


def content_of(controls: Controls, fields: Fields, items: Mapping[str, Item]) -> dict[str, Value]:
    """All mapped values of a region."""
    return {each.name: value_of(controls, each, items)[0] for each in fields.fields}


def holds(controls: Controls, field: Field, items: Mapping[str, Item], wanted: Value) -> bool:
    """Whether a region holds a value; what cannot be read is no value that can be expected."""
    value, problem = value_of(controls, field, items)
    return problem is None and same_value(field, value, wanted)


def edited(controls: Controls, result: Iterable[Item], id_: str, new: Mapping[str, Value]) -> list[Item]:
    """The result with these fields of one region set; everything else in it as it was."""
    found = copy.deepcopy(list(result))
    own = [each for each in found if each.get("id") == id_]
    home = next(each for each in own if each.get("from_name") == controls.label.name)
    for name, value in new.items():
        if name == BOX:
            assert isinstance(value, list), "a box is four numbers"
            for item in own:
                item.setdefault("value", {}).update(_percent(value))
            continue
        control = controls.fields[name]
        there = [each for each in own if each.get("from_name") == control.name]
        if value is None:
            # By identity: another region may have an item that is equal.
            found = [each for each in found if not any(each is one for one in there)]
        elif there:
            there[0]["value"][control.key] = [value] if control.type in LISTS else value
        else:
            found.append(_item(control, id_, home, value))
    return found


def made(controls: Controls, id_: str, values: Mapping[str, Value], size: Mapping[str, Any]) -> list[Item]:
    """The items of a new region. ``size`` is that of the image, as far as other items tell it."""
    box = values.get(BOX)
    home: Item = {"value": _percent(box) | {"rotation": 0} if isinstance(box, list) else {}, **size}
    items = []
    for name, control in controls.fields.items():
        value = values.get(name)
        if value is not None:
            items.append(_item(control, id_, home, value))
    return items


def without(result: Iterable[Item], id_: str) -> list[Item]:
    """The result without one region."""
    return [each for each in result if each.get("id") != id_]


def size_of(result: Iterable[Item]) -> dict[str, Any]:
    """The image's size, where an item tells it."""
    whole = [each for each in result if all(name in each for name in SIZE)]
    return {name: whole[0][name] for name in SIZE} if whole else {}


def _item(control: Control, id_: str, home: Item, value: Value) -> Item:
    place = {name: home["value"][name] for name in (*GEOMETRY, "rotation") if name in home["value"]}
    size = {name: home[name] for name in SIZE if name in home}
    return {
        "id": id_,
        "from_name": control.name,
        "to_name": control.to_name,
        "type": control.type.lower(),
        **size,
        "value": {**place, control.key: [value] if control.type in LISTS else value},
    }


def _percent(box: list[float]) -> dict[str, float]:
    return {name: each * 100 for name, each in zip(GEOMETRY, box, strict=True)}
