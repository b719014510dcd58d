"""Rows that could not be loaded, as a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from syncd.errors import SyncdError
from syncd.ingest.result import IngestResult
from syncd.spreadsheet import without_formulas


def write_rejected(result: IngestResult, path: Path, *, safe_for_spreadsheets: bool = False) -> IngestResult:
    """Writes the faults as CSV (``annotation_id``, ``media``, ``kind``, ``reason``), whole or not at all.

    Without faults nothing is written. ``SyncdError`` where the file cannot be written.
    """
    if result.faults.is_empty():
        return result
    part = path.with_name(f".{path.name}.part")
    try:
        (without_formulas(result.faults) if safe_for_spreadsheets else result.faults).write_csv(part)
        part.replace(path)
    except OSError as error:
        raise SyncdError(
            f"The rows that could not be loaded cannot be listed in {path}: {error.strerror}.",
            remedy="Name another file: --rejected FILE. What could be loaded has been loaded.",
        ) from error
    return replace(result, faults_file=str(path))
