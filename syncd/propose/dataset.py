"""Reads what a FiftyOne dataset that is there already tells: its label fields, and which field names the images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pymongo.database import Database

from syncd.adapters.fiftyone.compat import COLLECTION, DATASETS, FIELD_CLASS, FIELDS, SAMPLE_FIELDS
from syncd.adapters.fiftyone.dataset import label_fields
from syncd.adapters.fiftyone.errors import asking
from syncd.model import Kind
from syncd.propose.facts import Dataset, Facts, LabelField, SampleMatch, Table
from syncd.propose.values import MOSTLY, media_share

VALUES = 200
"""Values of a column that are looked for in a field."""

LONGEST_MS = 20_000
"""A look through the samples takes no longer than this: the field may have no index."""

_TEXT = f"{FIELDS}StringField"


def read_dataset(database: Database[dict[str, Any]], name: str, facts: Facts) -> Dataset | None:
    """The dataset's facts; ``None`` where there is none of that name. Nothing is written."""
    with asking("Reading from"):
        document = database[DATASETS].find_one({"name": name})
        if document is None:
            return None
        fields = document.get(SAMPLE_FIELDS) or []
        samples = database[document[COLLECTION]]
        texts = [each["name"] for each in fields if each.get(FIELD_CLASS) == _TEXT]
        matches = []
        for table, column, values in _media_columns(facts):
            for field in texts:
                found = samples.count_documents({field: {"$in": values}}, limit=VALUES, maxTimeMS=LONGEST_MS)
                if found:
                    matches.append(SampleMatch(field, table.name, column))
    labels = tuple(LabelField(each, type_, tuple(held)) for each, (type_, held) in label_fields(document).items())
    return Dataset(name, labels, tuple(matches))


def _media_columns(facts: Facts) -> Iterator[tuple[Table, str, list[str]]]:
    """The columns that could name images, with some of their values."""
    for table in (facts.table, *facts.others):
        for column in table.columns:
            seen = table.seen(column.name)
            if column.kind is Kind.TEXT and media_share(seen) >= MOSTLY:
                yield table, column.name, list(dict.fromkeys(seen))[:VALUES]
