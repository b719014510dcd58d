"""Files: where they are looked for, what they may be, and the starter."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from pydantic import BaseModel

from syncd.config import Config, find_config, load_config, starter_config, write_starter
from syncd.config.shape import known_keys
from syncd.errors import ConfigError
from unit.config.support import MINIMAL, faults_of, write

ENVIRON = {"SYNCD_DATABASE_URL": "postgresql://syncd@localhost/annotations"}


@pytest.mark.parametrize(
    ("text", "found", "line", "column"),
    [
        ("", "an empty file", 1, None),
        ("# only a comment\n", "an empty file", 1, None),
        ("- a\n- b\n", "a list of 2", 1, None),
        ("just text\n", "a single value", 1, None),
        ("42\n", "a single value", 1, None),
        ("null\n", "a single value", 1, None),
        ("a: [1, 2\nb: 3\n", "not closed", 2, 2),
        ("a: b: c\n", "starts no key", 1, 5),
        ("a:\n\t- b\n", "a tab", 2, 1),
        ("a: 'b\n", "does not end", 2, 1),
        ("a: 1\n---\nb: 2\n", "a second document", 2, 1),
        ("a: *b\n", "* at the start", 1, 4),
        ("a: @b\n", "starts no YAML value", 1, 4),
        ('a: "\\q"\n', "unknown escape", 1, 6),
        ('a: "\\UFFFFFFFF"\n', "no character", 1, None),
        ("a: \x01\n", "control character U+0001", 1, 4),
        ("a: !!python/object:os.system x\n", "YAML tag", 1, None),
        ("a: !!set {b}\n", "YAML tag", 1, None),
        ("a: !!int x\n", "YAML tag", 1, None),
        ("a: &a [*a]\n", "contains itself", 1, None),
        ("a: &a {<<: *a}\n", "contains itself", 1, None),
        ("<<: 3\n", "after <<:", 1, None),
        ('a: "\\ud800"\n', "surrogate", 1, None),
        ("[" * 5000, "nested too deeply", 1, None),
    ],
)
def test_a_file_that_is_no_configuration_is_explained(
    tmp_path: Path, text: str, found: str, line: int, column: int | None
) -> None:
    faults = faults_of(tmp_path, text)
    fault = next(fault for fault in faults if found in fault.found)
    assert (fault.line, fault.column) == (line, column)


def test_a_small_file_that_multiplies_without_end_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert any("values" in fault.found for fault in faults_of(tmp_path, "\n".join(lines)))


def test_merging_without_end_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 12)]
    assert any("values" in fault.found for fault in faults_of(tmp_path, "\n".join(lines)))


def test_a_missing_file_points_to_init(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="syncd init"):
        load_config(tmp_path / "nowhere.yaml", {})


def test_a_folder_is_not_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(tmp_path, {})


@pytest.mark.parametrize("content", [b"\x7fELF\x00\x01", b"\xff\xfea\x00", b"a: \xe9\n"])
def test_a_binary_file_is_not_a_configuration(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "syncd.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match="not a text file in UTF-8"):
        load_config(tmp_path / "syncd.yaml", {})


def test_a_path_that_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "file" / "syncd.yaml", {})


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "syncd.yaml").write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load_config(tmp_path / "syncd.yaml", {}).bindings[0].name == "one"


def test_find_takes_the_given_file_before_the_variable_before_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("given.yaml", "named.yaml", "syncd.yml"):
        (tmp_path / name).touch()
    named = {"SYNCD_CONFIG": "named.yaml"}
    assert find_config(Path("given.yaml"), named) == Path("given.yaml")
    assert find_config(None, named) == Path("named.yaml")
    assert find_config(None, {"SYNCD_CONFIG": ""}) == Path("syncd.yml")
    (tmp_path / "syncd.yaml").touch()
    assert find_config(None, {}) == Path("syncd.yaml")


def test_find_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="syncd init"):
        find_config(None, {})
    with pytest.raises(ConfigError, match="syncd init"):
        find_config(Path("x.yaml"), {})
    with pytest.raises(ConfigError, match="which SYNCD_CONFIG names"):
        find_config(None, {"SYNCD_CONFIG": "x.yaml"})


def test_the_starter_is_valid_as_it_stands(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, starter_config()), ENVIRON)
    assert config.database.url.get_secret_value() == ENVIRON["SYNCD_DATABASE_URL"]
    (binding,) = config.bindings
    minimal = load_config(write(tmp_path, MINIMAL), {}).bindings[0]
    for part in ("directions", "review", "policy", "brakes", "annotation_id", "sample_key"):
        assert getattr(binding, part) == getattr(minimal, part), "the starter shows the defaults"


def test_the_starter_is_valid_with_every_optional_key_taken_in(tmp_path: Path) -> None:
    text = re.sub(r"^( *)#(?=[a-z_]+:)", r"\1", starter_config(), flags=re.MULTILINE)
    config = load_config(write(tmp_path, text), ENVIRON)
    assert config.report is not None
    assert config.bindings[0].columns.box is not None


def test_the_starter_without_its_variable_says_which(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, starter_config())
    assert fault.place == "database.url"
    assert fault.expected == "the environment variable SYNCD_DATABASE_URL"


def test_the_starter_names_every_key() -> None:
    text = starter_config()
    missing = {key for key in _all_keys(Config) if not re.search(rf"\b{key}: *", text)}
    assert not missing


def _all_keys(model: type[BaseModel], location: tuple[str | int, ...] = ()) -> set[str]:
    keys: set[str] = set()
    for key in known_keys(model, location):
        keys.add(key)
        for inner in ((key,), (key, 0), (key, "x"), (key, "«table»"), (key, "«classes»"), (key, "«file»")):
            keys |= _all_keys(model, (*location, *inner))
    return keys


def test_the_starter_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "syncd.yaml"
    write_starter(path)
    assert path.read_text(encoding="utf-8") == starter_config()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path], "nothing else is left behind"


def test_the_starter_overwrites_only_when_forced(tmp_path: Path) -> None:
    path = write(tmp_path, "mine")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="left as it is"):
        write_starter(path)
    assert path.read_text(encoding="utf-8") == "mine"
    write_starter(path, force=True)
    assert path.read_text(encoding="utf-8") == starter_config()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_starter_never_follows_a_dangling_link(tmp_path: Path) -> None:
    path = tmp_path / "syncd.yaml"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="left as it is"):
        write_starter(path)
    assert not (tmp_path / "elsewhere").exists()


def test_the_starter_is_written_where_files_cannot_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(self: Path, target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    write_starter(tmp_path / "syncd.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["syncd.yaml"]


def test_the_starter_loses_a_race_without_overwriting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "syncd.yaml"
    fsync = os.fsync

    def someone_is_faster(handle: int) -> None:
        path.write_text("theirs", encoding="utf-8")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", someone_is_faster)
    with pytest.raises(ConfigError, match="left as it is"):
        write_starter(path)
    assert path.read_text(encoding="utf-8") == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_starter_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_starter(tmp_path / "no" / "such" / "folder.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        write_starter(tmp_path, force=True)
