"""The conflicts of a report equal what plain SQL over syncd.conflict gives."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import sqlalchemy as sa

from syncd.adapters.connect import open_database
from syncd.report.disputes import conflicts, disputes
from syncd.report.selection import Selection
from syncd.store.migrate import migrate
from syncd.store.tables import tables_for
from worlds import fresh_database

NOON = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
WAYS = ("fiftyone", "database", "'a term, with a comma'")
HOUR = timedelta(hours=1)
SPAN = Selection(bindings=("one",), since=NOON, until=NOON + 6 * HOUR)


def test_conflicts_opened_and_resolved_equal_plain_sql(postgres_url: str) -> None:
    rows = [
        {
            "binding": "two" if number % 5 == 0 else "one",
            "subject": str(number),
            "kind": "edit_edit" if number % 3 else "unknown_label",
            "suggestions": [],
            "status": "resolved" if number % 2 else "open",
            "resolution": f"took {WAYS[number // 2 % 3]}, ada: note {number}" if number % 2 else None,
            "run_id": "r",
            "opened_at": NOON + number % 7 * HOUR - HOUR,
            "updated_at": NOON,
            "resolved_at": NOON + number % 9 * HOUR if number % 2 else None,
        }
        for number in range(60)
    ]
    with fresh_database(postgres_url) as url, open_database(url) as connection:
        migrate(connection, "syncd")
        tables = tables_for(connection, "syncd")
        connection.execute(sa.insert(tables.conflict), rows)
        found = disputes(conflicts(connection, tables, SPAN), SPAN)
        where = "FROM syncd.conflict WHERE binding = 'one' AND {} >= :since AND {} < :until"
        given = {"since": SPAN.since, "until": SPAN.until}
        opened = sa.text(f"SELECT kind, count(*) {where.format('opened_at', 'opened_at')} GROUP BY kind")
        resolved = sa.text(
            "SELECT count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY resolved_at - opened_at), "
            f"max(resolved_at - opened_at) {where.format('resolved_at', 'resolved_at')} AND status = 'resolved'"
        )
        taken = (
            "CASE WHEN resolution LIKE 'took fiftyone, %' THEN 'took fiftyone' "
            "WHEN resolution LIKE 'took database, %' THEN 'took database' ELSE 'took another value' END"
        )
        how = sa.text(f"SELECT {taken}, count(*) {where.format('resolved_at', 'resolved_at')} GROUP BY 1")
        kinds = {row[0]: row[1] for row in connection.execute(opened, given)}
        ways = {row[0]: row[1] for row in connection.execute(how, given)}
        numbers = tuple(connection.execute(resolved, given).one())
    assert {each.value: each.count for each in found.opened_by_kind} == kinds
    assert {each.value: each.count for each in found.resolved_by_resolution} == ways
    assert (found.resolved, found.waited, found.longest) == numbers
    assert found.opened == sum(kinds.values()) > 0
    assert len(ways) == 3
