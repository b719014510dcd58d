"""Remembers who sent which edit by hand: what FiftyOne's server answered, under the name of whoever is signed in."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import structlog
from bson import ObjectId, json_util
from bson.errors import InvalidId
from pymongo.database import Database
from pymongo.errors import PyMongoError
from sqlalchemy.exc import SQLAlchemyError

from syncd.adapters.connect import first_line, open_database
from syncd.adapters.fiftyone.compat import COLLECTION, DATASETS, STAMP
from syncd.app.doors import Asked
from syncd.app.edits import Exchange, Labels, Leaf, asked_for, leaves, meant, of_one_label
from syncd.app.layer import Answer
from syncd.app.who import Visitor
from syncd.config import BindingConfig, Config
from syncd.errors import SyncdError
from syncd.store.app_edits import AppEdit, record
from syncd.store.tables import tables_for

log = structlog.get_logger(__name__)

SAMPLE = re.compile(r"/dataset/(?P<dataset>[^/]+)/sample/(?P<sample>[^/]+)(/(?P<field>[^/]+)/(?P<label>[^/]+))?")

MOST_WINDOWS = 10_000
"""Exchanges that are remembered; the oldest is forgotten then."""


@dataclass(frozen=True)
class Seen:
    """An edit before FiftyOne has answered it: the sample as it is, and what the edit means to change."""

    who: Visitor
    key: tuple[str, ...]
    if_match: str | None
    binding: BindingConfig
    sample: dict[str, Any]
    asked: tuple[Leaf, ...]
    whole: bool


class Recorder:
    """Told by the layer of each edit; ``database`` is FiftyOne's."""

    def __init__(self, config: Config, database: Database[dict[str, Any]]) -> None:
        self._config, self._database = config, database
        self._exchanges: OrderedDict[tuple[str, ...], Exchange] = OrderedDict()
        self._lock = threading.Lock()

    def wants(self, method: str, path: str) -> bool:
        """Whether it is an edit of a sample."""
        return method == "PATCH" and SAMPLE.fullmatch(path) is not None

    async def before(self, who: Visitor, asked: Asked, window: str, if_match: str | None) -> list[Seen]:
        """Looks at the sample before FiftyOne changes it; once for each binding whose labels are in it."""
        return await asyncio.to_thread(self._look, who, asked, window, if_match)

    async def after(self, seen: list[Seen], answer: Answer) -> None:
        """Remembers what FiftyOne has saved. Nobody's edit fails because of that: it stays unnamed then."""
        if seen:
            await asyncio.to_thread(self._remember, seen, answer)

    def _look(self, who: Visitor, asked: Asked, window: str, if_match: str | None) -> list[Seen]:
        found = SAMPLE.fullmatch(asked.path)
        try:
            dataset, sample = ObjectId(found["dataset"]), ObjectId(found["sample"])  # type: ignore[index]
            operations = json_util.loads(asked.body.decode())
        except (InvalidId, ValueError, TypeError):
            return []
        try:
            described = self._database[DATASETS].find_one({"_id": dataset}, {"name": 1, COLLECTION: 1})
            bindings = [each for each in self._config.bindings if described and each.dataset == described["name"]]
            if described is None or not bindings:
                return []
            fields = {each.label_field: 1 for each in bindings} | {STAMP: 1}
            document = self._database[described[COLLECTION]].find_one({"_id": sample}, fields)
        except PyMongoError as error:
            log.warning("an edit stays unnamed: FiftyOne's MongoDB does not answer", error=first_line(error))
            return []
        if document is None:
            return []
        seen = []
        for each in bindings:
            meant_here = _asked(each, document, found, operations)  # type: ignore[arg-type]
            key = (who.actor or "", window, str(dataset), str(sample), each.name)
            whole = found["label"] is None  # type: ignore[index]
            seen.append(Seen(who, key, if_match, each, document, meant_here, whole))
        return seen

    def _remember(self, seen: list[Seen], answer: Answer) -> None:
        now = datetime.now(timezone.utc)
        edits: list[AppEdit] = []
        for each in seen:
            changed = each.asked if answer.status != 200 else _saved(each, answer)
            told = self._told(each, answer, now, changed)
            if answer.status == 200:
                edits.extend(_edit(each, leaf, resent) for leaf, resent in told.items())
        if not edits:
            return
        schema = self._config.state.schema_name
        try:
            with open_database(self._config.state_url.get_secret_value()) as connection, connection.begin():
                record(connection, tables_for(connection, schema), edits, now)
        except (SyncdError, SQLAlchemyError) as error:
            log.warning("an edit stays unnamed: syncd's tables cannot be written", error=first_line(error))

    def _told(self, seen: Seen, answer: Answer, now: datetime, changed: tuple[Leaf, ...]) -> dict[Leaf, bool | None]:
        """What of an edit its user meant; what comes next from this window is judged by it."""
        with self._lock:
            last = self._exchanges.pop(seen.key, None)
            told = meant(last, seen.if_match, now, changed)
            if answer.status in (200, 412):
                own = frozenset(leaf for leaf, resent in told.items() if not resent)
                refused = answer.status == 412
                kept = own if last is None or not refused else own | last.own
                self._exchanges[seen.key] = Exchange(answer.etag, now, refused, kept)
                while len(self._exchanges) > MOST_WINDOWS:
                    self._exchanges.popitem(last=False)
        return told


def labels_of(binding: BindingConfig) -> Labels:
    """How a binding's labels are kept in FiftyOne."""
    names = {"label": "label", **({"bounding_box": "box"} if binding.columns.box else {})}
    return Labels(binding.label_field, binding.annotation_id, names | {each: each for each in binding.attributes})


def _asked(binding: BindingConfig, document: dict[str, Any], found: re.Match[str], operations: Any) -> tuple[Leaf, ...]:
    labels = labels_of(binding)
    if found["label"] is None:
        return asked_for(labels, document, operations)
    field, _, name = found["field"].partition(".")
    content = document.get(field)
    held = content.get(name) if field == binding.label_field and isinstance(content, dict) else None
    label = next((each for each in held or () if str(each.get("_id")) == found["label"]), None)
    return () if label is None else of_one_label(labels, label, operations)


def _saved(seen: Seen, answer: Answer) -> tuple[Leaf, ...]:
    """What an edit has changed, by the sample that FiftyOne answers with; a single label is answered otherwise."""
    if not seen.whole:
        return seen.asked
    try:
        after = json_util.loads(answer.body.decode())
    except ValueError:
        return seen.asked
    labels = labels_of(seen.binding)
    return leaves(labels, seen.sample.get(labels.field), after.get(labels.field) if isinstance(after, dict) else None)


def _edit(seen: Seen, leaf: Leaf, resent: bool | None) -> AppEdit:
    return AppEdit(
        binding=seen.binding.name,
        annotation_id=leaf.annotation_id,
        sample_id=str(seen.sample["_id"]),
        label_id=leaf.label_id,
        field=leaf.field,
        value=json.loads(leaf.value),
        resent=resent,
        actor=seen.who.actor,
    )
