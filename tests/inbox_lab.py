"""An inbox over a lab that ingests: what people drop there, and what becomes of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

import children
import servers
from ingest_lab import IngestLab
from syncd.config import Config, parse_config
from syncd.engine import steps
from syncd.errors import Busy
from syncd.ingest.inbox.arrival import Patience
from syncd.ingest.inbox.result import InboxResult
from syncd.ingest.inbox.run import InboxOptions, empty_inbox
from syncd.ingest.inbox.stages import observed

HASTY = Patience(settle_s=0.05, longer_s=1.0, grace_s=600.0, poll_s=0.1)
"""For tests: files are whole after a twentieth of a second without a change."""

IMPATIENT = Patience(settle_s=0.05, longer_s=0.05, grace_s=0.0, poll_s=0.1)
"""The same, and nothing is waited for."""


def picture(path: Path, color: int = 0, size: tuple[int, int] = (12, 8)) -> Path:
    """A small image; another color makes other bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, color=color).save(path)
    return path


def die_at(document: Mapping[str, Any], step: str, times: int) -> None:
    """Empties an inbox and kills itself, as ``kill -9`` would, when the step is reached for the ``times``-th time."""
    left = [times]

    def watch(reached: Any) -> None:
        left[0] -= reached.value == step
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    with observed(watch), steps.observed(watch):
        empty_inbox(parse_config(dict(document)), "lab", InboxOptions(patience=HASTY))


def empty_often(document: Mapping[str, Any]) -> None:
    """Empties an inbox until nothing is left there but what is done; another process may be busy with it."""
    config = parse_config(dict(document))
    while True:
        with suppress(Busy):
            result = empty_inbox(config, "lab", InboxOptions(patience=HASTY))
            inbox = Path(result.inbox)
            if not [each for each in inbox.rglob("*") if each.is_file() and "done" not in each.parts]:
                return


@dataclass
class InboxLab:
    """A lab, and the folder that it watches."""

    lab: IngestLab
    inbox: Path

    def drop(self, text: str, name: str = "station7.csv", **images: int) -> Path:
        """A manifest; ``images`` are names without their suffix, and colors."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for stem, color in images.items():
            picture(path.parent / f"{stem}.png", color)
        path.write_text(text, encoding="utf-8")
        return path

    def config(self, **binding: Any) -> Config:
        """The configuration, with the inbox."""
        given = {"inbox": str(self.inbox)} | dict(binding.pop("ingest", {}))
        return self.lab.config(ingest=given, **binding)

    def killed_at(self, step: str, times: int = 1, **sections: Any) -> bool:
        """Whether a call in a process of its own came to the step, of the inbox or of a run, where it was killed."""
        document = self.lab.document(ingest={"inbox": str(self.inbox)}) | sections
        child = children.context.Process(target=die_at, args=(document, step, times), daemon=True)
        child.start()
        child.join(children.PATIENCE_S)
        assert not child.is_alive(), "the child hangs"
        assert child.exitcode in (0, -signal.SIGKILL)
        return child.exitcode != 0

    def emptied_by(self, processes: int) -> list[int | None]:
        """The exit codes of so many processes that empty the inbox at once."""
        document = self.lab.document(ingest={"inbox": str(self.inbox)})
        started = [
            children.context.Process(target=empty_often, args=(document,), daemon=True) for _ in range(processes)
        ]
        for each in started:
            each.start()
        for each in started:
            each.join(children.PATIENCE_S)
        assert not any(each.is_alive() for each in started), "a child hangs"
        return [each.exitcode for each in started]

    def empty(self, config: Config | None = None, patience: Patience = HASTY, **options: Any) -> InboxResult:
        """One call of ``syncd inbox``."""
        return empty_inbox(config or self.config(), "lab", InboxOptions(patience=patience, **options))

    def rows(self) -> list[dict[str, Any]]:
        """The table, in order."""
        return self.lab.sql("SELECT * FROM annotation ORDER BY media_uri, x, annotation_id")

    def labels(self) -> dict[str, str]:
        """{id: label} of the dataset."""
        found = {}
        for document in self.lab.documents():
            for label in (document["ground_truth"] or {}).get("detections", []):
                found[str(label["annotation_id"])] = label["label"]
        return found

    def files(self, below: str = ".") -> list[str]:
        """Every file in the inbox, or in a folder of it, but for hidden ones."""
        folder = self.inbox / below
        return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())

    def has_dataset(self) -> bool:
        """Whether the dataset has been made."""
        with servers.mongo_client(self.lab.mongo_uri) as client:
            database = client[os.environ["FIFTYONE_DATABASE_NAME"]]
            return database["datasets"].find_one({"name": self.lab.dataset}) is not None
