"""Labs by the dozen: each test gets a copy of one that was made once."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from pymongo.database import Database

import servers
from integration.doctor import lab as make
from integration.doctor.lab import Lab
from syncd.adapters.connect import open_database
from syncd.store.migrate import migrate


@pytest.fixture(scope="package")
def template_url(postgres_url: str) -> Iterator[str]:
    """A healthy database, for tests that only read it, and to be copied by the others."""
    name = f"syncd_doctor_{uuid.uuid4().hex[:12]}"
    admin = servers.engine_for_admin(postgres_url)
    with admin.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    url = sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    Lab(url, None, "", {}).sql(make.TABLES + make.rows())  # type: ignore[arg-type]
    with open_database(url) as connection:
        migrate(connection, "syncd")
    yield url
    with admin.connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture(scope="package")
def mongo(mongo_uri: str) -> Iterator[Database[dict[str, Any]]]:
    """FiftyOne's database, with a dataset to be copied."""
    import fiftyone

    dataset = fiftyone.Dataset(make.TEMPLATE, persistent=True)
    dataset.add_samples(make.samples(fiftyone), dynamic=True, progress=False)
    dataset.create_index("ground_truth.detections.annotation_id")
    with servers.mongo_client(mongo_uri) as client:
        yield client[os.environ["FIFTYONE_DATABASE_NAME"]]
    fiftyone.delete_dataset(make.TEMPLATE)


@pytest.fixture
def lab(template_url: str, mongo: Database[dict[str, Any]], mongo_uri: str) -> Iterator[Lab]:
    """A binding with which all is well; its database is not to be changed, its dataset may be."""
    name = f"plankton-{uuid.uuid4().hex[:8]}"
    make.copy_dataset(mongo, name)
    yield Lab(template_url, mongo, mongo_uri, make.binding(name))
    make.remove_dataset(mongo, name)


@pytest.fixture
def own_lab(lab: Lab, postgres_url: str) -> Iterator[Lab]:
    """The same with a database of its own, of which anything may be changed."""
    with _copied(postgres_url, lab.url) as lab.url:
        yield lab


@pytest.fixture(scope="package")
def workbench_url(postgres_url: str, template_url: str) -> Iterator[str]:
    """A database whose schema ``public`` is made anew for each test, which is faster than a new database."""
    with _copied(postgres_url, template_url) as url:
        yield url


@pytest.fixture
def broken_lab(lab: Lab, workbench_url: str) -> Lab:
    """The same with a schema ``public`` of its own, to be broken."""
    lab.url = workbench_url
    name = sa.make_url(workbench_url).database
    lab.sql(f'DROP SCHEMA public CASCADE; CREATE SCHEMA public; ALTER DATABASE "{name}" RESET ALL')
    lab.sql("DROP SCHEMA IF EXISTS absent CASCADE")
    lab.sql(make.TABLES + make.rows())
    return lab


@contextmanager
def _copied(postgres_url: str, template_url: str) -> Iterator[str]:
    name = f"syncd_doctor_{uuid.uuid4().hex[:12]}"
    admin = servers.engine_for_admin(postgres_url)
    template = sa.make_url(template_url).database
    with admin.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    yield sa.make_url(template_url).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))
