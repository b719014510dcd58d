"""The sections of Tator and Label Studio: what is wrong in them is named with its place, and no token is ever shown."""

from __future__ import annotations

import pytest
import yaml

from syncd.adapters.label_studio.config import LabelStudioConfig
from syncd.adapters.tator.config import TatorConfig
from syncd.config import parse_config
from syncd.errors import ConfigError

TATOR = {
    "kind": "tator",
    "url": "https://tator.example.org",
    "token": "0123456789abcdef",
    "project": 1,
    "version": "ground_truth",
    "type": "Box",
}
LABEL_STUDIO = {"kind": "label-studio", "url": "https://labels.example.org", "token": "0123456789abcdef", "project": 3}


def document(store: dict[str, object]) -> dict[str, object]:
    binding = {
        "name": "one",
        "dataset": "plankton",
        "label_field": "ground_truth",
        "store": store,
        "columns": {"label": "Label"},
        "sample_key": "media_name",
    }
    return {"state": {"url": "sqlite:///state.sqlite"}, "bindings": [binding]}


def test_the_sections_are_read_by_their_adapters() -> None:
    tator = parse_config(document(TATOR)).binding("one").store
    assert isinstance(tator, TatorConfig)
    assert (tator.project, tator.version, tator.media, tator.rate) == (1, "ground_truth", "name", 50.0)
    other = parse_config(document(LABEL_STUDIO)).binding("one").store
    assert isinstance(other, LabelStudioConfig)
    assert other.project == 3


WRONG: list[tuple[dict[str, object], str, str]] = [
    (TATOR | {"url": "tator.example.org"}, "store.url", "http:// or https://"),
    (TATOR | {"url": "https://ada:secret-word@tator.example.org"}, "store.url", "no user or password"),
    (TATOR | {"token": "short"}, "store.token", "an API token"),
    (TATOR | {"token": "with a blank in it"}, "store.token", "an API token"),
    (TATOR | {"project": True}, "store.project", "a name, or an id"),
    (TATOR | {"media": "uri"}, "store.media", "name"),
    (TATOR | {"versoin": 1}, "store.versoin", "version"),
    ({name: each for name, each in TATOR.items() if name != "version"}, "store.version", "a name, or an id"),
    (LABEL_STUDIO | {"project": "three"}, "store.project", "whole number"),
    (LABEL_STUDIO | {"rate": -1}, "store.rate", "zero or more"),
]


@pytest.mark.parametrize(("store", "place", "expected"), WRONG)
def test_a_fault_is_named_with_its_place(store: dict[str, object], place: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(document(store))
    told = str(caught.value)
    assert place in told
    assert expected in told
    for secret in ("secret-word", "with a blank in it"):
        assert secret not in told


@pytest.mark.parametrize("store", [TATOR, LABEL_STUDIO])
def test_no_token_is_in_what_a_configuration_shows(store: dict[str, object]) -> None:
    config = parse_config(document(store))
    assert str(store["token"]) not in repr(config) + yaml.safe_dump(config.model_dump(mode="json"))
