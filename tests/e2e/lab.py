"""A lab with a dataset and a configuration file, as a user of the command line has them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from typer.testing import CliRunner

from syncd.cli.main import app
from syncd.demo import lab as tables
from syncd.demo.data import DemoData
from syncd.demo.dataset import create_dataset

SYNCD = [sys.executable, "-c", "from syncd.cli.main import main; main()"]
"""The command in a process of its own."""


@dataclass(frozen=True)
class Called:
    """What a call of the command ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Lab:
    """Both sides, and the file that binds them."""

    url: str
    dataset_name: str
    config: Path
    data: DemoData

    def syncd(self, *arguments: str, json: bool = False) -> Called:
        """Calls a command in this process."""
        given = [*arguments, "--config", str(self.config), *(["--json"] if json else [])]
        done = CliRunner().invoke(app, given, env={"COLUMNS": "200"})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Called(done.exit_code, done.stdout, done.stderr)

    def process(self, *arguments: str, **environment: str) -> Called:
        """Calls a command in a process of its own."""
        done = subprocess.run(
            [*SYNCD, *arguments, "--config", str(self.config)],
            capture_output=True,
            text=True,
            env=os.environ | environment,
            timeout=120,
            check=False,
        )
        return Called(done.returncode, done.stdout, done.stderr)

    def sql(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """Plain SQL, committed."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            result = connection.execute(sa.text(statement), parameters)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    def rows(self) -> dict[str, dict[str, Any]]:
        """The lab's table by plain SQL."""
        return {
            str(row["annotation_id"]): {
                "label": row["label"],
                "box": [row[name] for name in "xywh"],
                "verified": row["verified"],
                "depth": None if row["depth_m"] is None else float(row["depth_m"]),
            }
            for row in self.sql("SELECT * FROM public.annotation")
        }

    def dataset(self) -> Any:
        import fiftyone as fo

        dataset = fo.load_dataset(self.dataset_name)
        dataset.reload()
        return dataset

    def labels(self) -> dict[str, dict[str, Any]]:
        """The dataset by the FiftyOne SDK."""
        found = {}
        for sample in self.dataset():
            for label in sample["ground_truth"].detections if sample["ground_truth"] else []:
                found[str(_attribute(label, "annotation_id"))] = {
                    "label": label.label,
                    "box": list(label.bounding_box),
                    "verified": _attribute(label, "verified"),
                    "depth": _attribute(label, "depth"),
                }
        return found


def _attribute(label: Any, name: str) -> Any:
    """An attribute of a label; None where the label does not have it."""
    return getattr(label, name, None)


def found_lab(folder: Path, url: str, mongo_uri: str, data: DemoData, **binding: Any) -> Lab:
    """Builds both sides and writes the configuration; ``binding`` adds keys to it."""
    import fiftyone as fo

    name = f"lab-{uuid.uuid4().hex[:8]}"
    tables.create_lab(url, data)
    create_dataset(name, data)
    settings = tables.demo_config(url, mongo_uri, fo.config.database_name, name)
    settings["bindings"][0] |= binding
    config = folder / "syncd.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return Lab(url, name, config, data)
