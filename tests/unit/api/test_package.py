"""What `import syncd` costs, and what it offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import syncd

LOADED = "import sys, syncd; assert syncd.__version__; print(*sorted(each.partition('.')[0] for each in sys.modules))"
HEAVY = {"polars", "fiftyone", "sqlalchemy", "pymongo", "pyarrow", "pydantic", "typer", "rich", "structlog"}


def test_the_package_alone_loads_no_library() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_everything_that_is_exported_is_there_and_documented() -> None:
    assert set(syncd.__all__) <= set(dir(syncd))
    for name in syncd.__all__:
        found = getattr(syncd, name)
        assert name == "__version__" or found.__doc__, name
    assert "open_binding" in syncd.__all__


def test_the_package_is_typed() -> None:
    assert (Path(syncd.__file__).parent / "py.typed").exists()


def test_a_name_that_is_not_there_is_an_ordinary_error() -> None:
    assert not hasattr(syncd, "open_bindings")
