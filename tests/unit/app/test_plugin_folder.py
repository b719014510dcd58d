"""The plugin in FiftyOne's folder of plugins: a link where one can be had, never over something else."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from syncd.app import plugin_folder
from syncd.app.plugin_folder import FOLDER, found_in, install, remove, with_plugin, write_zip
from syncd.errors import SetupError


def other(place: Path, name: str = "@somebody/theirs") -> Path:
    place.mkdir(parents=True)
    (place / "fiftyone.yml").write_text(f'name: "{name}"\n')
    return place


def test_it_is_linked_and_found_and_removed(tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    done = install(plugins)
    assert (done.how, done.before) == ("link", False)
    assert done.place.resolve() == FOLDER
    assert install(plugins).before
    assert found_in(plugins) == [done.place]
    assert remove(plugins) == [done.place]
    assert remove(plugins) == found_in(plugins) == []
    assert (FOLDER / "fiftyone.yml").is_file(), "what the link led to is left"


def test_where_links_fail_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    done = install(tmp_path)
    assert done.how == "copy"
    assert not done.place.is_symlink()
    assert found_in(tmp_path) == [done.place]
    (done.place / "old.py").write_text("")
    install(tmp_path, copy=True)
    assert not (done.place / "old.py").exists(), "an older copy is replaced whole"
    assert remove(tmp_path) == [done.place]


def test_what_is_in_the_way_is_left_and_named(tmp_path: Path) -> None:
    theirs = other(tmp_path / "syncd")
    with pytest.raises(SetupError, match="is not syncd's plugin"):
        install(tmp_path)
    assert (theirs / "fiftyone.yml").is_file()
    elsewhere = tmp_path / "second"
    other(elsewhere / "deep" / "down", plugin_folder.NAME)
    with pytest.raises(SetupError, match=r"is in .*down already"):
        install(elsewhere)


def test_a_link_that_leads_nowhere_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "syncd").symlink_to(tmp_path / "gone")
    assert install(tmp_path).how == "link"
    (tmp_path / "syncd").unlink()
    (tmp_path / "syncd").symlink_to(tmp_path / "gone")
    assert remove(tmp_path) == [tmp_path / "syncd"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot be put into"):
        install(tmp_path / "file")


def test_the_served_app_has_it_beside_the_plugins_of_others(tmp_path: Path) -> None:
    theirs = other(tmp_path / "plugins" / "theirs")
    old = other(tmp_path / "plugins" / "old", plugin_folder.NAME)
    with with_plugin(tmp_path / "plugins") as place:
        assert place != tmp_path / "plugins"
        assert (place / "theirs").resolve() == theirs
        assert [each.resolve() for each in found_in(place)] == [FOLDER], "an older copy is left out"
    assert not place.exists()
    assert old.is_dir()
    remove(tmp_path / "plugins")
    install(tmp_path / "plugins")
    with with_plugin(tmp_path / "plugins") as place:
        assert place == tmp_path / "plugins", "what is put there while it runs is found"
    with with_plugin(None) as place:
        assert [each.resolve() for each in found_in(place)] == [FOLDER]


def test_the_archive_has_the_plugin_at_its_root_and_is_the_same_each_time() -> None:
    first, second = io.BytesIO(), io.BytesIO()
    names = write_zip(first)
    assert write_zip(second) == names
    assert first.getvalue() == second.getvalue()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == names
        assert "fiftyone.yml" in names
        assert "__init__.py" in names
        assert not any("__pycache__" in each for each in names)
        assert archive.read("fiftyone.yml") == (FOLDER / "fiftyone.yml").read_bytes()
