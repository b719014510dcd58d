"""What a label means: a term means itself, an alias means its term, anything else means nothing."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

import polars as pl
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA, JaroWinkler

from syncd.model.conflict_kinds import ConflictKind
from syncd.model.plan import Conflict
from syncd.model.vocabulary import Vocabulary


def with_meaning(vocabulary: Vocabulary, rows: pl.DataFrame, labels: str, meaning: str) -> pl.DataFrame:
    """Adds the column ``meaning``: the term that each label in the column ``labels`` is or stands for, else null."""
    different = rows[labels].drop_nulls().unique().to_list()
    known = pl.DataFrame(
        {labels: different, meaning: [vocabulary.meant(each) for each in different]},
        schema={labels: pl.String(), meaning: pl.String()},
    )
    return rows.join(known, on=labels, how="left", maintain_order="left")


def with_nearest(vocabulary: Vocabulary | None, conflicts: Sequence[Conflict]) -> list[Conflict]:
    """The conflicts, those about an unknown label with the terms that may have been meant."""
    unknown = {_label(each) for each in conflicts if each.kind == ConflictKind.UNKNOWN_LABEL}
    if vocabulary is None or not unknown:
        return list(conflicts)
    near = nearest_terms(sorted(unknown), vocabulary)
    return [
        replace(each, suggestions=tuple(near.get(_label(each), ())))
        if each.kind == ConflictKind.UNKNOWN_LABEL
        else each
        for each in conflicts
    ]


def _label(conflict: Conflict) -> str:
    """What was typed: the value of the field, or of a drawn label's."""
    typed = conflict.fiftyone
    return str(typed.get("label") if isinstance(typed, dict) else typed)


NEAR = 0.6
"""Share of their letters that two folded labels must have in common to be near (1: all)."""

SAME_WORDS = 85.0
"""How much of one label's words must be in the other (0 to 100), where the letters as a whole are not near."""

CANDIDATES = 20
"""How many of the nearest are compared more closely; more than anybody is shown."""

LONGEST = 200
"""Characters of a label that are compared: nothing is near to a page of text."""

_NO_LETTER = re.compile(r"[\W_]+")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\W_]+(?=\d)")


def folded(label: str) -> str:
    """A label without what people vary by accident: case, separators, punctuation, accents, width of characters.

    Between two digits a separator stays, as ``_``: 1.2 is not 12. Good for finding what is alike, too coarse for
    deciding that it is the same (`syncd.diff.vocabulary`).
    """
    apart = unicodedata.normalize("NFKD", label)
    plain = "".join(each for each in apart if unicodedata.category(each) != "Mn").casefold()
    return "_".join(_NO_LETTER.sub("", part) for part in _BETWEEN_DIGITS.split(plain))


def nearest_terms(labels: Collection[str], vocabulary: Vocabulary, limit: int = 3) -> dict[str, tuple[str, ...]]:
    """For each label the terms that it may have been meant to be, best first; none where nothing is near.

    An alias is compared like a term and stands for its term: what is near to the old name of a taxon was meant to be
    the taxon.
    """
    meant = {alias: term for alias, term in vocabulary.aliases.items() if term in vocabulary.names}
    spellings = sorted(vocabulary.names | meant.keys())
    compared = [folded(each[:LONGEST]) for each in spellings]
    words = [_words(each) for each in spellings]
    found: dict[str, tuple[str, ...]] = {}
    for label in labels:
        near = _near(label, spellings, compared) or _same_words(label, spellings, words, limit)
        terms = dict.fromkeys(meant.get(each, each) for each in near)
        found[label] = tuple(terms)[:limit]
    return found


def _near(label: str, spellings: Sequence[str], compared: Sequence[str]) -> list[str]:
    """Spellings of nearly the same letters, best first."""
    wanted = folded(label[:LONGEST])
    if not wanted:
        return []
    # Optimal string alignment: two letters in the wrong order are one slip, not two.
    hits = process.extract(
        wanted, compared, scorer=OSA.normalized_similarity, score_cutoff=NEAR, limit=CANDIDATES, processor=None
    )
    # Among equals the one that begins alike, then the one whose case and separators are alike.
    ranked = sorted(
        (
            -similarity,
            -JaroWinkler.similarity(wanted, compared[position]),
            -OSA.normalized_similarity(label, spellings[position]),
            spellings[position],
        )
        for _, similarity, position in hits
    )
    return [spelled for *_, spelled in ranked]


def _same_words(label: str, spellings: Sequence[str], words: Sequence[str], limit: int) -> list[str]:
    """Spellings that hold the label's words, or whose words it holds, in whatever order."""
    wanted = _words(label[:LONGEST])
    if not wanted:
        return []
    hits = process.extract(wanted, words, scorer=fuzz.token_set_ratio, score_cutoff=SAME_WORDS, limit=limit)
    return [spellings[position] for _, _, position in hits]


def _words(label: str) -> str:
    return " ".join(filter(None, map(folded, _NO_LETTER.split(label[:LONGEST]))))


def safe_term(label: str, vocabulary: Vocabulary) -> str | None:
    """THE term that differs from a label by case, spaces and separators alone; ``None`` where none or several do.

    ``None`` for a term too: it differs from nothing. For many labels use `safe_terms`.
    """
    return safe_terms([label], vocabulary).get(label)


def safe_terms(labels: Collection[str], vocabulary: Vocabulary) -> dict[str, str]:
    """`safe_term` of many labels; those that have none are left out."""
    spelled: defaultdict[str, list[str]] = defaultdict(list)
    for term in vocabulary.names:
        spelled[spelling(term)].append(term)
    safe: dict[str, str] = {}
    for label in labels:
        terms = spelled.get(spelling(label), [])
        if len(terms) == 1 and spelling(label) and label not in vocabulary.names:
            safe[label] = terms[0]
    return safe


_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_DASHES = re.compile("[\u2010-\u2014\u2212]")
_BLANKS = re.compile(r"[\s_]+")
# "<" is how EcoTaxa separates a taxon from the one above it (egg<other).
_SEPARATORS = re.compile(r"[ \-./:<]+")


def spelling(label: str) -> str:
    """A label without its case, spaces and separators; two labels that mean different things differ in it.

    A separator that may carry meaning stays: between digits (1.2, 1-2 and 12 are three), a sign or comparison before
    a number (-5, <5), a minus at the end (A-). So do accents and all other punctuation (``Copepod?`` is a doubt).
    """
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", label)).casefold()
    text = _BLANKS.sub(" ", _DASHES.sub("-", text)).strip()
    return _SEPARATORS.sub(_kept, text)


def _kept(found: re.Match[str]) -> str:
    """What stays of a run of separators; it depends on the characters before and after (empty at an end)."""
    separators, bare = found[0], found[0].replace(" ", "")
    before, after = found.string[max(found.start() - 1, 0) : found.start()], found.string[found.end() : found.end() + 1]
    if before.isdigit() and after.isdigit():
        return bare or "_"
    if not before or not after:
        return bare if "-" in bare or "<" in bare or (after.isdigit() and bare.endswith(".")) else ""
    if "<" in bare:
        return bare if before.isdigit() or after.isdigit() else ""
    is_sign = after.isdigit() and separators.startswith(" ") and separators[-1] in "-."
    return bare if is_sign else ""
