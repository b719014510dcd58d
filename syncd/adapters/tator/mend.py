"""Putting back what a write of ours made undone without being asked to.

A row of Tator is made from a copy that the server has loaded. What somebody else writes between that and the insertion
is undone by it, in every attribute. The row before ours shows it, and it is put back as a further mark.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.adapters.rest.errors import NotFound
from syncd.adapters.tator.edits import Body, predecessor
from syncd.adapters.tator.errors import StaleWrite
from syncd.adapters.tator.frames import Framer, Raw
from syncd.adapters.tator.values import GEOMETRY
from syncd.adapters.tator.work import ROUNDS, Hands, Work
from syncd.errors import DatabaseUnavailable
from syncd.model import BOX

_MISSING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Harm:
    """What is to be put back: values, the annotation's deletion, or the image (medium and frame) it had gone to."""

    body: Body
    deleted: bool = False
    media: tuple[int, int] | None = None

    @property
    def is_none(self) -> bool:
        """Whether nothing was made undone."""
        return self.body.is_empty and not self.deleted and self.media is None


def set_by(framer: Framer, fields: Collection[str]) -> set[str]:
    """The attributes (and the box) that a write of these fields is to set."""
    found = {framer.names.of(framer.fields.field(each)) for each in fields}
    return found | ({framer.names.person} if framer.names.person else set())


def harm_of(
    before: Raw,
    ours: Raw,
    now: Raw,
    meant: Collection[str] = (),
    *,
    seen: Mapping[str, Any] = _MISSING,
    moved: bool = False,
    copied_from: Sequence[Raw] | None = None,
) -> Harm:
    """What ``ours`` took away from the row before it, as far as ``now``, the latest row, still lacks it.

    ``meant`` are the attributes that ours was to set, whatever stood there; ``seen`` those that it was to set where
    they held these values; ``moved``: it was to go to another image. ``copied_from`` are the rows of which ours may
    have been made, where it was edited in place since: only what is as it was there was undone by us.
    """
    there, made, held = before["attributes"], ours["attributes"], now["attributes"]
    attributes: dict[str, Any] = {}
    nulls: list[str] = []
    for name in sorted({*there, *made} - set(meant)):
        expected = seen[name] if name in seen else made.get(name)
        if there.get(name) == expected or held.get(name) != made.get(name):
            continue
        if copied_from is not None and all(each["attributes"].get(name) != made.get(name) for each in copied_from):
            continue
        if there.get(name) is None:
            nulls.append(name)
        else:
            attributes[name] = there[name]
    columns: dict[str, float] = {}
    for name in () if BOX in meant else GEOMETRY:
        expected = seen[name] if name in seen else ours[name]
        if before[name] is None or before[name] == expected or now[name] != ours[name]:
            continue
        if copied_from is None or any(each[name] == ours[name] for each in copied_from):
            columns[name] = before[name]
    away = not moved and before["media"] != ours["media"] and now["media"] == ours["media"]
    deleted = bool(before["variant_deleted"]) and not ours["variant_deleted"] and not now["variant_deleted"]
    place = (before["media"], before.get("frame") or 0) if away else None
    return Harm(Body(attributes, tuple(nulls), columns), deleted, place)


def mend(hands: Hands, work: Work, id_: str, harm: Harm) -> None:
    """Puts it back; what that undoes in turn is put back too."""
    for _ in range(ROUNDS):
        if harm.is_none:
            return
        row = work.now[id_]
        made = _put_back(hands, row, harm)
        history = hands.rows.histories([id_]).get(id_, [])
        if not history:
            work.now.pop(id_, None)
            return
        work.now[id_] = history[-1]
        harm = _left(harm, row, history, made)
    raise DatabaseUnavailable(
        f"Others write annotation {id_} all the time: what one of them had written could not be put back.",
        remedy="Its history in Tator has every value. Run it again: the next run goes on.",
    )


def _put_back(hands: Hands, row: Raw, harm: Harm) -> int | None:
    """Writes it upon this very row; the id of the row that this made, ``None`` where somebody was faster."""
    try:
        if harm.deleted:
            return int(hands.client.write("DELETE", f"Localization/{row['id']}", {}, {"pedantic": 1})["id"])
        if harm.media is not None:
            return hands.post([hands.copy(row, harm.media)])[0]
        body = harm.body.as_json() | {"pedantic": 1}
        return int(hands.client.write("PATCH", f"Localization/{row['id']}", {}, body)["object"]["id"])
    except (StaleWrite, NotFound):
        return None


def _left(harm: Harm, wrong: Raw, history: Sequence[Raw], made: int | None) -> Harm:
    """What is still to be put back, after a write upon the row ``wrong``."""
    now = history[-1]
    ours = next((each for each in history if each["id"] == made), None)
    before = None if ours is None else predecessor(history, ours)
    if ours is None or before is None:
        return _still(harm, wrong, now)
    if ours["variant_deleted"]:
        return Harm(Body())
    body = harm.body
    seen = {name: wrong["attributes"].get(name) for name in (*body.attributes, *body.nulls)}
    seen |= {name: wrong[name] for name in body.columns}
    further = harm_of(before, ours, now, seen=seen, moved=harm.media is not None)
    if harm.media is None:
        return further
    # The image comes first; what else is to be put back is still to be.
    rest = _still(Harm(body), wrong, now).body
    both = Body(
        {**rest.attributes, **further.body.attributes},
        (*rest.nulls, *further.body.nulls),
        {**rest.columns, **further.body.columns},
    )
    return Harm(both, further.deleted)


def _still(harm: Harm, wrong: Raw, now: Raw) -> Harm:
    """What nobody has set anew meanwhile."""
    held, was = now["attributes"], wrong["attributes"]
    attributes = {
        name: value
        for name, value in harm.body.attributes.items()
        if held.get(name) == was.get(name) and held.get(name) != value
    }
    nulls = tuple(each for each in harm.body.nulls if held.get(each) is not None and held[each] == was.get(each))
    columns = {
        name: value for name, value in harm.body.columns.items() if now[name] == wrong[name] and now[name] != value
    }
    place = harm.media if harm.media is not None and now["media"] == wrong["media"] else None
    return Harm(Body(attributes, nulls, columns), harm.deleted and not now["variant_deleted"], place)
