"""Exports the change log as JSON lines that a third party can check with the recipe in docs/audit.md alone.

A header, the finished entries of one binding after the other in order of ``seq``, and a last line with the counts, the
heads of the chains and the SHA-256 of all lines before it. The same log always gives the same bytes. Everything is
ASCII, so that no text in a label can end a line.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from sqlalchemy import Connection

from syncd.model.result import Status
from syncd.store import changes, runs
from syncd.store.chain import COVERED, Soundness, check, covered
from syncd.store.tables import Tables

VERSION = 1
HASH = "blake2b-128"


@dataclass(frozen=True)
class Exported:
    """What an export wrote of one binding: the chain as it was found, and how many entries there are.

    ``pending`` entries are still without an outcome and a hash; they are counted and left out.
    """

    binding: str
    chain: Soundness
    entries: int
    pending: int


def export(connection: Connection, tables: Tables, bindings: Sequence[str], file: TextIO) -> list[Exported]:
    """Writes the log of these bindings, a broken one as it stands; reads and writes in pieces."""
    digest = hashlib.sha256()

    def write(document: Mapping[str, Any]) -> None:
        line = json.dumps(document, ensure_ascii=True, separators=(",", ":")) + "\n"
        digest.update(line.encode("ascii"))
        file.write(line)

    write({"syncd_log": VERSION, "hash": HASH, "covered": list(COVERED), "bindings": list(bindings)})
    done = [_export_one(connection, tables, each, write) for each in bindings]
    ends = [_end(each) for each in done]
    write({"entries": sum(each.entries for each in done), "chains": ends, "sha256": digest.hexdigest()})
    return done


class _Writing:
    """Entries on their way to a reader, written as they pass."""

    def __init__(self, entries: Iterable[dict[str, Any]], write: Any) -> None:
        self._entries = entries
        self._write = write
        self.written = 0
        self.pending = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for entry in self._entries:
            if entry["status"] == Status.PENDING and entry["hash"] is None:
                self.pending += 1
            else:
                self._write(covered(entry) | {"hash": entry["hash"]})
                self.written += 1
            yield entry


def _export_one(connection: Connection, tables: Tables, binding: str, write: Any) -> Exported:
    # The heads first: what a run closes meanwhile must not look like a log that was cut off.
    heads = runs.heads(connection, tables, binding)
    writing = _Writing(changes.entries(connection, tables, binding), write)
    passing = iter(writing)
    chain = check(passing, heads)
    deque(passing, maxlen=0)  # what stands behind a break is written too
    return Exported(binding, chain, writing.written, writing.pending)


def _end(done: Exported) -> dict[str, Any]:
    return {
        "binding": done.binding,
        "entries": done.entries,
        "pending": done.pending,
        "head": done.chain.head,
        "broken_at": done.chain.broken_at,
        "cut": done.chain.cut,
    }
