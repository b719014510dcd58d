"""The systems that must keep the contract; ``bench`` is each of them in turn.

To put a new adapter under the contract, write a bench for it and add it here.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

pytest.register_assert_rewrite("syncd.testing.contract")

import servers
from contract import fiftyone_bench as fo
from contract.file_bench import FileBench
from contract.label_studio_bench import LabelStudioBench
from contract.memory_bench import MemoryLabelsBench, MemoryRowsBench
from contract.sql_bench import POSTGRES, SQLITE, SqlBench
from contract.tator_bench import TatorBench
from syncd import embedded
from syncd.adapters.fiftyone import crowded_samples
from syncd.model import LabelType
from syncd.testing import SERVER
from syncd.testing.contract.bench import Bench

LABELS = ["memory-labels", "classification", "classifications", "detections"]
STANDALONE = "standalone"
"""A MongoDB that is no replica set is read in another way, and written in the same."""
TOGETHER = "together"
"""Detections whose changes are written as those of a crowded sample are."""
ROWS = ["memory-rows", "memory-server", "file", "postgresql", "sqlite", "tator", "label-studio"]


@pytest.fixture(params=[*LABELS, TOGETHER, *ROWS])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every system."""
    yield from _bench(request)


@pytest.fixture(params=[*LABELS, STANDALONE, *ROWS])
def read_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every system, in every way of reading it."""
    yield from _bench(request)


@pytest.fixture(params=[*LABELS, STANDALONE, TOGETHER])
def label_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every system whose annotations are labels in samples, in every way of reading it."""
    yield from _bench(request)


@pytest.fixture(params=[*(each for each in LABELS if each != "classification"), TOGETHER])
def list_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every system whose samples hold several labels."""
    yield from _bench(request)


@pytest.fixture(params=ROWS)
def row_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every system whose annotations are rows."""
    yield from _bench(request)


@pytest.fixture(params=[each for each in LABELS if each != "memory-labels"])
def fiftyone_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every FiftyOne."""
    yield from _bench(request)


@pytest.fixture(params=["postgresql", "sqlite"])
def sql_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every database."""
    yield from _bench(request)


def _bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    kind: str = request.param
    if kind == "memory-labels":
        yield MemoryLabelsBench()
    elif kind == "memory-rows":
        yield MemoryRowsBench()
    elif kind == "memory-server":
        yield MemoryRowsBench(replace(SERVER, slice_size=10_000))
    elif kind == "file":
        yield FileBench(request.getfixturevalue("tmp_path"))
    elif kind == "sqlite":
        path: Path = request.getfixturevalue("tmp_path") / "annotations.sqlite"
        yield from _closing(SqlBench(f"sqlite:///{path}", SQLITE))
    elif kind == "postgresql":
        yield from _closing(SqlBench(request.getfixturevalue("contract_postgres"), POSTGRES))
    elif kind == "label-studio":
        yield from _closing(LabelStudioBench())
    elif kind == "tator":
        yield from _closing(TatorBench())
    elif kind == TOGETHER:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(crowded_samples, "WORTH_IT", 1)
            found = _fiftyone(request, "detections")
            # Each change is an operation of its own here.
            patched.setattr(found, "bulk", False)
            yield found
    else:
        yield _fiftyone(request, kind)


def _fiftyone(request: pytest.FixtureRequest, kind: str) -> Bench:
    found: fo.FiftyOneBench = request.getfixturevalue("fiftyone_benches")(kind)
    found.reset()
    return found


def _closing(found: SqlBench | TatorBench | LabelStudioBench) -> Iterator[Bench]:
    yield found
    found.close()


@pytest.fixture(scope="session")
def contract_postgres(postgres_url: str) -> Iterator[str]:
    """A database for all contract tests: making one for each would take most of their time."""
    name = f"syncd_contract_{uuid.uuid4().hex[:12]}"
    admin = servers.engine_for_admin(postgres_url)
    with admin.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    yield sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def standalone_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MongoDB that is no replica set."""
    with embedded.mongod(tmp_path_factory.mktemp("standalone"), replica_set=False) as server:
        yield server.uri


@pytest.fixture(scope="session")
def fiftyone_benches(request: pytest.FixtureRequest, mongo_uri: str) -> Iterator[Any]:
    """Gives the bench of a kind of label field; its dataset is made when it is first asked for (or was deleted)."""
    import fiftyone

    benches: dict[str, fo.FiftyOneBench] = {}
    with servers.mongo_client(mongo_uri) as client:
        database = fo.sdk_database(client)

        def give(kind: str) -> fo.FiftyOneBench:
            name = f"contract-{kind}"
            if kind in benches and fiftyone.dataset_exists(name):
                return benches[kind]
            label_type = LabelType.DETECTIONS if kind == "standalone" else LabelType(kind.capitalize())
            dataset = fo.make_dataset(name, label_type)
            if kind == "standalone":
                away = away_client[database.name]
                benches[kind] = fo.StandaloneBench(dataset, label_type, database, away)
            else:
                benches[kind] = fo.FiftyOneBench(dataset, label_type, database)
            return benches[kind]

        with servers.mongo_client(request.getfixturevalue("standalone_uri")) as away_client:
            yield give
        for kind in benches:
            if fiftyone.dataset_exists(f"contract-{kind}"):
                fiftyone.delete_dataset(f"contract-{kind}")
