"""Finds labels in use that are not in the vocabulary, and faults of the vocabulary itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.adapters.connect import fiftyone_database
from syncd.adapters.fiftyone.dataset import LabelCounts, describe
from syncd.adapters.fiftyone.dataset import count_labels as count_in_fiftyone
from syncd.adapters.plugged import open_alone
from syncd.config import BindingConfig, Config
from syncd.diff.vocabulary import nearest_terms, safe_terms
from syncd.errors import ConfigError
from syncd.model.kinds import Json
from syncd.vocabulary.load import Loaded, load_with_notes
from syncd.vocabulary.schema import LeftOut, left_out, why_poison

MOST_COMPARED = 2_000
"""Labels, the most frequent first, for which the nearest terms are looked up; with 5 000 terms that takes seconds."""


@dataclass(frozen=True)
class Stray:
    """A label in use that is no term: how often on each side, and what it may have been meant to be.

    ``means`` is the term that it certainly is: by an alias (``is_alias``), or but for case, spaces and separators.
    """

    label: str
    fiftyone: int
    database: int
    nearest: tuple[str, ...] = ()
    means: str | None = None
    is_alias: bool = False

    def as_json(self) -> dict[str, Json]:
        """The documented form."""
        return {
            "label": self.label,
            "fiftyone": self.fiftyone,
            "database": self.database,
            "nearest": list(self.nearest),
            "means": self.means,
            "is_alias": self.is_alias,
        }


@dataclass(frozen=True)
class Checked:
    """What a check found. ``strays`` are ordered by how often they are used, the most frequent first.

    ``no_text`` counts labels in FiftyOne that are a date or a number; ``unused`` terms that no side uses;
    ``left_out`` entries of the vocabulary that are no terms, as the notes say.
    """

    binding: str
    terms: int
    strays: tuple[Stray, ...]
    poison: tuple[LeftOut, ...]
    unused: int
    no_text: int
    notes: tuple[str, ...]
    left_out: int = 0

    @property
    def unknown(self) -> tuple[Stray, ...]:
        """Labels that are neither terms nor aliases."""
        return tuple(each for each in self.strays if not each.is_alias)

    @property
    def meant(self) -> dict[str, str]:
        """Label → term, for those that certainly are one."""
        return {each.label: each.means for each in self.strays if each.means is not None}

    @property
    def exit_code(self) -> int:
        """0 all is well; 3 a label is not in the vocabulary, or this holds what is no term or must not be pushed."""
        return 3 if self.unknown or self.poison or self.no_text or self.left_out else 0

    def as_json(self) -> dict[str, Json]:
        """The documented form."""
        return {
            "binding": self.binding,
            "terms": self.terms,
            "unknown": [each.as_json() for each in self.unknown],
            "aliases": [each.as_json() for each in self.strays if each.is_alias],
            "poison": [{"term": each.term, "why": each.why} for each in self.poison],
            "unused": self.unused,
            "not_text": self.no_text,
            "left_out": self.left_out,
            "notes": list(self.notes),
        }


def check_vocabulary(config: Config, name: str) -> Checked:
    """Counts the labels in use on the servers and compares them with the vocabulary; ``ConfigError`` without one."""
    binding = config.binding(name)
    with open_alone(config, binding) as (store, lab):
        loaded = required(binding, load_with_notes(binding, lab, store.terms()))
        in_database = store.count_labels()
    with fiftyone_database(config) as mongo:
        in_fiftyone = count_in_fiftyone(mongo, describe(mongo, binding.dataset, binding.label_field))
    return compare(binding.name, loaded, in_fiftyone, in_database)


def required(binding: BindingConfig, loaded: Loaded | None) -> Loaded:
    """The vocabulary; ``ConfigError`` where the binding names none."""
    if loaded is None:
        raise ConfigError(
            f"The binding {binding.name!r} has no vocabulary.",
            remedy="Name one: `vocabulary: {table: T, column: C}`, `{file: PATH}` or `{classes: [...]}`.",
        )
    return loaded


def compare(binding: str, loaded: Loaded, in_fiftyone: LabelCounts, in_database: Mapping[str, int]) -> Checked:
    """The finding for these counts."""
    vocabulary = loaded.vocabulary
    used = in_fiftyone.counts.keys() | in_database.keys()
    times = {label: in_fiftyone.counts.get(label, 0) + in_database.get(label, 0) for label in used}
    strays = sorted(used - vocabulary.names, key=lambda label: (-times[label], label))
    aliases = {label: term for label in strays if (term := vocabulary.meant(label)) is not None}
    safe = safe_terms([each for each in strays if each not in aliases], vocabulary)
    means = {label: term for label, term in (safe | aliases).items() if why_poison(term) is None}
    near = nearest_terms([each for each in strays if each not in means][:MOST_COMPARED], vocabulary)
    found = [
        Stray(
            label,
            in_fiftyone.counts.get(label, 0),
            in_database.get(label, 0),
            nearest=(means[label],) if label in means else near.get(label, ()),
            means=means.get(label),
            is_alias=label in aliases,
        )
        for label in strays
    ]
    terms = [each.name for each in vocabulary.terms]
    return Checked(
        binding=binding,
        terms=len(terms),
        strays=tuple(found),
        poison=left_out(dict.fromkeys([*terms, *vocabulary.extra_labels])),
        unused=sum(each not in used for each in terms),
        no_text=in_fiftyone.no_text,
        notes=loaded.notes,
        left_out=loaded.left_out,
    )
