"""Whether FiftyOne finds syncd's plugin, and gets from it all that it declares."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.adapters.fiftyone.compat import Private, private
from syncd.app.plugin_folder import FOLDER, NAME, found_in, name_of
from syncd.errors import SetupError
from syncd.model.kinds import Json


@dataclass(frozen=True)
class Check:
    """One thing that has to be so; ``remedy`` where it is not."""

    name: str
    ok: bool
    said: str
    remedy: str | None = None

    def as_json(self) -> dict[str, Json]:
        """The check for ``--json``."""
        return {"check": self.name, "ok": self.ok, "said": self.said, "remedy": self.remedy}


def plugins_folder() -> Path:
    """Where FiftyOne looks for plugins, by its own configuration. ``SetupError`` where it cannot be imported."""
    if named := os.environ.get("FIFTYONE_PLUGINS_DIR"):
        return Path(named).absolute()
    _prepare()
    try:
        with redirect_stdout(sys.stderr):
            import fiftyone
    except ImportError as error:
        raise SetupError(f"FiftyOne cannot be imported: {error}.", remedy="Install it: pip install fiftyone") from error
    return Path(fiftyone.config.plugins_dir)


def _prepare() -> None:
    """What FiftyOne says of itself while it is imported is not what the command was asked for."""
    os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "true")
    os.environ.setdefault("FIFTYONE_LOGGING_LEVEL", "ERROR")


def check(plugins: Path) -> list[Check]:
    """Looks, in order, whether the plugin is found, is this one, is enabled, and registers what it declares."""
    found = found_in(plugins)
    place = _place(plugins, found)
    if not place.ok:
        return [place]
    _prepare()
    try:
        with redirect_stdout(sys.stderr):
            return [place, _version(found[0]), _enabled(), *_registered()]
    except ImportError as error:
        failed = Check("imported", ok=False, said=f"FiftyOne: {error}", remedy="Install it: pip install fiftyone")
        return [place, _version(found[0]), failed]


def _place(plugins: Path, found: list[Path]) -> Check:
    install = "Run: syncd plugin install"
    if not found:
        dangling = next((each for each in plugins.glob("*") if each.is_symlink() and not each.exists()), None)
        said = f"not in {plugins}" + (f"; {dangling} leads nowhere" if dangling else "")
        return Check("found", ok=False, said=said, remedy=install)
    if len(found) > 1:
        others = ", ".join(str(each) for each in found)
        return Check("found", ok=False, said=f"more than once: {others}", remedy="Remove all but one of them.")
    how = f" (linked to {found[0].resolve()})" if found[0].is_symlink() else " (a copy)"
    return Check("found", ok=True, said=f"{found[0]}{how}")


def _version(place: Path) -> Check:
    if place.resolve() == FOLDER.resolve():
        return Check("version", ok=True, said="that of this installation")
    if name_of(FOLDER) is not None and _contents(place) == _contents(FOLDER):
        return Check("version", ok=True, said="a copy of that of this installation")
    said = "another than that of this installation"
    return Check("version", ok=False, said=said, remedy="Run: syncd plugin install")


def _contents(place: Path) -> dict[str, bytes]:
    files = [each for each in place.rglob("*") if each.is_file() and "__pycache__" not in each.parts]
    return {each.relative_to(place).as_posix(): each.read_bytes() for each in files}


def _enabled() -> Check:
    from fiftyone import plugins

    if NAME in plugins.list_enabled_plugins():
        return Check("enabled", ok=True, said="yes")
    return Check("enabled", ok=False, said="no", remedy=f"Run: fiftyone plugins enable {NAME}")


def _registered() -> list[Check]:
    """What it declares against what its Python registers; FiftyOne itself says so in one line of its log."""
    from fiftyone import plugins

    definition: Any = plugins.get_plugin(NAME)
    context = private(Private.PLUGIN).PluginContext(definition)
    context.register_all()
    errors = [each.strip().splitlines()[-1] for each in context.errors]
    imported = Check(
        "imported",
        ok=not errors,
        said="without errors" if not errors else "; ".join(errors),
        remedy=None if not errors else "Have FiftyOne and syncd in one environment, then install syncd again.",
    )
    declared = set(definition.operators)  # and panels, for FiftyOne
    registered = {each.name for each in context.instances}
    missing = sorted(declared - registered)
    said = f"{len(registered & declared)} of {len(declared)}" + (f"; missing: {', '.join(missing)}" if missing else "")
    complete = Check(
        "registered", ok=not missing, said=said, remedy=None if not missing else "Install syncd again, from its wheel."
    )
    return [imported, complete]
