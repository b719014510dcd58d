"""Loads a file, or a mapping, as a `Config`, or raises one error that names every fault."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from syncd.config.cross import cross_check
from syncd.config.document import Document
from syncd.config.explain import explain
from syncd.config.faults import InvalidConfig, Problem
from syncd.config.faults import Path as Location
from syncd.config.interpolate import interpolate
from syncd.config.schema import Config
from syncd.config.yaml_source import read_yaml
from syncd.errors import ConfigError

_LARGEST_FILE = 16 << 20


def load_config(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read and check a configuration file, with ``${…}`` replaced.

    Raises InvalidConfig with every fault, or a plain ConfigError where there is no readable file.
    """
    return load_config_with_files(path, environ)[0]


def load_config_with_files(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[Config, frozenset[Path]]:
    """`load_config`, with the files that ``${file:…}`` named: what changes in them changes the configuration."""
    document = read_yaml(_read_text(path))
    interpolate(document, environ, path.parent)
    return _check(document, str(path), path.parent.absolute()), frozenset(document.files)


def load_config_text(text: str, environ: Mapping[str, str] = os.environ, *, source: str = "configuration") -> Config:
    """`load_config` of the text itself; relative paths in it start at the folder that this process works in."""
    document = read_yaml(text)
    interpolate(document, environ, Path())
    return _check(document, source, Path.cwd())


def parse_config(data: Mapping[str, object], source: str = "configuration") -> Config:
    """Check a configuration given as plain values; ``${…}`` is not replaced. Raises InvalidConfig."""
    return _check(Document(data), source, None)


def _check(document: Document, source: str, folder: Path | None) -> Config:
    config: Config | None = None
    problems = list(document.problems)
    if document.data is None and problems:
        pass  # nothing was read: there is nothing to check
    elif not isinstance(document.data, Mapping):
        found = document.show(()) if isinstance(document.data, list) else "a single value"
        problems.append(Problem((), found, "a mapping with the keys database and bindings, at least"))
    else:
        config, schema_problems = _validate(document, folder)
        # A value that could not be read is not also missing.
        problems += [p for p in schema_problems + cross_check(document) if not _is_unread(p.path, document)]
    if config is None or problems:
        # Raised here, not where pydantic's error was caught: that one holds the secrets and would be its context.
        unique = dict.fromkeys(document.fault(problem) for problem in problems)
        raise InvalidConfig(source, sorted(unique, key=lambda f: (f.line is None, f.line or 0)))
    return config


def _validate(document: Document, folder: Path | None) -> tuple[Config | None, list[Problem]]:
    try:
        return Config.model_validate(document.data, context={"folder": folder}), []
    except ValidationError as error:
        return None, explain(error, Config, document)


def _is_unread(path: Location, document: Document) -> bool:
    return any(path[:end] in document.unread for end in range(1, len(path) + 1))


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"there is no configuration file {path}", remedy="`syncd init` writes one to start from."
        ) from None
    except IsADirectoryError:
        raise ConfigError(
            f"{path} is a folder, not a configuration file", remedy=f"Try {path / 'syncd.yaml'}."
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no valid path"
        raise ConfigError(f"{path} cannot be read: {reason}", remedy="Check the path and its rights.") from None
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"{path} is larger than 16 MiB, too large for a configuration")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigError(f"{path} is not a text file in UTF-8", remedy="`syncd init` writes one to start from.")
    return text


VARIABLE = "SYNCD_CONFIG"
"""The environment variable that names the file."""


class NoConfig(ConfigError):
    """No configuration is named, and there is none in this folder."""


_NAMES = ("syncd.yaml", "syncd.yml")


def find_config(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The file given, else the one that SYNCD_CONFIG names, else ``syncd.yaml`` or ``syncd.yml`` here.

    Raises NoConfig, a ConfigError, where there is none.
    """
    if given is not None:
        return _existing(given, "")
    named = environ.get(VARIABLE)
    if named:
        return _existing(Path(named), f", which {VARIABLE} names")
    for name in _NAMES:
        if os.path.lexists(name):
            return Path(name)
    raise NoConfig(
        f"there is no {_NAMES[0]} in this folder",
        remedy=f"`syncd init` writes one to start from; --config PATH or {VARIABLE} names one elsewhere.",
    )


def _existing(path: Path, which: str) -> Path:
    # lexists: a dangling link or a folder is better explained when it is read.
    if not os.path.lexists(path):
        raise ConfigError(
            f"there is no configuration file {path}{which}", remedy="`syncd init` writes one to start from."
        )
    return path
