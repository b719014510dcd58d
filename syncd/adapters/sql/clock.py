"""The clock and the time zone in which a database's rows are stamped."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from sqlalchemy import Connection

UNLIKE = timedelta(minutes=1)
"""By how much two clocks that are right may differ. What is later than that by a clock lies in its future: it was
written down while the clock was ahead."""


def clock(connection: Connection) -> datetime:
    """The database's clock; of a database without one (SQLite), this machine's."""
    if connection.dialect.name != "postgresql":
        return datetime.now(timezone.utc)
    moment: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return moment.astimezone(timezone.utc)
