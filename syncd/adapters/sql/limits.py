"""How long syncd waits for a PostgreSQL server, and how soon the server notices that syncd is gone."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import URL

KEEPALIVE = {
    "keepalives": "1",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""Of libpq: a server that is cut off is noticed within half a minute, and not after the system's two hours."""


@dataclass(frozen=True)
class Limits:
    """Seconds; 0 means without end. Every connection has them: a daemon hangs, and a command is suspended (Ctrl-Z).

    ``statement_s`` and ``lock_s`` bound one statement and its waiting for a row. ``transaction_s`` is after how long
    the server ends a session that says nothing in the middle of a transaction, in which it may keep the lab's rows
    locked; ``idle_s`` the same outside of one: a frozen process loses its binding's lock by that. ``gone_s`` is about
    how soon the server notices that our host is cut off.
    """

    statement_s: int = 600
    lock_s: int = 60
    transaction_s: int = 300
    idle_s: int = 900
    gone_s: int = 10

    @property
    def statement(self) -> str:
        """The SELECT that sets them for a session, as far as the server's version has them.

        Where the lab has set a stricter one, for its database or for the role, that one stays. Not in the connection's
        options, which poolers refuse.
        """
        probes = max(1, self.gone_s // 4)
        # In the units in which the server tells its settings.
        wanted = {
            "statement_timeout": 1000 * self.statement_s,
            "lock_timeout": 1000 * self.lock_s,
            "idle_in_transaction_session_timeout": 1000 * self.transaction_s,
            "idle_session_timeout": 1000 * self.idle_s,
            "tcp_keepalives_idle": probes,
            "tcp_keepalives_interval": probes,
            "tcp_keepalives_count": 3,
            "tcp_user_timeout": 1000 * self.gone_s,
        }
        rows = ", ".join(f"('{name}', {value})" for name, value in wanted.items())
        return (
            "SELECT set_config(s.name, least(nullif(s.setting::bigint, 0), nullif(w.value, 0))::text, false) "
            f"FROM (VALUES {rows}) AS w(name, value) JOIN pg_catalog.pg_settings s ON s.name = w.name "
            "WHERE w.value > 0"
        )


LIMITS = Limits()
"""Of everything that says nothing else."""


def keepalive(url: URL) -> dict[str, str]:
    """The settings of ``KEEPALIVE`` that the address leaves open."""
    return {name: value for name, value in KEEPALIVE.items() if name not in url.query}
