"""Which FiftyOne is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config import Config, parse_config
from syncd.ingest.media.store import Edition, edition

BINDING = {
    "name": "a",
    "dataset": "a",
    "label_field": "label",
    "table": "a",
    "columns": {"id": "id", "label": "label", "media": "media"},
}


def configured(value: str) -> Config:
    lab = {"database": {"url": "postgresql://lab@localhost/lab"}, "bindings": [BINDING]}
    return parse_config(lab | {"fiftyone": {"edition": value}})


def test_the_configuration_decides() -> None:
    assert edition(configured("enterprise")) is Edition.ENTERPRISE
    assert edition(configured("open_source")) is Edition.OPEN_SOURCE


def test_what_is_installed_here_is_the_open_source_one() -> None:
    assert edition(configured("auto")) is Edition.OPEN_SOURCE


def test_enterprise_is_known_by_its_management_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import sys

    (tmp_path / "fiftyone" / "management").mkdir(parents=True)
    for folder in (tmp_path / "fiftyone", tmp_path / "fiftyone" / "management"):
        (folder / "__init__.py").write_text("raise AssertionError('was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [each for each in sys.modules if each == "fiftyone" or each.startswith("fiftyone.")]:
        monkeypatch.delitem(sys.modules, name)
    importlib.invalidate_caches()
    assert edition(configured("auto")) is Edition.ENTERPRISE
