"""Saved plans: a file for people to read and pass on, and a digest that shows whether the plan still applies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from syncd.engine.result import change_json
from syncd.errors import ConfigError, StalePlan
from syncd.files import private_file
from syncd.model import Change, Kind, Mapping, Plan
from syncd.model.kinds import Json, dumps, from_json, iso, to_json
from syncd.model.run import RunMode
from syncd.store.changes import change_of

VERSION = 1
RECONCILE = "reconcile"
"""Kind of the plans that the diff decided. Any other was made by a person's command, and its changes are all of it."""

_TEXTS = ("annotation_id", "label_id", "sample_id", "field", "reason", "actor", "media")
"""Parts of a change that are text or null."""


@dataclass(frozen=True)
class SavedPlan:
    """One binding's part of a plan file: the name, and the digest of what was planned.

    ``command`` is what a person called that made it; ``None``: the diff decided it. ``changes`` are as saved.
    """

    binding: str
    digest: str
    forced: bool
    command: RunMode | None = None
    changes: tuple[dict[str, Any], ...] = ()


def save(path: Path, plans: Sequence[Plan], *, forced: bool, command: RunMode | None = None) -> None:
    """Writes plans to a file for its owner alone, whole or not at all."""
    document: Json = {
        "syncd_plan": VERSION,
        "made_at": iso(datetime.now(timezone.utc)),
        "forced": forced,
        "kind": RECONCILE if command is None else command.value,
        "plans": [plan_json(each) for each in plans],
    }
    # Made text first, so that only what concerns the file is told as such.
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        with private_file(path) as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(
            f"The plan cannot be written to {path}: {error.strerror}.",
            remedy="Name a file that can be written: -o FILE.",
        ) from error


def plan_json(plan: Plan) -> dict[str, Json]:
    """A plan as it is saved."""
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
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not a plan file.", remedy=remedy) from error
    if not isinstance(document, dict) or document.get("syncd_plan") != VERSION:
        raise ConfigError(f"{path} is not a plan file of this syncd.", remedy=remedy)
    try:
        kind, forced = document.get("kind", RECONCILE), document["forced"] is True
        command = None if kind == RECONCILE else RunMode(kind)
        return [
            SavedPlan(str(each["binding"]), str(each["digest"]), forced, command, tuple(map(dict, each["changes"])))
            for each in document["plans"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"The plan file {path} is damaged.", remedy=remedy) from error


def changes_of(saved: SavedPlan, mapping: Mapping) -> list[Change]:
    """The changes of a saved plan; ``ConfigError`` where they are not what was saved."""
    try:
        changes = [_change(each, mapping) for each in saved.changes]
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _altered(saved) from error
    return changes


def _altered(saved: SavedPlan) -> ConfigError:
    return ConfigError(
        f"The saved plan for {saved.binding!r} was altered, or was made under another mapping.",
        remedy="Make it again with the command that made it.",
    )


def require_unmoved(plan: Plan, expected: str) -> None:
    """``StalePlan`` unless the plan of now is the saved one (its digest): one of the sides has moved since."""
    if plan.digest != expected:
        raise StalePlan(
            f"The plan for {plan.binding!r} is stale: one of the two sides has moved since it was made.",
            remedy=f"Make a new one: `syncd reconcile {plan.binding} --dry-run -o PLAN`.",
        )


def check(saved: SavedPlan, plan: Plan) -> None:
    """Raises ``ConfigError`` unless the plan, made of the saved changes, is the one that was saved."""
    if plan.digest != saved.digest:
        raise _altered(saved)


def _change(document: dict[str, Any], mapping: Mapping) -> Change:
    edited = from_json(Kind.TIMESTAMP, document["edited_at"])
    if to_json(edited) != document["edited_at"] or not all(isinstance(document[each], str | None) for each in _TEXTS):
        raise ValueError("no change of ours")
    # Raises where there is a number without end or half of a surrogate pair, of which no digest can be made.
    dumps(document).encode()
    change = change_of(document | {"edited_at": edited}, mapping)
    seen = document.get("seen_tags")
    if seen is not None and not (isinstance(seen, list) and all(isinstance(each, str) for each in seen)):
        raise ValueError("no tags of ours")
    return replace(change, media=document["media"], seen_tags=None if seen is None else tuple(seen))
