"""Checks the rows of a binding: how many there are, which have no id or share one, and how many have a sample."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.adapters.sql.encoding import decoded, doubtful_encoding
from syncd.adapters.sql.expressions import source
from syncd.adapters.sql.quote import name_in_sql, query, quote, table_in_sql
from syncd.doctor.finding import Check, Verdict, count, fault, in_sql, listed, ok, short, skipped, warning
from syncd.doctor.subject import ROWS, Subject
from syncd.model import Kind, Mapping

LOOKED_AT = 100_000
"""Rows whose media are looked up among the samples; of more, about as many are chosen by chance."""


def checks(subject: Subject) -> Iterator[Check]:
    """Of the rows that are read."""
    yield Check(ROWS, lambda: _rows(subject))
    yield Check("Row ids", lambda: _ids(subject))
    yield Check("Rows have samples", lambda: _media(subject))
    if subject.is_postgresql:
        yield Check("Texts of rows can be read", lambda: _texts(subject))


def source_in_sql(subject: Subject) -> str:
    """What stands behind FROM, as text in which a colon is no parameter."""
    return source(subject.connection.dialect, subject.mapping).replace(":", "\\:")


def column_in_sql(subject: Subject, name: str) -> str:
    """A column of it, likewise."""
    return "src." + quote(subject.connection.dialect, name).replace(":", "\\:")


def _from(subject: Subject) -> str:
    """The relation as a statement for a person would name it."""
    if subject.mapping.read_is_query:
        return f"{query(subject.mapping.read)} AS src"
    return table_in_sql(subject.connection.dialect, subject.mapping.read)


def _rows(subject: Subject) -> Verdict:
    read = subject.read.get()
    number = int(
        subject.connection.execute(sa.text(f"SELECT count(*) FROM {source_in_sql(subject)} AS src")).scalar_one()
    )
    subject.rows.set(number)
    if not number:
        return warning(f"{read.name} has none", f"Fill it, or mend {subject.place}.table and {subject.place}.read.")
    return ok(f"{number:,}")


def _ids(subject: Subject) -> Verdict:
    number, read, table = subject.rows.get(), subject.read.get(), subject.table.get()
    column = subject.binding.columns.id.name
    if column not in read.columns:
        return skipped(f"{read.name} has no column {column!r}")
    known = table.columns.get(column)
    if read.name == subject.binding.table and column in table.unique and known is not None and not known.nullable:
        return ok(f"each of {count(number, 'row')} has its own, as its key makes sure")
    name = column_in_sql(subject, column)
    present, different = subject.connection.execute(
        sa.text(f"SELECT count({name}), count(DISTINCT {name}) FROM {source_in_sql(subject)} AS src")
    ).one()
    shown = name_in_sql(subject.connection.dialect, column)
    if different < present:
        return fault(
            f"{count(present - different, 'row')} too many: an id stands on several ({_repeated(subject, name)}), and "
            "syncd cannot tell which of them is the annotation",
            in_sql(f"SELECT {shown}, count(*) FROM {_from(subject)} GROUP BY 1 HAVING count(*) > 1")
            + " Then delete the copies, or mend the join that makes them.",
        )
    if present < number:
        return warning(
            f"{count(number - present, 'row')} of {number:,} without an id: they are never synced",
            in_sql(f"SELECT * FROM {_from(subject)} WHERE {shown} IS NULL") + " Then give each an id.",
        )
    return ok(f"each of {count(number, 'row')} has its own")


def _repeated(subject: Subject, name: str) -> str:
    rows = subject.connection.execute(
        sa.text(
            f"SELECT {name} FROM {source_in_sql(subject)} AS src WHERE {name} IS NOT NULL "
            f"GROUP BY {name} HAVING count(*) > 1 ORDER BY {name} LIMIT 4"
        )
    )
    return listed((row[0] for row in rows), 3)


def _media(subject: Subject) -> Verdict:
    """How many rows' media are those of a sample; of a large table, of a part chosen by chance."""
    number, read, column = subject.rows.get(), subject.read.get(), subject.binding.columns.media.name
    samples, ingest = subject.samples, f"Run: syncd ingest {subject.binding.name}"
    if column not in read.columns:
        return skipped(f"{read.name} has no column {column!r}")
    if not number or not samples.estimated_document_count():
        return skipped("there are no rows" if not number else "there are no samples")
    rows = rows_by_value(subject, subject.binding.columns.media.name, number)
    without = rows.pop(None, 0)
    found = set(_adapter(subject).find_samples(list(filter(None, rows)))["media"])
    missing = {media: n for media, n in rows.items() if media not in found}
    lost, total = sum(missing.values()), sum(rows.values()) + without
    whole = "" if number <= LOOKED_AT else f" (of {number:,}, chosen by chance)"
    if total and lost + without == total:
        example = next(iter(samples.find({}, {subject.label_mapping.media_path: 1}).limit(1)), {})
        theirs = _dig(example, subject.label_mapping.media_path)
        ours = short(next(iter(missing), None))
        return fault(
            f"none of {count(total, 'row')}{whole} has a sample: {column!r} holds e.g. {ours!r}, "
            f"{subject.binding.sample_key!r} e.g. {short(theirs)!r}",
            f"Mend {subject.place}.sample_key or {subject.place}.columns.media, so that the two are equal; or, if the "
            f"media are not loaded yet, run: syncd ingest {subject.binding.name}",
        )
    if lost or without:
        null = f" ({count(without, 'row')} with no media at all)" if without else ""
        return warning(
            f"{lost + without:,} of {count(total, 'row')}{whole} have none{null}, such as "
            f"{listed(missing or ['null'], 3)}: they are not synced",
            ingest,
        )
    return ok(f"every one of {count(total, 'row')}{whole}")


def _texts(subject: Subject) -> Verdict:
    """Of a database in whose encoding bytes can stand that are no text: the server would not send such a row."""
    encoding = doubtful_encoding(subject.connection)
    if encoding is None:
        return ok("whatever the database's encoding holds can be translated")
    read = subject.read.get().columns
    names = [each for each in subject.mapping.read_columns if each in read and read[each].kind is Kind.TEXT]
    if not names:
        return ok("no text is mapped")
    raw = ", ".join(f"convert_to(CAST({column_in_sql(subject, each)} AS text), '{encoding}')" for each in names)
    rows = subject.connection.execute(sa.text(f"SELECT {raw} FROM {source_in_sql(subject)} AS src"))
    shown = (
        f"{name} {decoded(encoding, bytes(held))[1]}"
        for row in rows
        for name, held in zip(names, row, strict=True)
        if held is not None and decoded(encoding, bytes(held))[0] is None
    )
    found = list(shown)
    if not found:
        return ok(f"every text is one ({encoding})")
    table = table_in_sql(subject.connection.dialect, subject.binding.table)
    return fault(
        f"{count(len(found), 'value')} in a database of encoding {encoding} with bytes that are no text in it: "
        f"{listed(found, 3)}. Each is a conflict, and an id or a medium of this kind is none",
        in_sql(f"UPDATE {table} SET … = 'THE RIGHT TEXT' WHERE …"),
    )


def _dig(document: object, path: str) -> object:
    for part in path.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def rows_by_value(subject: Subject, column: str, number: int) -> dict[str | None, int]:
    """How many of the ``number`` rows hold each text of a column; of a large table, of a part chosen by chance."""
    connection: Connection = subject.connection
    name = column_in_sql(subject, column)
    statement = f"SELECT CAST({name} AS {'text' if subject.is_postgresql else 'varchar(2000)'}) AS held, 1 AS n"
    statement += f" FROM {source_in_sql(subject)} AS src"
    parameters: dict[str, object] = {}
    if number > LOOKED_AT:
        statement += " WHERE random() < :share" if subject.is_postgresql else " LIMIT :most"
        parameters = {"share": LOOKED_AT / number} if subject.is_postgresql else {"most": LOOKED_AT}
    rows = connection.execute(sa.text(f"SELECT held, sum(n) FROM ({statement}) AS h GROUP BY held"), parameters)
    return {None if row[0] is None else str(row[0]): int(row[1]) for row in rows}


def _adapter(subject: Subject) -> FiftyOneAdapter:
    """The adapter that looks samples up in every run."""
    info = subject.dataset.get()
    mapping = Mapping(subject.binding.name, (), info.label_type)
    database = subject.servers.mongodb.get()
    return FiftyOneAdapter(database, subject.binding.dataset, info.identity, subject.label_mapping, mapping)
