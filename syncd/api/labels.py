"""The labels that a person's command is about: which they are, and what became of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import polars as pl

from syncd.config import BindingConfig
from syncd.engine.current import look
from syncd.engine.result import RunResult, change_json
from syncd.engine.session import Session
from syncd.errors import ConfigError
from syncd.model import Json, Plan
from syncd.model.current import Present, Row
from syncd.model.snapshot import distinct
from syncd.store import baseline


@dataclass(frozen=True)
class LeftLabel:
    """A label that was left as it is, and why."""

    annotation_id: str | None
    label_id: str | None
    why: str


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What became of the labels of a command. ``result`` is ``None`` where nothing was to be written."""

    binding: str
    left: tuple[LeftLabel, ...]
    plan: Plan
    result: RunResult | None

    @property
    def runs(self) -> tuple[RunResult, ...]:
        """The runs that wrote something of it, in order."""
        return () if self.result is None else (self.result,)

    @property
    def held(self) -> str | None:
        """The brake that holds it."""
        return next((each.held for each in self.runs if each.held), None)

    @property
    def exit_code(self) -> int:
        """That of the last run; 1 where labels were left and nothing was written."""
        return self.runs[-1].exit_code if self.runs else int(bool(self.left))

    def _document(self, about: dict[str, Json], more: dict[str, Json]) -> dict[str, Json]:
        """The document, with what is said of this command alone."""
        return {
            "binding": self.binding,
            "run_id": self.result.run_id if self.result else None,
            **about,
            "applied": {
                "to_database": sum(each.to_database for each in self.runs),
                "to_fiftyone": sum(each.to_fiftyone for each in self.runs),
            },
            "superseded": self.result.superseded if self.result else 0,
            **more,
            "changes": [change_json(each) for each in self.plan.changes],
            "left": [dict(vars(each)) for each in self.left],
        }


def chosen(
    session: Session,
    settings: BindingConfig,
    annotation_ids: Collection[str] | None,
    label_ids: Collection[str] | None,
    view: Any,
) -> dict[str, frozenset[str]]:
    """Which labels are meant, given once; ``ConfigError`` where they are given twice or not at all."""
    if sum(each is not None for each in (annotation_ids, label_ids, view)) != 1:
        raise ConfigError("Say which labels, once.", remedy="Give annotation_ids=, label_ids= or view=.")
    if view is not None:
        label_ids = labels_of_view(view, settings, session.mapping.label_type.list_name)
    return {"annotation_ids": as_ids(annotation_ids), "label_ids": as_ids(label_ids)}


def as_ids(given: Collection[str] | None) -> frozenset[str]:
    """Ids as text; one text alone is one id, and not its letters."""
    if given is None:
        return frozenset()
    return frozenset([given] if isinstance(given, str) else map(str, given))


def labels_of_view(view: Any, binding: BindingConfig, list_name: str | None) -> list[str]:
    """FiftyOne's ids of the binding's labels that a view shows; ``ConfigError`` for one of another dataset."""
    dataset = getattr(view, "dataset_name", None) or getattr(view, "name", None)
    if dataset != binding.dataset:
        raise ConfigError(
            f"The view is of the dataset {dataset!r}, and {binding.name!r} is about {binding.dataset!r}.",
            remedy=f"Give a view of {binding.dataset!r}, or open the binding of the other dataset.",
        )
    path = binding.label_field
    # A view of patches holds each label on its own, under the same name.
    if list_name is not None and f"{path}.{list_name}" in view.get_field_schema(flat=True):
        path = f"{path}.{list_name}"
    return [str(each) for each in view.values(f"{path}.id", unwind=True) if each is not None]


def targets(
    session: Session, annotation_ids: frozenset[str], label_ids: frozenset[str]
) -> tuple[Present, list[Row], list[LeftLabel]]:
    """What both sides hold of the labels that are meant, these labels, and those of which there is none."""
    asked = _bearing(session, label_ids)
    meant = [each for each in asked.iter_rows(named=True) if each["label_id"] in label_ids]
    ids = annotation_ids | {each["annotation_id"] for each in meant if each["annotation_id"] is not None}
    present = look(session, ids, {each["sample_id"] for each in meant}, known_labels=asked)
    found: dict[tuple[str | None, str | None], Row] = {}
    missing: list[LeftLabel] = []
    for each in meant:
        row = present.label_at(each["sample_id"], each["label_id"])
        if row is None:
            missing.append(LeftLabel(each["annotation_id"], each["label_id"], "the label is there more than once"))
        else:
            found[row["sample_id"], row["label_id"]] = row
    for name in sorted(annotation_ids):
        row = present.label(name)
        if row is not None:
            found[row["sample_id"], row["label_id"]] = row
        else:
            several = len(present.labels_of(name)) > 1
            why = "its annotation id stands on several labels" if several else "no label in FiftyOne bears its id"
            missing.append(LeftLabel(name, None, why))
    absent = sorted(label_ids - {each["label_id"] for each in meant})
    missing += [LeftLabel(None, name, "there is no such label") for name in absent]
    return present, [found[place] for place in sorted(found, key=str)], missing


def _bearing(session: Session, label_ids: frozenset[str]) -> pl.DataFrame:
    """All labels of the samples on which labels of these ids stand.

    Where most of them stand the baseline knows: by a label's id alone the whole dataset would be looked through.
    """
    known = baseline.read_some(session.state, session.tables, session.mapping, label_ids=label_ids)
    session.rest()
    there = session.fiftyone.read_samples(set(known["sample_id"].drop_nulls())).rows
    rest = label_ids - distinct("label_id", there)
    if not rest:
        return there
    more = session.fiftyone.read_labels(rest).rows
    return pl.concat([there, more.join(there.select("sample_id").unique(), on="sample_id", how="anti")])
