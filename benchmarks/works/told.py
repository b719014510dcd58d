"""What syncd writes for people: a report over many changes, and the vocabulary into FiftyOne's App."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import sqlalchemy as sa

from benchmarks.build import tidy
from benchmarks.data import CLASSES
from benchmarks.errors import BenchmarkError
from benchmarks.place import BINDING, SCHEMA, Place
from benchmarks.works.work import Phases, Trial, Work
from syncd.adapters.connect import open_database
from syncd.model.vocabulary import Term, Vocabulary
from syncd.report.content import gather
from syncd.report.formats import Format, write
from syncd.report.selection import Selection
from syncd.store.tables import tables_for
from syncd.vocabulary.push import push_vocabulary

REPORTED = "bench-report"
MOST_REPORTED = 100_000
LISTED, IN_TREE = 1_000, 5_000
"""Terms of a flat list (the most that FiftyOne's App takes), and of a taxonomy."""

_CHANGES = sa.text(
    f"""
INSERT INTO {SCHEMA}.change (run_id, binding, annotation_id, sample_id, label_id, direction, action, field,
                             old, new, reason, actor, edited_at, applied_at, status, hash)
SELECT 'bench-' || g / 500, :binding, md5((g % greatest(:count * 9 / 10, 1))::text), md5('s' || g), md5('l' || g),
       (ARRAY['to_database', 'to_fiftyone'])[1 + g % 2], 'update', 'label',
       to_json((CAST(:classes AS text[]))[1 + g * 7 % 20]), to_json((CAST(:classes AS text[]))[1 + (g * 7 + 3) % 20]),
       (ARRAY['reviewed', 'approved', 'resolved'])[1 + g % 3], (ARRAY['ada', 'bob', 'cyd', NULL])[1 + g % 4],
       now() - (:count - g) * interval '6 seconds', now() - (:count - g) * interval '6 seconds', 'applied',
       md5('h' || g)
FROM generate_series(1, :count) g"""
)


def reported(labels: int) -> int:
    """Changes that a report is about: 100 000, or five of each of few labels."""
    return min(MOST_REPORTED, 5 * labels)


def _report(form: Format) -> Work:
    @contextmanager
    def opened(place: Place) -> Iterator[Trial]:
        count = reported(place.labels)
        phases = Phases()
        file = Path(place.folder) / f"report{form.ending}"
        with open_database(place.postgres_url) as connection:
            connection.execute(_CHANGES, {"count": count, "binding": REPORTED, "classes": list(CLASSES)})
            connection.commit()
            tidy(place, f"{SCHEMA}.change")
            tables = tables_for(connection, SCHEMA)

            def run() -> int:
                phases("reading and counting")
                found = gather(connection, tables, Selection(bindings=(REPORTED,)), made_at=datetime.now(timezone.utc))
                phases("writing")
                with file.open("wb") as stream:
                    write(found, form, stream)
                if found.totals.changes != count:
                    raise BenchmarkError(f"the report is about {found.totals.changes:,} of {count:,} changes")
                return count

            yield Trial(run, connection.rollback, connection.rollback, phases)
            connection.execute(sa.text(f"DELETE FROM {SCHEMA}.change WHERE binding = :binding"), {"binding": REPORTED})
            connection.commit()

    return Work(
        f"report-{form.value}", f"a report over many changes, as {form.value}", opened, unit="changes", basis=None
    )


def _push(name: str, title: str, first: Sequence[Term], then: Sequence[Term]) -> Work:
    """The vocabulary is another one each time, so that there is always something to write."""

    @contextmanager
    def opened(place: Place) -> Iterator[Trial]:
        import fiftyone  # noqa: F401 - so that it has been imported

        from syncd.demo.dataset import disconnect

        config = place.config()
        binding = config.binding(BINDING)
        turns = [Vocabulary(tuple(first), (), {}), Vocabulary(tuple(then), (), {})]
        push_vocabulary(config, binding, turns[1])

        def run() -> int:
            if not push_vocabulary(config, binding, turns[0]).changed:
                raise BenchmarkError(f"{name} found nothing to write")
            return len(turns[0].terms)

        try:
            yield Trial(run, settle=turns.reverse)
        finally:
            disconnect()

    return Work(name, title, opened, unit="terms", basis=None)


def _terms(count: int, word: str) -> list[Term]:
    return [*map(Term, CLASSES), *(Term(f"{word} {number}") for number in range(count - len(CLASSES)))]


def _tree(count: int, word: str) -> list[Term]:
    """A tree in which every term has at most ten below it."""
    flat = _terms(count, word)
    return [Term(each.name, parent=flat[(at - 1) // 10].name if at else None) for at, each in enumerate(flat)]


WORKS = (
    *(_report(form) for form in Format),
    _push("vocabulary-list", f"vocabulary push, {LISTED:,} classes", _terms(LISTED, "one"), _terms(LISTED, "two")),
    _push("vocabulary-tree", f"vocabulary push, {IN_TREE:,} terms", _tree(IN_TREE, "one"), _tree(IN_TREE, "two")),
)
