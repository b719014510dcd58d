"""Pushes the vocabulary only when it changed, without starting FiftyOne's SDK to find out."""

from __future__ import annotations

import hashlib
from typing import Any

from pymongo.database import Database

from syncd.adapters.fiftyone.errors import asking
from syncd.config import BindingConfig, Config
from syncd.connect import fiftyone_database
from syncd.model import Json
from syncd.model.kinds import dumps
from syncd.model.vocabulary import Vocabulary
from syncd.vocabulary.push import Pushed, push_vocabulary


def push_if_changed(config: Config, binding: BindingConfig, vocabulary: Vocabulary) -> Pushed | None:
    """As :func:`push_vocabulary`; ``None`` where the dataset has this vocabulary already, from an earlier push.

    What was pushed is noted in ``dataset.info["syncd"]["vocabulary"]``. A schema that somebody removed in the App is
    pushed again.
    """
    print_now = _fingerprint(binding, vocabulary)
    with fiftyone_database(config) as mongo:
        if _noted(mongo, binding) == print_now:
            return None
        pushed = push_vocabulary(config, binding, vocabulary)
        with asking("Writing to"):
            place = f"info.syncd.vocabulary.{binding.label_field}"
            mongo["datasets"].update_one({"name": binding.dataset}, {"$set": {place: print_now}})
    return pushed


def _noted(mongo: Database[dict[str, Any]], binding: BindingConfig) -> str | None:
    """What was pushed last, if the field still has a schema."""
    with asking("Reading from"):
        wanted = {"info.syncd.vocabulary": 1, f"label_schemas.{binding.label_field}": 1}
        found = mongo["datasets"].find_one({"name": binding.dataset}, wanted) or {}
    if not (found.get("label_schemas") or {}).get(binding.label_field):
        return None
    noted = ((found.get("info") or {}).get("syncd") or {}).get("vocabulary") or {}
    return str(noted.get(binding.label_field))


def _fingerprint(binding: BindingConfig, vocabulary: Vocabulary) -> str:
    """Changes with the vocabulary, and with what the schema says of the label's attributes."""
    attributes: Json = {name: [each.column, each.direction] for name, each in binding.attributes.items()}
    content: Json = {"terms": vocabulary.fingerprint, "id": binding.annotation_id, "attributes": attributes}
    return hashlib.blake2b(dumps(content).encode(), digest_size=16).hexdigest()
