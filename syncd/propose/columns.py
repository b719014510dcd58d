"""Judges what becomes of all other columns: attributes of the label, fields of the sample, or nothing."""

from __future__ import annotations

from syncd.model import Kind
from syncd.propose.bookkeeping import shown_person
from syncd.propose.facts import Column, Table
from syncd.propose.labels import lookup, name_column, person_column
from syncd.propose.pictures import Media
from syncd.propose.proposal import Draft, Plain
from syncd.propose.values import examples
from syncd.propose.words import BOOKKEEPING, MEDIA, PERSON, SURROUNDINGS, VERIFIED, field_name, has, word_set, words

_KEYS = word_set("id uuid guid key")
_ARRAYS = ("text[]", "character varying[]", "integer[]", "bigint[]", "double precision[]", "real[]", "numeric[]")
MOST_SAMPLE_FIELDS = 12
EMPTY = "empty in all rows that were seen"


def judge_rest(draft: Draft, media: Media, id_columns: tuple[str, ...]) -> None:
    """Decides ``attributes`` and ``sample_fields``."""
    taken: set[str] = {"annotation_id"}
    sample_key = next((each.value for each in draft.choices if each.path == ("sample_key",)), None)
    fields: set[str] = {str(sample_key)}
    tied = media.column.name if not media.steps else media.steps[0][0].columns[0] if media.steps[0][1] else ""
    for column in draft.table.columns:
        if column.name in draft.used or column.name in id_columns or column.name == tied:
            continue
        if has(column.name, BOOKKEEPING) or "version" in words(column.name):
            continue
        if _describes_the_image(draft.table, column, tied):
            name = field_name(column.name, fields)
            fields.add(name)
            value: Plain = {"column": column.name, "of": "row"}
            empty = bool(draft.table.sample) and not draft.table.seen(column.name)
            seen = f"{column.type_name}; {EMPTY}" if empty else _seen(draft.table, column)
            draft.choose("sample_fields", name, value=value, seen=seen, off=empty, of=[column.name])
            continue
        _attribute(draft, column, taken)
    if media.steps and media.forward:
        _of_media(draft, media, fields)


def _describes_the_image(table: Table, column: Column, media: str) -> bool:
    """Whether it tells of where and when the image was taken, and all rows of an image say the same."""
    if column.kind is None or not has(column.name, SURROUNDINGS) or table.refers(column.name) is not None:
        return False
    if set(words(column.name)) & _KEYS and column.kind is not Kind.TEXT:
        return False
    told: dict[str | None, str | None] = {}
    for image, value in table.seen_together((media, column.name)) if table.has(media) else ():
        if told.setdefault(image, value) != value:
            return False
    return True


def _attribute(draft: Draft, column: Column, taken: set[str]) -> None:
    table = draft.table
    name = field_name(column.name, taken)
    value: dict[str, Plain] = {"column": column.name}
    seen, doubt, off = _seen(table, column), "", False
    key = table.refers(column.name)
    if key is not None:
        other = draft.facts.other(key.table)
        shown = None
        if other is not None and other.readable:
            shown = person_column(other) if has(other.plain_name, PERSON) else name_column(other)
        if other is None or shown is None or not (shown_person(table, column) or other.is_unique(shown)):
            return
        name = field_name("_".join(each for each in words(column.name) if each not in _KEYS) or column.name, taken)
        value["lookup"] = lookup(key, shown)
        seen = f"foreign key to {key.table}, shown as its {shown}"
    elif column.kind is None:
        if column.type_name in _ARRAYS:
            value["array"] = True
        elif "json" in column.type_name.lower():
            value["path"] = ""
            off = True
            doubt = "`path: a.b` shows one value of the document, an empty path all of it"
        else:
            return
    elif set(words(column.name)) & _KEYS and column.kind is not Kind.TEXT:
        return
    elif has(column.name, VERIFIED) and column.kind is Kind.BOOLEAN:
        value["direction"] = "both"
        seen += "; set by approval as well" if name == "verified" else ""
    if table.sample and not table.seen(column.name):
        off, seen = True, f"{column.type_name}; {EMPTY}"
    taken.add(name)
    short: Plain = column.name if list(value) == ["column"] else value
    draft.choose("attributes", name, value=short, seen=seen, doubt=doubt, off=off, of=[column.name])


def _seen(table: Table, column: Column) -> str:
    if column.values:
        return f"one of {examples(column.values, 6)}"
    shown = examples(table.seen(column.name), 2, 32)
    return f"{column.type_name}, such as {shown}" if shown else column.type_name


def _of_media(draft: Draft, media: Media, fields: set[str]) -> None:
    """What the table of the images says of where and when they were taken."""
    number = 0
    for column in media.table.columns:
        unfit = column.kind is None or column.name == media.column.name or column.name in media.table.key
        if unfit or media.table.refers(column.name) is not None or has(column.name, BOOKKEEPING):
            continue
        if not has(column.name, SURROUNDINGS) or (set(words(column.name)) & MEDIA and column.kind is Kind.TEXT):
            continue
        if media.table.sample and not media.table.seen(column.name):
            continue
        number += 1
        if number > MOST_SAMPLE_FIELDS:
            draft.notes.append(f"{media.table.name} has more columns than are proposed as `sample_fields`.")
            return
        name = field_name(column.name, fields)
        fields.add(name)
        seen = _seen(media.table, column)
        draft.choose("sample_fields", name, value=column.name, seen=seen)
