"""``${NAME}`` and ``${file:…}``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from syncd.config import load_config
from unit.config.support import MINIMAL, at_top, faults_of, in_binding, write


def test_a_variable_is_put_in_wherever_it_stands(tmp_path: Path) -> None:
    text = MINIMAL.replace("syncd@db/annotations", "${USER_NAME}:${PASSWORD}@db/annotations")
    config = load_config(write(tmp_path, text), {"USER_NAME": "me", "PASSWORD": "p: #'${X}"})
    assert config.database.url.get_secret_value() == "postgresql://me:p: #'${X}@db/annotations"


def test_numbers_and_truth_values_may_come_from_variables(tmp_path: Path) -> None:
    text = in_binding('brakes: {min_rows: "${ROWS}"}\nreview:\n  class_tags: ${TAGS}')
    binding = load_config(write(tmp_path, text), {"ROWS": "7", "TAGS": "no"}).bindings[0]
    assert binding.brakes.min_rows == 7
    assert binding.review.class_tags is False


def test_a_file_is_put_in_without_its_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "url").write_bytes(b"https://hooks.example/x\r\n")
    for name in ("url", str(tmp_path / "url")):
        config = load_config(write(tmp_path, at_top(f"notify: {{webhook: '${{file:{name}}}'}}")), {})
        assert config.notify.webhook is not None
        assert config.notify.webhook.get_secret_value() == "https://hooks.example/x"


def test_a_doubled_dollar_is_no_reference(tmp_path: Path) -> None:
    text = in_binding("extra_labels: ['$${HOME}', '$$', '$x', '{y}']")
    binding = load_config(write(tmp_path, text), {}).bindings[0]
    assert binding.extra_labels == ("${HOME}", "$$", "$x", "{y}")


def test_comments_may_hold_references_to_nothing(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, MINIMAL + "# ${UNSET} ${\n"), {}).bindings


@pytest.mark.parametrize(
    ("reference", "found", "expected"),
    [
        ("${UNSET}", "${UNSET}, which is not set", "the environment variable UNSET"),
        ("${not a name}", "starts no reference", "${NAME}"),
        ("${", "starts no reference", "${NAME}"),
        ("${NAME:-x}", "starts no reference", "${NAME}"),
        ("${file:nowhere}", "${file:nowhere}, which does not exist", "a file"),
        ("${file:.}", "cannot be read: is a directory", "a readable file"),
        ("${file:latin}", "not UTF-8", "UTF-8"),
        ("${file:large}", "larger than 1 MiB", "nothing else"),
        ("${BROKEN}", "not UTF-8", "UTF-8"),
        ("${EMPTY}", "empty text from ${EMPTY}", "a FiftyOne dataset"),
    ],
)
def test_a_reference_to_nothing_is_a_fault_at_its_place(
    tmp_path: Path, reference: str, found: str, expected: str
) -> None:
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / "large").write_bytes(b"x" * (2 << 20))
    environ = {"BROKEN": "\udce9", "NAME": "x", "EMPTY": ""}
    (fault,) = faults_of(tmp_path, MINIMAL.replace("dataset: plankton", f"dataset: '{reference}'"), environ)
    assert (fault.place, fault.line) == ("bindings[0].dataset", 5)
    assert found in fault.found
    assert expected in fault.expected


def test_a_reference_that_braces_cut_short_says_how_to_write_it(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, in_binding("brakes: {min_rows: ${ROWS}}"))
    assert fault.hint == "inside { } and [ ] put ${…} in quotes"


def test_each_reference_in_a_value_has_its_own_fault(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, MINIMAL.replace("dataset: plankton", "dataset: ${A}-${B}"))
    assert [fault.expected[-1] for fault in faults] == ["A", "B"]


def test_a_pipe_that_nobody_writes_to_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (fault,) = faults_of(tmp_path, MINIMAL.replace("dataset: plankton", "dataset: '${file:pipe}'"))
    assert fault.place == "bindings[0].dataset"
