"""Enums whose members are texts: what tables, documents and filters hold is the member itself."""

from __future__ import annotations

from enum import Enum


class TextEnum(str, Enum):
    """An enum of texts; a member is equal to its text, and shown as it. That is ``enum.StrEnum`` of Python 3.11."""

    def __str__(self) -> str:
        """The text, in every version of Python."""
        return str(self.value)
