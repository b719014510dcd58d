"""Judges where a row names its image: in itself, in a table that it refers to, or in one that refers to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from syncd.config import parse_table_name
from syncd.model import Kind
from syncd.propose.facts import Column, Facts, ForeignKey, Table
from syncd.propose.labels import lookup
from syncd.propose.proposal import Draft, Option, Plain, Question
from syncd.propose.values import (
    MOSTLY,
    are_absolute,
    are_lists,
    are_uris,
    are_web,
    are_windows,
    examples,
    have_folders,
    media_share,
    numbers,
)
from syncd.propose.words import (
    MEDIA,
    MOMENTS,
    NOT_THE_MEDIA,
    PERSON,
    REDUCED,
    VOCABULARY,
    field_name,
    has,
    word_set,
    words,
)

MEDIA_QUESTION, ROOT_QUESTION = "media", "media_root"
NEAR = 0.25
LEAST = 1.0
"""A column with less than this in its favour is not taken for one that names images."""

_FOLDERS = word_set("url uri path folder directory root")
_WHOLE = word_set("path uri url filepath")
_FIRST = re.compile(r"(rank|position|index|order|number|no|seq|sequence|ordinal|primary|main|default)$")


@dataclass(frozen=True)
class Media:
    """The column that names the image, in ``table``; ``steps`` lead there from the row, each by one foreign key.

    A step that is not ``forward`` goes to the rows that refer to this one.
    """

    table: Table
    column: Column
    steps: tuple[tuple[ForeignKey, bool], ...] = ()

    @property
    def name(self) -> str:
        """What it is called in a question."""
        return self.column.name if not self.steps else f"{self.table.name}.{self.column.name}"

    @property
    def forward(self) -> bool:
        """Whether a lookup leads there."""
        return all(forward for _, forward in self.steps)


def judge_media(draft: Draft) -> Media | None:
    """Decides ``columns.media`` and what follows from it; ``None`` where nothing looks like it and nobody said."""
    found = sorted(_candidates(draft.facts), key=lambda each: -each[0])
    near = [each for score, each in found if score >= LEAST and found[0][0] - score <= NEAR]
    chosen = near[0] if near else None
    doubt = ""
    if len(near) != 1:
        several = near or [each for _, each in found][:9]
        answer = draft.ask(
            Question(
                MEDIA_QUESTION,
                "Which column names the image or video of a row (its path, URI or file name)?",
                tuple(Option(each.name, _such_as(each)) for each in several),
                chosen.name if chosen is not None else None,
            )
        )
        chosen = next((each for _, each in found if each.name == answer), chosen)
        if chosen is not None and MEDIA_QUESTION not in draft.answers:
            doubt = f"{' or '.join(each.name for each in near if each is not chosen)} could be meant as well"
    if chosen is None:
        return None
    if chosen.forward:
        _by_lookup(draft, chosen, doubt)
    else:
        _by_select(draft, chosen, doubt)
    _place(draft, chosen)
    return chosen


def _such_as(media: Media) -> str:
    seen = media.table.seen(media.column.name)
    return f"such as {examples(seen, 2)}" if seen else media.column.type_name


def _candidates(facts: Facts) -> Iterator[tuple[float, Media]]:
    for table, steps in _reachable(facts):
        if not table.readable or (steps and (has(table.plain_name, VOCABULARY) or has(table.plain_name, PERSON))):
            continue
        # The nearer the likelier; a lookup rather than a query.
        far = 0.05 * len(steps) + sum(0.1 for _, forward in steps if not forward)
        for column in table.columns:
            score = _score(table, column)
            if score > 0:
                yield score - far, Media(table, column, steps)


def _reachable(facts: Facts) -> Iterator[tuple[Table, tuple[tuple[ForeignKey, bool], ...]]]:
    """The table itself and those that are one or two steps away, the second of which may be either way."""
    table = facts.table
    yield table, ()
    seen = {table.name}
    ways: list[tuple[Table, tuple[tuple[ForeignKey, bool], ...]]] = [(table, ())]
    for _ in range(2):
        further: list[tuple[Table, tuple[tuple[ForeignKey, bool], ...]]] = []
        for at, steps in ways:
            for key in at.foreign_keys:
                other = facts.other(key.table)
                if other is not None and len(key.columns) == 1 and other.name not in seen:
                    further.append((other, (*steps, (key, True))))
                    seen.add(other.name)
            if any(not forward for _, forward in steps) or (steps and not has(at.plain_name, MOMENTS)):
                # What merely has something in common with the row is not its own.
                continue
            for other in facts.others:
                back = next((each for each in other.foreign_keys if each.table == at.name), None)
                if back is not None and len(back.columns) == 1 and other.name not in seen:
                    further.append((other, (*steps, (back, False))))
                    seen.add(other.name)
        yield from further
        ways = further


def _score(table: Table, column: Column) -> float:
    if column.kind is not Kind.TEXT or column.values:
        return 0.0
    seen = table.seen(column.name)
    spoken = 1.0 if has(column.name, MEDIA) else 0.0
    if seen:
        by_values = media_share(seen)
        if by_values < MOSTLY:
            return 0.0
        score = 1 + spoken + (0.3 if have_folders(seen) else 0) - (1.0 if are_web(seen) else 0)
    else:
        score = spoken + (0.2 if spoken and has(table.plain_name, MEDIA) else 0)
    if has(column.name, NOT_THE_MEDIA) or has(table.plain_name, NOT_THE_MEDIA):
        score -= 1.2
    if has(column.name, REDUCED):
        score -= 0.3
    if "original" in words(column.name) and not set(words(column.name)) & {"url", "uri"}:
        # What a file was called before it came here.
        score -= 1.2
    return score + (0.2 if set(words(column.name)) & _WHOLE else 0)


def _by_lookup(draft: Draft, media: Media, doubt: str) -> None:
    if not media.steps:
        seen = f"looks like images: {examples(draft.table.seen(media.column.name), 2)}"
        draft.choose("columns", "media", value=media.column.name, seen=seen, doubt=doubt, of=[media.column.name])
        return
    keys = [key for key, _ in media.steps]
    value: Plain = media.column.name
    for key, column in zip(reversed(keys[1:]), [each.columns[0] for each in reversed(keys[1:])], strict=True):
        value = {"column": column, "lookup": lookup(key, value)}
    through = " and ".join(key.table for key in keys)
    seen = f"foreign key to {through}, whose {media.column.name} looks like images: "
    draft.choose(
        "columns",
        "media",
        value={"column": keys[0].columns[0], "lookup": lookup(keys[0], value)},
        seen=seen + examples(media.table.seen(media.column.name), 2),
        doubt=doubt or _repeated(media) or _without_folder(draft.facts, media),
        of=[keys[0].columns[0]],
    )
    between = draft.facts.other(keys[0].table)
    if len(keys) > 1 and between is not None and not between.is_unique(keys[1].columns[0]):
        why = f"an image does not say which row of {keys[0].table} a label drawn on it belongs to"
        draft.choose("policy", "on_new", value="quarantine", seen=why)


def _repeated(media: Media) -> str:
    if media.column.name in media.table.repeated:
        return f"some texts of {media.column.name} stand in several rows of {media.table.name}: those are ambiguous"
    return ""


def _without_folder(facts: Facts, media: Media) -> str:
    """Bare file names whose folder stands in a further table: the same name may be there in several folders."""
    if have_folders(media.table.seen(media.column.name)) or media.table.is_unique(media.column.name):
        return ""
    for key in media.table.foreign_keys:
        other = facts.other(key.table)
        folders = [] if other is None else [each.name for each in other.columns if has(each.name, _FOLDERS)]
        if folders and other is not media.table:
            return f"file names without a folder; is that {key.table}.{folders[0]}? A view could put both together"
    return ""


def _by_select(draft: Draft, media: Media, doubt: str) -> None:
    """A query that adds the image to each row: the rows that refer to this one name it."""
    dialect = draft.facts.dialect
    alias = next(each for each in ("media", "media_of_row", "syncd_media") if not draft.table.has(each))
    chain = list(media.steps)
    first_reverse = next(at for at, (_, forward) in enumerate(chain) if not forward)
    here = "o"
    joins: list[str] = []
    for at, (key, _) in enumerate(chain[:first_reverse]):
        joins.append(
            f"LEFT JOIN {_table(dialect, key.table)} j{at} ON "
            f"j{at}.{_name(dialect, key.referred[0])} = {here}.{_name(dialect, key.columns[0])}"
        )
        here = f"j{at}"
    back = chain[first_reverse][0]
    owner = _owner(draft.facts, back)
    inner = [f"{_table(dialect, owner.name)} r"]
    holder = "r"
    for at, (key, _) in enumerate(chain[first_reverse + 1 :]):
        inner.append(
            f"JOIN {_table(dialect, key.table)} f{at} ON "
            f"f{at}.{_name(dialect, key.referred[0])} = {holder}.{_name(dialect, key.columns[0])}"
        )
        holder = f"f{at}"
    tied = f"r.{_name(dialect, back.columns[0])} = {here}.{_name(dialect, back.referred[0])}"
    column = f"{holder}.{_name(dialect, media.column.name)}"
    first = _first(owner)
    if owner.is_unique(back.columns[0]):
        which = "one for each"
    elif first is not None:
        name, value = first
        tied += f" AND r.{_name(dialect, name)} = {value}"
        column = f"min({column})"
        which = f"that whose {name} is {value}"
    else:
        column = f"min({column})"
        which = "the first by name"
        doubt = doubt or f"several of {owner.name} may belong to one row: is the first by name the one that is meant?"
    shown = f"(SELECT {column} FROM {' '.join(inner)} WHERE {tied}) AS {_name(dialect, alias)}"
    draft.choose(
        "read",
        value=f"SELECT o.*, {shown} FROM {' '.join([f'{_table(dialect, draft.table.name)} o', *joins])}",
        seen=f"{media.table.name} names the images, and is found by way of {owner.name}: {which}"
        if media.table is not owner
        else f"{owner.name} names the images: {which}",
        doubt=doubt,
    )
    draft.choose("columns", "media", value=alias, seen=f"of `read`: {examples(media.table.seen(media.column.name), 2)}")
    why = f"a label drawn in FiftyOne would be a row without an image: {owner.name} says which is whose"
    draft.choose("policy", "on_new", value="quarantine", seen=why)


def _owner(facts: Facts, key: ForeignKey) -> Table:
    return next(each for each in facts.others if key in each.foreign_keys)


def _first(owner: Table) -> tuple[str, str] | None:
    """The column that numbers the images of a row, with the number of the first, as SQL."""
    for column in owner.columns:
        if not any(_FIRST.search(each) for each in words(column.name)):
            continue
        if column.kind is Kind.BOOLEAN:
            return column.name, "true"
        seen = numbers(owner.seen(column.name))
        if column.kind is Kind.INTEGER and seen and min(seen) in (0, 1):
            return column.name, str(int(min(seen)))
    return None


def _place(draft: Draft, media: Media) -> None:
    """Decides ``sample_key`` and ``ingest.media``: what the column is relative to."""
    seen = media.table.seen(media.column.name)
    known = draft.facts.dataset
    if known is not None:
        fields = [
            each.field for each in known.matches if (each.table, each.column) == (media.table.name, media.column.name)
        ]
        if fields:
            field = min(fields, key=lambda each: each != "filepath")
            draft.choose("sample_key", value=field, seen=f"samples of {known.name} hold {media.column.name} there")
            return
        draft.notes.append(f"No field of the samples of {known.name} holds what was seen of {media.name}.")
    if are_absolute(seen):
        draft.choose("sample_key", value="filepath", seen="whole paths, as FiftyOne has them")
        return
    key = field_name(media.column.name)
    draft.choose("sample_key", value=key, seen=f"a field of the sample, which ingest fills with {media.column.name}")
    if are_uris(seen) and not are_web(seen):
        return
    doubt = ""
    if are_lists(seen):
        draft.notes.append(f"Some values of {media.name} name several files: one row has one image, so make a view.")
    if are_web(seen):
        doubt = "addresses in the web, which syncd does not fetch: mount or copy the files, and map a column of paths"
    elif are_windows(seen):
        doubt = "paths as Windows writes them, which are no paths here: mount the files, and map a column of paths"
    if doubt:
        draft.notes.append(f"{media.name} holds {doubt}.")
        return
    root = draft.ask(
        Question(ROOT_QUESTION, f"Where do the files lie that {media.name} names? A folder, or s3://bucket/prefix")
    )
    if root:
        draft.choose("ingest", "media", value=root, seen=f"what {media.column.name} is relative to")
    else:
        draft.choose(
            "ingest",
            "media",
            value="/data/images",
            seen=f"the folder, or s3://bucket/prefix, that {media.column.name} is relative to: to be filled in",
            off=True,
        )
        draft.notes.append("ingest.media is to be filled in: where the images lie.")


def several_labels(draft: Draft, media: Media, key_columns: tuple[str, ...]) -> bool | None:
    """Whether an image has several annotations, by keys or by the rows that were seen; ``None``: they do not tell."""
    table: Table | None = draft.table
    certain = True
    for name in [key.columns[0] for key, forward in media.steps if forward] or [media.column.name]:
        if table is None or not table.has(name):
            # A row that images refer to has them for itself.
            return False
        appended = table is draft.table and not table.is_unique(key_columns[0]) and len(key_columns) == 1
        if not table.is_unique(name):
            certain = False
            rows = table.seen_together((*key_columns, name) if appended else (name,))
            seen = [row[-1] for row in (dict.fromkeys(rows) if appended else rows)]
            if name in key_columns or len(set(seen)) < len(seen):
                return True
        key = table.refers(name)
        table = None if key is None else draft.facts.other(key.table)
    return False if certain else None


def _name(dialect: str, name: str) -> str:
    sign = "`" if dialect in ("mysql", "mariadb") else '"'
    return f"{sign}{name.replace(sign, sign * 2)}{sign}"


def _table(dialect: str, name: str) -> str:
    schema, plain = parse_table_name(name)
    return f"{_name(dialect, schema)}.{_name(dialect, plain)}" if schema else _name(dialect, plain)
