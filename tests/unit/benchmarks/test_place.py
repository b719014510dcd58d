import stat
from pathlib import Path

import pytest

from benchmarks.place import BINDING, Place, Shape


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(
        folder=str(tmp_path),
        postgres_url="postgresql+psycopg2://u:secret@host/db",
        mongo_uri="mongodb://host/",
        mongo_database="bench",
        shape=Shape.DETECTIONS,
        labels=100,
        processes={"MongoDB": 1},
    )


def test_a_place_survives_the_way_from_process_to_process(place: Place) -> None:
    assert Place.of_json(place.as_json()) == place


def test_its_configuration_is_a_right_one_and_nobody_elses_to_read(place: Place) -> None:
    binding = place.config().binding(BINDING)
    assert binding.columns.box is not None
    assert binding.columns.box.columns == ("x", "y", "w", "h")
    assert stat.S_IMODE((Path(place.folder) / "syncd.yaml").stat().st_mode) == 0o600


def test_fiftyone_is_kept_out_of_the_users_home(place: Place) -> None:
    found = place.environment()
    assert found["FIFTYONE_DATABASE_URI"] == place.mongo_uri
    paths = [value for name, value in found.items() if name.endswith(("_PATH", "_DIR"))]
    assert len(paths) == 8
    assert all(value.startswith(place.folder) for value in paths)
