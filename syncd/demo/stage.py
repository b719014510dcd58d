"""The stage of the demo: servers in a folder of their own, the lab's tables, the dataset, a configuration file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from syncd import embedded
from syncd.adapters.connect import open_database
from syncd.config import Config, load_config
from syncd.demo import dataset, images, lab, pack, review
from syncd.demo.data import DemoData
from syncd.store.migrate import migrate

DATASET = "syncd-demo"
DATABASE = "syncd_demo"
SEED = 7


@dataclass(frozen=True)
class Stage:
    """Running servers with nothing in them yet but what the demo put there."""

    folder: Path
    config_file: Path
    config: Config
    url: str
    data: DemoData


def gather(folder: Path, pack_folder: Path | None, size: int) -> DemoData:
    """The images and rows to play with; refuses too few of them before any server is started."""
    data = pack.load(pack_folder, None) if pack_folder else images.generate(folder / "images", size, SEED)
    review.check(data)
    return data


@contextmanager
def stage(folder: Path, data: DemoData) -> Iterator[Stage]:
    """Starts the servers, builds both sides and syncd's tables, and stops everything on the way out."""
    with embedded.postgres(folder / "postgresql") as postgres, embedded.mongod(folder / "mongodb") as mongo:
        _point_fiftyone_at(mongo.uri)
        try:
            lab.create_lab(postgres.url, data)
            dataset.create_dataset(DATASET, data)
            config_file = folder / "syncd.yaml"
            settings = lab.demo_config(postgres.url, mongo.uri, DATABASE, DATASET)
            config_file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
            config_file.chmod(0o600)
            config = load_config(config_file)
            with open_database(postgres.url) as connection:
                migrate(connection, config.state.schema_name)
            yield Stage(folder, config_file, config, postgres.url, data)
        finally:
            # FiftyOne's exit hook would wait half a minute for a server that is gone.
            dataset.disconnect()


def _point_fiftyone_at(uri: str) -> None:
    """FiftyOne reads its configuration when it is imported: so before that."""
    os.environ["FIFTYONE_DATABASE_URI"] = uri
    os.environ["FIFTYONE_DATABASE_NAME"] = DATABASE
    os.environ["FIFTYONE_DATABASE_VALIDATION"] = "false"
    os.environ["FIFTYONE_DO_NOT_TRACK"] = "true"
    os.environ["FIFTYONE_SHOW_PROGRESS_BARS"] = "false"
