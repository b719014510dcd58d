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
    why = "as given" if dataset else "called like the table; made by `syncd ingest` where there is none"
    draft.choose("dataset", value=dataset or plain, seen=why)
    draft.choose("label_field", value="ground_truth")
    draft.choose("annotation_id", value="annotation_id", seen="the attribute of each label that holds the id")
    told = f"a {table.kind} of {len(table.columns)} columns"
    draft.choose("table", value=table.name, seen=f"{told}: {table.comment}" if table.comment else told)


def _first_of_each(proposal: Proposal) -> Proposal:
    """Of a key that several parts decide alike, the first reason stands."""
    found: dict[tuple[str, ...], Choice] = {}
    for choice in proposal.choices:
        found.setdefault(choice.path, choice)
    return replace(proposal, choices=tuple(found.values()))
