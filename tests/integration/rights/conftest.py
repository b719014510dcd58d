"""A database in which nobody may do anything, and a role that may do what syncd's own grants say."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

import servers
from syncd.config import Config
from syncd.doctor.grants import grants

PASSWORD = "Tr0ub4dor3"

GrantTo = Callable[..., str]


@pytest.fixture
def grant(postgres_url: str) -> Iterator[GrantTo]:
    """Makes a role, grants it what the configuration needs and nothing else, and returns the database's URL as it."""
    made: list[tuple[str, str]] = []

    def new_role(config: Config, *, by_hand: bool = False, without: str | None = None) -> str:
        owner = config.database.url.get_secret_value()
        name = f"Syncd {uuid.uuid4().hex[:8]}"
        made.append((owner, name))
        database = sa.make_url(owner).database
        run(owner, f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC', "REVOKE ALL ON SCHEMA public FROM PUBLIC")
        run(owner, f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{PASSWORD}'")
        found = grants(config, [each.name for each in config.bindings], name)
        chosen = [each.sql for each in found if each.sql is not None and (by_hand or not each.by_hand)]
        run(owner, *chosen)
        if without is not None:
            run(owner, without.format(role=f'"{name}"'))
        return sa.make_url(owner).set(username=name, password=PASSWORD).render_as_string(hide_password=False)

    yield new_role
    for owner, name in made:
        if database_exists(postgres_url, owner):
            run(owner, f'DROP OWNED BY "{name}"')
        run(postgres_url, f'DROP ROLE "{name}"')


def run(url: str, *statements: str) -> None:
    """Runs statements, each as it stands."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        plain = connection.execution_options(no_parameters=True)
        for each in statements:
            plain.exec_driver_sql(each)


def database_exists(postgres_url: str, url: str) -> bool:
    """Whether the database is still there."""
    with servers.engine_for_admin(postgres_url).connect() as connection:
        named = sa.text("SELECT count(*) FROM pg_database WHERE datname = :name")
        return connection.execute(named, {"name": sa.make_url(url).database}).scalar_one() == 1
