"""A lab to work on, built once for each test that asks for it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab, found_lab

from syncd.demo import images, pack
from syncd.demo.data import DemoData

PACK = Path(__file__).parents[3] / "shared" / "plankton"


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return images.generate(tmp_path_factory.mktemp("images"), 60, 3)


@pytest.fixture
def fresh(tmp_path: Path, database_url: str, mongo_uri: str, fiftyone: ModuleType, small: DemoData) -> Lab:
    """A lab that syncd has not met."""
    return found_lab(tmp_path, database_url, mongo_uri, small)


@pytest.fixture
def lab(fresh: Lab) -> Lab:
    """A lab with a baseline."""
    assert fresh.syncd("migrate").code == 0
    assert fresh.syncd("reconcile").code == 0
    return fresh


@pytest.fixture(params=["generated", "plankton"])
def reviewed(
    request: pytest.FixtureRequest, tmp_path: Path, database_url: str, mongo_uri: str, fiftyone: ModuleType
) -> Lab:
    """A lab with a baseline, large enough for the whole review; on the real images too, where they are there."""
    if request.param == "plankton" and not PACK.is_dir():
        pytest.skip("the plankton pack is not beside this checkout")
    data = pack.load(PACK, None) if request.param == "plankton" else images.generate(tmp_path / "images", 150, 7)
    built = found_lab(tmp_path, database_url, mongo_uri, data)
    assert built.syncd("migrate").code == 0
    assert built.syncd("reconcile").code == 0
    return built
