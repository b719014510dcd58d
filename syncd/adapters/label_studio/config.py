"""``bindings[].store`` of kind ``label-studio``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import SecretStr

from syncd.config.kinds import EndpointUrl, Expect, PositiveCount, Text, Tolerance
from syncd.config.store import StoreConfig, token_of

_token = token_of("a personal access token, or a legacy token, of an account's page in Label Studio")


class LabelStudioConfig(StoreConfig):
    """The regions (or choices) of one control of one project: a binding's annotations.

    `project` is the number in the project's address. `from_name` is the control's name in the labelling setup, by
    default `columns.label`; `to_name` that of the image, by default the control's. `media` is the key of a task's data
    that the sample key equals, by default the one that the image shows.
    """

    kind: Literal["label-studio"]
    url: EndpointUrl
    token: Annotated[SecretStr, Expect("an API token", _token)]
    project: PositiveCount
    from_name: Text | None = None
    to_name: Text | None = None
    media: Text | None = None
    rate: Tolerance = 20.0
