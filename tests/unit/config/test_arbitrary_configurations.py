"""Whatever the file holds: a configuration or an error in our own words, never anything else."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.config import Config, InvalidConfig, load_config, parse_config, starter_config
from syncd.config.faults import Fault, format_place
from syncd.errors import ConfigError
from syncd.printable import printable
from trust import many, tried
from unit.config.support import CANARY

STARTER = starter_config().replace("${SYNCD_DATABASE_URL}", f"postgresql://u:{CANARY}@h/d")
COMPLETE: dict[str, Any] = yaml.safe_load(STARTER)
COMPLETE["bindings"][0] |= {
    "read": "select 1",
    "vocabulary": {"table": "t", "column": "c"},
    "aliases": {"a": "b"},
    "extra_labels": ["x"],
    "attributes": {"depth": {"column": "d", "tolerance": 1}, "verified": "v"},
}
COMPLETE["report"] = {"to": "reports"}
WORDS = st.sampled_from(
    ["database", "url", "bindings", "name", "columns", "id", "label", "vocabulary", "classes", "file", "after",
     "replace", "${X}", "${file:x}", "$${", "<<", "", "both", "30s", "a.b", "select 1", "\x1b", "\ud800", "é"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8) | st.just(10**400)
KEYS = WORDS | st.text(max_size=4) | st.integers() | st.none() | st.booleans()
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(KEYS, v, max_size=4), max_leaves=12)
FILES = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=many(60, 5_000)
)


def loaded(folder: Path, text: str) -> Config | None:
    tried("cases")
    path = folder / "syncd.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        return load_config(path, {"X": "x"})
    except InvalidConfig as error:
        check(error)
    except ConfigError as error:
        assert str(error)
    return None


def check(error: InvalidConfig) -> None:
    assert error.faults
    for fault in error.faults:
        assert isinstance(fault, Fault)
        assert fault.found
        assert fault.expected
        assert "nput should" not in fault.expected
        assert fault.expected != "another value", "a pydantic error without words of ours"
        str(fault).encode("utf-8")
        assert printable(str(fault)) == str(fault)
    assert CANARY not in str(error)


@FILES
@given(value=VALUES)
def test_any_document_is_a_configuration_or_a_configuration_error(tmp_path: Path, value: object) -> None:
    loaded(tmp_path, yaml.safe_dump(value, allow_unicode=True))


@FILES
@given(text=st.text(st.characters() | st.sampled_from("-:{}[]&*!|>'\"%@`#,?\n\t ")))
def test_any_text_is_a_configuration_or_a_configuration_error(tmp_path: Path, text: str) -> None:
    loaded(tmp_path, text)


@FILES
@given(data=st.data())
def test_the_starter_with_some_characters_changed_is_one_or_the_other(tmp_path: Path, data: st.DataObject) -> None:
    text = STARTER
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        text = text[:start] + data.draw(st.text(max_size=3)) + text[start + data.draw(st.integers(0, 3)) :]
    loaded(tmp_path, text)


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [place for key, item in value.items() for place in places(item, (*path, key))]
    elif isinstance(value, list):
        found += [place for index, item in enumerate(value) for place in places(item, (*path, index))]
    return found


PLACES = [place for place in places(COMPLETE) if place]


@settings(deadline=None, max_examples=many(150, 20_000))
@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3))
def test_plain_values_with_anything_anywhere_are_one_or_the_other(
    changes: list[tuple[tuple[Any, ...], object]],
) -> None:
    tried("cases")
    data = copy.deepcopy(COMPLETE)
    for place, value in changes:
        parent: Any = data
        try:
            for part in place[:-1]:
                parent = parent[part]
            parent[place[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    try:
        parse_config(data)
    except InvalidConfig as error:
        check(error)


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("wrong", [7.5, "\0", [[]], {"x": {"y": 1}}, -1], ids=repr)
def test_a_value_of_the_wrong_kind_is_named_at_its_place_or_below(place: tuple[Any, ...], wrong: object) -> None:
    data = copy.deepcopy(COMPLETE)
    parent: Any = data
    for part in place[:-1]:
        parent = parent[part]
    parent[place[-1]] = wrong
    try:
        parse_config(data)
    except InvalidConfig as error:
        assert any(fault.place.startswith(format_place(place)) for fault in error.faults)
        check(error)
    else:
        assert isinstance(wrong, float), "only a number of seconds or of tolerance can be this"
