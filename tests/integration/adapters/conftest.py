"""Fixtures of the adapters' own tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

import servers


@pytest.fixture
def mongo(mongo_uri: str) -> Iterator[Database[dict[str, Any]]]:
    """The database that FiftyOne uses, over a client of our own."""
    with servers.mongo_client(mongo_uri) as client:
        yield client[os.environ["FIFTYONE_DATABASE_NAME"]]
