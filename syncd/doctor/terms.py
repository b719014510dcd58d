"""Checks a binding's vocabulary: whether it exists, has the rows' labels, and fits the label's column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from syncd.adapters.sql.accepted_values import values_taken
from syncd.adapters.sql.description import name_beside_key
from syncd.doctor.finding import Check, Fact, Verdict, count, fault, listed, ok, skipped, warning
from syncd.doctor.rows import rows_by_value
from syncd.doctor.subject import Subject
from syncd.model import LABEL, Direction, Vocabulary
from syncd.vocabulary.check import required
from syncd.vocabulary.load import load_with_notes

VOCABULARY = "Vocabulary"


def checks(subject: Subject) -> Iterator[Check]:
    """Of a binding that has a vocabulary, or a column that takes certain values only."""
    terms: Fact[Vocabulary] = Fact(VOCABULARY)
    if subject.binding.vocabulary is not None:
        yield Check(VOCABULARY, lambda: _vocabulary(subject, terms))
        yield Check("Labels of the rows are terms", lambda: _labels(subject, terms.get()))
    if subject.is_postgresql:
        yield Check("Values that columns take", lambda: _taken(subject, terms))


def _vocabulary(subject: Subject, terms: Fact[Vocabulary]) -> Verdict:
    """Entries that are no terms cost nothing but themselves, and are easily overlooked."""
    loaded = required(subject.binding, load_with_notes(subject.binding, subject.connection))
    found = terms.set(loaded.vocabulary)
    if loaded.left_out:
        faults = f"{count(loaded.left_out, 'fault')} in their source: {listed(found.left_out, 3)}"
        return warning(
            f"{count(len(found.terms), 'term')}, and {faults}",
            f"Mend the source, then run: syncd vocabulary check {subject.binding.name}",
        )
    if not found.terms:
        return warning("it has no terms: every label is unknown", f"Fill what {subject.place}.vocabulary names.")
    return ok(count(len(found.terms), "term"))


def _labels(subject: Subject, terms: Vocabulary) -> Verdict:
    """How many rows have a label that is no term; of a large table, of a part chosen by chance."""
    read, column, number = subject.read.get(), subject.binding.columns.label.name, subject.rows.get()
    if column not in read.columns:
        return skipped(f"{read.name} has no column {column!r}")
    held = rows_by_value(subject, column, number)
    labels = {label: rows for label, rows in held.items() if label is not None}
    total = sum(labels.values())
    strays = Counter({label: rows for label, rows in labels.items() if terms.meant(label) is None})
    if not strays or not terms.terms:
        return ok(f"every one of {count(total, 'row')}" if total else "there are none")
    known = subject.table.get().columns.get(column)
    keys = None if known is None else known.refers_to
    shown = listed((repr(label) for label, _ in strays.most_common(3)), 3)
    if len(strays) == len(labels):
        refers = f", the keys of {keys}" if keys is not None else ""
        return fault(
            f"none of {count(total, 'row')} has one: {column!r} holds e.g. {shown}{refers}; the vocabulary has e.g. "
            f"{listed(sorted(map(repr, terms.names)), 3)}. It seems to hold keys or codes rather than names",
            name_beside_key(subject.binding, keys, column),
        )
    return warning(
        f"{sum(strays.values()):,} of {count(total, 'row')} have a label that is none ({shown})",
        f"Run: syncd vocabulary check {subject.binding.name}",
    )


def _taken(subject: Subject, terms: Fact[Vocabulary]) -> Verdict:
    """Whether a column refuses what reviewers may choose: a term, an extra label, the tag that marks an error."""
    info = subject.table_info
    found = values_taken(subject.connection, info)
    if not found:
        return ok("no enum, no CHECK that lists values, no foreign key of the label")
    said = "; ".join(f"{by} takes {count(len(values), 'value')}" for values, by in found.values())
    if LABEL not in found or not terms.known or not _written(subject):
        return ok(said)
    values, by = found[LABEL]
    refused = sorted(terms.get().names - values)
    if not refused:
        return ok(f"{said}, every term among them")
    return warning(
        f"{by} does not take {listed(map(repr, refused))}: such a label is a conflict `unsafe_value`",
        f"Have the database take {'it' if len(refused) == 1 else 'them'}, or take "
        f"{'it' if len(refused) == 1 else 'them'} out of {subject.place}.vocabulary and {subject.place}.extra_labels.",
    )


def _written(subject: Subject) -> bool:
    return Direction(subject.binding.direction("label")).allows(Direction.TO_DATABASE)
