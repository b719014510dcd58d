"""``bindings[].store`` of kind ``label-studio``."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import SecretStr

from syncd.config.kinds import EndpointUrl, Expect, PositiveCount, Text, Tolerance, Unfit, plain_text
from syncd.config.store import StoreConfig

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{8,}")


def _token(value: object) -> SecretStr:
    text = value.get_secret_value() if isinstance(value, SecretStr) else plain_text(value).strip()
    if not _TOKEN.fullmatch(text):
        raise Unfit("a personal access token, or a legacy token, of an account's page in Label Studio")
    return SecretStr(text)


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
