"""Judges which column is the label, through which table it is read, and what its vocabulary is."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.model import Kind
from syncd.propose.facts import Column, ForeignKey, Match, Table
from syncd.propose.proposal import Draft, Option, Plain, Question
from syncd.propose.values import examples
from syncd.propose.words import LABEL, NOT_THE_LABEL, PERSON, VOCABULARY, has, singular, word_set, words

LABEL_QUESTION = "label"
NEAR = 0.4
"""Two candidates that are no further apart than this are asked about."""

_KEYS = word_set("id key fk no nr code uuid")
_RANKS = word_set("kingdom phylum order family genus")
_RANK = word_set("rank level")
_CODE = word_set("aphia aphiaid worms gbif itis ncbi code external eol")
_NO_NAME = word_set(
    "rank ancestry comment comments description note notes colour color url uri icon status type source code "
    "lineage parent authority author key hash path language vernacular common"
)
_PERSON_NAMES = ("login", "username", "handle", "short", "name", "email")
"""How a person may be called, the likeliest name of an editor first."""


@dataclass(frozen=True)
class Label:
    """The column of the label; with a ``lookup``, the table of its terms and the column that names them."""

    column: Column
    key: ForeignKey | None = None
    terms: Table | None = None
    value: str | None = None


@dataclass(frozen=True)
class _Candidate:
    column: Column
    score: float
    why: str


def judge_label(draft: Draft) -> Label | None:
    """Decides ``columns.label``; ``None`` where nothing looks like it and nobody said."""
    found = sorted(_candidates(draft), key=lambda each: -each.score)
    near = [each for each in found if found[0].score - each.score <= NEAR]
    chosen = near[0].column.name if near else None
    if len(near) != 1:
        several = near or [_Candidate(each, 0, each.type_name) for each in draft.table.columns if _may_be_asked(each)]
        chosen = draft.ask(
            Question(
                LABEL_QUESTION,
                f"Which column of {draft.table.name} says what is seen in the image (the label)?",
                tuple(Option(each.column.name, each.why) for each in several),
                chosen,
            )
        )
    if chosen is None or not draft.table.has(chosen):
        return None
    others = [each.column.name for each in near if each.column.name != chosen]
    doubt = f"{' or '.join(others)} could be meant as well" if others and LABEL_QUESTION not in draft.answers else ""
    return _chosen(draft, draft.table.column(chosen), doubt)


def _may_be_asked(column: Column) -> bool:
    return column.kind is Kind.TEXT


def _chosen(draft: Draft, column: Column, doubt: str) -> Label:
    key = draft.table.refers(column.name)
    terms = None if key is None else draft.facts.other(key.table)
    if key is None or terms is None or not terms.readable:
        unread = "" if terms is None or terms.readable else f"{terms.name}, which it refers to, may not be read"
        seen = f"{column.type_name}, such as {examples(draft.table.seen(column.name))}"
        draft.choose("columns", "label", value=column.name, seen=seen, doubt=unread or doubt, of=[column.name])
        return Label(column)
    value = name_column(terms)
    if value is None:
        draft.choose(
            "columns",
            "label",
            value=column.name,
            seen=f"foreign key to {terms.name}",
            doubt=f"{terms.name} has no column of text that could name its rows",
            of=[column.name],
        )
        return Label(column)
    if not doubt and not terms.is_unique(value):
        doubt = f"no key of {terms.name} makes sure that each {value} is there once"
    if value in terms.repeated:
        doubt = f"some texts of {value} stand in several rows of {terms.name}: those labels are ambiguous"
    draft.choose(
        "columns",
        "label",
        value={"column": column.name, "lookup": lookup(key, value)},
        seen=f"foreign key to {terms.name}, read as its {value}: {examples(terms.seen(value))}",
        doubt=doubt,
        of=[column.name],
    )
    return Label(column, key, terms, value)


def lookup(key: ForeignKey, value: Plain) -> Plain:
    """A lookup through a foreign key of one column."""
    return {"table": key.table, "key": key.referred[0], "value": value}


def _candidates(draft: Draft) -> list[_Candidate]:
    found: list[_Candidate] = []
    for column in draft.table.columns:
        if column.name in draft.used:
            continue
        score, why = _score(draft, column)
        if score >= 1:
            found.append(_Candidate(column, score, why))
    return found


def _score(draft: Draft, column: Column) -> tuple[float, str]:
    name = words(column.name)
    key = draft.table.refers(column.name)
    spoken = 0.0 if not has(column.name, LABEL) else 2.0
    if spoken and set(name) & (NOT_THE_LABEL - LABEL):
        spoken -= 1.5
    if key is not None:
        if has(key.table.rpartition(".")[2], PERSON):
            return 0.0, ""
        is_terms = has(key.table.rpartition(".")[2], VOCABULARY)
        return spoken + (1.5 if is_terms and not set(name) & NOT_THE_LABEL - LABEL else 0), f"refers to {key.table}"
    if column.kind is not Kind.TEXT or not spoken:
        return 0.0, ""
    if name[-1] in _KEYS:
        spoken -= 1
    if [None, *(each for each in name if each != "name")][-1] in LABEL:
        spoken += 0.5
    if "scientific" in name:
        spoken += 1
    every = {word for each in draft.table.columns for word in words(each.name)}
    if name == ("class",) and len(_RANKS & every) >= 2:
        # A rank beside other ranks.
        return 0.0, ""
    match = best_match(draft, column.name)
    if match is not None:
        spoken += 0.5
    return spoken, f"such as {examples(draft.table.seen(column.name))}"


def name_column(terms: Table) -> str | None:
    """The column that names the rows of a table of terms."""
    scored = [(_name_score(terms, each), -at, each.name) for at, each in enumerate(terms.columns)]
    best = max(scored, default=None)
    return best[2] if best is not None and best[0] > 0 else None


def _name_score(terms: Table, column: Column) -> float:
    if column.kind is not Kind.TEXT or terms.refers(column.name) is not None:
        return 0.0
    name = words(column.name)
    itself = {singular(each) for each in words(terms.plain_name)} | LABEL
    rest = [each for each in name if singular(each) not in itself]
    score = 0.5
    if name in (("display", "name"), ("displayname",), ("full", "name")):
        score = 5
    elif "scientific" in name:
        score = 4.5
    elif rest in (["name"], []):
        score = 4
    elif rest and rest[-1] in ("name", "title", "term"):
        score = 3
    if set(name) & _NO_NAME:
        score -= 4
    if column.name in terms.repeated:
        score -= 2.5
    if not terms.seen(column.name) and terms.sample:
        score -= 5
    return score + (0.2 if terms.is_unique(column.name) else 0)


def person_column(people: Table) -> str | None:
    """The column by which the editors that FiftyOne knows are found in a table of people."""
    found = [(word, each.name) for word in _PERSON_NAMES for each in people.columns if _names_people(each, word)]
    return next((name for _, name in found if people.is_unique(name)), found[0][1] if found else None)


def _names_people(column: Column, word: str) -> bool:
    joined = "".join(words(column.name))
    part = joined.startswith(("first", "last", "middle", "sur", "given", "family"))
    return column.kind is Kind.TEXT and joined.endswith(word) and not part


def best_match(draft: Draft, column: str) -> Match | None:
    """The column of a table of terms in which most of the labels were found."""
    found = [each for each in draft.facts.matches if each.column == column and each.found >= each.of / 2]
    return max(found, key=lambda each: (each.found, _preferred(draft, each)), default=None)


def _preferred(draft: Draft, match: Match) -> float:
    table = draft.facts.other(match.table)
    return _name_score(table, table.column(match.referred)) if table is not None else 0.0


def judge_vocabulary(draft: Draft, label: Label) -> None:
    """Decides ``vocabulary``: the table of the lookup, one that has the labels, or what an enum lists."""
    if label.terms is not None and label.value is not None:
        _of_table(draft, label.terms, label.value, "the table of the label's lookup")
        return
    match = best_match(draft, label.column.name)
    table = None if match is None else draft.facts.other(match.table)
    if match is not None and table is not None:
        seen = f"{match.found} of the {match.of} different labels that were seen stand there"
        _of_table(draft, table, match.referred, seen, missing=match.missing)
    elif label.column.values:
        classes: list[Plain] = list(label.column.values)
        draft.choose("vocabulary", value={"classes": classes}, seen=f"what {label.column.name} takes")
    else:
        labels: list[Plain] = []
        labels.extend(dict.fromkeys(draft.table.seen(label.column.name)))
        draft.choose(
            "vocabulary",
            value={"classes": labels[:20]},
            seen="no table of terms was found: any label is allowed; these were seen",
            off=True,
        )


def _of_table(draft: Draft, table: Table, column: str, seen: str, missing: tuple[str, ...] = ()) -> None:
    value: dict[str, Plain] = {"table": table.name, "column": column}
    doubt = ""
    parent = next((each for each in table.foreign_keys if each.table == table.name and len(each.columns) == 1), None)
    if parent is not None:
        value["parent"] = {"column": parent.columns[0], "key": parent.referred[0]}
        seen += f"; {parent.columns[0]} refers to the row above"
    else:
        named = next((each for each in table.columns if "parent" in words(each.name)), None)
        if named is not None and named.kind is Kind.TEXT and not has(named.name, _KEYS):
            value["parent"] = named.name
    for key, wanted in (("rank", _RANK), ("code", _CODE)):
        held = next((each for each in table.columns if has(each.name, wanted) and each.name != column), None)
        if held is not None and held.kind is not None and (table.seen(held.name) or not table.sample):
            value[key] = held.name
    if column in table.repeated and not missing:
        doubt = f"some texts of {column} stand in several rows: the first of each counts"
    draft.choose("vocabulary", value=value, seen=seen, doubt=doubt)
    if missing:
        few: list[Plain] = list(missing[:10])
        of = len(missing)
        draft.choose(
            "extra_labels",
            value=few,
            seen=f"seen as labels, and not in {table.name}",
            doubt="terms that are missing there, or misspelt? Those stay in the list that are meant"
            + (f"; {of - len(few)} more were seen" if of > len(few) else ""),
        )
