"""A bucket of the test's own behind a gate, and a store on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import s3
from media_stores import Fill, open_store
from syncd.ingest.media.store import MediaStore


@pytest.fixture
def client(s3_endpoint: str, s3_bucket: str) -> Any:
    """A client that does not pass the gate."""
    return s3.plain_client(s3_endpoint)


@pytest.fixture
def put(client: Any, s3_bucket: str) -> Fill:
    """``put(**{key: content})``."""

    def put(**objects: bytes) -> None:
        for key, content in objects.items():
            client.put_object(Bucket=s3_bucket, Key=key, Body=content)

    return put


@pytest.fixture
def gate(s3_endpoint: str) -> Iterator[s3.Gate]:
    """What stands between the store and S3."""
    with s3.gate(s3_endpoint) as gate:
        yield gate


@pytest.fixture
def store(gate: s3.Gate, s3_bucket: str, tmp_path: Path) -> MediaStore:
    """The media below ``cruise/``, for the open-source FiftyOne."""
    return open_store(f"s3://{s3_bucket}/cruise", tmp_path / "cache", endpoint_url=gate.url)
