"""Makes a proposal of facts, part by part: pure, nothing is asked or looked up."""

from __future__ import annotations

import re
from dataclasses import replace

from syncd.propose.bookkeeping import judge_deletion, judge_id, judge_stamps, judge_version, judge_who
from syncd.propose.boxes import judge_box
from syncd.propose.columns import judge_rest
from syncd.propose.facts import Facts
from syncd.propose.labels import judge_label, judge_vocabulary
from syncd.propose.pictures import judge_media, several_labels
from syncd.propose.proposal import Answers, Choice, Draft, Proposal
from syncd.propose.words import field_name

LABEL_FIELD, ID_ATTRIBUTE = "ground_truth", "annotation_id"
_OWN = ("id", "label", "tags")
"""Attributes that labels have of FiftyOne."""

_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")


def propose(facts: Facts, dataset: str | None = None, answers: Answers | None = None) -> Proposal:
    """The binding that these facts speak for; what is still open is among its questions.

    Where no column looks like the id, the label or the image, and nobody said which, it is ``missing``.
    """
    draft = Draft(facts, answers or {})
    table = facts.table
    _names(draft, dataset)
    id_columns = judge_id(draft)
    label = judge_label(draft)
    media = judge_media(draft)
    if label is None or media is None or not id_columns:
        draft.missing = tuple(
            what for what, found in (("id that is unique", id_columns), ("label", label), ("image", media)) if not found
        )
        return draft.done()
    judge_deletion(draft)
    judge_version(draft)
    has_box = judge_box(draft, media)
    judge_stamps(draft)
    judge_who(draft)
    if not has_box:
        several = several_labels(draft, media, id_columns)
        if several:
            draft.choose("ingest", "label_type", value="Classifications", seen="several rows may tell of one image")
        elif several is None:
            seen = "where several rows may tell of one image; none such was seen"
            draft.choose("ingest", "label_type", value="Classifications", seen=seen, off=True)
    judge_rest(draft, media, id_columns)
    judge_vocabulary(draft, label)
    if table.partitioned_by:
        draft.notes.append(f"{table.name} is partitioned by {table.partitioned_by}; it is written as a whole.")
    if table.kind == "view" and not any(each.instead for each in table.triggers):
        draft.notes.append(f"{table.name} is a view: `table` should name the table behind it, and `read` the view.")
    unread = [each.name for each in facts.others if not each.readable]
    if unread:
        draft.notes.append(f"May not be read, and so was left aside: {', '.join(unread)}.")
    return _first_of_each(draft.done())


def _names(draft: Draft, dataset: str | None) -> None:
    table = draft.table
    plain = _UNFIT.sub("-", dataset or table.plain_name).strip("-.")[:100] or "annotations"
    draft.choose("name", value=plain, seen="what commands call it")
    known = draft.facts.dataset
    made = "" if known is not None else "; made by `syncd ingest`"
    draft.choose("dataset", value=dataset or plain, seen=("as given" if dataset else "called like the table") + made)
    _label_field(draft)
    told = f"a {table.kind} of {len(table.columns)} columns"
    draft.choose("table", value=table.name, seen=f"{told}: {table.comment}" if table.comment else told)


def _label_field(draft: Draft) -> None:
    """Decides ``label_field`` and ``annotation_id``: what the dataset has, else what ingest makes."""
    known = draft.facts.dataset
    holds = "the attribute of each label that holds the id"
    if known is None or not known.label_fields:
        draft.choose("label_field", value=LABEL_FIELD)
        draft.choose("annotation_id", value=ID_ATTRIBUTE, seen=holds)
        return
    names = [each.name for each in known.label_fields]
    field = next((each for each in known.label_fields if each.name == LABEL_FIELD), known.label_fields[0])
    others = [each for each in names if each != field.name]
    doubt = f"{' or '.join(others)} could be meant as well" if others and field.name != LABEL_FIELD else ""
    draft.choose("label_field", value=field.name, seen=f"{field.type.value} of the dataset", doubt=doubt)
    wanted = [ID_ATTRIBUTE, *(field_name(each) for each in draft.table.key), *draft.table.key]
    found = next((each for each in wanted if each in field.attributes and each not in _OWN), None)
    missing = "" if found else "no attribute of the labels sounds like it: without ids nothing is known to be the same"
    draft.choose("annotation_id", value=found or ID_ATTRIBUTE, seen=holds, doubt=missing)


def _first_of_each(proposal: Proposal) -> Proposal:
    """Of a key that several parts decide alike, the first reason stands."""
    found: dict[tuple[str, ...], Choice] = {}
    for choice in proposal.choices:
        found.setdefault(choice.path, choice)
    return replace(proposal, choices=tuple(found.values()))
