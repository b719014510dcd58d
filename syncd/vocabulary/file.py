"""A vocabulary in a file: .txt, .csv (or .tsv), .yaml (or .yml), .json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from syncd.config.faults import format_place
from syncd.config.yaml_source import read_yaml
from syncd.vocabulary.faults import InvalidVocabulary
from syncd.vocabulary.spreadsheet import read_spreadsheet
from syncd.vocabulary.terms import Entry, Terms, build_terms
from syncd.vocabulary.tree import Nested

LARGEST = 64 << 20
"""Bytes; a vocabulary of a million terms is smaller."""


def read_vocabulary_file(path: Path) -> Terms:
    """The terms of a file. Raises InvalidVocabulary, with every fault and its line."""
    faults: list[str] = []
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(_READERS)
        raise InvalidVocabulary(str(path), [f"found the suffix {path.suffix!r}, expected one of {known}"])
    text = _read(path)
    if not text.strip():
        raise InvalidVocabulary(str(path), ["found an empty file, expected at least one term"])
    entries = list(reader(text, faults))
    return build_terms(entries, str(path), faults)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
        raise InvalidVocabulary(str(path), [fault], remedy="Mend `vocabulary.file` of the binding.") from error
    if len(content) > LARGEST:
        raise InvalidVocabulary(str(path), [f"found more than {LARGEST >> 20} MiB, expected a list of terms"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidVocabulary(
            str(path),
            [f"line {line}: found bytes that are not UTF-8, expected a text file in UTF-8"],
            remedy="Save it again in UTF-8.",
        ) from error


def _lines(text: str, _faults: list[str]) -> Iterator[Entry]:
    for number, line in enumerate(text.split("\n"), start=1):
        term = line.rstrip("\r")
        if term.strip() and not term.lstrip().startswith("#"):
            yield Entry(term, f"line {number}")


def _yaml(text: str, faults: list[str]) -> Iterator[Entry]:
    document = read_yaml(text)
    for problem in document.problems:
        line = problem.line if problem.line is not None else document.line_of(problem.path)
        hint = f" ({problem.hint})" if problem.hint else ""
        faults.append(f"line {line}: found {problem.found}, expected {problem.expected}{hint}")
    if not document.problems:
        nested = Nested(lambda path: f"line {document.line_of(path)}", faults)
        yield from nested.entries(document.data)


def _json(text: str, faults: list[str]) -> Iterator[Entry]:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        times = Counter(name for name, _ in found)
        twice = (name for name, count in times.items() if count > 1)
        faults.extend(f"found the key {name!r} twice in one object, expected each key once" for name in twice)
        return dict(found)

    try:
        data = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        faults.append(f"line {error.lineno}: found text that is not JSON ({error.msg}), expected a list or a tree")
        return
    except RecursionError:
        faults.append("found values nested too deeply, expected a few levels at most")
        return
    nested = Nested(lambda path: format_place(path) or "the whole file", faults)
    yield from nested.entries(data)


_READERS: dict[str, Callable[[str, list[str]], Iterator[Entry]]] = {
    ".txt": _lines,
    ".csv": read_spreadsheet,
    ".tsv": read_spreadsheet,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".json": _json,
}
