"""``${NAME}`` and ``${file:/path}`` in the values of a document; ``$${`` stands for a literal ``${``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from syncd.config.document import Document
from syncd.config.faults import Path, Problem
from syncd.printable import printable

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:file:(?P<file>[^{}]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*))\}|(?P<bad>\$\{)")
_LARGEST_FILE = 1 << 20
_ESCAPE_HINT = "for a literal ${ write $${"


def interpolate(document: Document, environ: Mapping[str, str], folder: FilePath) -> None:
    """Replace the references in every value of the document, in place; what cannot be is a problem of it.

    A relative file is looked for in `folder`. Keys are left as they are, and what a reference gave is not
    searched for further references.
    """
    document.data = _Interpolation(document, environ, folder).value(document.data, ())


class _TooLarge(Exception):
    """A secret file that is no secret file."""


@dataclass(frozen=True)
class _Interpolation:
    document: Document
    environ: Mapping[str, str]
    folder: FilePath

    def value(self, value: object, path: Path) -> object:
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, index)) for index, item in enumerate(value)]
        return self.text(value, path) if isinstance(value, str) and "${" in value else value

    def text(self, text: str, path: Path) -> str | None:
        problems: list[Problem] = []

        def replace(match: re.Match[str]) -> str:
            if match["file"]:
                replacement = self._file(match["file"])
            elif match["name"]:
                replacement = self._variable(match["name"])
            elif match["bad"]:
                found, expected = "a ${ that starts no reference", "${NAME} or ${file:/path}"
                replacement = Problem((), found, expected, _ESCAPE_HINT)
            else:
                return "${"
            if isinstance(replacement, Problem):
                problems.append(replacement)
                return ""
            return replacement

        replaced = _REFERENCE.sub(replace, text)
        for problem in problems:
            placed = Problem(path, problem.found, problem.expected, problem.hint)
            self.document.problems.append(placed)
        if problems:
            self.document.unread.add(path)
        if any(match["file"] or match["name"] for match in _REFERENCE.finditer(text)):
            self.document.sources[path] = text
        return None if problems else replaced

    def _variable(self, name: str) -> str | Problem:
        value = self.environ.get(name)
        if value is None:
            return Problem((), f"${{{name}}}, which is not set", f"the environment variable {name}", _ESCAPE_HINT)
        if any("\ud800" <= character <= "\udfff" for character in value):
            return Problem((), f"${{{name}}}, which is not UTF-8", "text in UTF-8")
        return value

    def _file(self, name: str) -> str | Problem:
        shown = f"${{file:{printable(name)}}}"
        self.document.files.add(self.folder / name)
        try:
            content = _read_secret(self.folder / name)
        except FileNotFoundError:
            return Problem((), f"{shown}, which does not exist", "a file with the value")
        except UnicodeDecodeError:
            return Problem((), f"{shown}, which is not UTF-8", "a file with text in UTF-8")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            found = f"{shown}, which cannot be read: {(reason or 'no valid path').lower()}"
            return Problem((), found, "a readable file with the value")
        except _TooLarge:
            return Problem((), f"{shown}, which is larger than 1 MiB", "a file with the value and nothing else")
        return content.removesuffix("\n").removesuffix("\r")


def _read_secret(path: FilePath) -> str:
    # A FIFO that nobody writes to must not hang the start.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        content = stream.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise _TooLarge
    return content.decode("utf-8")
