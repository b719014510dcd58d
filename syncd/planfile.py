"""Saved plans: a file for people to read and pass on, and a digest by which syncd knows whether it is still true."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from syncd.errors import ConfigError
from syncd.model import Plan
from syncd.model.kinds import Json
from syncd.reconcile.result import change_json

VERSION = 1


@dataclass(frozen=True)
class SavedPlan:
    """One binding's part of a plan file: the name, and the digest of what was planned."""

    binding: str
    digest: str
    forced: bool


def save(path: Path, plans: Sequence[Plan], *, forced: bool) -> None:
    """Writes plans to a file, whole or not at all."""
    document: Json = {
        "syncd_plan": VERSION,
        "made_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "forced": forced,
        "plans": [_plan_json(each) for each in plans],
    }
    half = path.with_name(path.name + ".part")
    try:
        half.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        half.replace(path)
    except OSError as error:
        raise ConfigError(
            f"The plan cannot be written to {path}: {error.strerror}.",
            remedy="Name a file that can be written: -o FILE.",
        ) from error


def _plan_json(plan: Plan) -> Json:
    return {
        "binding": plan.binding,
        "digest": plan.digest,
        "held": plan.held,
        "changes": [change_json(each) for each in plan.changes],
        "conflicts": [
            {
                "kind": each.kind,
                "annotation_id": each.annotation_id,
                "label_id": each.label_id,
                "sample_id": each.sample_id,
                "field": each.field,
                "base": each.base,
                "fiftyone": each.fiftyone,
                "database": each.database,
            }
            for each in plan.conflicts
        ],
    }


def load(path: Path) -> list[SavedPlan]:
    """Reads a plan file; ``ConfigError`` for anything that is none."""
    remedy = "Make one: `syncd reconcile --dry-run -o PLAN`."
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The plan {path} cannot be read: {error.strerror}.", remedy=remedy) from error
    except ValueError as error:
        raise ConfigError(f"{path} is not a plan file.", remedy=remedy) from error
    if not isinstance(document, dict) or document.get("syncd_plan") != VERSION:
        raise ConfigError(f"{path} is not a plan file of this syncd.", remedy=remedy)
    try:
        return [
            SavedPlan(str(each["binding"]), str(each["digest"]), bool(document["forced"])) for each in document["plans"]
        ]
    except (KeyError, TypeError) as error:
        raise ConfigError(f"The plan file {path} is damaged.", remedy=remedy) from error
