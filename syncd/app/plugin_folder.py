"""syncd's plugin as a folder: where it is, and where FiftyOne looks for plugins."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import yaml

from syncd.errors import SetupError

NAME = "@syncd/syncd"
FOLDER = Path(__file__).parent / "plugin"
INSTALLED_AS = "syncd"
METADATA = ("fiftyone.yml", "fiftyone.yaml")


@dataclass(frozen=True)
class Installed:
    """Where the plugin is now, and how it came to be there: ``link`` or ``copy``; ``before``: it was there already."""

    place: Path
    how: str
    before: bool


def folder() -> Path:
    """The plugin's folder in this installation. ``SetupError`` where it is not there."""
    if name_of(FOLDER) != NAME:
        raise SetupError(
            f"This installation has no plugin: {FOLDER} holds none.", remedy="Install syncd again, from its wheel."
        )
    return FOLDER


def name_of(place: Path) -> str | None:
    """The name of the plugin in a folder; ``None`` where there is none, or none that can be read."""
    for each in METADATA:
        with suppress(OSError, yaml.YAMLError, UnicodeDecodeError):
            said = yaml.safe_load((place / each).read_text(encoding="utf-8"))
            return str(said["name"]) if isinstance(said, dict) and "name" in said else None
    return None


def found_in(plugins: Path) -> list[Path]:
    """The folders below FiftyOne's folder of plugins that hold syncd's, as FiftyOne would find them."""
    found = []
    for root, folders, files in os.walk(plugins, followlinks=True):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        if any(each in METADATA for each in files):
            folders.clear()
            if name_of(Path(root)) == NAME:
                found.append(Path(root))
    return found


def install(plugins: Path, *, copy: bool = False) -> Installed:
    """Puts the plugin where FiftyOne finds it: a link, so that it is upgraded with syncd; else a copy.

    What an earlier syncd put there is replaced. ``SetupError`` where something else is in the way.
    """
    source, place = folder(), plugins / INSTALLED_AS
    for each in found_in(plugins):
        if each != place:
            raise SetupError(
                f"The plugin is in {each} already, and of two with one name FiftyOne takes only one.",
                remedy=f"Remove that one first: rm -r {each}",
            )
    if not copy and place.is_symlink() and place.resolve() == source.resolve():
        return Installed(place, "link", before=True)
    _make_room(place)
    try:
        plugins.mkdir(parents=True, exist_ok=True)
        if not copy and _link(source, place):
            return Installed(place, "link", before=False)
        shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
    except OSError as error:
        raise SetupError(
            f"The plugin cannot be put into {plugins}: {error.strerror or error}.",
            remedy="Have the folder written to, or name another by FIFTYONE_PLUGINS_DIR.",
        ) from error
    return Installed(place, "copy", before=False)


def _make_room(place: Path) -> None:
    if place.is_symlink():
        if place.exists() and name_of(place) != NAME:
            raise _in_the_way(place)
        place.unlink()
    elif place.exists():
        if name_of(place) != NAME:
            raise _in_the_way(place)
        shutil.rmtree(place)


def _in_the_way(place: Path) -> SetupError:
    return SetupError(f"{place} is there, and is not syncd's plugin.", remedy="Move it away, then run this again.")


def _link(source: Path, place: Path) -> bool:
    """Whether a link could be made; some file systems have none."""
    try:
        place.symlink_to(source, target_is_directory=True)
    except OSError:
        return False
    return True


def remove(plugins: Path) -> list[Path]:
    """Takes the plugin away again, from wherever FiftyOne would find it; what was removed."""
    found = found_in(plugins)
    dangling = plugins / INSTALLED_AS
    if dangling.is_symlink() and not dangling.exists():
        found.append(dangling)
    for each in found:
        if each.is_symlink():
            each.unlink()
        else:
            shutil.rmtree(each)
    return found


def write_zip(file: BinaryIO) -> list[str]:
    """The plugin as an archive, for FiftyOne Enterprise; the same bytes for the same plugin. Gives the names in it."""
    source = folder()
    names = sorted(
        each.relative_to(source).as_posix()
        for each in source.rglob("*")
        if each.is_file() and "__pycache__" not in each.parts
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in names:
            entry = zipfile.ZipInfo(each, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (source / each).read_bytes())
    return names


@contextmanager
def with_plugin(plugins: Path | None) -> Iterator[Path]:
    """A folder of plugins that has syncd's of this installation in it, and what else is in ``plugins``.

    It is ``plugins`` itself where syncd's is linked into it; else one of links, gone at the end of the block.
    """
    source = folder()
    found = found_in(plugins) if plugins is not None else []
    if plugins is not None and [each.resolve() for each in found] == [source.resolve()]:
        yield plugins
        return
    with TemporaryDirectory(prefix="syncd-plugins-") as temporary:
        place = Path(temporary)
        (place / INSTALLED_AS).symlink_to(source, target_is_directory=True)
        others = sorted(plugins.iterdir()) if plugins is not None and plugins.is_dir() else []
        for each in others:
            if each.is_dir() and each not in found and not each.name.startswith("."):
                (place / (f"{each.name}-of-others" if each.name == INSTALLED_AS else each.name)).symlink_to(each)
        yield place
