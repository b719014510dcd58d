"""Writes a proposal as the bindings of a configuration, with what was seen and what is unsure as comments."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from syncd.config import configuration_of
from syncd.printable import printable
from syncd.propose.proposal import Choice, Plain, Proposal

HOLDS_STATE = ("postgresql", "sqlite")
"""Kinds of databases that can have syncd's own tables."""

WIDTH = 118
COMMENT_AT = 47
"""Where comments stand behind what they are about, as in the rest of the file."""

_ORDER = [
    "name",
    "dataset",
    "label_field",
    "annotation_id",
    "table",
    "read",
    "write",
    "columns",
    "sample_key",
    "sample_fields",
    "attributes",
    "ingest",
    "vocabulary",
    "extra_labels",
]
_COLUMNS = ["id", "label", "box", "media", "updated_at", "updated_by", "deleted", "version"]
_PLAIN = re.compile(r"(?:[^\W\d]|/)(?:[\w./ -]*[\w./-])?")
_NOT_PLAIN = ("null", "true", "false")


def render(proposal: Proposal, dialect: str = "postgresql", folder: Path = Path()) -> str:
    """The whole configuration, as `syncd init` writes it into a folder, with this binding in it.

    syncd's own tables go into a file beside it, where a database of this kind cannot have them.
    """
    policy = {
        each.path[1]: (str(each.value), printable(each.seen)) for each in proposal.choices if each.path[0] == "policy"
    }
    beside = None if dialect in HOLDS_STATE else f"sqlite:///{folder.absolute() / 'syncd-state.sqlite'}"
    return configuration_of(render_binding(proposal), policy, beside)


def render_binding(proposal: Proposal) -> str:
    """The lines of the binding alone."""
    return "\n".join(_lines(proposal)) + "\n"


def _lines(proposal: Proposal) -> Iterator[str]:
    for note in proposal.notes:
        yield from _comment(f"Unsure: {note}", "  ")
    begin = "  - "
    for key in _ORDER:
        of_key = [each for each in proposal.choices if each.path[0] == key]
        if not of_key:
            continue
        if len(of_key[0].path) == 1:
            yield from _line(of_key[0], begin)
        else:
            yield f"{begin}{key}:"
            by_name = {each: at for at, each in enumerate(_COLUMNS)}
            for each in sorted(of_key, key=lambda each: by_name.get(each.path[1], 0) if key == "columns" else 0):
                yield from _line(each, "      ")
        begin = "    "


def _line(choice: Choice, indent: str) -> Iterator[str]:
    if choice.doubt:
        yield from _comment(f"Unsure: {choice.doubt}", " " * len(indent))
    told = list(_told(f"{indent}{'#' if choice.off else ''}{_key(choice.path[-1])}:", choice.value, len(indent)))
    seen = printable(choice.seen)
    behind = f"{told[0]:<{COMMENT_AT - 1}} # {seen}"
    if seen and (len(told) > 1 or len(behind) > WIDTH):
        yield from _comment(seen, " " * len(indent))
        seen = ""
    yield from [behind] if seen else told


def _told(begin: str, value: Plain, depth: int) -> Iterator[str]:
    """A key with its value, on lines that are not too long where that can be."""
    line = f"{begin} {flow(value)}"
    if len(line) <= WIDTH or "#" in begin or not isinstance(value, dict | str) or not value:
        yield line
    elif isinstance(value, dict):
        yield begin
        for key, inner in value.items():
            yield from _told(f"{' ' * (depth + 2)}{_key(key)}:", inner, depth + 2)
    elif "  " in value or printable(value) != value:
        yield line
    else:
        # Folded: what stands on several lines here is read with a blank between them.
        yield f"{begin} >-"
        indent = " " * (depth + 2)
        yield from textwrap.wrap(
            _escaped(value),
            WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _comment(text: str, indent: str) -> Iterator[str]:
    begin = f"{indent}# "
    yield from textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=begin,
        subsequent_indent=begin + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def flow(value: Plain) -> str:
    """A value on one line of YAML, which reads as the same value."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str):
        return _text(_escaped(value))
    return json.dumps(value)


def _escaped(text: str) -> str:
    """A dollar sign before a brace would begin a reference."""
    return text.replace("${", "$${")


def _key(key: str) -> str:
    return _text(key)


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN:
        return text
    if printable(text) == text:
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text)
