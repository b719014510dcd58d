"""What syncd knows of FiftyOne beyond its public SDK: the versions it was tested with, private names, keys of storage.

syncd reads and writes FiftyOne's documents in MongoDB directly, so it depends on how FiftyOne stores them, which no
version of FiftyOne promises to keep. A new version of FiftyOne is supported by running the contract suite
(``tests/contract``) and ``tests/integration/adapters/test_compat.py`` with it, and changing this module.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.metadata
import importlib.util
import logging
import re
import shlex
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any

from syncd.errors import MappingError, SetupError

OLDEST, NEWEST = (1, 12), (1, 22)
"""The tested range of versions (major, minor): the contract suite passes with both, and with versions between them."""

LABELS = "fiftyone.core.labels."
"""Before the name of a label's class, where the dataset's document declares a field."""

FIELDS = "fiftyone.core.fields."
"""Before the name of a field's class, there."""

DATASETS = "datasets"
"""The collection with a document for each dataset."""

COLLECTION, SAMPLE_FIELDS = "sample_collection_name", "sample_fields"
"""Keys of such a document: the collection of its samples, and the declarations of their fields."""

CLASS = "_cls"
"""The key of every embedded document, and of every stage of a view, that names its class."""

DATASET_KEY, MEDIA_TYPE, RANDOM, CREATED = "_dataset_id", "_media_type", "_rand", "created_at"
"""Keys of every sample's document, besides its fields."""

FIELD_CLASS, INNER_CLASS, EMBEDDED_CLASS, STORED_AS = "ftype", "subfield", "embedded_doc_type", "db_field"
"""Keys of a field's declaration: its class, that of what a list holds, of an embedded document, and where it stands."""

IMAGE_METADATA = "ImageMetadata"
"""The class of a sample's metadata."""

STAMP = "last_modified_at"
"""The field of every sample that says when it was changed last; since FiftyOne 1.0."""

BUMP = {"$currentDate": {STAMP: True}}
"""The part of a MongoDB update that moves the stamp, as FiftyOne's SDK does with each of its writes."""

SELECT_LABELS = ".SelectLabels"
"""How the class of the stage ends that selects labels by id, in a saved view."""

EVALUATION_NOTES = "model_evaluation_panel_builtin"
"""The store in which the App's panel of evaluations keeps the notes that it shows, under ``notes``."""

STORED_FIELDS = {"id": "ObjectIdField", "filepath": "StringField", "tags": "ListField", STAMP: "DateTimeField"}
"""Fields of every sample that syncd reads or writes, with the class that FiftyOne declares them as."""

CLEAN_UP = "_delete_non_persistent_datasets_if_allowed"
"""The function of ``fiftyone.core.odm.database`` that FiftyOne registers to be called at the end of a process."""

DISCONNECT = "_disconnect"
"""The function of the same module that closes its connections."""

STAGES = "fiftyone.core.stages."
"""Before the name of a stage's class, where a view is written down."""


class Private(str, Enum):
    """Modules of FiftyOne that are no part of its documented SDK."""

    TAXONOMIES = "fiftyone.core.ontology"
    """Of taxonomies and ontologies; older versions lack it (1.12 does, 1.20 has it)."""
    TREES = "fiftyone.core.annotation.nodes"
    ATTRIBUTES = "fiftyone.core.annotation.attributes"
    STORAGE = "fiftyone.core.odm"
    CONNECTION = "fiftyone.core.odm.database"
    RUNS = "fiftyone.core.brain"
    LAYOUTS = "fiftyone.brain.visualization"
    TEXTS = "fiftyone.core.utils"
    STATE = "fiftyone.core.state"
    PLUGIN = "fiftyone.plugins.context"
    SERVER = "fiftyone.server.app"
    SERVER_EVENTS = "fiftyone.server.events"
    SERVER_VIEWS = "fiftyone.server.view"
    SERVER_MUTATIONS = "fiftyone.server.mutation"
    SERVER_QUERIES = "fiftyone.server.query"
    SERVER_CONTEXT = "fiftyone.server.context"
    SERVER_CONSTANTS = "fiftyone.server.constants"


TAXONOMIES = Private.TAXONOMIES.value


def private(module: Private) -> Any:
    """Imports one of them, which may import FiftyOne; ``ImportError`` where this version has none of that name."""
    return importlib.import_module(module.value)


def root_dataset_of(view: Any) -> Any:
    """The dataset that a view is of, also where the view shows patches or frames."""
    return view._root_dataset


def shows_patches(view: Any) -> bool:
    """Whether what a view shows are labels, each as a sample of its own."""
    return bool(view._is_patches)


def has_run_results(dataset: Any, key: str) -> bool:
    """Whether a brain run that the dataset names has its results too."""
    return bool(private(Private.RUNS).BrainMethod._get_run_doc(dataset, key).results)


_log = logging.getLogger(__name__)


def numbers(version: str) -> tuple[int, ...]:
    """The first three numbers of a version, to compare it with another."""
    return tuple(int(each) for each in re.findall(r"\d+", version.partition("+")[0])[:3])


def installed_version() -> str:
    """The version of the installed package, without importing it."""
    return importlib.metadata.version("fiftyone")


def stored_version(database: Any) -> str | None:
    """The version of FiftyOne that last upgraded this database; ``None`` before its first use."""
    document = database["config"].find_one({"type": "fiftyone"}) or database["config"].find_one({}) or {}
    version = document.get("version")
    return version if isinstance(version, str) else None


def warn_of_untested(version: str | None) -> None:
    """Logs a warning, once in a process, where FiftyOne is newer than the versions that syncd was tested with."""
    if version is not None and numbers(version)[:2] > NEWEST:
        _warn_once(
            f"FiftyOne {version} is newer than the versions that this syncd was tested with (up to "
            f"{'.'.join(map(str, NEWEST))}). Before you rely on it, compare both sides with: syncd verify BINDING"
        )


def require_known_storage(document: Mapping[str, Any]) -> None:
    """``MappingError`` where FiftyOne stores this dataset (its document) otherwise than syncd reads and writes it."""
    why = _why_unknown(document)
    if why is None:
        return
    name, version = document.get("name"), document.get("version") or "unknown"
    oldest, newest = (".".join(map(str, each)) for each in (OLDEST, NEWEST))
    raise MappingError(
        f"FiftyOne (version {version}) stores the dataset {name!r} otherwise than this syncd knows: {why}.",
        remedy=f"Upgrade it with FiftyOne {oldest} to {newest}: fiftyone migrate --dataset-name "
        f"{shlex.quote(str(name))}. Where a FiftyOne newer than {newest} made it, use a newer syncd.",
    )


def _why_unknown(document: Mapping[str, Any]) -> str | None:
    if not isinstance(document.get(COLLECTION), str):
        return f"it names no collection of samples ({COLLECTION})"
    fields = {each.get("name"): each for each in document.get(SAMPLE_FIELDS) or []}
    for name, wanted in STORED_FIELDS.items():
        declared = str(fields.get(name, {}).get(FIELD_CLASS))
        if declared != FIELDS + wanted:
            found = "absent" if name not in fields else f"declared as {declared}"
            return f"the field {name!r} of its samples is {found}, expected {wanted}"
    return None


def require_taxonomies() -> None:
    """``SetupError`` where the installed FiftyOne, which is imported already, knows no taxonomies yet."""
    if importlib.util.find_spec(TAXONOMIES) is None:
        raise SetupError(
            f"FiftyOne {installed_version()} has no taxonomies, as which this vocabulary would be pushed (it is a "
            "tree, or too long for a list).",
            remedy="Upgrade FiftyOne in this environment: pip install 'fiftyone>=1.20,<2'",
        )


def keep_datasets_at_exit(database: Any) -> None:
    """Takes back what FiftyOne (its module ``core.odm.database``) means to do at the end of the process.

    It would delete all datasets that are not persistent if it took itself for the last user, such as those of people
    whose notebook has just ended; and wait half a minute for a server that is gone. A FiftyOne that has no function of
    that name does nothing that could be taken back; that it may do something else instead is logged.
    """
    hook = getattr(database, CLEAN_UP, None)
    if hook is not None:
        atexit.unregister(hook)
        return
    _warn_once(
        f"FiftyOne {installed_version()} has no {CLEAN_UP} in {database.__name__}. If it deletes datasets that are not "
        "persistent at the end of a process in some other way, syncd cannot keep it from that: set persistent = True "
        "on the datasets that must stay."
    )


def disconnect_from(database: Any) -> None:
    """Closes FiftyOne's connections (of its module ``core.odm.database``) to a MongoDB that is about to stop.

    Without it they stay open, and log that the server has gone.
    """
    close = getattr(database, DISCONNECT, None)
    if close is not None:
        close()


@cache
def _warn_once(text: str) -> None:
    _log.warning(text)
