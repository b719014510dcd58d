"""Errors as a person is told them, for programs that call the API beside other libraries."""

from __future__ import annotations

from syncd.errors import SyncdError


def told(error: Exception) -> SyncdError | None:
    """An error of ours, or of a driver whose server failed while in use, as one of ours; ``None`` for any other."""
    if isinstance(error, SyncdError):
        return error
    from pymongo.errors import PyMongoError
    from sqlalchemy.exc import SQLAlchemyError

    from syncd.adapters.connect import as_ours

    return as_ours(error) if isinstance(error, (PyMongoError, SQLAlchemyError)) else None
