"""Where the servers and the data of one size are: what the processes of a run tell each other."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from syncd.config import Config, load_config

DATASET = "syncd-benchmark"
BINDING = "benchmark"
LABEL_FIELD = "ground_truth"
ID_ATTRIBUTE = "annotation_id"
TABLE = "public.annotation"
SCHEMA = "syncd"


class Shape(str, Enum):
    """The kind of label field; ``per_sample`` is how many labels a sample has."""

    CLASSIFICATION = "classification"
    DETECTIONS = "detections"

    @property
    def per_sample(self) -> int:
        """Labels on one sample."""
        return 5 if self is Shape.DETECTIONS else 1

    @property
    def path(self) -> str:
        """The path of the label, or of the list of labels, in a sample's document."""
        return f"{LABEL_FIELD}.detections" if self is Shape.DETECTIONS else LABEL_FIELD


@dataclass(frozen=True)
class Place:
    """One dataset and one table of ``labels`` annotations, and the servers that have them.

    ``processes`` names the process of each server whose CPU time can be seen: those that the run started itself.
    """

    folder: str
    postgres_url: str
    mongo_uri: str
    mongo_database: str
    shape: Shape
    labels: int
    processes: dict[str, int]

    def as_json(self) -> str:
        """The place as text for another process."""
        return json.dumps(asdict(self))

    @staticmethod
    def of_json(text: str) -> Place:
        """The inverse of :meth:`as_json`."""
        values = json.loads(text)
        return Place(**{**values, "shape": Shape(values["shape"])})

    def config(self) -> Config:
        """The configuration of the binding, by the way that every configuration comes in."""
        file = Path(self.folder) / "syncd.yaml"
        file.write_text(yaml.safe_dump(self._settings(), sort_keys=False), encoding="utf-8")
        file.chmod(0o600)
        return load_config(file)

    def _settings(self) -> dict[str, Any]:
        columns: dict[str, Any] = {
            "id": "annotation_id",
            "label": "label",
            "media": "media_uri",
            "updated_at": "updated_at",
            "updated_by": "updated_by",
        }
        if self.shape is Shape.DETECTIONS:
            columns["box"] = ["x", "y", "w", "h"]
        binding = {
            "name": BINDING,
            "dataset": DATASET,
            "label_field": LABEL_FIELD,
            "annotation_id": ID_ATTRIBUTE,
            "table": TABLE,
            "columns": columns,
            "sample_key": "filepath",
            "attributes": {
                "verified": {"column": "verified", "direction": "both"},
                "depth": {"column": "depth_m"},
            },
        }
        return {
            "fiftyone": {"database_uri": self.mongo_uri, "database_name": self.mongo_database},
            "database": {"url": self.postgres_url},
            "state": {"schema": SCHEMA},
            "bindings": [binding],
        }

    def environment(self) -> dict[str, str]:
        """What FiftyOne reads when it is imported, and where caches go: this place's MongoDB, no home of the user's."""
        home = Path(self.folder) / "fiftyone"
        files = ("CONFIG", "APP_CONFIG", "ANNOTATION_CONFIG", "EVALUATION_CONFIG")
        folders = ("DEFAULT_DATASET_DIR", "DATASET_ZOO_DIR", "MODEL_ZOO_DIR", "PLUGINS_DIR")
        return {
            "FIFTYONE_DATABASE_URI": self.mongo_uri,
            "FIFTYONE_DATABASE_NAME": self.mongo_database,
            "FIFTYONE_DATABASE_VALIDATION": "false",
            "FIFTYONE_DO_NOT_TRACK": "true",
            "FIFTYONE_SHOW_PROGRESS_BARS": "false",
            "XDG_CACHE_HOME": str(Path(self.folder) / "cache"),
            **{f"FIFTYONE_{name}_PATH": str(home / f"{name.lower()}.json") for name in files},
            **{f"FIFTYONE_{name}": str(home / name.lower()) for name in folders},
        }
