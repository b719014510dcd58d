"""The clock and the time zone in which a database's rows are stamped."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.mysql import is_mysql

UNLIKE = timedelta(minutes=1)
"""By how much two clocks that are right may differ. What is later than that by a clock lies in its future: it was
written down while the clock was ahead."""


def clock(connection: Connection) -> datetime:
    """The database's clock; of a database without one (SQLite), this machine's."""
    if is_mysql(connection.dialect):
        shown: datetime = connection.exec_driver_sql("SELECT UTC_TIMESTAMP(6)").scalar_one()
        return shown.replace(tzinfo=timezone.utc)
    if connection.dialect.name != "postgresql":
        return datetime.now(timezone.utc)
    moment: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return moment.astimezone(timezone.utc)


_OF_THE_DATABASE = """
SELECT substring(each FROM position('=' IN each) + 1)
FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS each
WHERE s.setrole = 0 AND lower(split_part(each, '=', 1)) = 'timezone'
  AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
ORDER BY s.setdatabase = 0 LIMIT 1
"""
_OF_THE_SESSION = "SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'TimeZone'"

LONGEST_DROP = timedelta(hours=3)
"""By no more than this a clock is ever put back."""


def stamp_zone(connection: Connection) -> str:
    """The zone in which ``now()`` becomes a time without one, in a session of anybody's.

    What is set for the database decides (``ALTER DATABASE … SET timezone``, else ``ALTER ROLE ALL``), and not what
    syncd's own role, environment or address say. Where nothing is set for it, syncd's session begins with the server's
    zone like any other.
    """
    found = connection.execute(sa.text(_OF_THE_DATABASE)).scalar_one_or_none()
    return str(found or connection.execute(sa.text(_OF_THE_SESSION)).scalar_one())


def literal(zone: str) -> str:
    """A zone's name as SQL."""
    return "'" + zone.replace("'", "''") + "'"


def in_utc(expression: str, zone: str) -> str:
    """A time of this zone in UTC. Of the hour that comes twice when clocks are put back, the later one is meant."""
    return f"{expression} AT TIME ZONE {literal(zone)} AT TIME ZONE 'UTC'"


def earliest(moment: datetime, zone: str) -> str:
    """The earliest time of this zone that a clock shows at or after this moment: a constant, so that an index serves.

    Where the clock is put back soon after it, that is less than the clock shows at the moment itself.
    """

    def shown(at: datetime) -> str:
        utc = at.astimezone(timezone.utc).replace(tzinfo=None)
        return f"'{utc.isoformat(' ', 'microseconds')}+00:00'::timestamptz AT TIME ZONE {literal(zone)}"

    hours = f"interval '{LONGEST_DROP.total_seconds():.0f} seconds'"
    return f"LEAST({shown(moment)}, {shown(moment + LONGEST_DROP)} - {hours})"
