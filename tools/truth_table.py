"""Writes docs/truth-table.md from the table that the tests hold syncd to (tests/unit/trust/truth_table.py).

python3 -m tools.truth_table
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tests" / "unit" / "trust" / "truth_table.py"
TARGET = ROOT / "docs" / "truth-table.md"
HEADER = """\
# Truth table: what becomes of an annotation

Made by `python3 -m tools.truth_table` from `tests/unit/trust/truth_table.py`, not by hand. The tests beside it
(`tests/unit/trust/test_truth_table.py`) put every combination below to the diff, under every policy and every
direction, and find what is said here, no more and no less.

The first three columns are what the baseline, FiftyOne and the database hold: – absent; a, b, c any values that are
different from each other, so that the 64 combinations of {–, a, b, c} are the 15 rows of the first table (*of 64*
says how many each stands for). An annotation is absent as a whole; its values are compared field by field. *both*,
`to_database` and `to_fiftyone` are the field's direction; where the three say the same, it is said once.

Not in the table: values that a side cannot hold (`unsafe_value`), ids in doubt, the vocabulary, a value that is
missing, and conflicts that are open already. The tests in `tests/unit/diff` hold them.
"""


def source() -> ModuleType:
    """The table; loaded by its file, because tests are not installed."""
    spec = importlib.util.spec_from_file_location("truth_table", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up while it is made.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def page(table: Any) -> str:
    """The whole page."""
    plain = [line for line in table.LINES if line.situation == table.PLAIN]
    parts = [HEADER, "## As it stands\n", *_rows(table, plain)]
    others = [each for each in table.SITUATIONS if each != table.PLAIN]
    parts.append("\n## Where more is known\n\nA pattern that is not listed is judged as above.\n")
    for situation in others:
        lines = [line for line in table.LINES if line.situation == situation]
        parts += [f"\n### {situation.capitalize()}\n\n{table.SITUATIONS[situation]}\n", *_rows(table, lines)]
    parts.append("\n## With `review.mode: tagged`\n\nWithout an approving tag, what goes to the database waits:\n")
    parts += [f"* instead of: {table.OUTCOMES[old]} → {table.OUTCOMES[new]}" for old, new in table.WHEN_TAGGED.items()]
    parts.append("\nA removal can bear no tag: it follows its own policy in either mode.")
    parts += ["\n## A value that is read back otherwise than it was written to the database\n", *_answers(table)]
    return "\n".join(parts) + "\n"


def _answers(table: Any) -> Iterator[str]:
    yield "| read back | the table holds what was written | written once more, it stays | outcome |"
    yield "|---|:-:|:-:|---|"
    for came, words in table.CAME_BACK.items():
        found = {
            (stored, steady): table.ANSWERED if table.is_answer(came, stored=stored, steady=steady) else table.REFUSED
            for stored in (False, True)
            for steady in (True, False)
        }
        if len(set(found.values())) == 1:
            yield f"| {words} | | | {table.REFUSED} |"
            continue
        for (stored, steady), outcome in found.items():
            yield f"| {words} | {'yes' if stored else 'no'} | {'yes' if steady else 'no'} | {outcome} |"


def _rows(table: Any, lines: list[Any]) -> Iterator[str]:
    yield "| baseline | FiftyOne | database | of 64 | means | policy | outcome |"
    yield "|:-:|:-:|:-:|--:|---|---|---|"
    for line in lines:
        count = sum(table.pattern_of(each) == line.pattern for each in table.COMBINATIONS)
        head = [*line.pattern, str(count), line.means]
        for values, outcomes in _grouped(line.outcomes):
            policy = f"`{line.policy}`: {'; '.join(values)}" if line.policy else ""
            yield "| " + " | ".join([*head, policy, _said(table, outcomes)]) + " |"
            head = [""] * len(head)


def _grouped(outcomes: dict[str, tuple[str, ...]]) -> list[tuple[list[str], tuple[str, ...]]]:
    """Values of a policy with the same outcomes, together."""
    found: dict[tuple[str, ...], list[str]] = {}
    for value, each in outcomes.items():
        found.setdefault(each, []).append(value)
    return [(values, each) for each, values in found.items()]


def _said(table: Any, outcomes: tuple[str, ...]) -> str:
    ways: dict[str, list[str]] = {}
    for way, each in zip(table.DIRECTIONS, outcomes, strict=True):
        ways.setdefault(each, []).append("*both*" if way == "both" else f"`{way}`")
    if len(ways) == 1:
        return str(table.OUTCOMES[outcomes[0]])
    return "<br>".join(f"{', '.join(names)}: {table.OUTCOMES[each]}" for each, names in ways.items())


if __name__ == "__main__":
    TARGET.write_text(page(source()), encoding="utf-8")
