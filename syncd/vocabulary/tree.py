"""Reads terms from nested lists and mappings, as YAML and JSON have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from syncd.config.nearest import did_you_mean
from syncd.vocabulary.terms import Entry

Path = tuple["str | int", ...]

WRAPPERS = ("terms", "classes")
KEYS = ("name", "parent", "rank", "code", "select", "children")
EXPECTED = "a term, {name: TERM, parent: …, rank: …, code: …, children: […]}, or {TERM: [children]}"


@dataclass
class Nested:
    """Walks the values; ``place`` says in words where a path is, ``faults`` fills with what is wrong."""

    place: Callable[[Path], str]
    faults: list[str] = field(default_factory=list)

    def entries(self, data: object) -> Iterator[Entry]:
        """The terms in order, parents before their children."""
        if isinstance(data, Mapping) and len(data) == 1:
            wrapper = next(iter(data))
            if wrapper in WRAPPERS:
                yield from self._children(data[wrapper], (wrapper,), None)
                return
        yield from self._children(data, (), None)

    def _children(self, value: object, path: Path, parent: str | None) -> Iterator[Entry]:
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

    def _item(self, item: object, path: Path, parent: str | None) -> Iterator[Entry]:
        if isinstance(item, str):
            yield Entry(item, self.place(path), parent)
        elif isinstance(item, Mapping) and item:
            yield from self._children(item, path, parent)
        else:
            self._fault(path, item, EXPECTED)

    def _described(self, item: Mapping[str, object], path: Path, parent: str | None) -> Iterator[Entry]:
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

    def _text(self, item: Mapping[str, object], key: str, path: Path) -> str | None:
        value = item.get(key)
        if value is None and key != "name":
            return None
        if not isinstance(value, str):
            self._fault((*path, key), value, "text, in quotes where it looks like something else")
            return None
        return value

    def _fault(self, path: Path, value: object, expected: str) -> None:
        found = {dict: "a mapping", list: "a list", type(None): "nothing"}.get(type(value)) or repr(value)
        self.faults.append(f"{self.place(path)}: found {found}, expected {expected}")
