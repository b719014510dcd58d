"""Labs for the tests of mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integration.mapping.ordinary import BINDING, SCHEMA
from mapping_lab import MappingLab, mapping_lab

Made = Callable[[Sequence[str], dict[str, Any], Sequence[str]], MappingLab]


@pytest.fixture
def made(database_url: str, mongo_uri: str, tmp_path: Path) -> Iterator[Made]:
    """Makes a lab after some statements, with a binding and images."""
    folder = tmp_path / "images"
    folder.mkdir()
    with ExitStack() as stack:

        def make(statements: Sequence[str], binding: dict[str, Any], media: Sequence[str]) -> MappingLab:
            return stack.enter_context(mapping_lab(database_url, mongo_uri, folder, statements, binding, media))

        yield make


@pytest.fixture
def lab(made: Made) -> MappingLab:
    """The lab of an ordinary schema, ingested and in agreement."""
    lab = made(SCHEMA, BINDING, ("a.png", "b.png"))
    lab.ingest()
    lab.until_quiet()
    return lab
