"""Words in the names of tables and columns, and what they tell of what stands there."""

from __future__ import annotations

import re
from collections.abc import Collection

from syncd.config.names import RESERVED_ATTRIBUTES

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")
_DIGITS = re.compile(r"(?<=[a-z]) (?=[0-9])")


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


VOCABULARY = word_set(
    "taxon taxa taxonomy species class classes category categories label labels concept concepts term terms "
    "vocabulary organism organisms"
)
"""Tables of which each row is a class."""

LABEL = VOCABULARY | word_set("classif classification identification scientific annotation classname")
"""What an annotation says."""

NOT_THE_LABEL = word_set(
    "auto predicted prediction pred model machine old previous prev original orig verbatim suggested guess raw "
    "second alternative accepted superseded source status count color colour date time at by who user rank "
    "id_source comment note score confidence probability quality qual type vernacular common tree set group"
)
"""Beside a word for the label, these make it another thing."""

PERSON = word_set(
    "person persons people user users annotator annotators reviewer reviewers editor editors observer staff "
    "member members account accounts employee curator curators"
)
"""Tables of which each row is a person."""

MEDIA = word_set(
    "image images img photo photos picture pictures media medium file files frame frames filename filepath "
    "path uri url href video videos"
)
NOT_THE_MEDIA = word_set(
    "thumb thumbnail thumbnails preview icon mask source orig license licence licenses licences credit page "
    "profile avatar config log model link"
)
REDUCED = word_set("large medium small square tiny scaled")
"""Copies of an image."""

MOMENTS = MEDIA | word_set("moment moments imaged capture captures shot shots exposure exposures roi rois")
"""Tables whose rows have images."""

UPDATED = word_set("updated update modified modification changed change edited edit touched mtime")
IDENTIFIED = word_set("classif classified classification identified annotated labelled labeled reviewed")
MOMENT = word_set("at on date time datetime timestamp stamp ts when moment last utc")

WHO_UPDATED = word_set("updated modified changed edited last")
WHO_IDENTIFIED = word_set("reviewed annotated identified classified classif labelled labeled verified")
WHO = word_set("by who user person userid")
ROLES = word_set("reviewer annotator editor identifier curator labeler labeller observer")

DELETED = word_set("deleted removed trashed discarded")
ALIVE = word_set("active alive")

VERIFIED = word_set("verified validated reviewed checked approved confirmed")

SURROUNDINGS = word_set(
    "depth latitude lat longitude lon lng station cruise expedition instrument camera temperature salinity "
    "pressure oxygen chlorophyll magnification altitude sample site locality location country sea water ocean "
    "vessel ship dive transect haul net mission deployment platform captured recorded observed taken event "
    "sampled collected acquired datetime datum"
)
"""What is told of where and when an image was taken, rather than of what is seen in it."""

BOOKKEEPING = word_set(
    "created inserted imported hash md5 sha sha1 sha256 checksum etag uploaded size bytes token password secret"
)


def words(name: str) -> tuple[str, ...]:
    """``LastModifiedAt`` and ``last_modified_at`` in words, in small letters; digits stay with their word."""
    joined = " ".join(_WORD.findall(name)).lower()
    return tuple(_DIGITS.sub("", joined).split())


def has(name: str, wanted: Collection[str]) -> bool:
    """Whether one of these words is in a name."""
    return not set(wanted).isdisjoint(words(name))


def singular(word: str) -> str:
    """A word that is less likely to stand for several; good enough to compare two names by."""
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 2 and not word.endswith("ss"):
            return word[: -len(ending)] + instead
    return word


def field_name(column: str, taken: Collection[str] = ()) -> str:
    """A name for a field of FiftyOne that is like the column's; a number behind it where that is taken already."""
    plain = re.sub(r"[^\w]+", "_", column).strip("_") or "field"
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower()
    if snake in RESERVED or snake[0].isdigit():
        snake = f"{snake}_of_row" if snake in RESERVED else f"n{snake}"
    found, number = snake, 2
    while found in taken:
        found, number = f"{snake}_{number}", number + 1
    return found


RESERVED = RESERVED_ATTRIBUTES | word_set(
    "index mask mask_path confidence logits instance support metadata filepath created_at last_modified_at attributes"
)
"""Names that labels or samples of FiftyOne have a use of their own for."""
