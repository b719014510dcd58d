"""The package ``syncd_embedding``, whose errors come out as syncd's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from syncd.errors import SetupError, SyncdError


@contextmanager
def library() -> Iterator[None]:
    """Within it, what ``syncd_embedding`` raises is an error of syncd's; so is an extra that is missing."""
    try:
        from syncd_embedding.errors import EmbeddingError, ExtraMissing
    except ImportError as error:
        raise SetupError(
            f"Embeddings need a package that cannot be imported: {error}.",
            remedy="Run in a clone of syncd's repository: pip install '.[embedding]'",
        ) from error
    try:
        yield
    except ExtraMissing as error:
        raise SetupError(error.message, remedy=error.remedy) from error
    except EmbeddingError as error:
        raise SyncdError(error.message, remedy=error.remedy) from error
