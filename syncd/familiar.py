"""The file of the document cache, kept from one complete read to the next.

Nothing but time depends on it. It holds the digest of the labels in a document, by the document's hash; whether they
are what was agreed is asked of the baseline each time, so that nothing here can be out of date: a file that is lost,
old or damaged means that documents are decoded again.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.ipc

from syncd.logs import Logger
from syncd.model.documents import FAMILIAR_SCHEMA
from syncd.whole_file import whole_file

log = Logger(__name__)

FORMAT = "1"
ENDING = ".familiar"
LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")
RULES = b"syncd"
"""The key under which the file names the rules by which documents were decoded."""

FORGOTTEN_S = 30 * 24 * 3600.0
"""A file that nobody used for so long belongs to a dataset that is gone."""


@dataclass(frozen=True)
class Familiar:
    """The cache file of one binding and dataset. ``decoding`` identifies how documents are decoded."""

    path: Path
    decoding: str

    @staticmethod
    def of(binding: str, dataset: str, decoding: str) -> Familiar | None:
        """The file of a binding's dataset, in this user's cache folder; ``None`` for a user without a home."""
        name = blake2b(f"{binding}\0{dataset}".encode(), digest_size=12).hexdigest()
        folder = cache_folder()
        return None if folder is None else Familiar(folder / "documents" / f"{name}{ENDING}", decoding)

    def load(self, rules: str) -> pl.DataFrame:
        """The cached documents (``FAMILIAR_SCHEMA``), if they were decoded by the same rules; otherwise nothing."""
        none = pl.DataFrame(schema=FAMILIAR_SCHEMA)
        try:
            with pa.ipc.open_file(self.path.read_bytes()) as file:
                table = file.read_all()
            table.validate(full=True)
            os.utime(self.path)
        except (OSError, pa.ArrowException) as error:
            if not isinstance(error, FileNotFoundError):
                log.info("what documents hold cannot be read; all are decoded", file=str(self.path), why=str(error))
            return none
        if (table.schema.metadata or {}).get(RULES) != self._rules(rules) or len(table) == 0:
            return none
        found = pl.DataFrame(pl.from_arrow(table))
        return found if _is_sound(found) else none

    def save(self, known: pl.DataFrame, rules: str) -> None:
        """Replaces the content of the file; where that fails, all documents are decoded the next time."""
        table = known.select(*FAMILIAR_SCHEMA).to_arrow()
        table = table.replace_schema_metadata({RULES: self._rules(rules)})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _forget_old(self.path.parent)
            with (
                whole_file(self.path, private=True) as file,
                pa.ipc.new_file(file, table.schema, options=LZ4) as writer,
            ):
                writer.write_table(table)
        except OSError as error:
            log.info("what documents hold cannot be kept", file=str(self.path), why=error.strerror or str(error))

    def _rules(self, rules: str) -> bytes:
        return f"{FORMAT};{pl.__version__};{self.decoding};{rules}".encode()


def cache_folder() -> Path | None:
    """This user's cache folder by the XDG base directory specification; ``None`` without a home."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if Path(named).is_absolute():
        return Path(named) / "syncd"
    try:
        return Path("~/.cache/syncd").expanduser()
    except RuntimeError:  # of Path: neither HOME nor the system's list of users names one
        return None


def _is_sound(found: pl.DataFrame) -> bool:
    """Whether this is what was saved: each sample once, in order."""
    if dict(found.schema) != FAMILIAR_SCHEMA:
        return False
    ids = found["sample_id"]
    return ids.null_count() == 0 and bool((ids.shift() < ids).all())


def _forget_old(folder: Path) -> None:
    old = time.time() - FORGOTTEN_S
    for each in folder.glob(f"*{ENDING}"):
        if each.stat().st_mtime < old:
            each.unlink(missing_ok=True)
