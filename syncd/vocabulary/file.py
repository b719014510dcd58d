"""A vocabulary in a file: .txt, .csv (or .tsv), .yaml (or .yml), .json."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from syncd.config.faults import format_place
from syncd.config.nearest import did_you_mean
from syncd.config.yaml_source import read_yaml
from syncd.vocabulary.terms import Entry, InvalidVocabulary, Terms, build_terms

COLUMNS = {
    "name": ("name", "label", "term"),
    "parent": ("parent", "parent_name"),
    "rank": ("rank",),
    "code": ("code", "aphia_id"),
}
"""What a column may be called; of several in a file the first one counts. Other columns are left alone."""

DELIMITERS = (",", ";", "\t")


def read_spreadsheet(text: str, faults: list[str]) -> Iterator[Entry]:
    """The terms in order; what is wrong with the file goes to ``faults``."""
    top = text.partition("\n")[0].rstrip("\r")
    headers = {mark: next(csv.reader([top], delimiter=mark), []) for mark in DELIMITERS}
    # The delimiter that makes sense of the header.
    delimiter = next((mark for mark in DELIMITERS if _positions(headers[mark]).get("name") is not None), ",")
    where = _positions(headers[delimiter])
    if "name" not in where:
        yield from _no_names(headers[","], faults)
        return
    rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    last = 0
    try:
        for row in rows:
            first, last = last + 1, rows.line_num
            if first == 1 or not any(cell.strip() for cell in row):
                continue
            if len(row) > len(headers[delimiter]):
                found = f"{len(row)} columns, expected the {len(headers[delimiter])} of the header"
                faults.append(f"line {first}: found {found} (quotes around text with a {delimiter!r}?)")
                continue
            cells = {key: row[at] for key, at in where.items() if at < len(row)}
            parts = {key: cells.get(key) for key in ("parent", "rank", "code")}
            yield Entry(cells.get("name", ""), f"line {first}", **parts)
    except csv.Error as error:
        faults.append(f"line {rows.line_num}: found text that is not CSV ({error}), expected quotes in pairs")


def _positions(header: list[str]) -> dict[str, int]:
    names = [each.strip().lower() for each in header]
    found = {key: next((names.index(each) for each in known if each in names), None) for key, known in COLUMNS.items()}
    return {key: at for key, at in found.items() if at is not None}


def _no_names(header: list[str], faults: list[str]) -> Iterator[Entry]:
    known = COLUMNS["name"]
    hints = [f"{cell}: {hint}" for cell in header if (hint := did_you_mean(cell.strip().lower(), known))]
    hint = f" ({hints[0]})" if hints else ""
    there = ", ".join(map(repr, header)) or "none"
    faults.append(f"line 1: found the columns {there}, expected one called {', '.join(known)}{hint}")
    yield from ()


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


Position = tuple["str | int", ...]

WRAPPERS = ("terms", "classes")
KEYS = ("name", "parent", "rank", "code", "select", "children")
EXPECTED = "a term, {name: TERM, parent: …, rank: …, code: …, children: […]}, or {TERM: [children]}"


@dataclass
class Nested:
    """Walks the values; ``place`` says in words where a path is, ``faults`` fills with what is wrong."""

    place: Callable[[Position], str]
    faults: list[str] = field(default_factory=list)

    def entries(self, data: object) -> Iterator[Entry]:
        """The terms in order, parents before their children."""
        if isinstance(data, Mapping) and len(data) == 1:
            wrapper = next(iter(data))
            if wrapper in WRAPPERS:
                yield from self._children(data[wrapper], (wrapper,), None)
                return
        yield from self._children(data, (), None)

    def _children(self, value: object, path: Position, parent: str | None) -> Iterator[Entry]:
        if value is None:
            return
        if isinstance(value, Mapping) and "name" in value:
            yield from self._described(value, path, parent)
        elif isinstance(value, Mapping):
            for name, below in value.items():
                yield Entry(name, self.place((*path, name)), parent)
                yield from self._children(below, (*path, name), name)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._item(item, (*path, index), parent)
        else:
            self._fault(path, value, "a list of terms")

    def _item(self, item: object, path: Position, parent: str | None) -> Iterator[Entry]:
        if isinstance(item, str):
            yield Entry(item, self.place(path), parent)
        elif isinstance(item, Mapping) and item:
            yield from self._children(item, path, parent)
        else:
            self._fault(path, item, EXPECTED)

    def _described(self, item: Mapping[str, object], path: Position, parent: str | None) -> Iterator[Entry]:
        for key in item:
            if key not in KEYS:
                hint = did_you_mean(key, KEYS)
                said = f"{self.place((*path, key))}: found the key {key!r}, expected one of {', '.join(KEYS)}"
                self.faults.append(said + (f" ({hint})" if hint else ""))
        texts = {key: self._text(item, key, path) for key in ("name", "parent", "rank", "code")}
        name, own = texts["name"] or "", texts["parent"]
        if own is not None and parent is not None and own != parent:
            self._fault((*path, "parent"), own, f"{parent!r}, below which the term stands")
        above = parent if parent is not None else own
        if item.get("select", True) is True:
            yield Entry(name, self.place((*path, "name")), above, texts["rank"], texts["code"])
        elif item["select"] is not False:
            self._fault((*path, "select"), item["select"], "true or false")
        elif above is not None:
            self._fault((*path, "select"), False, "true below another term: only a header at the top is no term itself")
        yield from self._children(item.get("children"), (*path, "children"), name)

    def _text(self, item: Mapping[str, object], key: str, path: Position) -> str | None:
        value = item.get(key)
        if value is None and key != "name":
            return None
        if not isinstance(value, str):
            self._fault((*path, key), value, "text, in quotes where it looks like something else")
            return None
        return value

    def _fault(self, path: Position, value: object, expected: str) -> None:
        found = {dict: "a mapping", list: "a list", type(None): "nothing"}.get(type(value)) or repr(value)
        self.faults.append(f"{self.place(path)}: found {found}, expected {expected}")
