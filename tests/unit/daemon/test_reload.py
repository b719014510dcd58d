"""When the configuration is read again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import structlog

from syncd.daemon import reload
from syncd.daemon.reload import Reloader

TEXT = """
database: {url: "${file:url}"}
bindings:
  - name: one
    dataset: d
    label_field: f
    annotation_id: a
    table: t
    columns: {id: id, label: label, media: media, updated_at: at}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(reload, "SETTLE_S", 0.05)
    (tmp_path / "url").write_text("postgresql+psycopg2://u@h/d")
    (tmp_path / "syncd.yaml").write_text(TEXT)
    return tmp_path / "syncd.yaml"


def changed(reloader: Reloader) -> bool:
    """Once it has settled."""
    reloader.changed()
    time.sleep(0.1)
    return reloader.changed()


def test_files_that_stay_as_they_are_are_left_alone(file: Path) -> None:
    assert not changed(Reloader(file, [file.parent / "url"]))


def test_a_file_under_way_is_left_until_it_has_settled(file: Path) -> None:
    reloader = Reloader(file, [])
    file.write_text(TEXT + "\n")
    assert not reloader.changed()
    time.sleep(0.1)
    assert reloader.changed()
    assert reloader.load() is not None
    assert not changed(reloader)


@pytest.mark.parametrize("name", ["syncd.yaml", "url"])
def test_another_file_in_the_place_of_one_counts(file: Path, name: str) -> None:
    reloader = Reloader(file, [file.parent / "url"])
    fresh = file.parent / "fresh"
    fresh.write_text((file.parent / name).read_text())
    fresh.replace(file.parent / name)
    assert changed(reloader)


def test_a_symbolic_link_that_is_turned_counts(file: Path) -> None:
    """As Kubernetes mounts a changed secret."""
    old, new, link = (file.parent / name for name in ("old", "new", "url"))
    link.rename(old)
    link.symlink_to(old)
    reloader = Reloader(file, [link])
    new.write_text("postgresql+psycopg2://other@h/d")
    link.unlink()
    link.symlink_to(new)
    assert changed(reloader)
    config = reloader.load()
    assert config is not None
    assert "other@" in config.database.url.get_secret_value()


def test_an_invalid_file_is_said_once_and_again_after_a_valid_one(file: Path) -> None:
    reloader = Reloader(file, [])
    with structlog.testing.capture_logs() as lines:
        file.write_text("nonsense: 1")
        assert reloader.load() is None
        assert reloader.load() is None
        assert len(lines) == 1
        file.write_text(TEXT)
        assert reloader.load() is not None
        file.write_text("nonsense: 1")
        assert reloader.load() is None
    assert [each["log_level"] for each in lines] == ["error", "info", "error"]


def test_somebody_who_asks_is_told_again_of_an_invalid_file(file: Path) -> None:
    reloader = Reloader(file, [])
    file.write_text("nonsense: 1")
    with structlog.testing.capture_logs() as lines:
        assert reloader.load() is None
        assert reloader.load(asked=True) is None
    assert [each["log_level"] for each in lines] == ["error", "error"]


def test_once_an_invalid_file_is_mended_that_is_said(file: Path) -> None:
    reloader = Reloader(file, [])
    with structlog.testing.capture_logs() as logs:
        file.write_text("bindings: {")
        assert reloader.load() is None
        file.write_text(TEXT)
        assert reloader.load() is not None
        assert reloader.load() is not None

    assert [each["event"] for each in logs][1:] == ["the configuration is valid again"]
