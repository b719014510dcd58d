"""The fixtures of the contract's tests, for one system: each is its ``bench``, where the tests apply to it."""

from __future__ import annotations

import pytest

from syncd.testing.contract.bench import Bench


@pytest.fixture
def read_bench(bench: Bench) -> Bench:
    """The system, in every way of reading it."""
    return bench


@pytest.fixture
def label_bench(bench: Bench) -> Bench:
    """The system, where its annotations are labels in samples."""
    if bench.labels is None:
        pytest.skip("its annotations are rows")
    return bench


@pytest.fixture
def list_bench(label_bench: Bench) -> Bench:
    """The system, where a sample holds several labels."""
    if not label_bench.several:
        pytest.skip("a sample of it holds one label")
    return label_bench


@pytest.fixture
def row_bench(bench: Bench) -> Bench:
    """The system, where its annotations are rows with ids of their own."""
    if bench.rows is None:
        pytest.skip("its annotations are labels in samples")
    return bench
