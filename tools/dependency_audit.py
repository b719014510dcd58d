"""Looks for known vulnerabilities in everything that .venv holds: `make audit`.

pip-audit asks the advisory service of the package index; it is installed for the occasion, so that nothing of its own
is among what it looks at. A package of which the service says nothing counts as not audited, never as sound.

Exit status: 0 all was audited and nothing is known; 1 something is known; 3 not all could be audited. With
``--if-reachable`` 3 becomes 0, still told, and a service that knows nothing of the first package is not asked for the
hundreds of others: for a CI whose network may not reach it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Any

SOUND, VULNERABLE, NOT_AUDITED = 0, 1, 3
TIMEOUT_S = 300


def main(arguments: list[str]) -> int:
    """Installs pip-audit, runs it on the packages of this environment, and says what it found."""
    only_if_reachable = "--if-reachable" in arguments
    try:
        report = _ask(only_if_reachable=only_if_reachable)
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        code, text = NOT_AUDITED, f"NOT AUDITED: {_why(error)}"
    else:
        code, text = verdict(report)
    print(text, file=sys.stderr if code else sys.stdout)
    if code == NOT_AUDITED and only_if_reachable:
        return SOUND
    return code


def verdict(report: dict[str, Any]) -> tuple[int, str]:
    """(exit status, what to tell) for a report of pip-audit in its JSON format."""
    packages = report["dependencies"]
    known = [
        f"{each['name']} {each['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'no version'}"
        for each in packages
        for found in each.get("vulns", ())
    ]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    lines = [f"VULNERABLE: {each}" for each in known]
    if skipped or not packages:
        lines.append(
            f"NOT AUDITED: of {len(skipped)} of {len(packages)} packages the advisory service says nothing, "
            f"or it cannot be reached: {', '.join(skipped[:5])}{' and others' if len(skipped) > 5 else ''}"
        )
    if known:
        return VULNERABLE, "\n".join(lines)
    if skipped or not packages:
        return NOT_AUDITED, "\n".join(lines)
    return SOUND, f"audited: {len(packages)} packages, no known vulnerability"


def _ask(*, only_if_reachable: bool) -> dict[str, Any]:
    installed = Path(sysconfig.get_paths()["purelib"])
    with tempfile.TemporaryDirectory(prefix="syncd-audit-") as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", "pip-audit"]
        subprocess.run(install, check=True, timeout=TIMEOUT_S, capture_output=True, text=True)
        if only_if_reachable:
            first = _audited(python, _one_package(installed, Path(folder) / "one"))
            if verdict(first)[0] == NOT_AUDITED:
                return first
        return _audited(python, installed)


def _one_package(installed: Path, folder: Path) -> Path:
    """A folder in which only pip is installed, as far as its metadata says."""
    metadata = next(installed.glob("pip-*.dist-info"))
    shutil.copytree(metadata, folder / metadata.name)
    return folder


def _audited(python: str, installed: Path) -> dict[str, Any]:
    ask = [python, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--timeout", "15"]
    # 1: something was found. What cannot be read as JSON says that it failed.
    done = subprocess.run(
        [*ask, "--path", str(installed)], check=False, timeout=TIMEOUT_S, capture_output=True, text=True
    )
    if not done.stdout.strip():
        raise subprocess.SubprocessError(done.stderr.strip().rpartition("\n")[2] or "pip-audit says nothing")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"pip-audit cannot be installed: {str(error.stderr).strip().rpartition(chr(10))[2]}"
    return f"pip-audit did not answer: {error}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
