"""Rows that could not be loaded, as a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from syncd.errors import SyncdError
from syncd.ingest.result import IngestResult


def write_rejected(result: IngestResult, path: Path) -> IngestResult:
    """Writes the faults as CSV (``annotation_id``, ``media``, ``kind``, ``reason``), whole or not at all.

    Without faults nothing is written. ``SyncdError`` where the file cannot be written.
    """
    if result.faults.is_empty():
        return result
    part = path.with_name(f".{path.name}.part")
    try:
        result.faults.write_csv(part)
        part.replace(path)
    except OSError as error:
        raise SyncdError(
            f"The rows that could not be loaded cannot be listed in {path}: {error.strerror}.",
            remedy="Name another file: --rejected FILE. What could be loaded has been loaded.",
        ) from error
    return replace(result, faults_file=str(path))
