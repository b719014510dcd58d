"""Compares the clocks of both servers with this host's: all three place edits in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

from syncd.adapters.sql.clock import clock
from syncd.doctor.finding import Check, Verdict, ok, warning
from syncd.doctor.servers import Servers

TOLERATED = timedelta(seconds=3)
PRECISION = timedelta(seconds=0.1)


def checks(servers: Servers) -> Iterator[Check]:
    """The checks of the clocks of the servers that there are, against this host's."""
    if servers.config.lab is not None:
        yield Check("Database clock", lambda: _database(servers))
    yield Check("MongoDB clock", lambda: _mongodb(servers))


def host_clock() -> datetime:
    """This host's clock."""
    return datetime.now(timezone.utc)


def _database(servers: Servers) -> Verdict:
    connection = servers.database.get()
    if connection.dialect.name != "postgresql":
        return ok(f"{connection.dialect.name} uses this host's")
    return _compared(lambda: clock(connection), "database")


def _mongodb(servers: Servers) -> Verdict:
    admin = servers.mongodb.get().client.admin

    def read() -> datetime:
        moment: datetime = admin.command("hello")["localTime"]
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

    return _compared(read, "MongoDB")


def _compared(read: Callable[[], datetime], server: str) -> Verdict:
    """How far a server's clock is off; the answer may have been given at any moment of the call."""
    before = host_clock()
    there = read()
    after = host_clock()
    ahead = there - (before + (after - before) / 2)
    uncertain = (after - before) / 2
    off = f"{abs(ahead).total_seconds():.1f} s {'ahead of' if ahead > timedelta() else 'behind'} this host's"
    if abs(ahead) - uncertain > TOLERATED:
        return warning(
            f"{off}: edits may be read late, and `latest` may take the older of two",
            f"Run: timedatectl set-ntp true   (on this host and on the {server} host)",
        )
    return ok(f"within {max(abs(ahead), uncertain, PRECISION).total_seconds():.1f} s of this host's")
