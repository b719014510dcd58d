"""Every error that this package raises on purpose.

    EmbeddingError          something a person must mend
    ├── ExtraMissing        a package of an extra is not installed, or does not fit the others
    ├── ModelError          weights are missing, or are not what they were said to be
    ├── MediaError          one image cannot be embedded; the others can
    ├── RuntimeUnusable     a runtime or a device was asked for that does not work here, or deviates too far
    ├── OutOfMemory         not even a batch of one fits the device
    └── StoreError          a folder of vectors is damaged, or is asked for what it cannot hold

Each message names the thing and what was expected, and ``remedy`` the next step.
"""

from __future__ import annotations


class EmbeddingError(Exception):
    """Something a person must mend; ``str()`` is the sentence, ``remedy`` the next step."""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # A worker process hands its errors over by pickle, which calls the class with positional arguments alone.
        return _rebuilt, (type(self), self.message, self.remedy)


class ExtraMissing(EmbeddingError):
    """A package of an extra is not installed, or does not fit the others."""


class ModelError(EmbeddingError):
    """Weights are missing, or are not what they were said to be."""


class MediaError(EmbeddingError):
    """One image cannot be embedded; the others can."""


class RuntimeUnusable(EmbeddingError):
    """A runtime or a device was asked for that does not work here, or deviates too far."""


class OutOfMemory(EmbeddingError):
    """Not even a batch of one fits the device."""


class StoreError(EmbeddingError):
    """A folder of vectors is damaged, or is asked for what it cannot hold."""


def install(extra: str) -> str:
    """The command by which an extra is had: this package is on no index."""
    return f"Run in a clone of syncd's repository: pip install '.[{extra}]'"


def first_line(error: Exception) -> str:
    """What an error of somebody else says, without the pages that may follow."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _rebuilt(kind: type[EmbeddingError], message: str, remedy: str | None) -> EmbeddingError:
    return kind(message, remedy=remedy)
