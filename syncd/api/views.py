"""The saved views that syncd keeps in a dataset: what each shows, and bringing them up to date where they are.

They are made in the App (`syncd: set up views`). What a tag marks is found by the tag, and follows by itself; the
others name their labels, and are saved again by the daemon.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from syncd.adapters.connect import fiftyone_database
from syncd.adapters.fiftyone import saved_views
from syncd.adapters.fiftyone.dataset import describe
from syncd.adapters.fiftyone.saved_views import save_stages, views_made_by, with_ids
from syncd.api import queries
from syncd.api.queries import LogFilter
from syncd.config import Config
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.result import Status

MADE_BY = "Made by syncd"
"""How the description of what syncd made begins; what somebody else made under the same name is left alone."""

MOST = 10_000
"""Labels that a view names one by one."""

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class KeptView:
    """A saved view: its name, what it shows in words, and its labels, by tag or (where ``tags`` is empty) by id."""

    name: str
    says: str
    tags: tuple[str, ...] = ()
    label_ids: tuple[str, ...] = ()


def kept_views(config: Config, name: str) -> list[KeptView]:
    """The views of a binding, with the labels that each shows now."""
    binding = config.binding(name)
    review, marks = binding.review, binding.review.marks
    suffix = _suffix(config, name)
    conflicts = queries.conflicts(config, [name], limit=MOST)
    unknown = (each.label_id for each in conflicts if each.kind == ConflictKind.UNKNOWN_LABEL)
    waits = queries.waiting(config, [name], limit=MOST)
    since = datetime.now(timezone.utc) - WEEK
    changed = queries.log(config, [name], LogFilter(since=since, status=Status.APPLIED, limit=MOST))
    needs = tuple(filter(None, (marks.conflict, marks.unknown_label, *review.error)))
    return [
        KeptView(
            f"syncd: needs a person{suffix}",
            "labels with an open conflict, or flagged as wrong",
            needs,
            _ids(each.label_id for each in conflicts),
        ),
        KeptView(
            f"syncd: unknown labels{suffix}",
            "labels that are no term of the vocabulary",
            (marks.unknown_label,) if marks.unknown_label else (),
            _ids(unknown),
        ),
        KeptView(
            f"syncd: waiting for review{suffix}",
            "edits that wait for an approving tag",
            (),
            _ids(each.label_id for each in waits),
        ),
        KeptView(
            f"syncd: changed this week{suffix}",
            "labels that were changed on either side in the last seven days",
            (),
            _ids(each.label_id for each in changed),
        ),
    ]


def save_views_again(config: Config, name: str) -> tuple[str, ...]:
    """Brings the binding's saved views up to date, and makes none; the names of those that were written.

    A view that is not there, or that somebody else made, is left alone; where there is none, nothing else is asked.
    """
    binding = config.binding(name)
    with fiftyone_database(config) as mongo:
        dataset = describe(mongo, binding.dataset, binding.label_field)
        there = views_made_by(mongo, dataset.dataset_id, MADE_BY)
        if not there:
            return ()
        wanted: dict[str, list[str]] = {}
        for each in kept_views(config, name):
            stages = there.get(each.name)
            fresh = None if stages is None or each.tags else with_ids(stages, each.label_ids)
            if fresh is not None and fresh != stages:
                wanted[each.name] = fresh
        save_stages(mongo, dataset.dataset_id, wanted, MADE_BY)
    return tuple(wanted)


def address_workspace(config: Config, name: str, workspace: str) -> str:
    """Gives a saved workspace of the binding's dataset an address that no other dataset's has."""
    binding = config.binding(name)
    with fiftyone_database(config) as mongo:
        dataset = describe(mongo, binding.dataset, binding.label_field)
        return saved_views.address_workspace(mongo, dataset.dataset_id, workspace)


def _suffix(config: Config, name: str) -> str:
    """The binding's name, where its dataset has others."""
    dataset = config.binding(name).dataset
    return f" ({name})" if sum(each.dataset == dataset for each in config.bindings) > 1 else ""


def _ids(found: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in found if each))
