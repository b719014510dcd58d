"""Reads YAML text as a `Document`: plain values with their lines, and every structural fault in one pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import yaml
from yaml.reader import Reader

from syncd.config.document import Document
from syncd.config.faults import Path, Problem
from syncd.config.redact import looks_secret

_MOST_NODES = 300_000  # aliases can multiply a small file without end

# PyYAML's own sentences quote the text at fault, which may be half a password: ours never do.
_SYNTAX = (
    ("expected a single document", "a second document (---)", "one document"),
    ("undefined alias", "* at the start of a value", "text in quotes, or an anchor (&name) further up"),
    ("duplicate anchor", "the same anchor (&name) twice", "each anchor once"),
    ("\\t", "a tab", "spaces for indentation"),
    ("mapping values are not allowed", 'a ": " that starts no key', "one key a line, and quotes around such text"),
    ("cannot start any token", "a character that starts no YAML value", "text in quotes"),
    ("could not find expected ':'", "a key without its colon", "key: value"),
    ("unknown escape", "an unknown escape in double quotes", "single quotes, or \\\\ for a backslash"),
    ("quoted scalar", "text in quotes that does not end", "a closing quote"),
    ("expected ',' or", "a list or mapping that is not closed", "a comma or the closing bracket"),
    ("expected <block end>", "a line that does not fit the indentation", "the indentation of its neighbours"),
    ("", "text that is not YAML", "keys and values with indentation, quotes and brackets in order"),
)


def read_yaml(text: str) -> Document:
    """Read one YAML document; what cannot be read is in its `problems`. Never raises for its content."""
    document = Document(None, {(): 1})
    unreadable = Reader.NON_PRINTABLE.search(text)
    if unreadable:
        line = text.count("\n", 0, unreadable.start()) + 1
        column = unreadable.start() - text.rfind("\n", 0, unreadable.start())
        found = f"the control character U+{ord(unreadable.group()):04X}"
        document.problems.append(Problem((), found, "printable text", line=line, column=column))
        return document
    root = _compose(text, document)
    if root is not None:
        try:
            document.data = _Builder(document).build(root, ())
        except RecursionError:
            document.problems.append(_too_deep())
    elif not document.problems:
        expected = "the keys database and bindings, at least"
        document.problems.append(Problem((), "an empty file", expected, "`syncd init` writes one to start from"))
    return document


def _compose(text: str, document: Document) -> yaml.Node | None:
    loader = Loader(text)
    try:
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        document.problems.append(_syntax_problem(error, text))
    except RecursionError:
        document.problems.append(_too_deep())
    except (ValueError, OverflowError):
        # PyYAML lets chr() of a bad \U escape through as it is.
        document.problems.append(Problem((), "an escape that is no character", "valid text"))
    finally:
        loader.dispose()
    return None


def _too_deep() -> Problem:
    return Problem((), "values nested too deeply", "a few levels at most")


def _syntax_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    column = mark.column + 1 if mark else None
    said = f"{error.context or ''} {error.problem or ''}"
    found, expected = next((found, expected) for sign, found, expected in _SYNTAX if sign in said)
    # A brace ends a value inside braces: the likeliest mistake where a reference is near.
    near = text.split("\n")[max(mark.line - 1, 0) : mark.line + 1] if mark else []
    hint = "inside { } and [ ] put ${…} in quotes" if any("${" in row for row in near) else None
    return Problem((), found, expected, hint, line, column)


@dataclass
class _Builder:
    """Turns nodes into values; follows aliases and merge keys itself to keep the lines."""

    document: Document
    nodes: int = 0
    open: set[int] = field(default_factory=set)

    def build(self, node: yaml.Node, path: Path) -> object:
        if self._too_many(node, path):
            return None
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self.open:
            self._problem(path, node, "a value that contains itself", "a value without its own alias in it")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if node.tag not in (MAP, SEQ):
            self._problem(path, node, "a YAML tag", "plain YAML, without !tags")
            return None
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self.open.discard(id(node))

    def _too_many(self, node: yaml.Node, path: Path) -> bool:
        self.nodes += 1
        if self.nodes == _MOST_NODES + 1:
            self._problem(path, node, f"more than {_MOST_NODES} values", "a smaller file")
        return self.nodes > _MOST_NODES

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        try:
            value = scalar_value(node.tag, node.value)
        except ValueError:
            self._problem(path, node, "a value that its YAML tag does not allow", "plain YAML, without !tags")
            return None
        if isinstance(value, str) and not _is_unicode(value):
            self._problem(path, node, "half a character (a lone surrogate)", "valid text")
            return None
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        values: dict[str, object] = {}
        first_lines: dict[str, int] = {}
        merges: list[yaml.Node] = []
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == MERGE:
                merges.append(value_node)
                continue
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            # What a column holds may be 0 or true, and is compared as text.
            any_key = path[-1:] == ("values",)
            if key is None or not (key_node.tag == STR or any_key) or not _is_unicode(key):
                found, hint = _bad_key(key_node)
                self.document.problems.append(Problem(path, found, "text as the key", hint, line))
                continue
            place = (*path, key)
            if key in values:
                found = f"the key a second time (first on line {first_lines[key]})"
                self.document.problems.append(Problem(place, found, "each key once", line=line))
                continue
            self.document.lines.setdefault(place, line)
            first_lines[key] = line
            values[key] = self.build(value_node, place)
        for merge in merges:
            self._merge(merge, path, values)
        return values

    def _merge(self, node: yaml.Node, path: Path, values: dict[str, object]) -> None:
        """``<<: *defaults``: the keys that the mapping lacks."""
        if self._too_many(node, path):
            return
        if id(node) in self.open:
            self._problem(path, node, "a value that contains itself", "a value without its own alias in it")
            return
        if isinstance(node, yaml.SequenceNode):
            self.open.add(id(node))
            for item in node.value:
                self._merge(item, path, values)
            self.open.discard(id(node))
            return
        if not isinstance(node, yaml.MappingNode):
            self._problem(path, node, "something else after <<:", "a mapping, or a list of mappings")
            return
        known = [(k, v) for k, v in node.value if not (isinstance(k, yaml.ScalarNode) and k.value in values)]
        self.open.add(id(node))
        values.update(self._mapping(yaml.MappingNode(MAP, known, node.start_mark, node.end_mark), path))
        self.open.discard(id(node))

    def _problem(self, path: Path, node: yaml.Node, found: str, expected: str) -> None:
        self.document.problems.append(Problem(path, found, expected, line=node.start_mark.line + 1))
        self.document.unread.add(path)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _bad_key(node: yaml.Node) -> tuple[str, str | None]:
    if not isinstance(node, yaml.ScalarNode):
        return "a list or mapping as a key", "quote text that starts with [ or {"
    if node.value == "":
        return "a key without text", None
    if len(node.value) > 40 or looks_secret(node.value) or not node.value.isprintable():
        return "a key that is not text", "put it in quotes"
    return f"{node.value} as a key, which YAML does not read as text", f'put it in quotes: "{node.value}"'


_PREFIX = "tag:yaml.org,2002:"
STR = _PREFIX + "str"
MAP = _PREFIX + "map"
SEQ = _PREFIX + "seq"
MERGE = _PREFIX + "merge"

_RULES: tuple[tuple[str, str, str], ...] = (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("merge", r"<<", "<"),
)


class Loader(yaml.SafeLoader):
    """Reads YAML into nodes; resolves plain words by the core schema of YAML 1.2. Constructs no objects.

    PyYAML follows YAML 1.1, in which ``no`` is false, ``1:30`` is ninety and ``2024-01-01`` is a date. A vocabulary may
    well hold a class `no`; here it stays what was typed.
    """


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """The rules by the first character of the word, as PyYAML wants them."""
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, pattern, first in _RULES:
        for character in ("", *first) if name == "null" else first:
            rule = (_PREFIX + name, re.compile(rf"(?:{pattern})\Z"))
            resolvers.setdefault(character, []).append(rule)
    return resolvers


Loader.yaml_implicit_resolvers = _resolvers()


def _integer(text: str) -> object:
    if len(text) > 40:
        raise ValueError("a number of more than 40 digits")
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


def _float(text: str) -> object:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_CONVERT: dict[str, Callable[[str], object]] = {
    STR: str,
    MERGE: str,
    _PREFIX + "null": lambda _text: None,
    _PREFIX + "bool": lambda text: {"true": True, "false": False}[text.lower()],
    _PREFIX + "int": _integer,
    _PREFIX + "float": _float,
}


def scalar_value(tag: str, text: str) -> object:
    """The value of a scalar with this (resolved) tag. Raises ValueError where the two do not fit."""
    try:
        return _CONVERT[tag](text)
    except KeyError:
        raise ValueError(f"the YAML tag {tag.replace(_PREFIX, '!!')}") from None
