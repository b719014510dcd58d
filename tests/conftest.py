"""Servers, started when a test first asks for one, and a FiftyOne that keeps to itself.

postgres_url     a PostgreSQL for the whole session (SQLAlchemy URL, may create databases)
database_url     a fresh, empty database on it for one test
mariadb_url      an empty database on a MariaDB for one test, skipped where there is none (tests/mariadb.py)
mongo_uri        a MongoDB replica set for the whole session
mongo_database   (uri, name) of a fresh database on it for one test
fiftyone         the module, connected to ``mongo_uri``; its datasets are gone after the test
s3_endpoint      the URL of an S3, STS and IAM for the whole session (tests/s3.py)
s3_bucket        a fresh, empty bucket on it for one test; the keys to it are in the environment
"""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from hypothesis import settings

# Before anything imports polars. Frames are small here and the workers fill the cores: more threads get in the way.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import mariadb
import s3
import servers
import trust

# readline gives it to every child of a pytest that has a terminal or none: what is printed must not depend on it.
os.environ.pop("COLUMNS", None)

NO_SERVER_YET = "mongodb://ask-for-the-fixture-mongo_uri.invalid/?serverSelectionTimeoutMS=200"
ORIGINS = pytest.StashKey[list[str]]()

# How long an example takes says more about the machine than about the code. `make test` tries the same examples each
# time, so that what it says is about the change at hand; `make trust` looks for new ones.
settings.register_profile("syncd", deadline=None, derandomize=not trust.FULL)
settings.load_profile("syncd")


def pytest_configure(config: pytest.Config) -> None:
    """Give FiftyOne a home of its own before anything can import it; it reads these variables only then."""
    config.stash[ORIGINS] = []
    home = Path(tempfile.mkdtemp(prefix="syncd-test-fiftyone-"))
    config.add_cleanup(lambda: _remove(home))
    os.environ.update(
        {
            "FIFTYONE_DATABASE_URI": NO_SERVER_YET,  # otherwise it would start a mongod of its own
            "FIFTYONE_DATABASE_NAME": f"syncd_test_{uuid.uuid4().hex[:12]}",
            "FIFTYONE_DATABASE_DIR": str(home / "mongo"),
            "FIFTYONE_CONFIG_PATH": str(home / "config.json"),
            "FIFTYONE_APP_CONFIG_PATH": str(home / "app_config.json"),
            "FIFTYONE_ANNOTATION_CONFIG_PATH": str(home / "annotation_config.json"),
            "FIFTYONE_EVALUATION_CONFIG_PATH": str(home / "evaluation_config.json"),
            "FIFTYONE_DEFAULT_DATASET_DIR": str(home / "datasets"),
            "FIFTYONE_DATASET_ZOO_DIR": str(home / "zoo"),
            "FIFTYONE_MODEL_ZOO_DIR": str(home / "models"),
            "FIFTYONE_PLUGINS_DIR": str(home / "plugins"),
            "FIFTYONE_DO_NOT_TRACK": "true",
            "FIFTYONE_SHOW_PROGRESS_BARS": "false",
            "XDG_CACHE_HOME": str(home / "cache"),
        }
    )


LONG_FIRST = ("integration/trust/", "integration/daemon/", "integration/test_benchmarks", "e2e/", "integration/")
LONGEST = ("unit/trust/test_model.py", "integration/trust/test_model_real.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files whose tests take long come first, so that no worker has one left when the others are done."""

    def rank(item: pytest.Item) -> tuple[int, str]:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        if path in LONGEST:
            # By case and not by file, as a worker begins with two neighbours: the longest two are no neighbours.
            return (-1, item.name.partition("[")[2])
        return (next((at for at, place in enumerate(LONG_FIRST) if path.startswith(place)), len(LONG_FIRST)), "")

    items.sort(key=rank)


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def log_of_its_own() -> None:
    """A command that an earlier test called in this process left the log with an output that is closed by now."""
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[str]:
    """A PostgreSQL for the session."""
    with servers.postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        pytestconfig.stash[ORIGINS].append(server.origin)
        yield server.address


@pytest.fixture(scope="session")
def used_databases(postgres_url: str) -> Iterator[list[str]]:
    """Names of databases that a test is done with and that are empty again: creating one takes longer than a test."""
    names: list[str] = []
    yield names
    with servers.engine_for_admin(postgres_url).connect() as connection:
        for name in names:
            connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def database_url(postgres_url: str, used_databases: list[str]) -> Iterator[str]:
    """An empty PostgreSQL database of the test's own; whoever is still connected afterwards is thrown out."""
    admin = servers.engine_for_admin(postgres_url)
    if used_databases:
        name = used_databases.pop()
    else:
        name = f"syncd_test_{uuid.uuid4().hex[:12]}"
        with admin.connect() as connection:
            connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    url = sa.make_url(postgres_url).set(database=name)
    yield url.render_as_string(hide_password=False)
    with admin.connect() as connection:
        exists = servers.throw_out(connection, name)
    if exists:
        servers.empty_database(url)
        used_databases.append(name)


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[str]:
    """A MariaDB for the session; skipped with the reason where there is none."""
    missing = mariadb.why_not()
    if missing is not None:
        pytest.skip(missing)
    with mariadb.server(tmp_path_factory.mktemp("mariadb")) as (address, origin):
        pytestconfig.stash[ORIGINS].append(origin)
        yield address


@pytest.fixture
def mariadb_url(mariadb_server: str) -> Iterator[str]:
    """An empty database on it for one test."""
    with mariadb.database(mariadb_server) as url:
        yield url


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[str]:
    """A MongoDB for the session, which FiftyOne is told to use."""
    with servers.mongo_server(tmp_path_factory.mktemp("mongo")) as server:
        pytestconfig.stash[ORIGINS].append(server.origin)
        os.environ["FIFTYONE_DATABASE_URI"] = server.address
        if loaded := sys.modules.get("fiftyone"):
            loaded.config.database_uri = server.address
        yield server.address
        _disconnect_fiftyone()
        with servers.mongo_client(server.address) as client:
            client.drop_database(os.environ["FIFTYONE_DATABASE_NAME"])


def _disconnect_fiftyone() -> None:
    """Let go of the server before it stops.

    FiftyOne's own clean-up at exit would wait half a minute for it.
    """
    import atexit

    if database := sys.modules.get("fiftyone.core.odm.database"):
        atexit.unregister(database._delete_non_persistent_datasets_if_allowed)
        database._disconnect()


@pytest.fixture
def mongo_database(mongo_uri: str) -> Iterator[tuple[str, str]]:
    """The URI and name of a fresh MongoDB database, dropped afterwards."""
    name = f"syncd_test_{uuid.uuid4().hex[:12]}"
    yield mongo_uri, name
    with servers.mongo_client(mongo_uri) as client:
        client.drop_database(name)


@pytest.fixture
def fiftyone(mongo_uri: str) -> Iterator[ModuleType]:
    """FiftyOne on the session's MongoDB, in the database ``fiftyone.config.database_name``."""
    import fiftyone as module

    before = set(module.list_datasets())
    yield module
    # What was there before belongs to a fixture that outlives this test.
    for name in set(module.list_datasets()) - before:
        module.delete_dataset(name)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """An S3 for the session."""
    with s3.server() as url:
        yield url


@pytest.fixture
def s3_bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The name of a bucket of the test's own."""
    s3.keys(monkeypatch, tmp_path)
    name = f"syncd-test-{uuid.uuid4().hex[:12]}"
    s3.plain_client(s3_endpoint).create_bucket(Bucket=name)
    return name


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say which servers the tests ran against."""
    for origin in sorted(set(config.stash[ORIGINS])):
        terminalreporter.write_line(f"ran against {origin}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of pytest-xdist says."""
    node.config.stash[ORIGINS].extend(getattr(node, "workeroutput", {}).get("servers", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the controller of pytest-xdist, where this is a worker of it."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["servers"] = list(session.config.stash[ORIGINS])
