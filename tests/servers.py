"""The servers that tests run against, and where each came from.

In this order: the one that an environment variable names; a container, where a Docker engine answers; an embedded one.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import sqlalchemy as sa

from syncd import embedded

POSTGRES_VARIABLE = "SYNCD_TEST_POSTGRES_URL"
MONGO_VARIABLE = "SYNCD_TEST_MONGO_URI"
POSTGRES_IMAGE = "postgres:18"
MONGO_IMAGE = "mongo:8.0"
CONTAINER_SECONDS = 120
MEMORY = Path("/dev/shm")  # where Linux has its file system in memory
ROOM_BYTES = 4_000_000_000


@dataclass(frozen=True)
class Server:
    """One server: its address, and in words where it came from."""

    address: str
    origin: str


@contextmanager
def postgres_server(folder: Path) -> Iterator[Server]:
    """Give a PostgreSQL; its address is SQLAlchemy's, of a role that may create databases."""
    with contextlib.ExitStack() as stack:
        if url := os.environ.get(POSTGRES_VARIABLE):
            address, origin = url, f"given by {POSTGRES_VARIABLE}"
        elif docker_answers():
            address, origin = stack.enter_context(_postgres_container()), f"container {POSTGRES_IMAGE}"
        else:
            address, origin = stack.enter_context(embedded.postgres(folder)).url, "embedded (no Docker engine answers)"
        yield Server(address, f"PostgreSQL {_postgres_version(address)}, {origin}")


@contextmanager
def mongo_server(folder: Path) -> Iterator[Server]:
    """Give a MongoDB that is a replica set, so that it has change streams."""
    with contextlib.ExitStack() as stack:
        if uri := os.environ.get(MONGO_VARIABLE):
            address, origin = uri, f"given by {MONGO_VARIABLE}"
        elif docker_answers():
            address, origin = stack.enter_context(_mongo_container()), f"container {MONGO_IMAGE}"
        else:
            place = stack.enter_context(in_memory(folder))
            address, origin = stack.enter_context(embedded.mongod(place)).uri, "embedded (no Docker engine answers)"
        with mongo_client(address) as client:
            version = client.server_info()["version"]
        yield Server(address, f"MongoDB {version}, {origin}")


@contextmanager
def in_memory(folder: Path) -> Iterator[Path]:
    """Give a folder on a file system in memory where there is room on one, else ``folder``: mongod waits for the disk
    with each write of a majority, and the tests with it, for a third of their time."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="syncd-test-", dir=MEMORY) as place:
        yield Path(place)


@functools.cache
def docker_answers() -> bool:
    """Tell whether there is a Docker engine to talk to."""
    import docker
    from docker.errors import DockerException

    with warnings.catch_warnings():
        # The library leaves its socket open where nobody answers; the collection makes it say so in here.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            docker.from_env(timeout=5).close()
        except DockerException:  # no socket, or nobody behind it
            return False
        finally:
            gc.collect()
    return True


def mongo_client(uri: str) -> pymongo.MongoClient[dict[str, Any]]:
    """Give a client that fails after seconds instead of half a minute."""
    return pymongo.MongoClient(uri, serverSelectionTimeoutMS=10_000)


def engine_for_admin(url: str) -> sa.Engine:
    """Give an engine without pool or transaction, as creating a database needs."""
    return sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)


def _postgres_version(url: str) -> str:
    with engine_for_admin(url).connect() as connection:
        return str(connection.execute(sa.text("SHOW server_version")).scalar_one()).split()[0]


@contextmanager
def _container(image: str, port: int, command: str = "", **environment: str) -> Iterator[str]:
    """Run a container; gives ``host:port`` of its published port."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own doings; nothing that we could mend
        from testcontainers.core.container import DockerContainer

        container = DockerContainer(image).with_exposed_ports(port)
        for name, value in environment.items():
            container = container.with_env(name, value)
        if command:
            container = container.with_command(command)
        container.start()
    try:
        yield f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"
    finally:
        container.stop()


@contextmanager
def _postgres_container() -> Iterator[str]:
    command = "postgres -c fsync=off -c full_page_writes=off"
    with _container(POSTGRES_IMAGE, 5432, command, POSTGRES_PASSWORD="syncd") as place:
        url = f"postgresql+psycopg2://postgres:syncd@{place}/postgres"
        _insist(lambda: _postgres_version(url), sa.exc.OperationalError)
        yield url


@contextmanager
def _mongo_container() -> Iterator[str]:
    with _container(MONGO_IMAGE, 27017, "--replSet syncd0 --bind_ip_all") as place:
        uri = f"mongodb://{place}/?directConnection=true"
        with pymongo.MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=1_000) as client:
            _insist(lambda: client.admin.command("ping"), pymongo.errors.PyMongoError)
            member = {"_id": 0, "host": "127.0.0.1:27017"}
            client.admin.command("replSetInitiate", {"_id": "syncd0", "members": [member]})
            deadline = time.monotonic() + CONTAINER_SECONDS
            while not client.admin.command("hello")["isWritablePrimary"]:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{MONGO_IMAGE} has not become a primary in {CONTAINER_SECONDS} s")
                time.sleep(0.1)
        yield f"{uri}&replicaSet=syncd0"


def _insist(attempt: Callable[[], object], refusal: type[Exception]) -> None:
    """Repeat ``attempt`` until it succeeds; a server in a container takes a while to answer."""
    deadline = time.monotonic() + CONTAINER_SECONDS
    while True:
        try:
            attempt()
        except refusal:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def throw_out(admin: sa.Connection, name: str) -> bool:
    """End every connection to a database and forget its settings; False where a test dropped it."""
    if not admin.execute(sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}).scalar():
        return False
    admin.execute(
        sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
    )
    admin.execute(sa.text(f'ALTER DATABASE "{name}" RESET ALL'))
    return True


def empty_database(url: sa.URL) -> None:
    """Drop everything that a test made in a database."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        own = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        for schema in connection.execute(sa.text(own)).scalars().all():
            connection.execute(sa.text(f'DROP SCHEMA "{schema}" CASCADE'))
        connection.execute(sa.text("CREATE SCHEMA public"))
        # As a new database has it: everybody may use it, only its owner may create in it.
        connection.execute(sa.text("GRANT USAGE ON SCHEMA public TO PUBLIC"))
        name = connection.execute(sa.text("SELECT current_database()")).scalar_one()
        connection.execute(sa.text(f'GRANT CONNECT, TEMPORARY ON DATABASE "{name}" TO PUBLIC'))
