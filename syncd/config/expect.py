"""Values that say in plain English what was expected of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

EXPECTED = "expected"
"""The pydantic error type of every fault of ours; its context holds `what` and perhaps `hint`."""


class Unfit(ValueError):
    """A value that does not fit; `hint` says how to mend it and never repeats a secret."""

    def __init__(self, hint: str | None = None) -> None:
        super().__init__(hint or "")
        self.hint = hint


def unfit(what: str, hint: str | None = None) -> PydanticCustomError:
    """The pydantic error for a value that is not `what`."""
    # The texts travel in the context: as the template, a brace in them would be a placeholder.
    return PydanticCustomError(EXPECTED, "not as expected", {"what": what, "hint": hint})


@dataclass(frozen=True)
class Expect:
    """Annotates a type with how to make its value, and with the words for what is expected.

    `parse` takes whatever stands in the file (or the finished value) and raises `Unfit`.
    """

    what: str
    parse: Callable[[object], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """All the judgement is in `parse`: pydantic adds none of its own."""
        return core_schema.no_info_plain_validator_function(self._validate)

    def _validate(self, value: object) -> Any:
        try:
            return self.parse(value)
        except Unfit as error:
            raise unfit(self.what, error.hint) from None
