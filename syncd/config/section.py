"""What all sections of the configuration have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

T = TypeVar("T")


class Section(BaseModel):
    """A mapping with fixed keys: frozen, no unknown keys, no input in pydantic's own errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_means_defaults(cls, value: object) -> object:
        # `daemon:` with every key under it commented out is null in YAML.
        return {} if value is None else value


def nothing_is(empty: Callable[[], T]) -> BeforeValidator:
    """For lists and mappings: a key without a value is an empty one."""
    return BeforeValidator(lambda value: empty() if value is None else value)
