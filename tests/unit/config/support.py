"""A small right configuration, and ways to make it wrong."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from syncd.config import Fault, InvalidConfig, load_config

CANARY = "hunter2canary"

MINIMAL = """\
database:
  url: postgresql://syncd@db/annotations
bindings:
  - name: one
    dataset: plankton
    label_field: ground_truth
    table: public.annotation
    columns: {id: annotation_id, label: label, media: media_uri}
"""


def write(folder: Path, text: str) -> Path:
    """A configuration file of this text."""
    path = folder / "syncd.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def in_binding(text: str) -> str:
    """The minimal configuration with these further lines in its binding."""
    return MINIMAL + textwrap.indent(textwrap.dedent(text).strip("\n") + "\n", "    ")


def at_top(text: str) -> str:
    """The minimal configuration with these further lines at the top level."""
    return MINIMAL + textwrap.dedent(text).strip("\n") + "\n"


def faults_of(folder: Path, text: str, environ: dict[str, str] | None = None) -> tuple[Fault, ...]:
    """The faults that loading this text names; there must be some, in our own words."""
    with pytest.raises(InvalidConfig) as caught:
        load_config(write(folder, text), environ or {})
    error = caught.value
    assert error.exit_code == 2
    assert error.faults
    assert "Input should" not in str(error)
    assert error.__context__ is None, "pydantic's error, which holds the input, must not travel along"
    return error.faults


# what is wrong: (text, place, line, part of what was found, part of what was expected, part of the hint)
Row = tuple[str, str, int, str, str, "str | None"]


def replaced(old: str, new: str) -> str:
    """The minimal configuration with one piece of text replaced."""
    assert old in MINIMAL
    return MINIMAL.replace(old, new)


def check_row(folder: Path, row: Row) -> None:
    """The text of the row has one fault, the one that the row describes."""
    text, place, line, found, expected, hint = row
    (fault,) = faults_of(folder, text)
    assert (fault.place, fault.line) == (place, line)
    assert found in fault.found
    assert expected in fault.expected
    assert hint is None or hint in (fault.hint or "")
