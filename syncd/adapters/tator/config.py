"""``bindings[].store`` of kind ``tator``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import SecretStr

from syncd.config.kinds import EndpointUrl, Expect, Text, Tolerance, Unfit, plain_text
from syncd.config.store import StoreConfig, token_of

_token = token_of("the API token of an account, as its profile page in Tator shows it")


def _name_or_id(value: object) -> str | int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Unfit
    return value if isinstance(value, int) else plain_text(value)


NameOrId = Annotated["str | int", Expect("a name, or an id as a number", _name_or_id)]


class TatorConfig(StoreConfig):
    """One version (layer) and one box type of one project: a binding's annotations.

    `project`, `version` and `type` are names or ids. `media` says what the sample key equals: the medium's `name`, or
    its `id`. `leaves` names the leaf type that is the vocabulary, where the project has several. `person` is an
    attribute of the boxes that takes the name of the person who made a change. `rate` is calls a second.
    """

    kind: Literal["tator"]
    url: EndpointUrl
    token: Annotated[SecretStr, Expect("an API token", _token)]
    project: NameOrId
    version: NameOrId
    type: NameOrId
    media: Literal["name", "id"] = "name"
    leaves: Text | None = None
    person: Text | None = None
    rate: Tolerance = 50.0
