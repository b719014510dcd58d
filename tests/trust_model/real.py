"""Both sides on the real servers: FiftyOne's documents in MongoDB, the lab's table in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from bson import ObjectId

from syncd.engine.session import Session, open_session
from syncd.model import BOX, LABEL, Change, Side
from syncd.model.result import Judge, Result
from syncd.testing import Faults
from trust_model.sides import ALIASES, ENOUGH, NARROW, TERMS, Return, Rules, SeenLabel, SeenRow
from worlds import BINDING, LIST, NO_BRAKES, Template, utc

LATE = timedelta(minutes=25)
READS = ("read_all", "read_since", "read_ids", "read_samples", "read_committed")


class Faulty:
    """A real adapter whom faults befall: a failed read has read, a failed write has written its first changes."""

    def __init__(self, inner: Any, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def called(*args: Any, **named: Any) -> Any:
            self._faults.called(name)
            answer = found(*args, **named)
            if name in READS:
                self._faults.reading(range(answer.rows.height))
            elif name == "read_all_to":
                self._faults.reading(range(args[0].rows))
            return answer

        return called

    def write(self, changes: Sequence[Change], *judge: Judge | None) -> list[Result]:
        """Writes what comes before the fault, then fails."""
        self._faults.called("write")
        passed: list[Change] = []
        try:
            passed.extend(self._faults.writing(changes))
        except BaseException:
            self._inner.write(passed, *judge)
            raise
        written: list[Result] = self._inner.write(passed, *judge)
        return written

    def write_slices(self, slices: Iterable[Sequence[Change]]) -> list[Result]:
        """The same, slice by slice."""
        return [result for changes in slices for result in self.write(changes)]


class RealSides:
    """See :class:`trust_model.sides.Sides`. ``apart``: syncd's own tables are reached over another connection."""

    def __init__(self, template: Template, *, apart: bool) -> None:
        self._stack = ExitStack()
        self.world = self._stack.enter_context(template.copy())
        self.apart = apart
        self.off = {Side.FIFTYONE: timedelta(0), Side.DATABASE: timedelta(0)}
        # A story of a few annotations is soon told.
        for row in list(self.world.rows())[6:]:
            self.world.remove_row(row)
        self.paths = {sample["_id"]: str(sample["filepath"]) for sample in self.world.samples.find({}, {"filepath": 1})}
        self._samples = [str(each) for each in self.paths]
        wanted = {str(each.sample) for each in self.rows()}
        chosen = [*sorted(wanted), *sorted(set(self._samples) - wanted)[:2]]
        self.world.samples.delete_many({"_id": {"$nin": [ObjectId(each) for each in chosen]}})
        self._samples = chosen
        self._copies = count()
        self.gone: dict[str, dict[str, Any]] = {}
        self.world.sql("CREATE TABLE out_of_sight (id text)")
        shown = "SELECT * FROM annotation WHERE annotation_id::text NOT IN (SELECT id FROM out_of_sight)"
        self.world.sql(f"CREATE VIEW shown AS {shown}")
        for name in ("baseline", "cursor", "change", "conflict", "run", "waiting"):
            self.world.sql(f"DELETE FROM syncd.{name}")
        kept = set(self.world.rows())
        for each in self.labels():
            if each.annotation_id not in kept:
                self.erase(each)

    def close(self) -> None:
        self._stack.close()

    @contextmanager
    def session(self, rules: Rules, faults: Faults) -> Iterator[Session]:
        overrides: dict[str, Any] = {
            "read": "public.shown",
            "vocabulary": {"classes": list(NARROW if rules.narrow else TERMS)},
            "extra_labels": sorted({row.label for row in self.world.data.rows}),
            "aliases": {alias: term for alias, term in ALIASES.items() if rules.narrow},
            "attributes": {
                "verified": {"column": "verified", "direction": "both"},
                "depth": {"column": "depth_m", "direction": "both"},
            },
            "policy": rules.policy,
            "review": {
                "mode": "tagged" if rules.tagged else "immediate",
                "approve": ["reviewed"],
                "error": ["bad"],
            },
            "brakes": NO_BRAKES | {"min_count": ENOUGH},
        }
        if self.apart:
            overrides["state"] = {"url": self.world.url}
        with open_session(self.world.config(**overrides), BINDING) as session:
            adapters: Any = (Faulty(session.fiftyone, faults), Faulty(session.database, faults))
            yield replace(session, fiftyone=adapters[0], database=adapters[1])

    def samples(self) -> Sequence[str]:
        return self._samples

    def labels(self) -> list[SeenLabel]:
        return [_seen(each) for each in self.world.raw_labels()]

    def rows(self) -> list[SeenRow]:
        homes = {self.paths[ObjectId(sample)]: sample for sample in self._samples}
        media = {
            str(each["annotation_id"]): each["media_uri"]
            for each in self.world.sql("SELECT annotation_id, media_uri FROM annotation")
        }
        return [SeenRow(name, homes.get(media[name]), values) for name, values in sorted(self.world.rows().items())]

    def edit_label(self, label: SeenLabel, field: str, value: Any) -> None:
        name = {BOX: "bounding_box"}.get(field, field)
        self._update(label, {"$set": {f"{LIST}.$[it].{name}": value}})

    def tag_label(self, label: SeenLabel, tags: Sequence[str]) -> None:
        self._update(label, {"$set": {f"{LIST}.$[it].tags": list(tags)}})

    def draw(self, sample: str, values: dict[str, Any]) -> str:
        document = {"_cls": "Detection", "label": values[LABEL], "bounding_box": values[BOX], "depth": values["depth"]}
        return self._push(sample, {"_id": ObjectId()} | document)

    def erase(self, label: SeenLabel) -> None:
        self.world.samples.update_one(
            {"_id": ObjectId(label.sample)},
            {"$pull": {LIST: {"_id": ObjectId(label.label_id)}}, "$set": {"last_modified_at": self._now()}},
        )

    def copy(self, label: SeenLabel, sample: str) -> str:
        return self._push(sample, self._document(label) | {"_id": ObjectId()})

    def move(self, label: SeenLabel, sample: str) -> None:
        document = self._document(label)
        self.erase(label)
        self._push(sample, document)

    def rebuild(self, label: SeenLabel, *, keeps_id: bool, same_label: bool) -> str:
        made = {"_id": ObjectId(label.label_id) if same_label else ObjectId(), "_cls": "Detection"}
        made |= {"label": label.values[LABEL], "bounding_box": label.values[BOX]}
        if keeps_id:
            made["annotation_id"] = label.annotation_id
        self._update(label, {"$set": {f"{LIST}.$[it]": made}})
        return str(made["_id"])

    def leave(self, sample: str) -> None:
        self.gone[sample] = self.world.samples.find_one_and_delete({"_id": ObjectId(sample)})
        self._samples.remove(sample)
        self.world.mongo["datasets"].update_one(
            {"name": self.world.dataset}, {"$set": {"last_deletion_at": self._now()}}
        )

    def away(self) -> Sequence[str]:
        return list(self.gone)

    def come_back(self, sample: str, how: Return) -> list[SeenLabel]:
        document = self.gone.pop(sample)
        field, _, name = LIST.partition(".")
        labels = [] if how is Return.EMPTY else (document.get(field) or {}).get(name) or []
        for each in labels if how is not Return.WHOLE else ():
            each["_id"] = ObjectId()
            if how is Return.NAMELESS:
                each.pop("annotation_id", None)
        new = ObjectId()
        lists = {field: {"_cls": "Detections", name: labels}}
        self.world.samples.insert_one(document | lists | {"_id": new, "last_modified_at": self._now()})
        self.paths[new] = self.paths[ObjectId(sample)]
        self._samples.append(str(new))
        return [_seen(each | {"sample": new}) for each in labels]

    def touch_sample(self, sample: str) -> None:
        self.world.samples.update_one({"_id": ObjectId(sample)}, {"$set": {"last_modified_at": self._now()}})

    def edit_row(self, annotation_id: str, field: str, value: Any, *, late: bool = False) -> None:
        columns = {"depth": "depth_m"}
        sets = dict(zip("xywh", value, strict=True)) if field == BOX else {columns.get(field, field): value}
        self._stamped(annotation_id, sets, LATE if late else timedelta(0))

    def add_row(self, annotation_id: str, sample: str, values: dict[str, Any]) -> None:
        self.world.add_row(self.paths[ObjectId(sample)], values[LABEL], annotation_id)
        sets = dict(zip("xywh", values[BOX], strict=True)) | {"depth_m": values["depth"]}
        self._stamped(annotation_id, sets, timedelta(0))

    def remove_row(self, annotation_id: str) -> None:
        self.world.remove_row(annotation_id)

    def hide_row(self, annotation_id: str) -> None:
        self.world.sql("INSERT INTO out_of_sight VALUES (:id)", id=annotation_id)

    def show_row(self, annotation_id: str) -> None:
        self.world.sql("DELETE FROM out_of_sight WHERE id = :id", id=annotation_id)

    def hidden(self) -> Collection[str]:
        return {str(each["id"]) for each in self.world.sql("SELECT id FROM out_of_sight")}

    def retie_row(self, annotation_id: str, sample: str) -> None:
        self._stamped(annotation_id, {"media_uri": self.paths[ObjectId(sample)]}, timedelta(0))

    def touch_row(self, annotation_id: str) -> None:
        self._stamped(annotation_id, {}, timedelta(0))

    def open_list(self, sample: str) -> object:
        field, _, name = LIST.partition(".")
        return (self.world.samples.find_one({"_id": ObjectId(sample)}).get(field) or {}).get(name) or []

    def save_list(self, sample: str, held: Any) -> None:
        saved = {LIST: held, "last_modified_at": self._now()}
        self.world.samples.update_one({"_id": ObjectId(sample)}, {"$set": saved})

    def set_values(self, field: str, values: Sequence[tuple[SeenLabel, Any]]) -> None:
        stamp = self._now()
        for label, value in values:
            self._update(label, {"$set": {f"{LIST}.$[it].{field}": value}}, stamp)

    def back_up(self, side: Side) -> object:
        if side is Side.FIFTYONE:
            return deepcopy((list(self.world.samples.find()), self.gone, self._samples))
        name = f"copy_{next(self._copies)}"
        self.world.sql(f"CREATE TABLE {name} AS SELECT * FROM annotation")
        return name

    def put_back(self, side: Side, copy: Any) -> None:
        if side is Side.FIFTYONE:
            samples, self.gone, self._samples = deepcopy(copy)
            self.world.samples.delete_many({})
            self.world.samples.insert_many(samples)
            return
        self.world.sql("ALTER TABLE annotation DISABLE TRIGGER USER")
        self.world.sql("DELETE FROM annotation")
        self.world.sql(f"INSERT INTO annotation SELECT * FROM {copy}")
        self.world.sql("ALTER TABLE annotation ENABLE TRIGGER USER")

    def skew(self, side: Side, minutes: int) -> None:
        self.off[side] = timedelta(minutes=minutes)

    def _stamped(self, annotation_id: str, sets: dict[str, Any], late: timedelta) -> None:
        """An update that bears the curator's clock: the table's trigger would set the server's."""
        off = self.off[Side.DATABASE] - late
        parts = ", ".join([*(f"{name} = :{name}" for name in sets), "updated_at = clock_timestamp() + :off"])
        # One statement string is one transaction.
        self.world.sql(
            f"WITH quiet AS (SELECT set_config('session_replication_role', 'replica', true)) "
            f"UPDATE annotation SET {parts}, updated_by = 'curator' FROM quiet WHERE annotation_id = :id",
            id=annotation_id,
            off=off,
            **sets,
        )

    def _now(self) -> datetime:
        return utc() + self.off[Side.FIFTYONE]

    def _push(self, sample: str, document: dict[str, Any]) -> str:
        self.world.samples.update_one(
            {"_id": ObjectId(sample)}, {"$push": {LIST: document}, "$set": {"last_modified_at": self._now()}}
        )
        return str(document["_id"])

    def _document(self, label: SeenLabel) -> dict[str, Any]:
        wanted = (label.sample, label.label_id)
        found = next(each for each in self.world.raw_labels() if (str(each["sample"]), str(each["_id"])) == wanted)
        return {name: value for name, value in found.items() if name != "sample"}

    def _update(self, label: SeenLabel, update: dict[str, Any], stamp: datetime | None = None) -> None:
        update["$set"]["last_modified_at"] = stamp or self._now()
        self.world.samples.update_one(
            {"_id": ObjectId(label.sample)}, update, array_filters=[{"it._id": ObjectId(label.label_id)}]
        )


def _seen(label: dict[str, Any]) -> SeenLabel:
    """A label's document with its sample's id."""
    values = {LABEL: label.get("label"), BOX: label.get("bounding_box")}
    values |= {"depth": label.get("depth"), "verified": label.get("verified")}
    tags = tuple(label.get("tags") or ())
    return SeenLabel(str(label["sample"]), str(label["_id"]), label.get("annotation_id"), values, tags)
