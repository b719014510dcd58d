"""The limits of connections that stand open for long, as the server has them."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from syncd.adapters.connect import open_database
from syncd.adapters.sql.arrow import ArrowReader
from syncd.adapters.sql.limits import KEEPALIVE, Limits, keepalive
from syncd.errors import DatabaseUnavailable

WANTED = {
    "statement_timeout": "2s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "4s",
    "idle_session_timeout": "5s",
}


def test_a_session_has_its_limits_and_keeps_them_over_a_rollback(database_url: str) -> None:
    with open_database(database_url, Limits(statement_s=2, lock_s=3, transaction_s=4, idle_s=5)) as connection:
        connection.rollback()
        for name, value in WANTED.items():
            assert connection.execute(sa.text(f"SHOW {name}")).scalar_one() == value, name
        connection.engine.dispose()


def test_no_session_is_without_limits(database_url: str) -> None:
    with open_database(database_url) as connection:
        assert connection.execute(sa.text("SHOW statement_timeout")).scalar_one() == "10min"
        connection.engine.dispose()
    with open_database(database_url, Limits(statement_s=0)) as connection:
        assert connection.execute(sa.text("SHOW statement_timeout")).scalar_one() == "0"
        connection.engine.dispose()


def test_the_reading_connection_has_them_too(database_url: str) -> None:
    reader = ArrowReader(sa.make_url(database_url), Limits(statement_s=1))
    begun = time.monotonic()
    try:
        with pytest.raises(DatabaseUnavailable, match="timeout"):
            reader.frame("SELECT pg_sleep(30)::text AS slept")
        assert time.monotonic() - begun < 15
        assert reader.frame("SELECT current_setting('statement_timeout') AS t").item() == "1s"
    finally:
        reader.close()


def test_the_server_lets_go_of_what_a_silent_session_held(database_url: str) -> None:
    """So a host that is frozen, or cut off unnoticed, does not keep the lock for ever."""
    with (
        open_database(database_url, Limits(idle_s=1)) as frozen,
        open_database(database_url) as other,
    ):
        frozen.execute(sa.text("SELECT pg_advisory_lock(7)"))
        frozen.commit()
        deadline = time.monotonic() + 30
        while not other.execute(sa.text("SELECT pg_try_advisory_lock(7)")).scalar_one():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        other.engine.dispose()
        frozen.invalidate()
        frozen.engine.dispose()


def test_what_the_address_says_of_keepalives_stays() -> None:
    url = sa.make_url("postgresql+psycopg2://u@h/d?keepalives_idle=99")
    assert "keepalives_idle" not in keepalive(url)
    assert keepalive(url).keys() | {"keepalives_idle"} == KEEPALIVE.keys()
