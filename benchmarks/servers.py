"""The servers of a run: those given by the environment, else embedded ones that write through to disk."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import sqlalchemy as sa

from benchmarks.place import Place, Shape
from syncd import embedded

POSTGRES_VARIABLE = "SYNCD_TEST_POSTGRES_URL"
MONGO_VARIABLE = "SYNCD_TEST_MONGO_URI"


@dataclass(frozen=True)
class Servers:
    """Both servers' addresses, what they are, and the processes of those that were started here."""

    postgres_url: str
    mongo_uri: str
    versions: dict[str, str]
    processes: dict[str, int]


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Both servers, for the time of the context."""
    processes: dict[str, int] = {}
    with ExitStack() as stack:
        url, uri = os.environ.get(POSTGRES_VARIABLE), os.environ.get(MONGO_VARIABLE)
        if url is None:
            postgres = stack.enter_context(embedded.postgres(folder / "postgresql", durable=True))
            url, processes["PostgreSQL"] = postgres.url, postgres.pid
        if uri is None:
            mongo = stack.enter_context(embedded.mongod(folder / "mongodb", durable=True))
            uri, processes["MongoDB"] = mongo.uri, mongo.pid
        yield Servers(url, uri, _versions(url, uri, processes), processes)


def _versions(url: str, uri: str, processes: dict[str, int]) -> dict[str, str]:
    with _admin(url).connect() as connection:
        postgres = str(connection.execute(sa.text("SHOW server_version")).scalar_one()).split()[0]
    with pymongo.MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=10_000) as client:
        mongo = str(client.server_info()["version"])
    found = {"PostgreSQL": postgres, "MongoDB": mongo}
    return {
        name: f"{version} ({'embedded' if name in processes else 'given by the environment'})"
        for name, version in found.items()
    }


@contextmanager
def place(found: Servers, folder: Path, shape: Shape, labels: int) -> Iterator[Place]:
    """Fresh, empty databases on both servers for one size, dropped afterwards."""
    name = f"syncd_bench_{uuid.uuid4().hex[:12]}"
    folder.mkdir(parents=True)
    with _admin(found.postgres_url).connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    try:
        yield Place(
            folder=str(folder),
            postgres_url=sa.make_url(found.postgres_url).set(database=name).render_as_string(hide_password=False),
            mongo_uri=found.mongo_uri,
            mongo_database=name,
            shape=shape,
            labels=labels,
            processes=found.processes,
        )
    finally:
        with _admin(found.postgres_url).connect() as connection:
            connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        with pymongo.MongoClient[dict[str, Any]](found.mongo_uri, serverSelectionTimeoutMS=10_000) as client:
            client.drop_database(name)


def _admin(url: str) -> sa.Engine:
    return sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
